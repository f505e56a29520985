import { describe, expect, test } from "vitest";
import { addAddressHmac, deriveKeyMaterial, joinHmac } from "../../../src/mptcp/index.ts";
import { Dss, dssChecksum, IpAddress, MP_CAPABLE_FLAG, payloadSum, TCP_FLAG, type MptcpOption, type Packet } from "../../../src/wire/index.ts";
import { FakeTarget, ISS, type Reply } from "./fake-target.ts";
import { run, told } from "./running.ts";

const OWN = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]);
const NONCE = 0xcafe_0001;
const own = deriveKeyMaterial(OWN);
const capable = (...keys: readonly Uint8Array[]): MptcpOption => ({ kind: "mp_capable", version: 1, flags: MP_CAPABLE_FLAG.H, senderKey: keys[0] ?? null, receiverKey: keys[1] ?? null, dataLength: -1, checksum: -1 });
const withOptions = (...mptcp: readonly MptcpOption[]): NonNullable<Reply["change"]> => (segment) => void (segment.mptcp = mptcp);

/** A Data ACK of what `theirs` has sent, or a mapping. */
function dss(theirs: bigint, change: Partial<Dss> = {}): Dss {
  return Object.assign(new Dss(), { dataAckLength: 8, dataAckHigh: Number(theirs >> 32n), dataAckLow: Number(theirs & 0xffff_ffffn), ...change });
}
const initialOf = (key: bigint): bigint => {
  const octets = new Uint8Array(8);
  new DataView(octets.buffer).setBigUint64(0, key);
  const { idsnHigh, idsnLow } = deriveKeyMaterial(octets);
  return (BigInt(idsnHigh) << 32n) | BigInt(idsnLow);
};
const PEER = Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 2]);

/** A stack that answers the SYN of a connection and that of a join, and acknowledges data. */
function server(answer?: (packet: Packet, stack: FakeTarget) => boolean): FakeTarget {
  return new FakeTarget({
    call: (call) => (call.name === "socket" ? 13 : 0),
    packet(packet, stack) {
      if (answer?.(packet, stack) === true) return;
      const tcp = packet.tcp!;
      const [option] = tcp.mptcp;
      const syn = { flags: TCP_FLAG.SYN | TCP_FLAG.ACK, sequence: ISS, ack: tcp.sequence + 1 };
      if (option?.kind === "mp_join_syn") {
        if (option.token !== own.token) throw new Error("the token is not ours");
        stack.reply(packet, { ...syn, change: withOptions({ kind: "mp_join_synack", backup: false, addressId: 7, nonce: NONCE, hmac: joinHmac(OWN, PEER, NONCE, option.nonce).slice(0, 8) }) });
      } else if ((tcp.flags & TCP_FLAG.SYN) !== 0) stack.reply(packet, { ...syn, change: withOptions(capable(OWN)) });
      else if (tcp.payload.length > 0) stack.reply(packet, { sequence: ISS + 1, ack: tcp.sequence + tcp.payload.length, change: withOptions(dss(initialOf(2n) + 1n + BigInt(tcp.payload.length))) });
    },
  });
}

const HANDSHAKE = `0 socket(..., SOCK_STREAM, IPPROTO_MPTCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < addr[caddr0] > addr[saddr0] S 0:0(0) win 65535 <mpcapable v1 flags[flag_h] nokey>
+0 > S. 0:0(0) ack 1 <mpcapable v1 flags[flag_h] key[skey]>
+0 < . 1:1(0) ack 1 win 256 <mpcapable v1 flags[flag_h] key[ckey=2, skey]>
`;
const optionOf = (stack: FakeTarget, index: number): MptcpOption => stack.received.at(index)!.tcp!.mptcp[0]!;

describe("keys", () => {
  test("a name is bound to the key that the stack chose, and one that the script sets is sent", () => {
    const stack = server();
    expect(run(HANDSHAKE, stack).passed).toBe(true);
    expect(optionOf(stack, 0)).toMatchObject({ kind: "mp_capable", version: 1, flags: 1, senderKey: null });
    expect(optionOf(stack, 1)).toMatchObject({ senderKey: PEER, receiverKey: OWN });
  });

  test("a key that was bound must come again", () => {
    const text = `${HANDSHAKE}+0 < P. 1:3(2) ack 1 win 256 <dss dack8=1 dsn8=1 ssn=1 dll=2 nocs>\n+0 > . 1:1(0) ack 3 <mpcapable v1 flags[flag_h] key[skey, ckey]>`;
    const stack = server((packet, fake) => {
      if (packet.tcp!.payload.length === 0) return false;
      fake.reply(packet, { sequence: ISS + 1, ack: packet.tcp!.sequence + 2, change: withOptions(capable(OWN, OWN)) });
      return true;
    });
    expect(told(text, stack)).toContain(`
  expected  +0  > . 1:1(0) ack 3 <mpcapable v1 flags[flag_h] key[skey, ckey]>
  seen      0.0 > . 1:1(0) ack 3 <mpcapable v1 flags[flag_h] key[skey, skey]>
                                 ^
`);
  });
});

describe("data sequence numbers count from the initial ones, which follow from the keys", () => {
  const text = `${HANDSHAKE}+0 < P. 1:101(100) ack 1 win 256 <dss dack4=1 dsn8=1 ssn=1 dll=100 nocs>\n+0 > . 1:1(0) ack 101 <dss dack8=101 nocs>\n`;

  test("both ways", () => {
    const stack = server();
    expect(run(text, stack).passed).toBe(true);
    const sent = optionOf(stack, 2) as Dss;
    const first = initialOf(2n) + 1n;
    expect([sent.dsnHigh, sent.dsnLow, sent.subflowSequence, sent.dataLength, sent.checksum]).toEqual([Number(first >> 32n), Number(first & 0xffff_ffffn), 1, 100, -1]);
    expect([sent.dataAckLength, sent.dataAckLow]).toEqual([4, (own.idsnLow + 1) >>> 0]);
  });

  test("one that is wrong is shown as the script would write it", () => {
    expect(told(text.replace("dack8=101", "dack8=102"), server())).toContain("> . 1:1(0) ack 101 <dss dack8=101 nocs>\n");
  });

  test("numbers that the script leaves out are those that come next", () => {
    const stack = server();
    run(`${text}+0 < P. 101:111(10) ack 1 win 256 <dss dack8 dsn8 nocs>\n`, stack);
    const sent = optionOf(stack, 3) as Dss;
    const next = initialOf(2n) + 101n;
    expect([sent.dsnHigh, sent.dsnLow, sent.subflowSequence, sent.dataLength]).toEqual([Number(next >> 32n), Number(next & 0xffff_ffffn), 101, 10]);
  });

  test("those of older scripts are those of a key", () => {
    const stack = server();
    run(`${HANDSHAKE}+0 < . 1:1(0) ack 1 win 256 <dss dack4=trunc_r64_hmac(skey)+1 dsn4=trunc_r64_hmac(ckey)+5 nocs>\n`, stack);
    const sent = optionOf(stack, 2) as Dss;
    expect([sent.dataAckLow, sent.dsnLow]).toEqual([(own.idsnLow + 1) >>> 0, Number((initialOf(2n) + 5n) & 0xffff_ffffn)]);
  });

  test("a checksum is computed where one is asked for, and everywhere once the handshake asks for checksums", () => {
    const stack = server();
    run(`${HANDSHAKE}+0 < P. 1:4(3) ack 1 win 256 <dss dack8=1 dsn8=1 ssn=1 dll=3 checksum>\n`, stack);
    const { tcp } = stack.received[2]!;
    const sent = tcp!.mptcp[0] as Dss;
    expect(sent.checksum).toBe(dssChecksum(payloadSum(tcp!.payload), sent.dsnHigh, sent.dsnLow, 1, 3));
    const other = server();
    run(`${HANDSHAKE.replaceAll("flag_h]", "flag_a, flag_h]").replace("> S. 0:0(0) ack 1 <mpcapable v1 flags[flag_a, flag_h] key[skey]>", "> S. 0:0(0) ack 1 <...>")}+0 < P. 1:4(3) ack 1 win 256 <dss dack8=1 dsn8=1 ssn=1 dll=3>\n`, other);
    expect((optionOf(other, 2) as Dss).checksum).toBeGreaterThanOrEqual(0);
  });
});

describe("a further subflow", () => {
  const JOIN = `${HANDSHAKE}+0.1 < addr[caddr1] > addr[saddr0] S 0:0(0) win 65535 <mp_join_syn address_id=1 token=sha256_32(skey)>
+0 > S. 0:0(0) ack 1 <mp_join_syn_ack sender_hmac=auto>
+0 < . 1:1(0) ack 1 win 256 <mp_join_ack sender_hmac=auto>
`;

  test("has the token and the HMACs that the keys and the random numbers ask for", () => {
    const stack = server();
    expect(run(JOIN, stack).passed).toBe(true);
    const [syn, ack] = [optionOf(stack, 2), optionOf(stack, 3)];
    if (syn.kind !== "mp_join_syn" || ack.kind !== "mp_join_ack") throw new Error("no join");
    expect([syn.addressId, syn.backup, syn.token]).toEqual([1, false, own.token]);
    expect(ack.hmac).toEqual(joinHmac(PEER, OWN, syn.nonce, NONCE).slice(0, 20));
    expect(String(stack.received[2]!.source)).toBe("192.0.2.2");
  });

  test("with an HMAC that is wrong is another one", () => {
    const stack = server((packet, fake) => {
      const [option] = packet.tcp!.mptcp;
      if (option?.kind !== "mp_join_syn") return false;
      fake.reply(packet, { flags: TCP_FLAG.SYN | TCP_FLAG.ACK, sequence: ISS, ack: packet.tcp!.sequence + 1, change: withOptions({ kind: "mp_join_synack", backup: false, addressId: 7, nonce: NONCE, hmac: new Uint8Array(8) }) });
      return true;
    });
    expect(told(JOIN, stack)).toContain("seen      0.1 > S. 0:0(0) ack 1 <mp_join_syn_ack backup=0 address_id=7 sender_hmac=0x0000000000000000>");
  });

  test("lines that name the ends go to one subflow or the other; those that name none to that of the line before", () => {
    const stack = server();
    const data = `${JOIN}+0 < P. 1:11(10) ack 1 win 256 <dss dack8=1 dsn8=1 ssn=1 dll=10 nocs>
+0 > . 1:1(0) ack 11 <dss dack8=11 nocs>
+0 < addr[caddr0] > addr[saddr0] P. 1:3(2) ack 1 win 256 <dss dack8=1 dsn8=1 ssn=1 dll=2 nocs>
+0 > . 1:1(0) ack 3 <dss dack8=3 nocs>
`;
    expect(run(data, stack).passed).toBe(true);
    expect(stack.received.slice(4).map(({ source }) => String(source))).toEqual(["192.0.2.2", "192.0.2.1"]);
  });
});

test("an address is announced with its HMAC, its number is that of its name, and an echo names the address of the other end", () => {
  const stack = server((packet, fake) => {
    const [option] = packet.tcp!.mptcp;
    if (option?.kind !== "add_addr") return false;
    fake.reply(packet, { sequence: ISS + 1, ack: packet.tcp!.sequence, change: withOptions({ ...option, echo: true, hmac: null }) });
    return true;
  });
  expect(run(`${HANDSHAKE}+0 < . 1:1(0) ack 1 win 256 <add_address addr[caddr3] hmac=auto>\n+0 > . 1:1(0) ack 1 <add_address address_id=3 addr[caddr3] addr_echo>\n`, stack).passed).toBe(true);
  const option = optionOf(stack, 2);
  const named = { addressId: 3, address: IpAddress.from("192.0.2.4"), port: 0 };
  expect(option).toMatchObject({ ...named, echo: false, hmac: addAddressHmac(PEER, OWN, named) });
});

test.each([
  ["mp_fastclose", { kind: "mp_fastclose", receiverKey: OWN }],
  ["mp_fastclose ckey=42", { kind: "mp_fastclose", receiverKey: Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 42]) }],
  ["mp_reset 3", { kind: "mp_tcprst", reason: 3, transient: false }],
  ["mp_prio backup=1", { kind: "mp_prio", backup: true, addressId: -1 }],
  ["remove_address address_id=[1, 2]", { kind: "remove_addr", addressIds: [1, 2] }],
  ["mp_fail dsn8=1", { kind: "mp_fail", dsnHigh: own.idsnHigh, dsnLow: (own.idsnLow + 1) >>> 0 }],
  ["add_address address_id=3 ipv4=inet_addr(\"192.0.2.9\") port 8080", { kind: "add_addr", version: 0, addressId: 3, port: 8080, hmac: null }],
] as const)("%s", (option, expected) => {
  const stack = server();
  run(`${HANDSHAKE}+0 < . 1:1(0) ack 1 win 256 <${option}>\n`, stack);
  expect(optionOf(stack, 2)).toMatchObject(expected);
});

describe("a connection that the stack opens", () => {
  /** Sends a SYN when it is told to connect, and a third ACK, with its keys. */
  function client(): FakeTarget {
    const template = (stack: FakeTarget, reply: Reply, to: Packet | null): void => {
      if (to !== null) stack.reply(to, reply);
    };
    return new FakeTarget({
      call(call, stack) {
        if (call.name === "socket") return 13;
        if (call.name !== "connect") return 0;
        stack.open(call.address, 33_333, ISS, withOptions(capable()));
        return { value: -1, errno: "EINPROGRESS" };
      },
      packet(packet, stack) {
        const [option] = packet.tcp!.mptcp;
        if (option?.kind === "mp_capable" && option.senderKey !== null) template(stack, { sequence: ISS + 1, ack: packet.tcp!.sequence + 1, change: withOptions(capable(OWN, option.senderKey)) }, packet);
      },
    });
  }
  const TEXT = `0 socket(..., SOCK_STREAM, IPPROTO_MPTCP) = 3
+0 connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)
+0 > S 0:0(0) <mpcapable v1 flags[flag_h] nokey>
+.1 < S. 123:123(0) ack 1 win 65535 <mpcapable v1 flags[flag_h] key[skey=2]>
+0 > . 1:1(0) ack 1 <mpcapable v1 flags[flag_h] key[ckey, skey]>
`;

  test("has the ports, the numbers and the keys of the stack", () => {
    const stack = client();
    expect(run(TEXT, stack).passed).toBe(true);
    const [synAck] = stack.received;
    expect([synAck!.tcp!.sourcePort, synAck!.tcp!.destinationPort, synAck!.tcp!.acknowledgment]).toEqual([8080, 33_333, (ISS + 1) >>> 0]);
  });

  test("of IPv6, and of IPv4 through a socket of IPv6", () => {
    for (const value of ["ipv6", "ipv4-mapped-ipv6"]) expect(run(TEXT, client(), { options: [{ name: "ip_version", value }] }).passed).toBe(true);
  });
});

test("a name of an address that stands first where the stack announces one is the address that the stack chose", () => {
  const named = { addressId: 9, address: IpAddress.from("198.51.100.9"), port: 0 };
  const stack = server((packet, fake) => {
    const [option] = packet.tcp!.mptcp;
    if (option?.kind !== "mp_capable" || option.receiverKey === null) return false;
    fake.reply(packet, { sequence: ISS + 1, ack: packet.tcp!.sequence, change: withOptions({ kind: "add_addr", version: 1, echo: false, ...named, hmac: addAddressHmac(OWN, PEER, named) }) });
    return true;
  });
  expect(told(`${HANDSHAKE}+0 > . 1:1(0) ack 1 <add_address address_id=9 addr[ep] hmac=auto>\n+0 < . 1:1(0) ack 1 win 9 <add_address address_id=9 addr[ep] addr_echo>`, stack)).toBe("passed");
  expect(optionOf(stack, 2)).toMatchObject({ ...named, echo: true });
});
