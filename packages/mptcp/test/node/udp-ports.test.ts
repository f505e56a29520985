import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { MptcpError } from "../../src/core/index.ts";
import { PortTable } from "../../src/node/udp/port-table.ts";
import type { PortListener, UdpSockets } from "../../src/node/udp/port.ts";
import { UdpPort } from "../../src/node/udp/port.ts";
import { IpAddress } from "../../src/wire/index.ts";

const LOCAL = IpAddress.from("192.0.2.1");
const OTHER_LOCAL = IpAddress.from("192.0.2.2");
const [A, B] = [IpAddress.from("198.51.100.1"), IpAddress.from("198.51.100.2")];
const ANY_PORT = (): boolean => true;

/** Sockets of a system that gives out ports from 5001 on, and has so many descriptors. */
class FakeSockets implements UdpSockets {
  readonly segmentationLimit = 0;
  readonly isBoundToDevice = false;
  readonly opened = new Set<string>();
  next = 5001;
  most = 1000;
  isShareable = true;

  open(local: IpAddress, port: number): UdpPort {
    if (this.opened.size >= this.most) throw new MptcpError("EMFILE", "too many");
    if (port === 0 && this.next > 5999) throw new MptcpError("EADDRINUSE", "none is left");
    const number = port === 0 ? this.next++ : port;
    const key = `${local}:${number}`;
    if (this.opened.has(key)) throw new MptcpError("EADDRINUSE", key);
    this.opened.add(key);
    return new FakePort(this, local, number);
  }

  flush(): void {}
  ref(): void {}
  unref(): void {}
  close(): Promise<void> {
    return Promise.resolve();
  }
}

class FakePort extends UdpPort {
  readonly hasQuotes = true;
  private readonly sockets: FakeSockets;
  readonly port: number;

  constructor(sockets: FakeSockets, local: IpAddress, port: number) {
    super({} as PortListener, local);
    this.sockets = sockets;
    this.port = port;
  }

  get isShareable(): boolean {
    return this.sockets.isShareable;
  }

  expect(): void {}
  send(): boolean {
    return true;
  }
  sendBytes(): void {}
  close(): Promise<void> {
    this.sockets.opened.delete(`${this.local}:${this.port}`);
    return Promise.resolve();
  }
}

let sockets: FakeSockets;
let table: PortTable;
/** What the host has: connections by port and peer. */
let tuples: Set<string>;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setImmediate", "performance"] });
  sockets = new FakeSockets();
  table = new PortTable(sockets, [{ address: LOCAL, zone: null }, { address: OTHER_LOCAL, zone: null }], true);
  tuples = new Set();
});

afterEach(async () => {
  await table.close();
  vi.useRealTimers();
});

function connect(remote: IpAddress, remotePort = 80, local = LOCAL): number {
  const port = table.allocate(local, remote, remotePort, (one) => !tuples.has(`${one} ${remote} ${remotePort}`));
  tuples.add(`${port} ${remote} ${remotePort}`);
  return port;
}

describe("ports of a link over UDP", () => {
  it("are shared by connections to different peers, and not by two to the same one", () => {
    expect(connect(A)).toBe(5001);
    expect(connect(B)).toBe(5001);
    expect(connect(A, 81)).toBe(5001);
    expect(connect(A)).toBe(5002);
    expect(connect(B)).toBe(5002);
    expect(connect(A, 80, OTHER_LOCAL)).toBe(5003);
    expect(sockets.opened.size).toBe(3);
  });

  it("are not shared where sockets cannot be", () => {
    sockets.isShareable = false;
    expect([connect(A), connect(B)]).toEqual([5001, 5002]);
    expect(() => table.hold(LOCAL, 5001)).toThrow(expect.objectContaining({ code: "EADDRINUSE" }) as Error);
  });

  it("are not shared by who does not want to", async () => {
    await table.close();
    table = new PortTable(sockets, [{ address: LOCAL, zone: null }], false);
    expect([connect(A), connect(B), connect(A)]).toEqual([5001, 5002, 5003]);
  });

  it("are closed when the last connection on them has gone, and hear nothing before", () => {
    connect(A);
    connect(B);
    table.release(LOCAL, 5001);
    vi.runAllTimers();
    expect([sockets.opened.size, table.find(LOCAL, 5001)?.isDeaf]).toEqual([1, false]);
    table.release(LOCAL, 5001);
    // What was said last is on its way first.
    expect([sockets.opened.size, table.find(LOCAL, 5001)?.isDeaf]).toEqual([1, true]);
    table.hold(LOCAL, 5001);
    expect(table.find(LOCAL, 5001)?.isDeaf).toBe(false);
    table.release(LOCAL, 5001);
    vi.runAllTimers();
    expect(sockets.opened.size).toBe(0);
  });

  it("stay open for a while for what is in TIME-WAIT, a few of them, and are used by others meanwhile", () => {
    for (let i = 0; i < 100; i++) connect(A);
    for (let port = 5001; port <= 5100; port++) table.release(LOCAL, port, true);
    expect(sockets.opened.size).toBe(32);
    expect(connect(B)).toBe(5069);
    // Not to the peer with which they are in TIME-WAIT.
    expect(connect(A)).toBe(5101);
    vi.advanceTimersByTime(3100);
    expect(Array.from(sockets.opened)).toEqual(["192.0.2.1:5069", "192.0.2.1:5101"]);
  });

  it("that the system picks are taken where no connection with that peer is in TIME-WAIT", () => {
    for (const port of [5001, 5002, 5003]) tuples.add(`${port} ${A} 80`);
    expect(connect(A)).toBe(5004);
    expect(Array.from(sockets.opened)).toEqual(["192.0.2.1:5004"]);
    expect(table.allocate(LOCAL, B, 80, () => false)).toBe(0);
    expect(sockets.opened.size).toBe(1);
  });

  it("that are kept for what was closed make room where descriptors have run out, for connections and listeners", () => {
    sockets.most = 4;
    for (let i = 0; i < 4; i++) connect(A);
    expect(() => connect(A)).toThrow(expect.objectContaining({ code: "EMFILE" }) as Error);
    // There is a port for another peer still.
    expect(connect(B)).toBe(5001);
    table.release(LOCAL, 5003, true);
    expect(connect(A)).toBe(5005);
    table.release(LOCAL, 5004, true);
    table.hold(LOCAL, 80);
    expect(sockets.opened.size).toBe(4);
  });

  it("are no longer available when all are in use", () => {
    sockets.next = 6000;
    expect(() => connect(A)).toThrow(expect.objectContaining({ code: "EADDRNOTAVAIL" }) as Error);
  });

  it("of listeners are given to no connection that does not ask for them", () => {
    table.hold(LOCAL, 80);
    expect(connect(A)).toBe(5001);
    table.hold(LOCAL, 5001);
    expect(connect(B)).toBe(5002);
    table.hold(LOCAL, 80, { remoteAddress: A, remotePort: 80 });
    table.release(LOCAL, 80);
    vi.runAllTimers();
    expect(sockets.opened).toContain("192.0.2.1:80");
  });

  it("cannot be had of a link that is closed", async () => {
    await table.close();
    expect(table.allocate(LOCAL, A, 80, ANY_PORT)).toBe(0);
    expect(() => table.hold(LOCAL, 80)).toThrow(expect.objectContaining({ code: "EADDRNOTAVAIL" }) as Error);
  });
});
