import { describe, expect, test } from "vitest";
import type { MpCapable, MptcpOption, Packet } from "../../src/wire/index.ts";
import { decodeMptcpOption, packetLength, TCP_FLAG } from "../../src/wire/index.ts";
import type { App, Sent } from "./pair.ts";
import { has, isSyn, option, Pair } from "./pair.ts";

/** An option by its octets: a subtype, the four bits after it (the version, for MP_CAPABLE), the octet after those, and zeros. */
function octets(subtype: number, nibble: number, length: number, third = 1): MptcpOption {
  const bytes = new Uint8Array(length);
  bytes.set([30, length, (subtype << 4) | nibble, third].slice(0, length));
  return decodeMptcpOption(bytes, 0, length);
}

/** Lengths by subtype, from the figures of RFC 8684; of version 0 too, where its form is told apart by the option alone. */
const FORMS: readonly { readonly name: string; readonly subtype: number; readonly nibble: number; readonly lengths: readonly number[] }[] = [
  { name: "MP_CAPABLE, version 1 (figure 4)", subtype: 0, nibble: 1, lengths: [4, 12, 20, 22, 24] },
  { name: "MP_CAPABLE, version 0", subtype: 0, nibble: 0, lengths: [12, 20] },
  { name: "MP_JOIN (figures 5 to 7)", subtype: 1, nibble: 0, lengths: [12, 16, 24] },
  { name: "DSS with a Data ACK (figure 9)", subtype: 2, nibble: 0, lengths: [8] },
  { name: "ADD_ADDR with HMAC (figure 12)", subtype: 3, nibble: 0, lengths: [16, 18, 28, 30] },
  { name: "ADD_ADDR, echo", subtype: 3, nibble: 1, lengths: [8, 10, 20, 22] },
  { name: "REMOVE_ADDR (figure 13)", subtype: 4, nibble: 0, lengths: Array.from({ length: 37 }, (_, i) => i + 4) },
  { name: "MP_PRIO (figure 11)", subtype: 5, nibble: 0, lengths: [3, 4] },
  { name: "MP_FAIL (figure 16)", subtype: 6, nibble: 0, lengths: [12] },
  { name: "MP_FASTCLOSE (figure 14)", subtype: 7, nibble: 0, lengths: [12] },
  { name: "MP_TCPRST (figure 15)", subtype: 8, nibble: 0, lengths: [4] },
  { name: "a subtype that nobody has given out", subtype: 9, nibble: 0, lengths: [] },
];
const LENGTHS = Array.from({ length: 38 }, (_, i) => i + 3);

describe("an option has the lengths that its figure gives it, and no others", () => {
  test.each(FORMS)("$name", ({ subtype, nibble, lengths }) => {
    const read = LENGTHS.filter((length) => octets(subtype, nibble, length).kind !== "mptcp_unknown");
    expect(read).toEqual(lengths);
  });
});

/** What a server makes of a SYN with an option. */
function onSyn(one: MptcpOption): string {
  const pair = new Pair();
  pair.alter((segment, sent) => {
    if (isSyn(sent) && sent.from === "client") segment.mptcp = [one];
  });
  pair.connect();
  pair.run(15);
  const [answer] = pair.packets((sent) => sent.from === "server");
  if (answer === undefined) return "nothing";
  if ((answer.segment.flags & TCP_FLAG.RST) !== 0) return `reset ${option(answer.segment, "mp_tcprst")?.reason ?? ""}`;
  return has(answer, "mp_capable") ? "multipath" : "plain TCP";
}

describe("on a SYN", () => {
  test.each(FORMS)("$name", ({ subtype, nibble }) => {
    const others = LENGTHS.filter((length) => !(subtype === 0 && nibble === 1 && length === 4));
    const answers = new Set(others.map((length) => onSyn(octets(subtype, nibble, length))));
    // MP_JOIN never reaches a listener, whatever its form; what is no MP_CAPABLE of a SYN is as if it were not there.
    expect([...answers]).toEqual([subtype === 1 ? "reset 1" : "plain TCP"]);
    if (subtype === 0 && nibble === 1) expect(onSyn(octets(0, 1, 4))).toBe("multipath");
  });
});

/** Changes the MP_CAPABLE of one step of the handshake. @returns why each end is regular TCP, if it is */
function withCapable(which: (sent: Sent) => boolean, change: Partial<MpCapable>): readonly (string | null)[] {
  const pair = new Pair();
  pair.alter((segment, sent) => {
    if (which(sent)) segment.mptcp = segment.mptcp.map((one) => (one.kind === "mp_capable" ? { ...one, ...change } : one));
  });
  const { client, server } = pair.establish();
  return [client.connection.fallback, server.connection.fallback];
}

describe("MP_CAPABLE has the form of its step of the handshake", () => {
  const key = new Uint8Array(8);
  const isSynAck = (sent: Sent): boolean => isSyn(sent) && sent.from === "server";
  const isThird = (sent: Sent): boolean => !isSyn(sent) && sent.from === "client";
  const steps: readonly (readonly [string, (sent: Sent) => boolean, Partial<MpCapable>, readonly (string | null)[]])[] = [
    ["SYN+ACK of 12 octets", isSynAck, {}, [null, null]],
    ["SYN+ACK of 4", isSynAck, { senderKey: null }, ["no_key_in_synack", "no_mp_capable_in_ack"]],
    ["SYN+ACK of 20", isSynAck, { receiverKey: key }, ["malformed_capable", "no_mp_capable_in_ack"]],
    ["SYN+ACK of 22", isSynAck, { receiverKey: key, dataLength: 5 }, ["malformed_capable", "no_mp_capable_in_ack"]],
    ["SYN+ACK of version 0", isSynAck, { version: 0 }, ["unsupported_version", "no_mp_capable_in_ack"]],
    ["third ACK of 20", isThird, {}, [null, null]],
    ["third ACK of 12", isThird, { receiverKey: null }, [null, "no_mp_capable_in_ack"]],
    ["third ACK of 4", isThird, { senderKey: null, receiverKey: null }, [null, "no_mp_capable_in_ack"]],
    ["third ACK of version 0", isThird, { version: 0 }, [null, "no_mp_capable_in_ack"]],
  ];
  test.each(steps)("%s", (_name, which, change, expected) => {
    expect(withCapable(which, change)).toEqual(expected);
  });
});

/** Injects an option on a segment of an established connection's first subflow. @returns what the server is then */
function onEstablished(one: MptcpOption, flags: number): readonly unknown[] {
  const pair = new Pair({ clientAddresses: 2 });
  const { client, server } = pair.establish();
  client.write(1);
  pair.run(500);
  const last = pair.packets((sent) => sent.from === "client" && sent.client === 0).at(-1) as Sent;
  const packet = last.packet.clone();
  const segment = packet.tcp as NonNullable<Packet["tcp"]>;
  segment.flags = flags;
  segment.sequence = (segment.sequence + segment.payload.length) >>> 0;
  segment.mptcp = [one];
  packet.length = packetLength(packet);
  pair.inject("server", packet);
  return stateOf(server);
}

function stateOf(server: App): readonly unknown[] {
  const { subflows } = server.engine;
  return [server.connection.closed, server.connection.fallback, server.established, subflows.map((one) => one.peerBackup), server.engine.paths.remote.map((one) => one.id)];
}

describe("what belongs to another place does nothing on an established subflow", () => {
  const untouched = [false, null, [1, 2], [false, false], [0, 2]];
  const misplaced: readonly (readonly [string, MptcpOption])[] = [
    ["MP_CAPABLE of a SYN", octets(0, 1, 4)],
    ["MP_CAPABLE of a SYN+ACK", octets(0, 1, 12)],
    ["MP_CAPABLE of a third ACK, without data", octets(0, 1, 20)],
    ["MP_CAPABLE with data, without any", octets(0, 1, 22)],
    ["MP_JOIN of a SYN", octets(1, 0, 12)],
    ["MP_JOIN of a SYN+ACK", octets(1, 0, 16)],
    ["MP_JOIN of a third ACK", octets(1, 0, 24)],
    ["MP_TCPRST", octets(8, 0, 4)],
    ["MP_FASTCLOSE with a wrong key", octets(7, 0, 12)],
    ["ADD_ADDR with a wrong HMAC", octets(3, 0, 16, 9)],
    ["an echo of nothing", octets(3, 1, 8, 9)],
    ["MP_PRIO of version 0", octets(5, 1, 4)],
    ["REMOVE_ADDR of an id that nobody has", octets(4, 0, 4, 77)],
    ["an unknown subtype", octets(9, 0, 8)],
  ];
  test.each(misplaced)("%s", (_name, one) => {
    expect(onEstablished(one, TCP_FLAG.ACK)).toEqual(untouched);
  });

  test("signals on a SYN or SYN+ACK of an established connection are not read", () => {
    for (const flags of [TCP_FLAG.SYN, TCP_FLAG.SYN | TCP_FLAG.ACK]) expect(onEstablished(octets(5, 1, 3), flags)).toEqual(untouched);
  });
});
