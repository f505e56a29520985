import { afterEach, describe, expect, it } from "vitest";
import { createStack, probe, UdpLink } from "../../src/node/index.ts";
import type { ProbeOptions, ProbeReport, ProbeRow, Stack } from "../../src/node/index.ts";
import { answerToCapable, answerToSyn, optionRows } from "../../src/node/probe/judge.ts";
import { countedBetween, parseCounters } from "../../src/node/probe/kernel-counters.ts";
import { IpAddress, Packet, TCP_FLAG, TcpSegment } from "../../src/wire/index.ts";
import type { MpCapable, MptcpOption } from "../../src/wire/index.ts";
import { MemoryLink, NO_CONNECTIONS } from "./memory-link.ts";

const stacks: Stack[] = [];

afterEach(async () => {
  for (const stack of stacks.splice(0)) await stack.close();
});

/** A peer made by hand: how it answers a SYN, by flags and options; null for silence. */
type Answer = (syn: TcpSegment) => { readonly flags?: number; readonly mptcp?: readonly MptcpOption[]; readonly bare?: boolean } | null;

/** Makes the far end of a cable answer SYNs, and acknowledge whatever else comes as TCP does, without options. */
function answering(link: MemoryLink, answer: Answer): void {
  link.start({
    connections: NO_CONNECTIONS,
    receive: (packet) => {
      const { tcp } = packet;
      if (tcp === null || (tcp.flags & TCP_FLAG.RST) !== 0) return;
      const isSyn = (tcp.flags & TCP_FLAG.SYN) !== 0;
      const made = isSyn ? answer(tcp) : {};
      if (made === null) return;
      const reply = new Packet(packet.destination, packet.source);
      const segment = new TcpSegment();
      segment.sourcePort = tcp.destinationPort;
      segment.destinationPort = tcp.sourcePort;
      segment.flags = made.flags ?? (isSyn ? TCP_FLAG.SYN | TCP_FLAG.ACK : TCP_FLAG.ACK);
      segment.sequence = isSyn ? 1000 : 1001;
      const length = tcp.payload.length + (isSyn ? 1 : 0) + ((tcp.flags & TCP_FLAG.FIN) !== 0 ? 1 : 0);
      segment.acknowledgment = (tcp.sequence + length) >>> 0;
      segment.window = 65535;
      if (isSyn && made.bare !== true) segment.maximumSegmentSize = 1460;
      segment.mptcp = made.mptcp ?? [];
      reply.tcp = segment;
      if (isSyn || length > 0) link.send(reply);
    },
    batchEnd: () => link.flush(),
    room: () => {},
    failed: () => {},
  });
}

async function examine(answer: Answer, options: Partial<ProbeOptions> = {}): Promise<ProbeReport> {
  const [near, far] = MemoryLink.pair("192.0.2.1", "192.0.2.2");
  answering(far, answer);
  return probe({ host: "192.0.2.2", port: 80, timeout: 2000, ...options, links: [near] });
}

function rowOf(report: ProbeReport, id: string): ProbeRow {
  const rows = report.targets[0]?.rows ?? [];
  const found = rows.find((row) => row.id === id);
  if (found === undefined) throw new Error(`no row ${id} in ${JSON.stringify(rows, null, 1)}`);
  return found;
}

const capableOf = (syn: TcpSegment): MpCapable | null => syn.mptcp.find((option) => option.kind === "mp_capable") ?? null;
const KEY = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const capable = (version: number, senderKey: Uint8Array | null = KEY): MpCapable => ({ kind: "mp_capable", version, flags: 1, senderKey, receiverKey: null, dataLength: -1, checksum: -1 });

describe("the probe, with peers made by hand", () => {
  it("finds one that speaks version 0 only", async () => {
    const report = await examine((syn) => (capableOf(syn)?.version === 0 ? { mptcp: [capable(0)] } : {}));
    expect(report).toMatchObject({ multipath: true, targets: [{ outcome: "multipath", version: 0 }] });
    expect(rowOf(report, "mp_capable").came).toBe("SYN+ACK without MP_CAPABLE");
    expect(rowOf(report, "version_0").state).toBe("ok");
  });

  it("finds one that answers version 1 with version 0", async () => {
    const report = await examine((syn) => (capableOf(syn) === null ? {} : { mptcp: [capable(0)] }));
    expect(rowOf(report, "mp_capable").came).toBe("SYN+ACK with MP_CAPABLE, version 0");
    expect(report.targets[0]).toMatchObject({ outcome: "multipath", version: 0 });
  });

  it("is not taken in by one that sends back what it gets", async () => {
    const report = await examine((syn) => ({ mptcp: syn.mptcp }));
    expect(report).toMatchObject({ multipath: false, reachable: true });
    expect(rowOf(report, "mp_capable").came).toBe("SYN+ACK with our own MP_CAPABLE, unchanged");
    expect(rowOf(report, "version_0").came).toBe("SYN+ACK with our own key");
  });

  it("finds one that answers with nonsense", async () => {
    const report = await examine((syn) => (capableOf(syn) === null ? {} : { mptcp: [{ kind: "mptcp_unknown", data: Uint8Array.of(0xf0, 1) }] }));
    expect(rowOf(report, "mp_capable").came).toBe("SYN+ACK with an option that is no answer");
  });

  it("finds one that wants what nobody knows", async () => {
    const report = await examine((syn) => (capableOf(syn)?.version === 1 ? { mptcp: [{ ...capable(1), flags: 0x41 }] } : {}));
    expect(rowOf(report, "mp_capable")).toMatchObject({ state: "fail", came: "SYN+ACK with MP_CAPABLE, flags 01000001", verdict: expect.stringContaining("unknown_extension_flag") as string });
    expect(report).toMatchObject({ multipath: false, reachable: true });
  });

  it("tells a reset from a black hole", async () => {
    const reset = await examine((syn) => (capableOf(syn) === null ? {} : { flags: TCP_FLAG.RST | TCP_FLAG.ACK }));
    expect(rowOf(reset, "mp_capable")).toMatchObject({ came: "RST", verdict: "something refuses SYNs with the option; plain TCP passes" });
    expect(rowOf(reset, "version_0").came).toBe("RST");
    const hole = await examine((syn) => (capableOf(syn) === null ? {} : null));
    expect(rowOf(hole, "mp_capable").came).toMatch(/^silence, to \d SYNs?$/);
    expect(hole).toMatchObject({ multipath: false, reachable: true });
  });

  it("is not content with a handshake: DSS must come too", async () => {
    const report = await examine((syn) => (capableOf(syn)?.version === 1 ? { mptcp: [capable(1)] } : {}), { send: "hello" });
    expect(rowOf(report, "mp_capable").state).toBe("ok");
    expect(rowOf(report, "dss").state).toBe("fail");
    expect(report).toMatchObject({ multipath: false, reachable: true });
  });

  it("tells of missing options, and of nobody", async () => {
    const bare = await examine(() => ({ bare: true }));
    expect(rowOf(bare, "tcp").came).toMatch(/^SYN\+ACK without options after [\d.]+ ms$/);
    expect(rowOf(bare, "option.mss")).toMatchObject({ state: "warn", came: "no MSS" });
    expect(rowOf(bare, "option.window_scale").state).toBe("warn");
    const nobody = await examine(() => null);
    expect(nobody).toMatchObject({ multipath: false, reachable: false, targets: [{ outcome: "unreachable", roundTrip: null }] });
  });

  it("closes the links it was given, and refuses what it cannot do", async () => {
    const [near, far] = MemoryLink.pair("192.0.2.1", "192.0.2.2");
    answering(far, () => ({}));
    await expect(probe({ host: "2001:db8::1", port: 80, links: [near] })).rejects.toMatchObject({ code: "ERR_MPTCP_PROBE" });
    expect(near.isClosed).toBe(true);
    await expect(probe({ host: "192.0.2.2", port: 0x10000, links: [near] })).rejects.toMatchObject({ code: "ERR_SOCKET_BAD_PORT" });
  });
});

describe("the probe, over UDP", () => {
  it("finds this library at the other end, and a second subflow", async () => {
    const stack = createStack({ links: ["127.0.0.1", "127.0.0.2"].map((address) => new UdpLink({ addresses: [address] })) });
    stacks.push(stack);
    const server = stack.createServer((socket) => {
      socket.on("error", () => {});
      socket.pipe(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const links = ["127.0.0.3", "127.0.0.4"].map((address) => new UdpLink({ addresses: [address] }));
    const report = await probe({ host: "127.0.0.1", port, links, send: "hello", timeout: 20_000 });
    expect(report).toMatchObject({ multipath: true, reachable: true, targets: [{ address: "127.0.0.1", outcome: "multipath", version: 1 }] });
    for (const id of ["tcp", "mp_capable", "dss", "join", "data", "data_fin"]) expect(rowOf(report, id)).toMatchObject({ id, state: "ok" });
    expect(rowOf(report, "data").came).toBe("DATA_ACK up to 5, and 5 octets in answer");
    const named = await probe({ host: "localhost", port, links: [new UdpLink({ addresses: ["127.0.0.3"] })], timeout: 20_000 });
    expect(named.targets.find(({ address }) => address === "127.0.0.1")?.outcome).toBe("multipath");
    // What there is no link for does not count as silence.
    expect(named.targets.filter(({ address }) => address !== "127.0.0.1").flatMap(({ rows }) => rows.map(({ id }) => id)).every((id) => id === "link")).toBe(true);
    const refused = await probe({ host: "127.0.0.1", port: 9, links: [new UdpLink({ addresses: ["127.0.0.3"] })] });
    expect(refused).toMatchObject({ multipath: false, reachable: false });
    expect(rowOf(refused, "tcp").came).toBe("ICMP port unreachable");
  });
});

describe("what the probe reads", () => {
  const segment = (flags: number, fields: Partial<TcpSegment> = {}): Packet => {
    const packet = new Packet(IpAddress.from("192.0.2.1"), IpAddress.from("192.0.2.2"));
    packet.tcp = Object.assign(new TcpSegment(), { flags, ...fields });
    return packet;
  };

  it("out of packets: how a SYN was answered", () => {
    const syn = { direction: "out", at: 1, packet: segment(TCP_FLAG.SYN) } as const;
    expect(answerToSyn([])).toEqual({ kind: "silence", attempts: 0 });
    expect(answerToSyn([syn, syn])).toEqual({ kind: "silence", attempts: 2 });
    expect(answerToSyn([syn, { direction: "in", at: 2, packet: segment(TCP_FLAG.RST) }]).kind).toBe("reset");
    expect(answerToSyn([syn, { ...syn, at: 5 }, { direction: "in", at: 9, packet: segment(TCP_FLAG.SYN | TCP_FLAG.ACK) }])).toMatchObject({ kind: "synack", roundTrip: 4, attempts: 2 });
  });

  it("out of a SYN+ACK: what became of MP_CAPABLE", () => {
    const of = (...mptcp: readonly MptcpOption[]): TcpSegment => Object.assign(new TcpSegment(), { mptcp });
    const sent = capable(1, null);
    expect(answerToCapable(of(), sent).kind).toBe("absent");
    expect(answerToCapable(of(capable(1)), sent).kind).toBe("accepted");
    expect(answerToCapable(of(capable(1, null)), sent).kind).toBe("reflected");
    expect(answerToCapable(of(capable(0, null)), sent).kind).toBe("malformed");
    expect(answerToCapable(of({ ...capable(1), receiverKey: KEY }), sent).kind).toBe("malformed");
    expect(answerToCapable(of({ kind: "remove_addr", addressIds: [1] }), sent).kind).toBe("malformed");
  });

  it("out of timestamps: whether something rewrites them, and what MP_CAPABLE has no room beside", () => {
    const plain = (timestampEcho: number): Parameters<typeof optionRows>[0] => ({
      kind: "synack",
      syn: Object.assign(new TcpSegment(), { hasTimestamps: true, timestampValue: 5000 }),
      segment: Object.assign(new TcpSegment(), { hasTimestamps: true, timestampEcho, maximumSegmentSize: 8960, windowScale: 7, sackPermitted: true }),
      roundTrip: 1,
      attempts: 1,
    });
    const stateOf = (rows: readonly ProbeRow[], id: string): string | undefined => rows.find((row) => row.id === id)?.state;
    expect(stateOf(optionRows(plain(5000), null, 1500, 4), "option.timestamps")).toBe("ok");
    expect(stateOf(optionRows(plain(4000), null, 1500, 4), "option.timestamps")).toBe("ok");
    expect(stateOf(optionRows(plain(99_999_999), null, 1500, 4), "option.timestamps")).toBe("warn");
    expect(stateOf(optionRows(plain(5000), null, 1500, 4), "option.mss")).toBe("note");
    const beside = optionRows(plain(5000), new TcpSegment(), 1500, 4).find((row) => row.id === "option.beside_mp_capable");
    expect(beside?.came).toBe("missing beside MP_CAPABLE: window scale, SACK, timestamps, MSS");
  });

  it("out of /proc/net/netstat", () => {
    const before = parseCounters("TcpExt: A B\nTcpExt: 1 2\nMPTcpExt: MPCapableSYNRX MPCurrEstab\nMPTcpExt: 3 1\n");
    expect(Object.fromEntries(before)).toEqual({ MPTcpExtMPCapableSYNRX: 3, MPTcpExtMPCurrEstab: 1 });
    const after = parseCounters("MPTcpExt: MPCapableSYNRX MPCurrEstab MPFailRx\nMPTcpExt: 5 2 0\n");
    expect(Object.fromEntries(countedBetween(before, after))).toEqual({ MPTcpExtMPCapableSYNRX: 2 });
    expect(parseCounters("").size).toBe(0);
  });
});
