import { describe, expect, it } from "vitest";
import { MptcpError, seededSources } from "../../src/core/index.ts";
import { Host } from "../../src/host/index.ts";
import type { PortSource } from "../../src/host/index.ts";
import { IpAddress, Packet, TCP_FLAG, TcpSegment } from "../../src/wire/index.ts";
import { Pair } from "../mptcp/pair.ts";

const A = IpAddress.from("192.0.2.1");
const B = IpAddress.from("192.0.2.2");
const REMOTE = IpAddress.from("198.51.100.1");

/** Remembers who holds what; ports from 5001 on are given out in order, 6000 is somebody else's. */
class Ports implements PortSource {
  readonly held = new Map<string, number>();
  /** Those that connections in TIME-WAIT let go of. */
  readonly waiting: number[] = [];
  /** Whether the host would take them, as they were asked about. */
  readonly free = new Map<number, boolean>();
  next = 5001;

  allocate(local: IpAddress, _remote: IpAddress, _remotePort: number, isFree: (port: number) => boolean): number {
    if (this.next === 0) return 0;
    for (let port = 5001; port <= this.next; port++) this.free.set(port, isFree(port));
    this.held.set(`${local}:${this.next}`, 1);
    return this.next++;
  }

  hold(local: IpAddress, port: number): void {
    if (port === 6000) throw new MptcpError("EACCES", "somebody else's");
    const key = `${local}:${port}`;
    this.held.set(key, (this.held.get(key) ?? 0) + 1);
  }

  release(local: IpAddress, port: number, isWaiting = false): void {
    if (isWaiting) this.waiting.push(port);
    const key = `${local}:${port}`;
    const count = (this.held.get(key) ?? 0) - 1;
    expect(count).toBeGreaterThanOrEqual(0);
    if (count === 0) this.held.delete(key);
    else this.held.set(key, count);
  }
}

function hostWith(ports: PortSource): Host {
  const host = new Host({ name: "host", random: seededSources(1) });
  host.addAddress(A, { link: 0, ports }, 0);
  return host;
}

function syn(port: number): Packet {
  const packet = new Packet(REMOTE, A);
  packet.tcp = Object.assign(new TcpSegment(), { sourcePort: 1000, destinationPort: port, sequence: 7, flags: TCP_FLAG.SYN, window: 1000 });
  packet.length = 40;
  return packet;
}

describe("port sources", () => {
  it("give a connection its port, which is released when the connection is forgotten", () => {
    const ports = new Ports();
    const host = hostWith(ports);
    const connection = host.connect(REMOTE, 80, {}, 0);
    expect(connection.tuple.localPort).toBe(5001);
    expect(ports.held.get("192.0.2.1:5001")).toBe(1);
    connection.abort(1);
    while (host.pollTransmit(0, 1) !== null);
    expect(ports.held.size).toBe(0);
  });

  it("are asked for the port that the application wants, and may refuse", () => {
    const ports = new Ports();
    const host = hostWith(ports);
    expect(host.connect(REMOTE, 80, { localPort: 7000, multipath: false }, 0).tuple.localPort).toBe(7000);
    expect(ports.held.get("192.0.2.1:7000")).toBe(1);
    expect(() => host.connect(REMOTE, 80, { localPort: 7000 }, 0)).toThrow(expect.objectContaining({ code: "EADDRINUSE" }));
    expect(() => host.connect(REMOTE, 80, { localPort: 6000 }, 0)).toThrow(expect.objectContaining({ code: "EACCES" }));
    expect(() => host.listen(6000)).toThrow(expect.objectContaining({ code: "EACCES" }));
    // The refused listener left nothing behind.
    expect(Array.from(ports.held.keys())).toEqual(["192.0.2.1:7000"]);
    ports.next = 0;
    expect(() => host.connect(REMOTE, 80, {}, 0)).toThrow(expect.objectContaining({ code: "EADDRNOTAVAIL" }));
  });

  it("keep a listener's port while it or a connection on it is there", () => {
    const ports = new Ports();
    const host = hostWith(ports);
    const listener = host.listen(80);
    expect(ports.held.get("192.0.2.1:80")).toBe(1);
    host.receive(syn(80), 0, 1);
    expect(host.pollTransmit(0, 1)?.tcp?.flags).toBe(TCP_FLAG.SYN | TCP_FLAG.ACK);
    expect(ports.held.get("192.0.2.1:80")).toBe(2);
    listener.close(2);
    // The half-open connection keeps it until its RST has left.
    expect(ports.held.get("192.0.2.1:80")).toBe(1);
    expect((host.pollTransmit(0, 2)?.tcp?.flags ?? 0) & TCP_FLAG.RST).toBe(TCP_FLAG.RST);
    expect(ports.held.size).toBe(0);
  });

  it("have a port back when its connection is in TIME-WAIT, and hear that it is not free for that peer before that is over", () => {
    const ports = new Ports();
    const pair = new Pair();
    const { client: host } = pair.hosts;
    const local = pair.address("client", 0);
    host.addAddress(local, { link: 0, ports }, 0);
    const { client, server } = pair.establish();
    expect(Array.from(ports.held)).toEqual([[`${local}:5001`, 1]]);
    client.end();
    server.end();
    pair.run(1000);
    expect([host.usage.timeWaits, host.usage.connections]).toEqual([1, 0]);
    expect(ports.waiting).toEqual([5001]);
    expect(ports.held.size).toBe(0);
    pair.connect();
    expect(ports.free.get(5001)).toBe(false);
    expect(ports.free.get(5002)).toBe(true);
    pair.run(61_000);
    pair.connect();
    expect(ports.free.get(5001)).toBe(true);
    expect(ports.free.get(5002)).toBe(false);
  });

  it("follow addresses that come and go", () => {
    const ports = new Ports();
    const host = hostWith(ports);
    const everywhere = host.listen(80);
    host.listen(81, { address: A });
    host.addAddress(B, { link: 1, ports }, 1);
    expect(Array.from(ports.held.keys()).toSorted()).toEqual(["192.0.2.1:80", "192.0.2.1:81", "192.0.2.2:80"]);
    host.removeAddress(B, 2);
    host.removeAddress(A, 2);
    expect(ports.held.size).toBe(0);
    host.addAddress(A, { link: 0, ports }, 3);
    expect(Array.from(ports.held.keys()).toSorted()).toEqual(["192.0.2.1:80", "192.0.2.1:81"]);
    everywhere.close(4);
    expect(Array.from(ports.held.keys())).toEqual(["192.0.2.1:81"]);
  });

  it("are not asked in vain for a packet: what opens a connection on a port that cannot be held is reset", () => {
    const host = new Host({ name: "host", random: seededSources(1) });
    host.listen(6000);
    // The listener does without this address, where the port is somebody else's.
    host.addAddress(A, { link: 0, ports: new Ports() }, 0);
    host.receive(syn(6000), 0, 1);
    const answer = host.pollTransmit(0, 1);
    expect((answer?.tcp?.flags ?? 0) & TCP_FLAG.RST).toBe(TCP_FLAG.RST);
    expect(host.usage.connections).toBe(0);
  });
});
