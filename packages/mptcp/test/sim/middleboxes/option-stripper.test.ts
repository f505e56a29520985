import { describe, expect, it } from "vitest";
import { SECOND } from "../../../src/core/index.ts";
import { middleboxes } from "../../../src/sim/index.ts";
import type { MptcpOption, Packet, TcpSegment } from "../../../src/wire/index.ts";
import { ACK, BoxBench, data, FIN, mapping, RST, segment, SYN, tcp } from "./bench.ts";

const KEY = new Uint8Array(8);
const CAPABLE: MptcpOption = { kind: "mp_capable", version: 1, flags: 1, senderKey: null, receiverKey: null, dataLength: -1, checksum: -1 };
const ALL: readonly MptcpOption[] = [
  CAPABLE,
  { kind: "mp_join_syn", backup: false, addressId: 1, token: 1, nonce: 1 },
  { kind: "mp_join_synack", backup: false, addressId: 1, hmac: KEY, nonce: 1 },
  { kind: "mp_join_ack", hmac: new Uint8Array(20) },
  mapping(1, 10),
  { kind: "add_addr", version: 1, echo: true, addressId: 1, address: segment({}).source, port: 0, hmac: null },
  { kind: "remove_addr", addressIds: [1] },
  { kind: "mp_prio", backup: true, addressId: -1 },
  { kind: "mp_fail", dsnHigh: 0, dsnLow: 1 },
  { kind: "mp_fastclose", receiverKey: KEY },
  { kind: "mp_tcprst", transient: false, reserved: 0, reason: 1 },
  { kind: "mptcp_unknown", data: Uint8Array.of(0xf0) },
];

function bench(parameters: Record<string, unknown>): BoxBench {
  return new BoxBench(middleboxes["option-stripper"]!(parameters));
}

/** What remains of a segment's options, as words. */
function options(packet: Packet | undefined): string[] {
  const made = tcp(packet);
  return [
    ...made.mptcp.map((option) => option.kind),
    ...(made.maximumSegmentSize === 0 ? [] : ["mss"]),
    ...(made.windowScale < 0 ? [] : ["window-scale"]),
    ...(made.sackPermitted ? ["sack-permitted"] : []),
    ...(made.sackBlocks.length === 0 ? [] : ["sack"]),
    ...(made.hasTimestamps ? ["timestamps"] : []),
    ...made.otherOptions.map(({ kind }) => String(kind)),
  ];
}

const STANDARD: Partial<TcpSegment> = {
  maximumSegmentSize: 1460, windowScale: 7, sackPermitted: true, hasTimestamps: true,
  otherOptions: [{ kind: 254, data: Uint8Array.of(1, 2) }, { kind: 34, data: KEY }],
};

describe("which options an option stripper takes off", () => {
  it("Multipath TCP, by default: the segment is shorter", () => {
    const box = bench({});
    const [syn] = box.outward(segment({ flags: SYN, ...STANDARD, mptcp: [CAPABLE] }));
    expect(options(syn)).toEqual(["mss", "window-scale", "sack-permitted", "timestamps", "254", "34"]);
    // The octets of the option are gone, see the check of lengths in the bench.
    expect(syn?.length).toBe(20 + 20 + 4 + 2 + 10 + 4 + 4 + 10 + 2);
    expect(box.box.statistics).toMatchObject({ seen: 1, sent: 1, changed: 1, dropped: 0 });
    expect(options(box.outward(segment({ mptcp: ALL }))[0])).toEqual([]);
    expect(options(box.outward(segment(STANDARD))[0])).toHaveLength(6);
    expect(box.box.statistics.changed).toBe(2);
  });

  it.each([
    ["mp_capable", ["mp_capable"]],
    ["mp_join", ["mp_join_syn", "mp_join_synack", "mp_join_ack"]],
    ["dss", ["dss"]],
    ["add_addr", ["add_addr"]],
    ["remove_addr", ["remove_addr"]],
    ["mp_prio", ["mp_prio"]],
    ["mp_fail", ["mp_fail"]],
    ["mp_fastclose", ["mp_fastclose"]],
    ["mp_tcprst", ["mp_tcprst"]],
  ])("the subtype %s", (name, gone) => {
    const kinds = ALL.map((option) => option.kind as string);
    const [out] = bench({ options: [name] }).outward(segment({ mptcp: ALL }));
    expect(options(out)).toEqual(kinds.filter((kind) => !gone.includes(kind)));
  });

  it.each([
    ["mss", "mss"], ["window-scale", "window-scale"], ["sack-permitted", "sack-permitted"], ["timestamps", "timestamps"],
    [2, "mss"], [3, "window-scale"], [4, "sack-permitted"], [8, "timestamps"], [254, "254"],
  ])("%s", (option, gone) => {
    const before = options(segment({ flags: SYN, ...STANDARD }));
    const [out] = bench({ options: [option] }).outward(segment({ flags: SYN, ...STANDARD }));
    expect(options(out)).toEqual(before.filter((name) => name !== gone));
  });

  it("SACK blocks, and several at once", () => {
    const blocks = { sackBlocks: [10, 20], hasTimestamps: true, mptcp: [mapping(1, 10)] };
    expect(options(bench({ options: ["sack"] }).outward(segment(blocks))[0])).toEqual(["dss", "timestamps"]);
    expect(options(bench({ options: [5, 8, 30] }).outward(segment(blocks))[0])).toEqual([]);
  });

  it("options of a known kind in a form that nobody knows", () => {
    const odd = { otherOptions: [{ kind: 2, data: KEY }, { kind: 253, data: KEY }] };
    expect(options(bench({ options: ["mss"] }).outward(segment(odd))[0])).toEqual(["253"]);
    const unknown = { mptcp: [{ kind: "mptcp_unknown", data: Uint8Array.of(0x2f, 1) } as const, mapping(1, 1)] };
    expect(options(bench({ options: ["dss"] }).outward(segment(unknown))[0])).toEqual([]);
  });

  it("without touching lists that other segments share", () => {
    const shared = Object.freeze([Object.freeze(mapping(1, 10)), CAPABLE]);
    const [kept] = bench({ options: ["dss"] }).outward(segment({ mptcp: shared }));
    expect([shared.length, options(kept)]).toEqual([2, ["mp_capable"]]);
  });
});

/** A connection from its SYN on, by name; who sends. */
const CONNECTION: readonly (readonly [name: string, from: "client" | "server", fields: Partial<TcpSegment>])[] = [
  ["syn", "client", { flags: SYN, sequence: 100 }],
  ["syn-ack", "server", { flags: SYN | ACK, sequence: 500, acknowledgment: 101 }],
  ["third", "client", { sequence: 101, acknowledgment: 501 }],
  ["third again", "client", { sequence: 101, acknowledgment: 501 }],
  ["first data", "client", { sequence: 101, acknowledgment: 501, payload: data(101, 50).tcp!.payload }],
  ["its ack", "server", { sequence: 501, acknowledgment: 151 }],
  ["answer", "server", { sequence: 501, acknowledgment: 151, payload: data(501, 60).tcp!.payload }],
  ["ack", "client", { sequence: 151, acknowledgment: 561 }],
  ["fin", "client", { flags: FIN | ACK, sequence: 151, acknowledgment: 561 }],
  ["reset", "server", { flags: RST | ACK, sequence: 561, acknowledgment: 151 }],
];

/** Sends the connection through a box. @returns the names of the segments that lost their option */
function stripped(box: BoxBench, connection = CONNECTION): string[] {
  return connection
    .filter(([, from, fields]) => {
      const packet = segment({ ...fields, mptcp: [mapping(1, 10)] }, from);
      const [out] = from === "client" ? box.outward(packet) : box.inward(packet);
      return tcp(out).mptcp.length === 0;
    })
    .map(([name]) => name);
}

describe("which segments are meant", () => {
  it.each([
    [["syn"], ["syn"]],
    [["syn-ack"], ["syn-ack"]],
    [["third-ack"], ["third", "third again"]],
    [["data"], ["first data", "answer"]],
    [["ack"], ["third", "third again", "its ack", "ack", "fin"]],
    [["rst"], ["reset"]],
    [["data", "ack", "rst"], ["third", "third again", "first data", "its ack", "answer", "ack", "fin", "reset"]],
    [["syn", "third-ack"], ["syn", "third", "third again"]],
  ])("%j", (segments, names) => {
    expect(stripped(bench({ segments }))).toEqual(names);
  });

  it("in one direction", () => {
    const names = (from: string): string[] => CONNECTION.filter(([, side]) => side === from).map(([name]) => name);
    expect(stripped(bench({ direction: "outward" }))).toEqual(names("client"));
    expect(stripped(bench({ direction: "inward" }))).toEqual(names("server"));
    expect(stripped(bench({ direction: "inward", segments: ["third-ack", "data"] }))).toEqual(["answer"]);
  });

  it("the third ACK with data on it, and when it is sent again, but not the data behind it", () => {
    const [syn, synAck, , , first] = CONNECTION as [(typeof CONNECTION)[number], (typeof CONNECTION)[number], unknown, unknown, (typeof CONNECTION)[number]];
    const next = ["second data", "client", { sequence: 151, acknowledgment: 501, payload: data(151, 50).tcp!.payload }] as const;
    const late = ["again, late", "client", { ...first[2], acknowledgment: 561 }] as const;
    expect(stripped(bench({ segments: ["third-ack"] }), [syn, synAck, first, next, first, late])).toEqual(["first data", "first data"]);
  });

  it("the third ACK of a server inside", () => {
    const turned = CONNECTION.map(([name, from, fields]) => [name, from === "client" ? "server" : "client", fields] as const);
    expect(stripped(bench({ segments: ["third-ack"] }), turned)).toEqual(["third", "third again"]);
  });

  it("of a second connection with the same ports", () => {
    const box = bench({ segments: ["third-ack"] });
    expect(stripped(box)).toHaveLength(2);
    const second = CONNECTION.map(([name, from, fields]) => {
      const shift = (number = 0): number => (number === 0 ? 0 : number + 70_000);
      return [name, from, { ...fields, sequence: shift(fields.sequence), acknowledgment: shift(fields.acknowledgment) }] as const;
    });
    expect(stripped(box, second)).toEqual(["third", "third again"]);
  });

  it("from a time on", () => {
    const box = bench({ afterTime: SECOND });
    expect(stripped(box)).toEqual([]);
    box.queue.call(SECOND - 1, () => expect(stripped(box)).toEqual([]));
    box.queue.call(SECOND, () => expect(stripped(box)).toHaveLength(CONNECTION.length));
    box.queue.run();
    expect(box.queue.now).toBe(SECOND);
  });

  it("from a count of bytes on, of each flow", () => {
    const after = CONNECTION.map(([name]) => name).slice(CONNECTION.findIndex(([name]) => name === "its ack"));
    expect(stripped(bench({ afterBytes: 50 }))).toEqual(after);
    expect(stripped(bench({ afterBytes: 51 }))).toEqual(after.slice(2));
    const box = bench({ afterBytes: 110 });
    expect(stripped(box)).toEqual(["ack", "fin", "reset"]);
    const [other] = box.outward(segment({ sourcePort: 1001, mptcp: [mapping(1, 10)] }));
    expect(tcp(other).mptcp).toHaveLength(1);
  });
});
