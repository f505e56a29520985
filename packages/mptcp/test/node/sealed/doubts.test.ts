import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LinkHandler } from "../../../src/node/index.ts";
import { BatchedSockets } from "../../../src/node/udp/batched-port.ts";
import { DgramSockets } from "../../../src/node/udp/dgram-port.ts";
import { Doubts } from "../../../src/node/udp/doubts.ts";
import type { InquiryOutcome } from "../../../src/node/udp/inquiry.ts";
import type { PortListener, UdpPort, UdpSockets } from "../../../src/node/udp/port.ts";
import { createSeal, SEALED_HEADER, SEALED_OVERHEAD, SealedPort } from "../../../src/node/udp/sealed/index.ts";
import { INITIATION } from "../../../src/node/udp/sealed/messages.ts";
import { udpSystemCalls } from "../../../src/node/udp/system-calls.ts";
import { encodeTcpInUdp, icmpErrorOf, IpAddress, Packet, TCP_FLAG, tcpInUdpLength, TcpSegment } from "../../../src/wire/index.ts";
import { carry, End, KEY } from "./ends.ts";

const LOCAL = IpAddress.from("192.0.2.1");
const REMOTE = IpAddress.from("192.0.2.2");
const NOTHING = new Uint8Array(0);

describe("errors of UDP sockets that have a key", () => {
  let phase: "opening" | "open" | null = "open";
  let ended: boolean[] = [];
  let passed: Packet[] = [];
  let probes: Uint8Array[] = [];
  let sent: Uint8Array[] = [];
  let inquiries: ((outcome: InquiryOutcome) => void)[] = [];
  let doubts: Doubts;
  let port: UdpPort;

  beforeEach(() => {
    vi.useFakeTimers();
    [ended, passed, probes, sent, inquiries] = [[], [], [], [], []];
    const sealed = new SealedPort(new End({ now: 0 }).seals, (datagram) => sent.push(datagram.slice()));
    port = { hasQuotes: true, local: LOCAL, port: 40_000, sealed, probe: (token: Uint8Array) => probes.push(token.slice()) } as unknown as UdpPort;
    const handler: LinkHandler = {
      connections: {
        phaseOf: () => phase,
        opened: () => [],
        portClosed: (_, isCertain) => {
          ended.push(isCertain);
          phase = null;
        },
      },
      receive: (packet) => passed.push(packet),
      batchEnd: () => {},
      room: () => {},
      failed: () => {},
    };
    doubts = new Doubts(handler, (_port, _remote, _remotePort, onOver) => (inquiries.push(onOver), () => {}));
  });

  afterEach(() => {
    doubts.close();
    vi.useRealTimers();
  });

  function error(quote: Uint8Array, code = "ECONNREFUSED"): void {
    doubts.onError({ port, code, remote: REMOTE, remotePort: 5000, quote });
  }

  /** A SYN waits for the handshake that it begins. @returns the datagram that begins it */
  function begin(sequence: number): Uint8Array {
    const packet = new Packet(LOCAL, REMOTE);
    packet.tcp = Object.assign(new TcpSegment(), { sequence, sourcePort: 40_000, destinationPort: 5000, flags: TCP_FLAG.SYN });
    const { sealed } = port;
    if (sealed === null) throw new Error("no key");
    const peer = sealed.peer(REMOTE, 5000);
    peer.prepare(true, sealed.now);
    const bytes = new Uint8Array(tcpInUdpLength(packet) + SEALED_OVERHEAD);
    const length = encodeTcpInUdp(packet, bytes, SEALED_HEADER);
    expect(peer.seal(bytes, 0, length, sealed.now)).toBe(0);
    return sent.at(-1) as Uint8Array;
  }

  it("that quote the datagram which begins a handshake are about the segment that waits for it", () => {
    phase = "opening";
    const initiation = begin(77);
    for (const code of ["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH"]) error(initiation.subarray(0, 20), code);
    expect(passed.map((packet) => (packet.icmp === null ? null : icmpErrorOf(packet.icmp, 4)))).toMatchObject([3, 1, 0].map((code) => ({ code, quoted: { sourcePort: 40_000, destinationPort: 5000, sequence: 77 } })));
    expect([ended, probes]).toEqual([[], []]);
  });

  it("that quote less of it, or something else, are about no segment", () => {
    phase = "opening";
    const initiation = begin(77);
    const other = initiation.slice();
    other[7] = (other[7] as number) ^ 1;
    for (const quote of [NOTHING, initiation.subarray(0, 7), other, other.subarray(0, 8), randomBytes(64)]) error(quote, "EHOSTUNREACH");
    expect(passed).toEqual([]);
  });

  it("end no open connection, and have no probe sent", () => {
    phase = "open";
    const initiation = begin(77);
    for (let i = 0; i < 1000; i++) {
      error(NOTHING);
      error(initiation);
      error(Uint8Array.of(4, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 9));
      vi.advanceTimersByTime(10);
    }
    expect([ended, probes, inquiries, doubts.size]).toEqual([[], [], [], 0]);
  });

  it("end an attempt, and nothing that became one that is open", () => {
    phase = "opening";
    error(NOTHING);
    inquiries[0]?.("closed");
    // The engine leaves alone what is open by now.
    expect(ended).toEqual([false]);
    phase = "opening";
    error(NOTHING);
    phase = "open";
    vi.advanceTimersByTime(10_000);
    inquiries[1]?.("closed");
    expect([ended, probes]).toEqual([[false], []]);
  });
});

const hasBatches = udpSystemCalls() !== null;

describe.each(hasBatches ? (["batched", "dgram"] as const) : (["dgram"] as const))("a UDP port with a key: %s", (way) => {
  it("sends nothing in the clear, whatever it is asked to", async () => {
    const listener: PortListener = { arrived: () => {}, rejected: () => {}, erred: () => {}, batchEnd: () => {}, room: () => {} };
    const seal = createSeal(KEY, []);
    const calls = udpSystemCalls();
    const sockets: UdpSockets = way === "dgram" || calls === null ? new DgramSockets(listener, 65_536, seal) : new BatchedSockets(calls, listener, 1500, 65_536, seal);
    const local = IpAddress.from("127.0.0.1");
    const port = sockets.open(local, 0, null);
    const other = createSocket("udp4");
    const got: Buffer[] = [];
    other.on("message", (bytes) => got.push(bytes));
    other.bind(0, "127.0.0.1");
    await once(other, "listening");
    const remotePort = other.address().port;
    const token = new Uint8Array(17).fill(0x55, 1);
    port.probe(token, local, remotePort);
    while (got.length < 1) await once(other, "message");
    const packet = new Packet(local, local);
    packet.tcp = Object.assign(new TcpSegment(), { sourcePort: port.port, destinationPort: remotePort, sequence: 1, flags: TCP_FLAG.SYN });
    port.send(packet, packet.tcp);
    port.keepBinding(local, remotePort);
    sockets.flush();
    const asking = createSocket("udp4");
    port.question(local, remotePort, (octets) => asking.send(octets, remotePort, "127.0.0.1"));
    // What the port itself asked is what the SYN waits for as well.
    while (got.length < 2) await once(other, "message");
    asking.close();
    for (const bytes of got) expect([bytes.length, bytes.readUInt32BE(0), bytes.includes(Buffer.from(token.subarray(1)))]).toEqual([INITIATION.length, 0x0100_0000, false]);
    other.close();
    await port.close();
    await sockets.close();
  });
});

it("a question from another port is answered by a peer that lives, and leaves the attempt as it was", () => {
  const clock = { now: 0 };
  const [one, other] = [new End(clock), new End(clock)];
  const asked: Uint8Array[] = [];
  one.send("hello");
  one.sealed.ask(REMOTE, 5000, (datagram) => asked.push(datagram.slice()));
  expect(asked).toHaveLength(1);
  expect(other.receive(asked[0] as Uint8Array, 1)).toBe(0);
  other.take();
  carry(one, other);
  expect(other.got).toEqual(["hello"]);
});
