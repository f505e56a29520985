import type { ConnectionPlan } from "./plan.ts";
import { Violation } from "./world.ts";
import type { World } from "./world.ts";

/**
 * Looks whether every connection that was to end in order did, with all of its bytes at both ends: nobody who sees nothing may end one, have it
 * fall back or keep bytes from it.
 * @throws Violation
 */
export function judge(world: World, mayFallBack = world.plan.stripFrom >= 0): void {
  world.plan.connections.forEach((plan, id) => {
    if (isGraceful(plan)) judgeOne(world, plan, id, mayFallBack);
  });
}

function judgeOne(world: World, plan: ConnectionPlan, id: number, mayFallBack: boolean): void {
  const client = world.peers.find((peer) => peer.side === "client" && peer.id === id);
  if (client === undefined) return;
  const server = world.peers.find((peer) => peer.side === "server" && peer.id === id && peer.bytesRead === plan.upload);
  const name = `connection ${id} (${plan.multipath ? "Multipath TCP" : "plain"})`;
  if (!client.connection.closed) throw new Violation(`${name} does not end`);
  if (client.error !== null) throw new Violation(`${name} broke: ${client.error}`);
  // A server that had to end before it was told what to write, since what told it was lost for long, wrote nothing.
  const download = server?.endedUntold === true ? 0 : plan.download;
  if (client.bytesRead !== download) throw new Violation(`${name}: the client read ${client.bytesRead} of ${download} bytes`);
  if (server === undefined) throw new Violation(`${name}: no server read all of its ${plan.upload} bytes`);
  if (server.error !== null) throw new Violation(`${name} broke at the server: ${server.error}`);
  if (!mayFallBack && plan.multipath && client.connection.fallback !== null) throw new Violation(`${name} fell back: ${client.connection.fallback}`);
}

function isGraceful(plan: ConnectionPlan): boolean {
  return [plan.client, plan.server].every(({ how }) => how === "end" || how === "late");
}
