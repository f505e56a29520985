import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { version0 } from "../../src/mptcp/index.ts";
import type { KeyPair } from "../../src/mptcp/index.ts";
import { decodeMptcpOption, encodeMptcpOption } from "../../src/wire/index.ts";
import type { MpCapable, MpJoinAck, MpJoinSyn, MpJoinSynAck, MptcpOption } from "../../src/wire/index.ts";

/** A frame of Ethernet and IPv4: its options of Multipath TCP, octet by octet and as we read them. */
interface Frame {
  readonly options: readonly { readonly octets: Uint8Array; readonly option: MptcpOption }[];
}

/** What kernels of multipath-tcp.org said to each other; see public/README.md. */
describe("a connection of version 0 between two other stacks", () => {
  let frames: readonly Frame[] = [];
  const find = <K extends MptcpOption["kind"]>(kind: K): readonly Extract<MptcpOption, { kind: K }>[] =>
    frames.flatMap(({ options }) => options.flatMap(({ option }) => (option.kind === kind ? [option as Extract<MptcpOption, { kind: K }>] : [])));

  beforeAll(() => {
    frames = recordsOf(readFileSync(new URL("public/mptcp-v0.pcap", import.meta.url))).map(frameOf);
  });

  test("every option is read, and written again octet for octet", () => {
    expect(frames).toHaveLength(40);
    const kinds = new Set<string>();
    for (const { options } of frames) {
      for (const { octets, option } of options) {
        kinds.add(option.kind);
        const again = new Uint8Array(octets.length);
        expect(encodeMptcpOption(option, again, 0)).toBe(octets.length);
        expect(again).toEqual(octets);
      }
    }
    expect(kinds).toEqual(new Set(["mp_capable", "mp_join_syn", "mp_join_synack", "mp_join_ack", "dss", "add_addr"]));
  });

  test("the handshake is one of version 0, and its keys give tokens and initial data sequence numbers", () => {
    const [syn, synAck, ack] = find("mp_capable") as readonly [MpCapable, MpCapable, MpCapable];
    for (const option of [syn, synAck, ack]) expect([option.version, version0.refusalOf(option)]).toEqual([0, null]);
    expect(version0.offerRefusalOf(syn)).toBeNull();
    expect([ack.senderKey, ack.receiverKey]).toEqual([syn.senderKey, synAck.senderKey]);
    const server = version0.deriveKeys(synAck.senderKey as Uint8Array);
    expect((find("mp_join_syn")[0] as MpJoinSyn).token).toBe(server.token);
    // The first data, which the server sends, follows the octet that MP_CAPABLE takes.
    const first = frames.flatMap(({ options }) => options.flatMap(({ option }) => (option.kind === "dss" && option.dsnLength !== 0 ? [option] : [])))[0];
    expect(first?.dsnLow).toBe((server.idsnLow + 1) >>> 0);
    expect(first?.dataAckLow).toBe((version0.deriveKeys(syn.senderKey as Uint8Array).idsnLow + 1) >>> 0);
  });

  test("both HMACs of the join are what we compute", () => {
    const [syn, synAck] = find("mp_capable");
    const [join] = find("mp_join_syn") as readonly [MpJoinSyn];
    const [answer] = find("mp_join_synack") as readonly [MpJoinSynAck];
    const [ack] = find("mp_join_ack") as readonly [MpJoinAck];
    const [client, server] = [syn?.senderKey, synAck?.senderKey] as [Uint8Array, Uint8Array];
    const keys = (sender: Uint8Array, receiver: Uint8Array): KeyPair => ({ sender, receiver });
    expect(version0.joinSynAckHmac(keys(server, client), answer.nonce, join.nonce)).toEqual(answer.hmac);
    expect(version0.joinAckHmac(keys(client, server), join.nonce, answer.nonce)).toEqual(ack.hmac);
  });

  test("the address that is announced has neither HMAC nor echo, and is accepted", () => {
    const [syn, synAck] = find("mp_capable");
    const [announced] = find("add_addr");
    const keys = { sender: synAck?.senderKey as Uint8Array, receiver: syn?.senderKey as Uint8Array };
    expect([announced?.version, announced?.hmac, String(announced?.address)]).toEqual([0, null, "10.1.2.2"]);
    expect(announced !== undefined && version0.acceptsAddress(keys, announced)).toBe(true);
    expect(announced === undefined ? null : version0.addAddress(keys, announced)).toEqual(announced);
  });
});

/** The frames of a file of libpcap, little-endian. */
function recordsOf(file: Buffer): Uint8Array[] {
  const records: Uint8Array[] = [];
  for (let at = 24; at < file.length; ) {
    const length = file.readUInt32LE(at + 8);
    records.push(new Uint8Array(file.subarray(at + 16, at + 16 + length)));
    at += 16 + length;
  }
  return records;
}

function frameOf(octets: Uint8Array): Frame {
  const ip = 14;
  const tcp = ip + 4 * ((octets[ip] as number) & 15);
  const end = tcp + 4 * ((octets[tcp + 12] as number) >>> 4);
  const options: { octets: Uint8Array; option: MptcpOption }[] = [];
  for (let at = tcp + 20; at < end; ) {
    const kind = octets[at] as number;
    if (kind === 0) break;
    const length = kind === 1 ? 1 : (octets[at + 1] as number);
    if (kind === 30) options.push({ octets: octets.slice(at, at + length), option: decodeMptcpOption(octets, at, length) });
    at += length;
  }
  return { options };
}
