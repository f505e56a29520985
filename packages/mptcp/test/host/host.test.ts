import { describe, expect, test } from "vitest";
import { MptcpError, SECOND, SeededRandom, seededSources } from "../../src/core/index.ts";
import type { RandomSource } from "../../src/core/index.ts";
import type { HostOptions } from "../../src/host/index.ts";
import { Host } from "../../src/host/index.ts";
import type { ListenOptions } from "../../src/host/index.ts";
import { STREAM_EVENT } from "../../src/tcp/index.ts";
import { IpAddress, Packet, packetLength, Payload, TCP_FLAG, TcpSegment } from "../../src/wire/index.ts";

const HERE = IpAddress.from("10.0.0.1");
const PEER = IpAddress.from("10.0.0.2");

function host(options: Partial<HostOptions> = {}): Host {
  const made = new Host({ name: "host", random: seededSources(1), ...options });
  made.addAddress(HERE, { link: 0 }, 0);
  return made;
}

function segment(flags: number, fields: Partial<TcpSegment> = {}, to: IpAddress = HERE): Packet {
  const packet = new Packet(PEER, to);
  packet.tcp = Object.assign(new TcpSegment(), { sourcePort: 5000, destinationPort: 80, flags, sequence: 100, window: 65535 }, fields);
  packet.length = packetLength(packet);
  return packet;
}

function drain(of: Host, now: number): Packet[] {
  const sent: Packet[] = [];
  for (let packet = of.pollTransmit(0, now); packet !== null; packet = of.pollTransmit(0, now)) sent.push(packet);
  return sent;
}

/** Sends a SYN from `port`; completes the handshake when asked to. */
function dial(to: Host, port: number, complete: boolean): Packet[] {
  to.receive(segment(TCP_FLAG.SYN, { sourcePort: port }), 0, 0);
  const answers = drain(to, 0);
  const synAck = answers[0]?.tcp;
  if (complete && synAck !== undefined && synAck !== null) {
    to.receive(segment(TCP_FLAG.ACK, { sourcePort: port, sequence: 101, acknowledgment: (synAck.sequence + 1) >>> 0 }), 0, 0);
  }
  return answers;
}

describe("what nobody can have sent (RFC 9293 §3.9.2.3)", () => {
  const from = (source: string, fields: Partial<TcpSegment> = {}, flags: number = TCP_FLAG.SYN): Packet => {
    const { tcp } = segment(flags, fields);
    const packet = new Packet(IpAddress.from(source), HERE);
    packet.tcp = tcp;
    packet.length = packetLength(packet);
    return packet;
  };

  test.each(["224.0.0.1", "239.255.255.255", "255.255.255.255", "0.0.0.0"])("a SYN from %s, or anything else, is ignored (MUST-63)", (source) => {
    const made = host();
    made.listen(80);
    made.receive(from(source), 0, 0);
    made.receive(from(source, {}, TCP_FLAG.ACK), 0, 0);
    made.receive(from(source, { destinationPort: 81 }), 0, 0);
    expect(drain(made, 0)).toEqual([]);
    expect(made.counters.value("IpInAddrErrors")).toBe(3);
  });

  test("a SYN that claims to come from the socket that it is for", () => {
    const made = host();
    made.listen(80);
    made.receive(from(HERE.toString(), { sourcePort: 80 }), 0, 0);
    expect(drain(made, 0)).toEqual([]);
    // Two processes of one machine may share its address, as over UDP.
    made.receive(from(HERE.toString(), { sourcePort: 5000 }), 0, 0);
    expect(drain(made, 0)[0]?.tcp?.flags).toBe(TCP_FLAG.SYN | TCP_FLAG.ACK);
  });

  test("a SYN to a multicast or broadcast address (MUST-57)", () => {
    const made = host();
    made.listen(80);
    for (const to of ["224.0.0.1", "255.255.255.255"]) made.receive(segment(TCP_FLAG.SYN, {}, IpAddress.from(to)), 0, 0);
    expect(drain(made, 0)).toEqual([]);
  });

  test.each(["224.0.0.1", "255.255.255.255", "0.0.0.0", "ff02::1"])("nor can anybody be reached at %s (MUST-46)", (remote) => {
    expect(() => host().connect(IpAddress.from(remote), 80, {}, 0)).toThrow(expect.objectContaining({ code: "ENETUNREACH" }) as Error);
  });
});

describe("a listener", () => {
  test("accepts a connection once its handshake is complete", () => {
    const made = host();
    const listener = made.listen(80);
    expect(dial(made, 5000, true)[0]?.tcp?.flags).toBe(TCP_FLAG.SYN | TCP_FLAG.ACK);
    expect(made.pollEvent()).toBe(listener);
    const connection = listener.accept();
    expect(connection?.tuple.remotePort).toBe(5000);
    expect(made.pollEvent()).toBe(connection);
    expect((connection?.takeEvents() ?? 0) & STREAM_EVENT.connected).toBe(STREAM_EVENT.connected);
    expect(made.pollEvent()).toBeNull();
    expect(listener.accept()).toBeNull();
  });

  test.each([["half open", false], ["not accepted", true]])("takes no more than its backlog of connections that are %s", (_what, complete) => {
    const made = host({ synCookies: "never" });
    made.listen(80, { backlog: 3 });
    const answered = [5000, 5001, 5002, 5003, 5004].map((port) => dial(made, port, complete).length);
    expect(answered).toEqual([1, 1, 1, 0, 0]);
    expect(made.counters.value("TcpExtListenOverflows")).toBe(2);
  });

  test("has room again when a connection was accepted, or its handshake failed", () => {
    const made = host();
    const listener = made.listen(80, { backlog: 1 });
    dial(made, 5000, true);
    expect(dial(made, 5001, false)).toHaveLength(0);
    listener.accept();
    expect(dial(made, 5001, false)).toHaveLength(1);
    made.receive(segment(TCP_FLAG.RST, { sourcePort: 5001, sequence: 101 }), 0, 0);
    expect(dial(made, 5002, false)).toHaveLength(1);
  });

  test("shares a port only with listeners on other addresses", () => {
    const made = host();
    const code = (options?: ListenOptions): string => {
      try {
        made.listen(80, options);
        return "fine";
      } catch (error) {
        return error instanceof MptcpError ? error.code : "?";
      }
    };
    expect(code({ address: HERE })).toBe("fine");
    expect(code({ address: HERE })).toBe("EADDRINUSE");
    expect(code()).toBe("EADDRINUSE");
    expect(code({ address: PEER })).toBe("fine");
  });

  test("resets what it has not handed out when it closes, and the port is free again", () => {
    const made = host();
    const listener = made.listen(80);
    dial(made, 5000, true);
    listener.close(SECOND);
    expect(drain(made, SECOND).some((packet) => ((packet.tcp?.flags ?? 0) & TCP_FLAG.RST) !== 0)).toBe(true);
    expect(dial(made, 5001, false)[0]?.tcp?.flags).toBe(TCP_FLAG.RST | TCP_FLAG.ACK);
    made.listen(80);
  });

  test("resets what is half open when it closes, plain TCP or not", () => {
    const made = host();
    const listener = made.listen(80);
    const capable = { kind: "mp_capable", version: 1, flags: 1, senderKey: null, receiverKey: null, dataLength: -1, checksum: -1 } as const;
    made.receive(segment(TCP_FLAG.SYN, { sourcePort: 5000 }), 0, 0);
    made.receive(segment(TCP_FLAG.SYN, { sourcePort: 5001, mptcp: [capable] }), 0, 0);
    drain(made, 0);
    expect([listener.halfOpen, made.usage.connections]).toEqual([2, 2]);
    listener.close(SECOND);
    expect(drain(made, SECOND).map((packet) => (packet.tcp?.flags ?? 0) & TCP_FLAG.RST)).toEqual([TCP_FLAG.RST, TCP_FLAG.RST]);
    expect([listener.halfOpen, made.usage]).toEqual([0, { connections: 0, orphans: 0, lingering: 0, timeWaits: 0, pendingJoins: 0, tokens: 0, ports: 0, timers: 0 }]);
  });
});

describe("strangers", () => {
  test("get a RST, unless they are RSTs themselves or for another host", () => {
    const made = host();
    made.receive(segment(TCP_FLAG.ACK, { acknowledgment: 77 }), 0, 0);
    const [reset] = drain(made, 0);
    expect([reset?.tcp?.flags, reset?.tcp?.sequence]).toEqual([TCP_FLAG.RST, 77]);
    made.receive(segment(TCP_FLAG.RST), 0, 0);
    made.receive(segment(TCP_FLAG.SYN, {}, IpAddress.from("10.0.0.9")), 0, 0);
    expect(drain(made, 0)).toEqual([]);
    expect(made.counters.value("IpInAddrErrors")).toBe(1);
  });

  test("cannot make the host queue RSTs without bound", () => {
    const made = host();
    for (let port = 1; port <= 5000; port++) made.receive(segment(TCP_FLAG.SYN, { sourcePort: port }), 0, 0);
    expect(drain(made, 0).length).toBeLessThan(1000);
  });
});

describe("opening", () => {
  const code = (act: () => unknown): string => {
    try {
      act();
      return "fine";
    } catch (error) {
      return error instanceof MptcpError ? error.code : String(error);
    }
  };

  test("needs an address of the destination's family", () => {
    const made = host();
    expect(code(() => made.connect(IpAddress.from("fd00::1"), 80, {}, 0))).toBe("EADDRNOTAVAIL");
    expect(code(() => made.connect(PEER, 80, { localAddress: IpAddress.from("10.9.9.9") }, 0))).toBe("EADDRNOTAVAIL");
    expect(code(() => made.connect(PEER, 80, { localPort: 1000 }, 0))).toBe("fine");
    expect(code(() => made.connect(PEER, 80, { localPort: 1000 }, 0))).toBe("EADDRINUSE");
  });

  test("at the same time as the peer gives plain TCP when no SYN+ACK brought the peer's key", () => {
    const made = host();
    const connection = made.connect(PEER, 80, { localPort: 1000, tcp: { simultaneousOpen: true } }, 0);
    const capable = { kind: "mp_capable", version: 1, flags: 1, senderKey: null, receiverKey: null, dataLength: -1, checksum: -1 } as const;
    const there = { sourcePort: 80, destinationPort: 1000 };
    const sequence = drain(made, 0)[0]?.tcp?.sequence ?? 0;
    made.receive(segment(TCP_FLAG.SYN, { ...there, mptcp: [capable] }), 0, 0);
    drain(made, 0);
    made.receive(segment(TCP_FLAG.ACK, { ...there, sequence: 101, acknowledgment: (sequence + 1) >>> 0 }), 0, 0);
    expect([connection.takeEvents() & STREAM_EVENT.connected, connection.multipath, connection.fallback]).toEqual([STREAM_EVENT.connected, false, "no_mp_capable_in_synack"]);
  });

  test("draws a key again whose token is in use (RFC 8684 §3.1)", () => {
    // Keys come in pairs: every second draw repeats the one before.
    const random = new SeededRandom(3);
    let last = new Uint8Array(8);
    let draws = 0;
    const repeating: RandomSource = {
      uint32: () => random.uint32(),
      fill: (target) => {
        if (draws++ % 2 === 1) target.set(last);
        else random.fill(target);
        last = target.slice();
      },
    };
    const made = host({ random: seededSources(3, [], { keys: repeating }) });
    made.connect(PEER, 80, {}, 0);
    made.connect(PEER, 81, {}, 0);
    expect(made.counters.value("MPTcpExtTokenCollision")).toBe(1);
    expect(made.usage.tokens).toBe(2);
  });
});

describe("hop limit and DSCP that a listener has", () => {
  const MARKED = { tcp: { hopLimit: 9, trafficClass: 0xbb }, multipath: false } as const;
  const marks = (packets: readonly Packet[]): string[] => packets.map(({ hopLimit, tcp, trafficClass }) => `${tcp?.flags} ${hopLimit} ${trafficClass}`);
  const { ACK, FIN, PSH, RST, SYN } = TCP_FLAG;

  test.each(["auto", "always"] as const)("are those of all that leaves, from the SYN+ACK to what answers in TIME-WAIT; SYN cookies: %s", (synCookies) => {
    const made = host({ synCookies });
    const listener = made.listen(80, MARKED);
    const answers = dial(made, 5000, true);
    expect(marks(answers)).toEqual([`${SYN | ACK} 9 184`]);
    const ours = ((answers[0]?.tcp?.sequence ?? 0) + 1) >>> 0;
    const connection = listener.accept();
    connection?.write(Payload.virtual(10), true, 0);
    connection?.end(0);
    expect(marks(drain(made, 0))).toEqual([`${ACK | PSH | FIN} 9 184`]);
    const end = segment(ACK | FIN, { sequence: 101, acknowledgment: ours + 11 });
    made.receive(end, 0, 0);
    expect(marks(drain(made, 0))).toEqual([`${ACK} 9 184`]);
    expect(made.usage.timeWaits).toBe(1);
    made.receive(end, 0, SECOND);
    expect(marks(drain(made, SECOND))).toEqual([`${ACK} 9 184`]);
  });

  test("are those of the RST of an abort", () => {
    const made = host();
    const listener = made.listen(80, MARKED);
    dial(made, 5000, true);
    listener.accept()?.abort(0);
    expect(marks(drain(made, 0))).toEqual([`${RST | ACK} 9 184`]);
  });
});
