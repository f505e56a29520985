import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { STREAM_EVENT } from "../../src/tcp/index.ts";
import type { StreamConnection } from "../../src/tcp/index.ts";
import { IpAddress, Payload } from "../../src/wire/index.ts";
import { createStack, CryptoRandom, Runtime } from "../../src/node/index.ts";
import { MemoryLink } from "./memory-link.ts";
import { turns, uncaught } from "./sockets.bench.ts";

const REMOTE = IpAddress.from("10.0.0.2");
const open: Runtime[] = [];

function twoHosts(): { client: Runtime; server: Runtime; links: [MemoryLink, MemoryLink] } {
  const links = MemoryLink.pair("10.0.0.1", "10.0.0.2");
  const [client, server] = [new Runtime({ name: "client" }), new Runtime({ name: "server" })];
  client.addLink(links[0]);
  server.addLink(links[1]);
  open.push(client, server);
  return { client, server, links };
}

/** Reads and counts everything, and ends when the peer did. */
function sink(runtime: Runtime, onBytes: (count: number) => void): (connection: StreamConnection) => { onEvents(events: number, now: number): void } {
  return (connection) => ({
    onEvents(_events, now): void {
      for (let payload = connection.read(1e9, now); payload !== null; payload = connection.read(1e9, now)) onBytes(payload.length);
      if (connection.ended) connection.end(now);
      runtime.poke();
    },
  });
}

/** Sends `length` octets and ends; resolves with the error when the connection closed. */
function source(runtime: Runtime, port: number, length: number): Promise<string | null> {
  return new Promise((resolve) => {
    let left = length;
    const connection = runtime.connect(REMOTE, port, {}, {
      onEvents(events, now): void {
        while (left > 0) {
          const taken = connection.write(Payload.of(new Uint8Array(Math.min(left, 65_536))), true, now);
          if (taken === 0) break;
          left -= taken;
          if (left === 0) connection.end(now);
        }
        if ((events & STREAM_EVENT.closed) !== 0) resolve(connection.error);
      },
    });
    runtime.ref();
  });
}

afterEach(async () => {
  for (const runtime of open.splice(0)) await runtime.close();
});

describe("Runtime", () => {
  it("moves data between two hosts, also when the device takes one packet at a time", async () => {
    const { client, server, links } = twoHosts();
    for (const link of links) link.capacity = 1;
    let received = 0;
    server.listen(80, {}, sink(server, (count) => (received += count)));
    expect(await source(client, 80, 300_000)).toBe(null);
    expect(received).toBe(300_000);
    expect(links[0].refused).toBeGreaterThan(0);
    // Nothing is lost between the engine and the device.
    while (client.host.counters.segments.TcpOutSegs !== links[0].sent) await new Promise((resolve) => setImmediate(resolve));
  });

  it("resets at the exit of the process what is open, and not what the peer has all of", async () => {
    const { client, server } = twoHosts();
    const accepted: StreamConnection[] = [];
    server.listen(80, {}, (connection) => {
      accepted.push(connection);
      return { onEvents(): void {} };
    });
    let onDelivered = (): void => {};
    const delivered = new Promise<void>((resolve) => (onDelivered = resolve));
    const ended = client.connect(REMOTE, 80, {}, {
      onEvents(events): void {
        if ((events & STREAM_EVENT.drained) !== 0) onDelivered();
      },
    });
    client.connect(REMOTE, 80, {}, { onEvents(): void {} });
    while (accepted.length < 2) await turns(1);
    ended.write(Payload.of(new Uint8Array(1000)), true, client.now);
    ended.end(client.now);
    client.poke();
    await delivered;
    client.leave();
    const [first, second] = accepted as [StreamConnection, StreamConnection];
    while (!second.closed) await turns(1);
    expect(second.error).toBe("ECONNRESET");
    expect([first.closed, first.readable]).toEqual([false, 1000]);
  });

  it("loses nothing to an application that blocks the event loop", async () => {
    const { client, server } = twoHosts();
    let received = 0;
    let blocks = 0;
    server.listen(80, {}, sink(server, (count) => {
      received += count;
      if (blocks >= 3 || received < (blocks + 1) * 200_000) return;
      blocks++;
      const until = performance.now() + 250;
      while (performance.now() < until);
    }));
    expect(await source(client, 80, 1_000_000)).toBe(null);
    expect([received, blocks]).toEqual([1_000_000, 3]);
    // Acknowledgments that were waiting are read before timers fire: a block is no timeout.
    expect(client.host.counters.value("TcpExtTCPTimeouts")).toBe(0);
  });

  it("keeps on when a handler throws, and lets the process know", async () => {
    const { client, server } = twoHosts();
    let received = 0;
    let isThrown = false;
    server.listen(80, {}, () => ({
      onEvents(): void {
        if (isThrown) return;
        isThrown = true;
        throw new Error("a handler's");
      },
    }));
    server.listen(81, {}, sink(server, (count) => (received += count)));
    const failing = client.connect(REMOTE, 80, {}, { onEvents(): void {} });
    const thrown = await uncaught(async () => {
      expect(await source(client, 81, 100_000)).toBe(null);
    });
    expect(received).toBe(100_000);
    expect(thrown.map(String)).toEqual(["Error: a handler's"]);
    expect(failing.closed).toBe(false);
  });

  it("keeps on when something of the application's throws within the loop", async () => {
    const { client, server, links } = twoHosts();
    let received = 0;
    server.listen(80, {}, sink(server, (count) => (received += count)));
    // In the phase of timers: what a tick throws between two immediates, one of which is cleared then, leaves Node 20 in a loop.
    await new Promise((resolve) => setTimeout(resolve, 0));
    const send = links[0].send.bind(links[0]);
    links[0].send = (packet): boolean => {
      links[0].send = send;
      throw new Error(`a link's, with ${packet.length} octets`);
    };
    const thrown = await uncaught(async () => {
      expect(await source(client, 80, 100_000)).toBe(null);
    });
    expect([received, thrown.length]).toEqual([100_000, 1]);
  });

  it("keeps on when something of the application's throws in the engine, at a packet or at a timeout", async () => {
    const { client, server } = twoHosts();
    let received = 0;
    server.listen(80, {}, sink(server, (count) => (received += count)));
    const hosts = [client.host, server.host] as const;
    const [handleTimeout, receive] = [hosts[0].handleTimeout.bind(hosts[0]), hosts[1].receive.bind(hosts[1])];
    hosts[0].handleTimeout = (): void => {
      hosts[0].handleTimeout = handleTimeout;
      throw new Error("at a timeout");
    };
    hosts[1].receive = (): void => {
      hosts[1].receive = receive;
      throw new Error("at a packet");
    };
    const thrown = await uncaught(async () => {
      // The first packet is the SYN, which the timeout sends again.
      expect(await source(client, 80, 100_000)).toBe(null);
    });
    expect(received).toBe(100_000);
    expect(thrown.map(String)).toEqual(["Error: at a packet", "Error: at a timeout"]);
  });

  it("may be closed in the turn in which something of the application's throws", async () => {
    const { client } = twoHosts();
    const thrown = await uncaught(async () => {
      setImmediate(() => {
        process.nextTick(() => {
          void client.close();
          throw new Error("of a tick");
        });
      });
      // The timer's immediate is the next one.
      client.host.nextTimeout = (): number => 0;
      client.poke();
      await Promise.resolve();
      await turns(3);
    });
    expect(thrown.map(String)).toEqual(["Error: of a tick"]);
  });

  it("tells peers when a handler closes it", async () => {
    const { client, server, links } = twoHosts();
    const reset = new Promise<string | null>((resolve) => {
      server.listen(80, {}, (connection) => ({
        onEvents(events): void {
          if ((events & STREAM_EVENT.closed) !== 0) resolve(connection.error);
        },
      }));
    });
    client.connect(REMOTE, 80, {}, {
      onEvents(events): void {
        if ((events & STREAM_EVENT.connected) === 0) return;
        void client.close();
        expect(() => client.connect(REMOTE, 80, {}, { onEvents(): void {} })).toThrow(expect.objectContaining({ code: "ERR_MPTCP_RUNTIME_CLOSED" }));
      },
    });
    expect(await reset).toBe("ECONNRESET");
    expect(links[0].isClosed).toBe(true);
  });

  it("takes a failed link away, and the connection goes on over the other", async () => {
    const first = MemoryLink.pair("10.0.0.1", "10.0.0.2");
    const second = MemoryLink.pair("10.0.1.1", "10.0.1.2");
    const failed: string[] = [];
    const client = createStack({ links: [first[0], second[0]], onLinkFailed: (driver, error) => failed.push(`${driver.name}: ${error.message}`) });
    const server = createStack({ links: [first[1], second[1]] });
    open.push(client.runtime, server.runtime);
    const listener = server.createServer((socket) => socket.pipe(socket)).listen(80);
    await once(listener, "listening");
    const socket = client.connect(80, "10.0.0.2");
    while (socket.mptcp.info().subflows.filter((subflow) => subflow.established).length < 2) await once(socket, "subflowUp");
    first[0].handler?.failed(new Error("unplugged"));
    socket.end("still there");
    let text = "";
    for await (const chunk of socket) text += String(chunk);
    expect(text).toBe("still there");
    expect(failed).toEqual(["memory 10.0.0.1: unplugged"]);
    expect(first[0].isClosed).toBe(true);
  });

  it("keeps the process alive while somebody wants it to, and not longer", () => {
    const { client, links } = twoHosts();
    expect(links[0].isReferenced).toBe(false);
    client.ref();
    client.ref();
    client.unref();
    expect(links[0].isReferenced).toBe(true);
    client.unref();
    expect(links[0].isReferenced).toBe(false);
  });

  it("is asked for nothing any more when all sockets are closed, also those that were destroyed at once", async () => {
    const [left, right] = MemoryLink.pair("10.0.0.1", "10.0.0.2");
    const [client, server] = [createStack({ links: [left] }), createStack({ links: [right] })];
    open.push(client.runtime, server.runtime);
    const listener = server.createServer((socket) => socket.destroy()).listen(80);
    await once(listener, "listening");
    expect([left.isReferenced, right.isReferenced]).toEqual([false, true]);
    for (const end of ["end", "destroy", "resetAndDestroy"] as const) {
      const socket = client.connect(80, "10.0.0.2");
      socket.on("error", () => {});
      await once(socket, "connect");
      expect(left.isReferenced).toBe(true);
      socket.resume();
      socket[end]();
      await once(socket, "close");
    }
    listener.close();
    while (left.isReferenced || right.isReferenced) await new Promise((resolve) => setImmediate(resolve));
    expect(listener.listening).toBe(false);
  });

  it("has integer time that does not go back", () => {
    const { client } = twoHosts();
    let last = client.now;
    for (let i = 0; i < 1000; i++) {
      const { now } = client;
      expect(Number.isInteger(now) && now >= last).toBe(true);
      last = now;
    }
  });

  it("refuses work when closed, and closes links once", async () => {
    const { client, links } = twoHosts();
    await client.close();
    await client.close();
    expect(links[0].isClosed).toBe(true);
    expect(() => client.connect(REMOTE, 80, {}, { onEvents(): void {} })).toThrow(expect.objectContaining({ code: "ERR_MPTCP_RUNTIME_CLOSED" }));
    expect(() => client.addLink(MemoryLink.pair("10.0.9.1", "10.0.9.2")[0])).toThrow(expect.objectContaining({ code: "ERR_MPTCP_RUNTIME_CLOSED" }));
  });
});

describe("CryptoRandom", () => {
  it("draws different numbers across its whole range, and fills arrays of any length", () => {
    const random = new CryptoRandom();
    const drawn = new Set<number>();
    let all = 0;
    for (let i = 0; i < 5000; i++) {
      const number = random.uint32();
      expect(Number.isInteger(number) && number >= 0 && number < 2 ** 32).toBe(true);
      drawn.add(number);
      all |= number;
    }
    expect(drawn.size).toBeGreaterThan(4990);
    expect(all >>> 0).toBe(0xffff_ffff);
    for (const length of [0, 1, 7, 4096, 4097, 100_000]) {
      const bytes = new Uint8Array(length);
      random.fill(bytes);
      if (length > 1000) expect(new Set(bytes).size).toBe(256);
    }
  });
});
