import { SeededRandom } from "../../src/core/index.ts";
import type { Packet } from "../../src/wire/index.ts";
import type { App, Sent, Side } from "./pair.ts";
import { isData, isReset, isSyn, MS, Pair } from "./pair.ts";

/** What one end's application does; times in ms after the start. */
export interface Script {
  readonly writes: readonly { readonly at: number; readonly bytes: number }[];
  /** When it ends; -1: once the peer has. */
  readonly endAt: number;
}

/** A connection whose options vanish on the way. */
export interface VanishingCase {
  readonly seed: number;
  /** Addresses of the client: with more than one it opens as many subflows. */
  readonly addresses: number;
  /** From where options vanish, from when on (ms), and on which of the client's addresses. SYNs keep theirs. */
  readonly strip: { readonly from: "client" | "server" | "both"; readonly at: number; readonly what: "all" | "data"; readonly paths: readonly number[] };
  readonly checksum: boolean;
  /** Probabilities that a packet is lost, or late. */
  readonly loss: number;
  readonly late: number;
  readonly client: Script;
  readonly server: Script;
}

/** `reset`: an error at every end that had something left to tell or to hear, within a minute of the vanishing; `stalled`: later, or none. */
export type VanishingOutcome = "whole" | "corrupt" | "stalled" | "reset";

export interface VanishingResult {
  readonly outcome: VanishingOutcome;
  /** Whether RFC 8684 §3.7 leaves no way to go on: more than one subflow, and options vanish from all of them. */
  readonly mayReset: boolean;
  /** From the vanishing to the last end's error, virtual s; 0 without an error. */
  readonly errorAfter: number;
  readonly text: string;
}

/** Draws a case from a seed. */
export function drawVanishing(seed: number): VanishingCase {
  const random = new SeededRandom(seed);
  const below = (n: number): number => Math.floor((random.uint32() / 2 ** 32) * n);
  const chance = (percent: number): boolean => below(100) < percent;
  const script = (mayWait: boolean): Script => {
    const writes = Array.from({ length: chance(25) ? 0 : 1 + below(4) }, () => ({ at: below(3000), bytes: chance(50) ? 1 + below(2000) : below(40_000) })).toSorted((a, b) => a.at - b.at);
    const last = writes.length === 0 ? 0 : (writes[writes.length - 1] as { at: number }).at;
    return { writes, endAt: mayWait && chance(40) ? -1 : last + (chance(30) ? 0 : below(4000)) };
  };
  const addresses = chance(50) ? 1 : 2 + below(2);
  const all = Array.from({ length: addresses }, (_, i) => i);
  return {
    seed,
    addresses,
    strip: {
      from: (["client", "server", "both"] as const)[below(3)] ?? "both",
      at: chance(15) ? 0 : below(4500),
      what: chance(85) ? "all" : "data",
      paths: chance(70) ? all : all.slice(0, 1 + below(addresses)),
    },
    checksum: chance(40),
    loss: chance(40) ? below(40) / 1000 : 0,
    late: chance(40) ? below(50) / 1000 : 0,
    client: script(false),
    server: script(true),
  };
}

/** Runs a case: every byte once, or else an error, is what should come of it. */
export function runVanishing(drawn: VanishingCase): VanishingResult {
  const mptcp = { checksum: drawn.checksum };
  const pair = new Pair({ seed: drawn.seed, clientAddresses: drawn.addresses, client: { mptcp }, server: { mptcp } });
  disturb(pair, drawn);
  const client = pair.connect();
  const actions = [...actionsOf(drawn.client, "client"), ...actionsOf(drawn.server, "server")].toSorted((a, b) => a.at - b.at);
  const acting = (side: Side): App | undefined => (side === "client" ? client : pair.accepted[0]);
  pair.runUntil(() => pair.accepted.length > 0 || client.connection.closed, 30_000);
  const start = pair.now;
  let wasJoined = false;
  const look = (): void => {
    wasJoined ||= client.mptcp.subflows.some((subflow) => subflow.pathIndex > 1);
  };
  for (const action of actions) {
    while (pair.now < start + action.at * MS) {
      pair.run(Math.min(50, (start + action.at * MS - pair.now) / MS));
      look();
    }
    const app = acting(action.side);
    if (app === undefined) break;
    if (action.bytes < 0) app.end();
    else app.write(action.bytes);
  }
  if (drawn.server.endAt < 0 && pair.runUntil(() => pair.accepted[0]?.connection.ended === true, LIMIT)) pair.accepted[0]?.end();
  const ends = (): (App | undefined)[] => [client, pair.accepted[0]];
  pair.runUntil(() => ends().every((app) => app !== undefined && app.connection.closed), LIMIT);
  look();
  return judge(drawn, pair, client, wasJoined);
}

function judge(drawn: VanishingCase, pair: Pair, client: App, wasJoined: boolean): VanishingResult {
  const server = pair.accepted[0];
  const wanted = { client: sum(drawn.server), server: sum(drawn.client) };
  const got = { client: client.received, server: server?.received ?? 0 };
  const all = drawn.strip.paths.length === drawn.addresses;
  const mayReset = drawn.addresses > 1 && all && wasJoined;
  const errors = [client.connection.error, server?.connection.error];
  const ended = (["client", "server"] as const).flatMap((side) => pair.decisions(side, "connection_closed").filter((event) => event.reason !== "done").map((event) => event.at));
  const errorAfter = Math.max(0, ...ended.map((at) => at / MS - drawn.strip.at)) / 1000;
  const text = `${got.server} of ${wanted.server} up, ${got.client} of ${wanted.client} down, errors ${errors.join("/")}, fallback ${client.connection.fallback}/${server?.connection.fallback}, ${errorAfter.toFixed(1)} s after the vanishing`;
  const complete = got.client === wanted.client && got.server === wanted.server;
  const outcome = ((): VanishingOutcome => {
    if (client.corrupt || server?.corrupt === true || got.client > wanted.client || got.server > wanted.server) return "corrupt";
    if (server === undefined || !client.connection.closed || !server.connection.closed) return "stalled";
    if (complete && errors.every((error) => error === null)) return "whole";
    // An end that has heard of no error must have had all that it was to have.
    return errorAfter <= LONGEST_WAIT && (complete || errors.every((error) => error !== null)) ? "reset" : "stalled";
  })();
  return { outcome, mayReset, errorAfter, text };
}

function disturb(pair: Pair, drawn: VanishingCase): void {
  const random = new SeededRandom(drawn.seed ^ 0x5bd1e995);
  const chance = (probability: number): boolean => random.uint32() / 2 ** 32 < probability;
  const { strip } = drawn;
  pair.alter((segment, sent) => {
    if (isSyn(sent) || sent.at < strip.at * MS || (strip.from !== "both" && strip.from !== sent.from) || !strip.paths.includes(sent.client)) return;
    if (strip.what === "all" || isData(sent)) segment.mptcp = [];
  });
  pair.interfere((packet: Packet, sent: Sent) => {
    // A RST that is lost leaves an idle end that nobody tells anything, as with TCP: that is not what is looked at here.
    if (!isReset(sent) && chance(drawn.loss)) return null;
    if (!chance(drawn.late)) return packet;
    pair.enqueue(sent.from === "client" ? "server" : "client", packet, (10 + (random.uint32() % 60)) * MS);
    return null;
  });
}

function actionsOf(script: Script, side: Side): { readonly at: number; readonly side: Side; readonly bytes: number }[] {
  const writes = script.writes.map(({ at, bytes }) => ({ at, side, bytes }));
  return script.endAt < 0 ? writes : [...writes, { at: script.endAt, side, bytes: -1 }];
}

function sum(script: Script): number {
  return script.writes.reduce((total, write) => total + write.bytes, 0);
}

/** Virtual s within which both ends know, by the limits that a host has unless told otherwise. */
const LONGEST_WAIT = 60;
/** Virtual ms from the last thing that an application did to the end. */
const LIMIT = 60_000;

