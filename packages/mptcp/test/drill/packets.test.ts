import { describe, expect, it } from "vitest";
import { packet, segment } from "./reading.ts";

const symbol = (name: string) => ({ kind: "symbol", name });
const number = (value: number) => ({ kind: "number", value: BigInt(value), hexadecimal: false });

describe("TCP segments", () => {
  it("have flags, sequence numbers, and what else is written", () => {
    expect(packet("< P. 1:701(700) ack 101 win 257")).toMatchObject({ direction: "inbound", source: undefined, ip: [], encapsulations: [] });
    expect(segment("> PU. 1:701(700) ack 101 win 257 urg 9")).toEqual({
      kind: "tcp",
      flags: { letters: "PU.", ace: undefined },
      sequence: { from: 1, to: 701, length: 700 },
      ack: number(101),
      window: number(257),
      urgent: number(9),
      options: undefined,
    });
  });

  it("may wrap around the sequence space", () => {
    expect(segment("> . 4294967295:9(10)").sequence).toEqual({ from: 4_294_967_295, to: 9, length: 10 });
  });

  it.each([
    ["S", "S", undefined],
    [".", ".", undefined],
    ["-", "", undefined],
    ["SEWA", "SEWA", undefined],
    ["EAP.", "EAP.", undefined],
    ["P.5", "P.", 5],
    [".5", ".", 5],
    ["F5.", "F.", 5],
    ["0.", ".", 0],
  ])("flags %s", (text, letters, ace) => {
    expect(segment(`> ${text} 1:1(0)`).flags).toEqual({ letters, ace });
  });

  it("belong to a socket, or are changed", () => {
    expect(packet("< . 1:1(0) ack 1 win 9 <nop> sock(6)").socket).toEqual(number(6));
    expect(packet("< . 1:1(0) ack 1 win 9 {rep tcp seq_num 0x1}").mutation).toBe("rep tcp seq_num 0x1");
  });
});

describe("what stands before a segment", () => {
  it.each([
    ["[noecn]", [{ name: "noecn", value: undefined }]],
    ["[ecn ect0, ttl 64]", [{ name: "ecn", value: symbol("ect0") }, { name: "ttl", value: number(64) }]],
    ["[tos 0x04]", [{ name: "tos", value: { kind: "number", value: 4n, hexadecimal: true } }]],
    ["[flowlabel 0x12345]", [{ name: "flowlabel", value: { kind: "number", value: 0x12345n, hexadecimal: true } }]],
  ])("fields of the IP header: %s", (text, fields) => {
    expect(packet(`>${text} S 0:0(0)`).ip).toEqual(fields);
  });

  it("addresses, of which the source may be left out", () => {
    expect(packet("> [ttl 1] addr[caddr0] > addr[saddr0] S 0:0(0)")).toMatchObject({ source: { name: "caddr0" }, destination: { name: "saddr0" } });
    expect(packet("> > addr[saddr1] . 1:1(0)")).toMatchObject({ source: undefined, destination: { name: "saddr1" } });
    expect(packet('< addr[a=inet_addr("192.0.2.9")] > addr[b] . 1:1(0)').source).toMatchObject({ name: "a", value: { kind: "call", name: "inet_addr" } });
  });

  it("headers around it", () => {
    expect(packet("< ipv4 192.0.2.2 > 192.0.2.1: gre flags 0x2000, key 7: . 1:1(0)").encapsulations).toEqual([
      { kind: "ip", version: 4, source: "192.0.2.2", destination: "192.0.2.1" },
      { kind: "gre", transport: false, fields: [{ name: "flags", value: { kind: "number", value: 0x2000n, hexadecimal: true } }, { name: "key", value: number(7) }] },
    ]);
    expect(packet("> ipv6 2001:db8::1 > 2001:db8:: : ipv6 fd::1 > fd::2: . 1:1(0)").encapsulations).toHaveLength(2);
    expect(packet("> gre: mpls (label 0, tc 1, ttl 2) (label 9, [S], ttl 255): . 1:1(0)").encapsulations[1]).toMatchObject({ kind: "mpls", labels: [{ bottom: false, fields: [{}, {}, {}] }, { bottom: true }] });
    expect(packet("> encap psp spi 23 P. 1:2(1)").encapsulations).toEqual([{ kind: "psp", transport: true, fields: [{ name: "spi", value: number(23) }] }]);
  });
});

describe("other transports", () => {
  it("UDP", () => {
    for (const text of ["> udp (1000)", "> udp(1000)"]) expect(packet(text).transport).toEqual({ kind: "udp", length: 1000 });
  });

  it.each([
    ["< icmp unreachable", { type: "unreachable", code: undefined, mtu: undefined, quotes: undefined }],
    ["< icmp unreachable frag_needed mtu 1200 [1:1001(1000)]", { type: "unreachable", code: "frag_needed", mtu: number(1200), quotes: { from: 1, to: 1001, length: 1000 } }],
    ["< icmpv6 packet_too_big mtu 1400 [0:1440(1440)]", { type: "packet_too_big", code: undefined, mtu: number(1400), quotes: { from: 0, to: 1440, length: 1440 } }],
    ["< [1:5(4)] icmp unreachable host_unreachable", { type: "unreachable", code: "host_unreachable", quotes: { from: 1 } }],
    ["< icmp unreachable CODE [udp (8)]", { code: "CODE", quotes: { kind: "udp", length: 8 } }],
    ["< icmp type_3 code_4", { type: "type_3", code: "code_4" }],
  ])("%s", (text, message) => {
    expect(packet(text).transport).toMatchObject({ kind: "icmp", ...message });
  });
});

describe("TCP options", () => {
  const options = (text: string) => segment(`< . 1:1(0) ack 1 win 9 <${text}>`).options;
  const items = (text: string) => {
    const read = options(text);
    if (read === undefined || read === "any") throw new Error("no options");
    return read[0]!.items;
  };
  const word = (name: string) => ({ kind: "word", name });
  const field = (name: string, value: object) => ({ kind: "field", name, assigned: true, value });

  it("may be whatever they are", () => {
    expect(options("...")).toBe("any");
    expect(segment("< . 1:1(0)").options).toBeUndefined();
  });

  it("are separated by commas", () => {
    expect(options("mss 1460, nop,nop, sackOK, wscale 7,eol")).toMatchObject([{ name: "mss" }, { name: "nop" }, { name: "nop" }, { name: "sackOK" }, { name: "wscale" }, { name: "eol" }]);
  });

  it.each([
    ["mss MSS", [{ kind: "value", value: symbol("MSS") }]],
    ["TS val 100 ecr ...", [{ kind: "field", name: "val", assigned: false, value: number(100) }, { kind: "field", name: "ecr", assigned: false, value: { kind: "ellipsis" } }]],
    ["sack 1:2 3:4", [{ kind: "range", from: number(1), to: number(2) }, { kind: "range", from: number(3), to: number(4) }]],
    ["FO", []],
    ["FO 0102030405060708", [{ kind: "octets", digits: "0102030405060708" }]],
    ["FOEXP ac32529516b4c312", [{ kind: "octets", digits: "ac32529516b4c312" }]],
    ["FO TFO_COOKIE", [{ kind: "value", value: symbol("TFO_COOKIE") }]],
    ["md5 000102030405060708090a0b0c0d0e0f", [{ kind: "octets", digits: "000102030405060708090a0b0c0d0e0f" }]],
    ["ECN e1b 1 ceb 0 e0b 977", [{ name: "e1b" }, { name: "ceb" }, { name: "e0b", value: number(977) }]],
  ])("%s", (text, expected) => {
    expect(items(text)).toMatchObject(expected);
    expect(items(text)).toHaveLength(expected.length);
  });

  it.each([
    ["mpcapable v1 flags[flag_h] nokey", [word("v1"), { kind: "list", name: "flags", members: [{ name: "flag_h", value: undefined }] }, word("nokey")]],
    ["mpcapable v0 flags 0x41 nokey", [word("v0"), { kind: "field", name: "flags", assigned: false, value: { kind: "number", value: 0x41n, hexadecimal: true } }, word("nokey")]],
    [
      "mpcapable v1 flags[flag_a, flag_h] key[ckey=7, skey] mpcdatalen 2",
      [word("v1"), { members: [{ name: "flag_a" }, { name: "flag_h" }] }, { kind: "list", name: "key", members: [{ name: "ckey", value: number(7) }, { name: "skey", value: undefined }] }, { name: "mpcdatalen", value: number(2) }],
    ],
    ["mp_capable a=1 b", [field("a", number(1)), { kind: "value", value: symbol("b") }]],
    ["mp_capable_no_cs a b", [{ kind: "value", value: symbol("a") }, { kind: "value", value: symbol("b") }]],
    [
      "mp_join_syn backup=1 address_id=2 token=sha256_32(skey) rand=9",
      [field("backup", number(1)), field("address_id", number(2)), field("token", { kind: "call", name: "sha256_32", parameters: [symbol("skey")] }), field("rand", number(9))],
    ],
    ["mp_join_syn_ack address_id=0 sender_hmac=trunc_l64_hmac(key_b key_a)", [field("address_id", number(0)), field("sender_hmac", { kind: "call", name: "trunc_l64_hmac", parameters: [symbol("key_b"), symbol("key_a")] })]],
    ["mp_join_ack sender_hmac=auto", [field("sender_hmac", symbol("auto"))]],
    ["dss dack4 dsn4", [word("dack4"), word("dsn4")]],
    ["dss dack8=101 dsn8=3 ssn=0 dll=1 nocs fin", [field("dack8", number(101)), field("dsn8", number(3)), field("ssn", number(0)), field("dll", number(1)), word("nocs"), word("fin")]],
    ["dss dack4=trunc_r64_hmac(b)+1", [field("dack4", { kind: "chain", operator: "+", operands: [{ kind: "call", name: "trunc_r64_hmac" }, number(1)] })]],
    ["dss dack4=1 dsn4=1 ssn=1 dll=9 checksum=0x1234", [{}, {}, {}, {}, { name: "checksum" }]],
    ["add_address address_id=12 addr[ep=inet_addr(\"198.51.100.2\")] port=4321 hmac=auto", [{ name: "address_id" }, { kind: "list", name: "addr", members: [{ name: "ep", value: { kind: "call", name: "inet_addr" } }] }, { name: "port" }, { name: "hmac" }]],
    ["add_address addr[saddr1] addr_echo", [{ name: "addr" }, word("addr_echo")]],
    ['add_address address_id=3 ipv4=inet_addr("192.0.2.4") port 8080', [{ name: "address_id" }, { name: "ipv4" }, { name: "port", assigned: false }]],
    ["remove_address address_id=[1,2]", [field("address_id", { kind: "array", elements: [number(1), number(2)] })]],
    ["mp_prio backup=1 address_id = 5", [field("backup", number(1)), field("address_id", number(5))]],
    ["mp_fail dsn8=1", [field("dsn8", number(1))]],
    ["mp_fastclose", []],
    ["mp_fastclose ckey=42", [field("ckey", number(42))]],
    ["mp_reset 1", [{ kind: "value", value: number(1) }]],
  ])("Multipath TCP: %s", (text, expected) => {
    expect(items(text)).toMatchObject(expected);
    expect(items(text)).toHaveLength(expected.length);
  });
});
