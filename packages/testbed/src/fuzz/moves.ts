import type { Peer, PeerFlow } from "./peer.ts";

/** One or several lines: packets and calls. */
export type Move = (peer: Peer) => string | readonly string[];

const PORT = 2000;

/** Sends data of the next numbers, of some length, with what options the caller wants. */
function data(peer: Peer, optionsOf: (flow: PeerFlow, length: number) => readonly string[], parts: { readonly flags?: string; readonly length?: number } = {}): string {
  const flow = peer.flow();
  const length = parts.length ?? 1 + peer.below(1000);
  const text = peer.segment(flow, { flags: parts.flags ?? "P.", length, options: optionsOf(flow, length) });
  flow.next += length;
  return text;
}

/** Data as it should be. */
function proper(peer: Peer): string {
  const text = data(peer, (flow, length) => (peer.isFallback ? [] : [peer.dss({ dsn: peer.dataNext, ssn: flow.next, length, width: peer.pick([4, 8] as const) })]), { length: LENGTH });
  peer.dataNext += LENGTH;
  return text;
}
const LENGTH = 200;

function mapped(peer: Peer, change: (parts: { dsn: number; ssn: number; length: number }) => Parameters<Peer["dss"]>[0], isNew = false): string {
  let used = 0;
  const text = data(peer, (flow, length) => {
    used = length;
    return [peer.dss(change({ dsn: peer.dataNext, ssn: flow.next, length }))];
  });
  if (isNew) peer.dataNext += used;
  return text;
}

function join(peer: Peer, { token = `sha256_32(${peer.ownKey})`, backup = 0, id, hmac = "auto", third = true, isNew = true, address = 1 }: { token?: string; backup?: number; id?: number; hmac?: string; third?: boolean; isNew?: boolean; address?: number }): string[] {
  const flow = { address, next: 1, ack: 1 };
  const lines = [`< addr[caddr${address}] > addr[saddr0] S 0:0(0) win 65535 <mss 1460, sackOK, nop, nop, nop, wscale 7, mp_join_syn backup=${backup} address_id=${id ?? address} token=${token}>`];
  if (third) lines.push(`< addr[caddr${address}] > addr[saddr0] . 1:1(0) ack 1 win 256 <mp_join_ack sender_hmac=${hmac}>`);
  if (isNew && third && peer.state === "one subflow") peer.flows.push(flow);
  return lines;
}

/** The address of a new number, in the family of the run. */
function advertised(peer: Peer, number: number): string {
  return peer.setting.family === 4 ? `addr[caddr${number}=inet_addr("192.0.2.${number + 1}")]` : `addr[caddr${number}=inet6_addr("fd3d:fa7b:d17d::${number + 1}")]`;
}

function acked(peer: Peer, options: readonly string[]): string {
  return peer.segment(peer.flow(), { options });
}

function reset(peer: Peer, from: (flow: PeerFlow) => number, options: readonly string[] = [], isEnd = false): string {
  const flow = peer.flow();
  if (isEnd && (flow === peer.flows[0] || peer.isFallback)) peer.isOver = true;
  return peer.segment(flow, { flags: "R.", from: from(flow), options, timestamps: "none" });
}

function fin(peer: Peer, options: readonly string[], length = 0): string {
  const flow = peer.flow();
  const text = peer.segment(flow, { flags: length > 0 ? "FP." : "F.", length, options });
  flow.next += length + 1;
  if (peer.isFallback) peer.peerClosed = true;
  return text;
}

/** What the peer does: packets, by name. */
export const PACKETS: Readonly<Record<string, Move>> = {
  "data": proper,
  "data, 8 octets of numbers": (peer) => mapped(peer, (parts) => ({ ...parts, width: 8 }), true),
  "data, 4 octets of numbers": (peer) => mapped(peer, (parts) => ({ ...parts, width: 4 }), true),
  "data without Data ACK": (peer) => mapped(peer, (parts) => ({ ...parts, dack: 0 }), true),
  "data with a checksum": (peer) => mapped(peer, (parts) => ({ ...parts, checksum: "right" }), true),
  "data with a wrong checksum": (peer) => mapped(peer, (parts) => ({ ...parts, checksum: "wrong" }), true),
  "data without checksum": (peer) => mapped(peer, (parts) => ({ ...parts, checksum: "none" }), true),
  "data without DSS": (peer) => data(peer, () => []),
  "data with a Data ACK alone": (peer) => data(peer, () => [peer.dataAckOption()]),
  "data with an infinite mapping": (peer) => mapped(peer, (parts) => ({ ...parts, length: 0 })),
  "data mapped before": (peer) => mapped(peer, (parts) => ({ ...parts, dsn: Math.max(1, parts.dsn - 100) })),
  "data mapped beyond the window": (peer) => mapped(peer, (parts) => ({ ...parts, dsn: parts.dsn + 100_000_000 })),
  "data mapped behind a gap": (peer) => mapped(peer, (parts) => ({ ...parts, dsn: parts.dsn + 500 })),
  "data with a wrong subflow number": (peer) => mapped(peer, (parts) => ({ ...parts, ssn: parts.ssn + 7 })),
  "mapping longer than data": (peer) => mapped(peer, (parts) => ({ ...parts, length: parts.length + 300 })),
  "mapping shorter than data": (peer) => mapped(peer, (parts) => ({ ...parts, length: Math.max(1, parts.length >> 1) }), true),
  "data again": (peer) => {
    const flow = peer.flow();
    const length = Math.min(100, flow.next - 1);
    if (length === 0) return peer.segment(flow, { options: peer.acknowledging() });
    const mapping = peer.isFallback ? [] : [peer.dss({ dsn: Math.max(1, peer.dataNext - length), ssn: flow.next - length, length })];
    return peer.segment(flow, { flags: "P.", from: flow.next - length, length, options: mapping });
  },
  "data out of order": (peer) => {
    const flow = peer.flow();
    const part = (at: number): string => peer.segment(flow, { flags: "P.", from: flow.next + at, length: 100, options: peer.isFallback ? [] : [peer.dss({ dsn: peer.dataNext + at, ssn: flow.next + at, length: 100 })] });
    const lines = peer.chance(0.5) ? [part(100), part(0)] : [part(200), part(100), part(0)];
    flow.next += 100 * lines.length;
    peer.dataNext += 100 * lines.length;
    return lines;
  },
  "data beyond the window": (peer) => {
    const flow = peer.flow();
    return peer.segment(flow, { flags: "P.", from: flow.next + 50_000_000, length: 100, options: peer.isFallback ? [] : [peer.dss({ dsn: peer.dataNext, ssn: flow.next, length: 100 })] });
  },
  "data before the window": (peer) => {
    const flow = peer.flow();
    return peer.segment(flow, { flags: "P.", from: Math.max(0, flow.next - 50), length: 10, options: peer.acknowledging() });
  },
  "an octet before the window": (peer) => {
    const flow = peer.flow();
    return peer.segment(flow, { from: Math.max(0, flow.next - 1), options: peer.acknowledging() });
  },
  "data without ACK": (peer) => data(peer, (flow, length) => [peer.dss({ dsn: peer.dataNext, ssn: flow.next, length })], { flags: "P" }),
  "MP_CAPABLE with data": (peer) => data(peer, (_, length) => [`mpcapable v1 flags[flag_h] key[${peer.peerKey}=2, ${peer.ownKey}] mpcdatalen ${length}`]),
  "MP_CAPABLE": (peer) => acked(peer, [`mpcapable v1 flags[flag_h] key[${peer.peerKey}=2, ${peer.ownKey}]`]),

  "ACK": (peer) => {
    const flow = peer.flows[0]!;
    flow.ack = 1 + peer.written;
    peer.dataAck = 1 + peer.written;
    return peer.segment(flow, { options: peer.acknowledging() });
  },
  "ACK of a part": (peer) => peer.segment(peer.flows[0]!, { ack: Math.min(1 + peer.written, peer.flows[0]!.ack + 10), options: peer.acknowledging() }),
  "ACK without options": (peer) => peer.segment(peer.flow(), { options: [] }),
  "ACK of before": (peer) => peer.segment(peer.flow(), { ack: 0, options: peer.acknowledging() }),
  "ACK of the future": (peer) => peer.segment(peer.flow(), { ack: 1 + peer.written + 100_000, options: peer.acknowledging() }),
  "duplicate ACKs": (peer) => {
    const flow = peer.flows[0]!;
    const line = peer.segment(flow, { options: peer.acknowledging() });
    return [line, line, line];
  },
  "SACK": (peer) => {
    const flow = peer.flows[0]!;
    const from = flow.ack + 100;
    return peer.segment(flow, { options: [...(peer.setting.timestamps ? [] : ["nop", "nop"]), `sack ${from}:${from + 100}`] });
  },
  "Data ACK": (peer) => {
    peer.dataAck = 1 + peer.written;
    return acked(peer, [peer.dataAckOption()]);
  },
  "Data ACK of 4 octets": (peer) => acked(peer, [peer.dataAckOption(1 + peer.written, 4)]),
  "Data ACK of before": (peer) => acked(peer, [peer.dataAckOption(0)]),
  "Data ACK of the future": (peer) => acked(peer, [peer.dataAckOption(1 + peer.written + 100_000)]),
  "Data ACK of the DATA_FIN": (peer) => acked(peer, [peer.dataAckOption(2 + peer.written)]),

  "DATA_FIN": (peer) => {
    const text = acked(peer, [peer.dss({ dsn: peer.dataNext, ssn: 0, length: 1, fin: true })]);
    if (!peer.peerClosed) peer.dataNext += 1;
    if (!peer.isFallback) peer.peerClosed = true;
    return text;
  },
  "DATA_FIN with data": (peer) => {
    const flow = peer.flow();
    const text = peer.segment(flow, { flags: "P.", length: 50, options: [peer.dss({ dsn: peer.dataNext, ssn: flow.next, length: 51, fin: true })] });
    flow.next += 50;
    peer.dataNext += 51;
    if (!peer.isFallback) peer.peerClosed = true;
    return text;
  },
  "DATA_FIN behind a gap": (peer) => acked(peer, [peer.dss({ dsn: peer.dataNext + 100, ssn: 0, length: 1, fin: true })]),
  "DATA_FIN again": (peer) => acked(peer, [peer.dss({ dsn: Math.max(1, peer.dataNext - 1), ssn: 0, length: 1, fin: true })]),
  "DATA_FIN of 4 octets": (peer) => acked(peer, [peer.dss({ dsn: peer.dataNext, ssn: 0, length: 1, fin: true, width: 4 })]),
  "FIN": (peer) => fin(peer, peer.acknowledging()),
  "FIN without options": (peer) => fin(peer, []),
  "FIN with DATA_FIN": (peer) => {
    const text = fin(peer, [peer.dss({ dsn: peer.dataNext, ssn: 0, length: 1, fin: true })]);
    peer.peerClosed = true;
    return text;
  },
  "FIN with data": (peer) => fin(peer, peer.isFallback ? [] : [peer.dss({ dsn: peer.dataNext, ssn: peer.flows[0]!.next, length: 20 })], 20),

  "MP_JOIN": (peer) => join(peer, {}),
  "MP_JOIN as backup": (peer) => join(peer, { backup: 1 }),
  "MP_JOIN of a wrong HMAC": (peer) => join(peer, { hmac: "1", isNew: false, address: 2 }),
  "MP_JOIN of an unknown token": (peer) => join(peer, { token: "7", isNew: false, address: 3 }),
  "MP_JOIN of id 0": (peer) => join(peer, { id: 0, isNew: false, address: 4 }),
  "MP_JOIN without third ACK": (peer) => join(peer, { third: false, isNew: false, address: 5 }),
  "ADD_ADDR": (peer) => acked(peer, [`add_address address_id=6 ${advertised(peer, 6)} hmac=auto`]),
  "ADD_ADDR of a wrong HMAC": (peer) => acked(peer, [`add_address address_id=6 ${advertised(peer, 6)} hmac=5`]),
  "ADD_ADDR with a port": (peer) => acked(peer, peer.setting.family === 6 && peer.setting.timestamps ? [] : [`add_address address_id=7 ${advertised(peer, 7)} port=${PORT} hmac=auto`]),
  "ADD_ADDR of id 0": (peer) => acked(peer, [`add_address address_id=0 ${advertised(peer, 8)} hmac=auto`]),
  "ADD_ADDR echo": (peer) => acked(peer, [`add_address address_id=1 ${advertised(peer, 9)} addr_echo`]),
  "REMOVE_ADDR": (peer) => acked(peer, ["remove_address address_id=[1]"]),
  "REMOVE_ADDR of id 0": (peer) => acked(peer, ["remove_address address_id=[0]"]),
  "REMOVE_ADDR of unknown ids": (peer) => acked(peer, ["remove_address address_id=[9, 10]"]),
  "MP_PRIO": (peer) => acked(peer, [`mp_prio backup=${peer.below(2)}`]),
  "MP_FAIL": (peer) => acked(peer, ["mp_fail dsn8=1"]),
  "MP_FASTCLOSE": (peer) => {
    const text = acked(peer, [`mp_fastclose ${peer.ownKey}`]);
    if (!peer.isFallback) peer.isOver = true;
    return text;
  },
  "MP_FASTCLOSE with RST": (peer) => reset(peer, (flow) => flow.next, [`mp_fastclose ${peer.ownKey}`], true),
  "MP_FASTCLOSE of a wrong key": (peer) => acked(peer, ["mp_fastclose 99"]),
  "RST with MP_TCPRST": (peer) => reset(peer, (flow) => flow.next, ["mp_reset 1"], true),
  "RST": (peer) => reset(peer, (flow) => flow.next, [], true),
  "RST in the window": (peer) => reset(peer, (flow) => flow.next + 100),
  "RST beyond the window": (peer) => reset(peer, (flow) => flow.next + 50_000_000),

  "SYN in the window": (peer) => peer.segment(peer.flow(), { flags: "S.", from: peer.flows[0]!.next + 10, options: [] }),
  "old timestamp": (peer) => data(peer, () => []).replace(/TS val \d+/, "TS val 10"),
  "missing timestamp": (peer) => peer.segment(peer.flow(), { options: peer.acknowledging(), timestamps: "none" }),
  "window 0": (peer) => {
    peer.window = 0;
    return peer.segment(peer.flow(), { options: peer.acknowledging() });
  },
  "window open": (peer) => {
    peer.window = 256;
    return peer.segment(peer.flow(), { options: peer.acknowledging() });
  },
  "urgent data": (peer) => data(peer, (flow, length) => (peer.isFallback ? [] : [peer.dss({ dsn: peer.dataNext, ssn: flow.next, length })]), { flags: "PU.", length: 10 }).replace(/win (\d+)/, "win $1 urg 10"),
  "no flags": (peer) => peer.segment(peer.flow(), { flags: "-" }),
  "ICMP: too big": (peer) => icmp(peer, peer.setting.family === 4 ? "icmp unreachable frag_needed mtu 1200" : "icmpv6 packet_too_big mtu 1300"),
  "ICMP: port unreachable": (peer) => icmp(peer, peer.setting.family === 4 ? "icmp unreachable port_unreachable" : "icmpv6 unreachable port_unreachable"),
  "ICMP: host unreachable": (peer) => icmp(peer, peer.setting.family === 4 ? "icmp unreachable host_unreachable" : "icmpv6 unreachable addr_unreachable"),
};

/** An error about what is in flight, or about what has just been acknowledged, and is a message that comes too late (RFC 5927 §4.1). */
function icmp(peer: Peer, message: string): string {
  const { ack } = peer.flows[0]!;
  const at = peer.isOpen && peer.written + 1 > ack ? ack : Math.max(0, ack - 1);
  return `< addr[caddr0] > addr[saddr0] ${message} [${at}:${at + 10}(10)]`;
}

/** What the program does, by name. */
export const CALLS: Readonly<Record<string, Move>> = {
  "write": (peer) => written(peer, 1 + peer.below(1000)),
  "write much": (peer) => written(peer, 2000 + peer.below(6000)),
  "read": (peer) => `read(${peer.socket}, ..., ${peer.pick([10, 100_000])}) = 0`,
  "poll": (peer) => `poll([{fd=${peer.socket}, events=POLLIN|POLLOUT|POLLRDHUP}], 1, 0) = 0`,
  "SO_ERROR": (peer) => `getsockopt(${peer.socket}, SOL_SOCKET, SO_ERROR, ..., [4]) = 0`,
  "accept": () => "accept4(3, ..., ..., SOCK_NONBLOCK) = 5",
  "SIOCINQ": (peer) => `ioctl(${peer.socket}, SIOCINQ, ...) = 0`,
  "no delay": (peer) => `setsockopt(${peer.socket}, SOL_TCP, TCP_NODELAY, [${peer.below(2)}], 4) = 0`,
  "connect again": (peer) => `connect(${peer.socket}, ..., ...) = 0`,
  "shut writing": (peer) => {
    peer.stackClosed = true;
    return `shutdown(${peer.socket}, SHUT_WR) = 0`;
  },
  "shut reading": (peer) => `shutdown(${peer.socket}, SHUT_RD) = 0`,
  "shut both": (peer) => {
    peer.stackClosed = true;
    return `shutdown(${peer.socket}, SHUT_RDWR) = 0`;
  },
  "close": (peer) => {
    peer.stackClosed = true;
    return `close(${peer.socket}) = 0`;
  },
  "abort": (peer) => {
    peer.isOver = true;
    return [`setsockopt(${peer.socket}, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0`, `close(${peer.socket}) = 0`];
  },
};

function written(peer: Peer, length: number): string {
  if (peer.isOpen && !peer.stackClosed && !peer.isOver) peer.written += length;
  return `write(${peer.socket}, ..., ${length}) = ${length}`;
}
