import { describe, expect, test } from "vitest";
import { SeededRandom } from "../../src/core/index.ts";
import type { Packet } from "../../src/wire/index.ts";
import { icmpTooBig, IpAddress, packetLength, Payload } from "../../src/wire/index.ts";
import { isData, isReset, isSyn, MS, option, Pair } from "./pair.ts";
import type { Sent, Side } from "./pair.ts";

/** One run in which options grow and path MTUs shrink; see the test. */
interface Drawn {
  readonly seed: number;
  readonly family: 4 | 6;
  readonly dataSequenceLength: Readonly<Record<Side, 4 | 8>>;
  readonly checksum: boolean;
  readonly timestamps: boolean;
  readonly paths: 1 | 2;
  readonly loss: number;
  /** When the numbers that a side sends, and acknowledges, get longer, ms: from then on, with the first report of a loss that reaches it. */
  readonly grows: readonly { readonly side: Side; readonly what: "numbers" | "acks"; readonly at: number }[];
  /** When the path MTU shrinks, to what. */
  readonly shrinks: readonly { readonly at: number; readonly mtu: number }[];
  /** When things are to be said to the peer, ms. */
  readonly signals: readonly { readonly at: number; readonly what: "address" | "removal" | "priority" | "corruption" | "bare" }[];
}

function draw(seed: number): Drawn {
  const random = new SeededRandom(seed);
  const below = (n: number): number => Math.floor((random.uint32() / 2 ** 32) * n);
  const chance = (percent: number): boolean => below(100) < percent;
  const family = chance(50) ? 4 : 6;
  const smallest = family === 4 ? 552 : 1280;
  return {
    seed,
    family,
    dataSequenceLength: { client: chance(30) ? 8 : 4, server: chance(30) ? 8 : 4 },
    checksum: chance(40),
    timestamps: chance(70),
    paths: chance(50) ? 1 : 2,
    loss: chance(70) ? below(60) / 1000 : 0,
    grows: (["client", "server"] as const).flatMap((side) => (["numbers", "acks"] as const).flatMap((what) => (chance(60) ? [{ side, what, at: below(1500) }] : []))),
    shrinks: Array.from({ length: below(3) }, () => ({ at: below(1500), mtu: smallest + below(1500 - smallest) })),
    signals: Array.from({ length: below(6) }, () => ({ at: below(1500), what: (["address", "removal", "priority", "corruption", "bare"] as const)[below(5)] ?? "address" })),
  };
}

/** Packets that were too long for what their sender had been told, and what was carried in each direction. */
function run(drawn: Drawn): { readonly tooLong: readonly string[]; readonly whole: boolean; readonly resent: number } {
  const prefix = drawn.family === 4 ? "10." : "fd00::";
  const at = (net: number, host: number): string => (drawn.family === 4 ? `${prefix}${net}.0.${host}` : `${prefix}${net}:${host}`);
  const tcp = { timestamps: drawn.timestamps };
  const settings = (side: Side): { tcp: typeof tcp; mptcp: { checksum: boolean; dataSequenceLength: 4 | 8 } } => ({ tcp, mptcp: { checksum: drawn.checksum, dataSequenceLength: drawn.dataSequenceLength[side] } });
  const pair = new Pair({
    seed: drawn.seed,
    clientAddresses: Array.from({ length: drawn.paths }, (_, i) => at(1, i + 1)),
    serverAddresses: [at(2, 1)],
    client: settings("client"),
    server: settings("server"),
  });
  const tooLong: string[] = [];
  let resent = 0;
  /** What each sender was told of each subflow's path, and from when on it knows. */
  const told = new Map<string, { readonly mtu: number; readonly from: number }>();
  const seen = new Set<string>();
  const waiting = new Set(drawn.grows);
  let corrupt = false;
  let bare = false;
  const random = new SeededRandom(drawn.seed ^ 0x2545f491);
  /** When the connection was open, ns. */
  let start = 0;
  pair.interfere((packet: Packet, sent: Sent) => {
    const key = `${sent.from} ${sent.client} ${sent.server} ${sent.segment.sourcePort} ${sent.segment.destinationPort}`;
    const message = told.get(key);
    const known = message !== undefined && sent.at > message.from ? message.mtu : 1500;
    if (packet.length > known) tooLong.push(`${packet.length} > ${known}: ${key} at ${sent.at / MS}: ${sent.segment.mptcp.map((one) => JSON.stringify(one)).join()}`);
    if (isData(sent)) {
      const place = `${key} ${packet.tcp?.sequence}`;
      if (seen.has(place)) resent++;
      seen.add(place);
    }
    if (sent.segment.sackBlocks.length > 0) growUpTo(sent.from === "client" ? "server" : "client");
    const mtu = Math.min(1500, ...drawn.shrinks.filter((shrink) => start > 0 && start + shrink.at * MS <= sent.at).map((shrink) => shrink.mtu));
    if (packet.length > mtu) {
      const error = icmpTooBig(packet, IpAddress.from(at(9, 9)), mtu);
      if (error !== null) pair.enqueue(sent.from, error, MS);
      if (message === undefined || mtu < message.mtu) told.set(key, { mtu, from: sent.at + MS });
      return null;
    }
    if (start > 0 && !isSyn(sent) && !isReset(sent) && random.uint32() / 2 ** 32 < drawn.loss) return null;
    if (packet.tcp !== null && isData(sent) && corrupt && sent.from === "client") {
      corrupt = false;
      const bytes = packet.tcp.payload.toUint8Array();
      bytes[0] = (bytes[0] as number) ^ 255;
      packet.tcp.payload = Payload.of(bytes);
    }
    if (packet.tcp !== null && bare && !isSyn(sent)) {
      packet.tcp.mptcp = [];
      packet.length = packetLength(packet);
    }
    return packet;
  });
  const { client, server } = pair.establish();
  const acts: { readonly at: number; act(): void }[] = [
    ...Array.from({ length: 12 }, (_, i) => ({ at: i * 120, act: () => (client.write(6000), server.write(6000)) })),
    ...drawn.signals.map(({ at: when, what }, i) => ({
      at: when,
      act: () => {
        if (what === "address") pair.addAddress("server", at(2, 10 + i));
        else if (what === "removal") pair.removeAddress("client", drawn.paths - 1);
        else if (what === "corruption") corrupt = drawn.checksum;
        else if (what === "priority") for (const { pathIndex } of client.mptcp.subflows) client.mptcp.setBackup(pathIndex, true, pair.now);
        else bare = true;
      },
    })),
  ];
  start = pair.now;
  for (const { at: when, act } of acts.toSorted((a, b) => a.at - b.at)) {
    pair.run(Math.max(0, (start + when * MS - pair.now) / MS));
    act();
  }
  client.end();
  server.end();
  pair.run(20_000);
  const quiet = drawn.signals.every(({ what }) => what === "address" || what === "priority");
  return { tooLong, whole: !quiet || (client.received === 72_000 && server.received === 72_000), resent };

  /** What is due on a side happens. */
  function growUpTo(side: Side): void {
    const app = side === "client" ? client : server;
    for (const entry of waiting) {
      if (start === 0 || entry.side !== side || pair.now < start + entry.at * MS) continue;
      waiting.delete(entry);
      grow(app, entry.what);
    }
  }

  function grow(app: typeof client, what: "numbers" | "acks"): void {
    if (app.mptcp.fallback !== null || app.connection.closed) return;
    const { session } = app.engine;
    for (let position = 0; position <= 2 ** 31; position += 2 ** 27) {
      if (what === "numbers") session.onAcknowledged(position, pair.now);
      else session.onArrived(position, pair.now);
    }
  }
}

describe("no segment, new or repeated, is longer than the path allows", () => {
  test("whatever options grow or come, and however the path MTU shrinks (40 runs)", () => {
    const failures: string[] = [];
    let resent = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const result = run(draw(seed));
      if (result.tooLong.length > 0) failures.push(`seed ${seed}: ${result.tooLong.slice(0, 2).join("; ")}`);
      if (!result.whole) failures.push(`seed ${seed}: not all arrived`);
      resent += result.resent;
    }
    expect(failures).toEqual([]);
    expect(resent).toBeGreaterThan(200);
  });

  test.each([1, 2, 3, 4])("nor is one of several that were lost, where the Data ACK grows from 4 to 8 octets after %i of them have left", (when) => {
    const pair = new Pair();
    const { client, server } = pair.establish();
    client.write(60_000);
    pair.run(60);
    pair.lose((sent) => sent.from === "client" && isData(sent), 6);
    let answers = 0;
    pair.interfere((packet, sent) => {
      // The answers come one by one.
      if (sent.from === "server") pair.enqueue("client", packet, (10 + answers++) * MS);
      else if ((client.mptcp.subflows[0]?.tcp.retransmissions ?? 0) >= when) client.engine.session.onMapping(true, true);
      return sent.from === "server" ? null : packet;
    });
    client.write(30_000);
    pair.run(2000);
    const sent = pair.packets((one) => one.from === "client" && isData(one));
    expect(new Set(sent.map((one) => option(one.segment, "dss")?.dataAckLength))).toEqual(new Set([4, 8]));
    expect(Math.max(...sent.map((one) => one.packet.length))).toBe(1500);
    expect([server.received, server.corrupt]).toEqual([90_000, false]);
  });

  test("a full segment that is repeated after the Data ACK has grown from 4 to 8 octets is cut", () => {
    const pair = new Pair();
    const { client, server } = pair.establish();
    const lost = pair.lose((sent) => sent.from === "client" && isData(sent));
    client.write(5000);
    pair.run(50);
    lost();
    const sent = pair.packets((one) => one.from === "client" && isData(one));
    expect(Math.max(...sent.map((one) => one.packet.length))).toBe(1500);
    const mark = pair.sent.length;
    // Numbers of 8 octets are acknowledged with 8 (RFC 8684 §3.3.2).
    client.engine.session.onMapping(true, true);
    pair.run(3000);
    const repeated = pair.packets((one) => one.from === "client" && isData(one), mark);
    expect(option((repeated[0] as Sent).segment, "dss")?.dataAckLength).toBe(8);
    expect(Math.max(...repeated.map((one) => one.packet.length))).toBe(1500);
    expect([server.received, server.corrupt]).toEqual([5000, false]);
  });
});
