import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LinkHandler } from "../../src/node/index.ts";
import { Doubts } from "../../src/node/udp/doubts.ts";
import type { InquiryOutcome } from "../../src/node/udp/inquiry.ts";
import type { UdpPort } from "../../src/node/udp/port.ts";
import { encodeTcpInUdp, icmpErrorOf, IpAddress, Packet, TCP_FLAG, tcpInUdpLength, TcpSegment } from "../../src/wire/index.ts";

const LOCAL = IpAddress.from("192.0.2.1");
const REMOTE = IpAddress.from("192.0.2.2");
const ENDS = { localAddress: LOCAL, localPort: 40_000, remoteAddress: REMOTE, remotePort: 5000 };
const NOTHING = new Uint8Array(0);

let phase: "opening" | "open" | null = "open";
/** What became of the connection: whether it was certain. */
let ended: boolean[] = [];
let passed: Packet[] = [];
let probes: Uint8Array[] = [];
/** Inquiries that were begun, each by how to end it. */
let inquiries: ((outcome: InquiryOutcome) => void)[] = [];
let doubts: Doubts;

const port = {
  hasQuotes: true,
  local: LOCAL,
  port: 40_000,
  sealed: null,
  probe: (token: Uint8Array) => probes.push(token.slice()),
} as unknown as UdpPort;

beforeEach(() => {
  vi.useFakeTimers();
  phase = "open";
  [ended, passed, probes, inquiries] = [[], [], [], []];
  const handler: LinkHandler = {
    connections: {
      phaseOf: (ends) => (expect(ends).toMatchObject(ENDS), phase),
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

/** The beginning of a segment, as an ICMP message quotes it. */
function quoteOf(sequence: number): Uint8Array {
  const packet = new Packet(LOCAL, REMOTE);
  packet.tcp = Object.assign(new TcpSegment(), { sequence, sourcePort: 40_000, destinationPort: 5000, flags: TCP_FLAG.ACK });
  const bytes = new Uint8Array(tcpInUdpLength(packet));
  encodeTcpInUdp(packet, bytes, 0);
  return bytes;
}

function answer(): void {
  const packet = new Packet(REMOTE, LOCAL);
  packet.tcp = Object.assign(new TcpSegment(), { sourcePort: 5000, destinationPort: 40_000 });
  doubts.onSegment(packet, packet.tcp);
}

describe("errors of UDP sockets", () => {
  it("end an open connection when they quote a probe, which nobody can guess", () => {
    error(quoteOf(7));
    vi.advanceTimersToNextTimer();
    expect(probes).toHaveLength(1);
    expect((probes[0] as Uint8Array)[0]).toBe(0);
    expect(ended).toEqual([]);
    error(probes[0] as Uint8Array);
    expect(ended).toEqual([true]);
  });

  it("need not quote all of it, but more than could be tried out", () => {
    error(NOTHING);
    vi.advanceTimersToNextTimer();
    for (let length = 0; length <= 8; length++) error((probes[0] as Uint8Array).subarray(0, length));
    expect(ended).toEqual([]);
    error((probes[0] as Uint8Array).subarray(0, 12));
    expect(ended).toEqual([true]);
  });

  it("end no open connection otherwise, however many there are, and have a few probes sent", () => {
    for (let i = 0; i < 1000; i++) {
      error(NOTHING);
      error(new Uint8Array(17));
      error(quoteOf(i * 4_000_000));
      error(Uint8Array.of(0));
      vi.advanceTimersByTime(10);
    }
    expect(ended).toEqual([]);
    // Ten seconds' worth.
    expect(probes.length).toBeLessThan(20);
  });

  it("end nothing while the peer answers, be there one after each datagram", () => {
    for (let i = 0; i < 200; i++) {
      error(quoteOf(i));
      answer();
      // Even one that a probe of long ago brought about.
      if (probes.length > 0) error(probes.at(-1) as Uint8Array);
      vi.advanceTimersByTime(20);
    }
    expect(ended).toEqual([]);
  });

  it("are handed to the engine where they quote a segment, which looks at its sequence number", () => {
    for (const [code, cause] of [["ECONNREFUSED", 3], ["EHOSTUNREACH", 1], ["ENETUNREACH", 0]] as const) error(quoteOf(77 + cause), code);
    error(NOTHING, "EHOSTUNREACH");
    error(quoteOf(1), "EMSGSIZE");
    expect(passed.map((packet) => (packet.icmp === null ? null : icmpErrorOf(packet.icmp, 4)))).toMatchObject([3, 1, 0].map((code) => ({ code, quoted: { sourcePort: 40_000, destinationPort: 5000, sequence: 77 + code } })));
    vi.advanceTimersByTime(10_000);
    expect(ended).toEqual([]);
  });

  it("that quote nothing end an attempt by an inquiry, and never by their number", () => {
    phase = "opening";
    for (let i = 0; i < 1000; i++) {
      error(NOTHING);
      error(new Uint8Array(17));
      vi.advanceTimersByTime(10);
    }
    expect([ended, probes, inquiries.length]).toEqual([[], [], 1]);
    inquiries[0]?.("unanswered");
    for (let i = 0; i < 20; i++) {
      error(NOTHING);
      vi.advanceTimersByTime(100);
    }
    error(NOTHING);
    inquiries[1]?.("closed");
    expect(ended).toEqual([true]);
  });

  it("that quote nothing end no attempt that the peer answers", () => {
    phase = "opening";
    for (let i = 0; i < 100; i++) error(NOTHING);
    answer();
    phase = "open";
    inquiries[0]?.("closed");
    vi.advanceTimersByTime(10_000);
    expect(ended).toEqual([]);
  });

  it("bring no question about an attempt when they quote a segment that is not its own", () => {
    phase = "opening";
    for (let i = 0; i < 100; i++) error(quoteOf(i));
    expect([probes, inquiries, ended]).toEqual([[], [], []]);
  });

  it("end a connection by an inquiry alone where the system keeps quotes to itself, one for all that are in doubt about a peer's port", () => {
    const keeping = { ...port, hasQuotes: false } as UdpPort;
    const other = { ...keeping, port: 40_001 } as UdpPort;
    const others = new Doubts(
      { connections: { phaseOf: () => "open", opened: () => [], portClosed: ({ localPort }) => ended.push(localPort === 40_001) }, receive: () => {}, batchEnd: () => {}, room: () => {}, failed: () => {} },
      (_port, _remote, _remotePort, onOver) => (inquiries.push(onOver), () => {}),
    );
    for (let i = 0; i < 200; i++) {
      for (const one of [keeping, other]) others.onError({ port: one, code: "ECONNREFUSED", remote: REMOTE, remotePort: 5000, quote: NOTHING });
      vi.advanceTimersByTime(10);
    }
    expect([ended, inquiries.length]).toEqual([[], 1]);
    inquiries[0]?.("closed");
    expect(ended).toEqual([false, true]);
    others.close();
  });

  it("that are made up have nothing asked about that peer for a minute", () => {
    phase = "opening";
    const flood = (milliseconds: number): void => {
      for (let i = 0; i < milliseconds; i += 100) {
        error(NOTHING);
        vi.advanceTimersByTime(100);
      }
    };
    error(NOTHING);
    inquiries[0]?.("forged");
    flood(59_000);
    expect([inquiries.length, ended]).toEqual([1, []]);
    flood(3000);
    expect(inquiries).toHaveLength(2);
  });

  it("are about connections alone that there are, and so many at a time", () => {
    phase = null;
    error(NOTHING);
    expect(doubts.size).toBe(0);
    phase = "open";
    const many = new Doubts({ connections: { phaseOf: () => "open", opened: () => [], portClosed: () => {} }, receive: () => {}, batchEnd: () => {}, room: () => {}, failed: () => {} }, () => () => {});
    for (let i = 1; i < 1000; i++) many.onError({ port, code: "ECONNREFUSED", remote: REMOTE, remotePort: i, quote: NOTHING });
    expect(many.size).toBe(256);
    many.close();
  });
});
