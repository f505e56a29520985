import type { Network } from "./build-network.ts";
import type { PlanChange } from "./plan.ts";
import type { Work } from "./workload.ts";

/** Arranges for a scenario's changes to happen, by time or by progress. */
export function scheduleChanges(changes: readonly PlanChange[], network: Network, work: Work): void {
  const { simulation } = network;
  for (const change of changes) {
    const carryOut = (): void => applyChange(change, network);
    if (change.at !== null) simulation.at(change.at + change.after, carryOut);
    else if (change.when !== null) {
      const { kind, value } = change.when;
      const bytes = kind === "bytes" ? value : Math.ceil(value * (work.bytesExpected ?? Number.POSITIVE_INFINITY));
      // Not from inside the application's callback, where its host is at work.
      work.receiver.whenReceived(bytes, () => simulation.after(change.after, carryOut));
    }
  }
}

/** Carries a change out now. */
export function applyChange(change: PlanChange, network: Network): void {
  changeLinks(change, network, network.simulation.now);
  if (change.address === null || change.host === null || change.interface === null) return;
  if (change.address === "removed") network.removeAddress(change.host, change.interface);
  else network.addAddress(change.host, change.interface);
}

/** What becomes of links and boxes by a change. */
export function changeLinks(change: PlanChange, { links, middleboxes }: Pick<Network, "links" | "middleboxes">, now: number): void {
  for (const planned of change.links) {
    const link = links.get(planned.name);
    if (link === undefined) continue;
    for (const [pipe, wanted] of [[link.forward, change.up], [link.backward, change.down]] as const) {
      if (!wanted) continue;
      if (change.state === "down") pipe.down(now);
      else if (change.state === "up") pipe.up(now);
      if (change.properties !== null) pipe.change(change.properties, now);
    }
  }
  if (change.middlebox !== null) middleboxes.get(change.middlebox)?.switch(change.power === "on", now);
}
