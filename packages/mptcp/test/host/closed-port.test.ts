import { describe, expect, test } from "vitest";
import { NEVER } from "../../src/core/index.ts";
import type { ConnectOptions } from "../../src/host/index.ts";
import type { FourTuple } from "../../src/tcp/index.ts";
import { TCP_FLAG } from "../../src/wire/index.ts";
import { Pair } from "../mptcp/pair.ts";
import type { App, PairOptions } from "../mptcp/pair.ts";

/** The ends of all subflows that the client opened. */
function tuples(pair: Pair): FourTuple[] {
  return pair.addresses.client.flatMap((_, link) => pair.hosts.client.openedBy(link));
}

function reversed({ localAddress, localPort, remoteAddress, remotePort }: FourTuple): FourTuple {
  return { localAddress: remoteAddress, localPort: remotePort, remoteAddress: localAddress, remotePort: localPort };
}

/** The client of a peer that said `bytes`, which nobody reads yet, and its end, and is gone: nothing arrives any more. */
function withEndedPeer(options: ConnectOptions, bytes: number, pairOptions: PairOptions = {}): { pair: Pair; client: App; tuple: FourTuple } {
  const pair = new Pair(pairOptions);
  const { client, server } = pair.establish(options);
  const [tuple] = tuples(pair) as [FourTuple];
  client.reading = false;
  if (bytes > 0) server.write(bytes);
  server.end();
  pair.run(200);
  pair.interfere((packet, sent) => (sent.from === "server" ? null : packet));
  return { pair, client, tuple };
}

describe("a link that found the peer's port closed", () => {
  test.each([true, false])("ends an established connection when that is certain, and not otherwise (Multipath TCP: %s)", (multipath) => {
    for (const side of ["client", "server"] as const) {
      const pair = new Pair();
      const ends = pair.establish({ multipath });
      const [opened] = tuples(pair) as [FourTuple];
      const tuple = side === "client" ? opened : reversed(opened);
      const host = pair.hosts[side];
      expect(host.phaseOf(tuple)).toBe("open");
      host.portClosed(tuple, false, pair.now);
      pair.run(1);
      expect(ends[side].connection.closed).toBe(false);
      host.portClosed(tuple, true, pair.now);
      pair.run(1);
      expect(ends[side].connection.error).toBe("ECONNRESET");
      expect(host.phaseOf(tuple)).toBeNull();
      expect(host.usage.connections).toBe(0);
    }
  });

  test("ends an attempt in either case, which was refused then", () => {
    for (const isCertain of [true, false]) {
      const pair = new Pair();
      const app = pair.connect();
      const [tuple] = tuples(pair) as [FourTuple];
      pair.run(1);
      expect(pair.hosts.client.phaseOf(tuple)).toBe("opening");
      pair.hosts.client.portClosed(tuple, isCertain, pair.now);
      pair.run(1);
      expect(app.connection.error).toBe("ECONNREFUSED");
    }
  });

  test("ends one subflow while there are others, and the connection with the last one", () => {
    const pair = new Pair({ clientAddresses: 2 });
    const { client } = pair.establish();
    pair.run(500);
    const [first, second] = tuples(pair) as [FourTuple, FourTuple];
    pair.hosts.client.portClosed(first, true, pair.now);
    pair.run(1);
    expect(client.connection.closed).toBe(false);
    pair.hosts.client.portClosed(second, true, pair.now);
    pair.run(1);
    expect(client.connection.error).toBe("ECONNRESET");
  });

  test.each([true, false])("leaves a connection of a peer that has ended and owes no acknowledgment to the application, until our end is not answered (Multipath TCP: %s)", (multipath) => {
    const { pair, client, tuple } = withEndedPeer({ multipath }, 1000);
    pair.hosts.client.portClosed(tuple, true, pair.now);
    pair.run(120_000);
    expect([client.connection.closed, client.connection.readable]).toEqual([false, 1000]);
    client.reading = true;
    client.connection.read(1000, pair.now);
    client.end();
    pair.run(1);
    expect(client.connection.closed).toBe(false);
    pair.hosts.client.portClosed(tuple, true, pair.now);
    pair.run(1);
    expect([client.connection.closed, client.connection.error]).toEqual([true, null]);
    expect(pair.hosts.client.usage).toMatchObject({ connections: 0, lingering: 0 });
  });

  test.each([true, false])("ends a connection at once and without an error when nothing but the acknowledgment of our end is missing (Multipath TCP: %s)", (multipath) => {
    for (const unread of [0, 1000]) {
      const { pair, client, tuple } = withEndedPeer({ multipath }, unread);
      client.end();
      pair.run(1);
      pair.hosts.client.portClosed(tuple, false, pair.now);
      pair.run(1);
      expect(client.connection.closed).toBe(false);
      pair.hosts.client.portClosed(tuple, true, pair.now);
      pair.run(1);
      expect([client.connection.closed, client.connection.error]).toEqual([true, null]);
      expect(client.connection.readable).toBe(unread);
      expect(pair.hosts.client.nextTimeout()).toBe(NEVER);
    }
  });

  test.each([true, false])("ends it so where both ends crossed, too (Multipath TCP: %s)", (multipath) => {
    const pair = new Pair();
    const { client, server } = pair.establish({ multipath });
    const [tuple] = tuples(pair) as [FourTuple];
    // The peer's end arrives, and nothing after it.
    server.end();
    client.end();
    pair.run(5);
    pair.interfere((packet, sent) => (sent.from === "server" ? null : packet));
    pair.run(20);
    expect(client.connection.ended).toBe(true);
    expect(client.connection.closed).toBe(false);
    pair.hosts.client.portClosed(tuple, true, pair.now);
    pair.run(1);
    expect([client.connection.closed, client.connection.error]).toEqual([true, null]);
  });

  test.each([true, false])("is a reset to who has ended and waits for the peer's end, acknowledged or not (Multipath TCP: %s)", (multipath) => {
    for (const isAcknowledged of [true, false]) {
      const pair = new Pair();
      const { client } = pair.establish({ multipath });
      const [tuple] = tuples(pair) as [FourTuple];
      if (!isAcknowledged) pair.interfere((packet, sent) => (sent.from === "server" ? null : packet));
      client.end();
      pair.run(100);
      pair.hosts.client.portClosed(tuple, true, pair.now);
      pair.run(1);
      expect([client.connection.closed, client.connection.error]).toEqual([true, "ECONNRESET"]);
    }
  });

  test("leaves a subflow whose connection has others to end alone, although our end is not acknowledged", () => {
    const { pair, client } = withEndedPeer({ multipath: true }, 0, { clientAddresses: 2 });
    const [first, second] = tuples(pair) as [FourTuple, FourTuple];
    client.end();
    pair.run(1);
    pair.hosts.client.portClosed(first, true, pair.now);
    pair.run(1);
    expect(client.connection.closed).toBe(false);
    pair.hosts.client.portClosed(second, true, pair.now);
    pair.run(1);
    expect([client.connection.closed, client.connection.error]).toEqual([true, null]);
  });

  test("keeps no connection that is over for a peer that is gone", () => {
    const pair = new Pair();
    const { client, server } = pair.establish();
    const [tuple] = tuples(pair) as [FourTuple];
    server.end();
    pair.run(200);
    client.end();
    // Our DATA_FIN is acknowledged; the FINs of the subflow do not follow.
    pair.alter((segment, sent) => {
      if (sent.from === "server") segment.flags &= ~TCP_FLAG.FIN;
    });
    pair.run(30);
    expect([client.connection.closed, client.connection.error, pair.hosts.client.usage.connections]).toEqual([true, null, 1]);
    pair.hosts.client.portClosed(tuple, true, pair.now);
    pair.run(1);
    expect([client.connection.error, pair.hosts.client.phaseOf(tuple), pair.hosts.client.usage]).toMatchObject([null, null, { connections: 0, lingering: 0, tokens: 0 }]);
  });

  test.each([true, false])("ends a connection of a peer that has not ended, and leaves what has arrived of it to be read (Multipath TCP: %s)", (multipath) => {
    const pair = new Pair();
    const { client, server } = pair.establish({ multipath });
    client.reading = false;
    server.write(1000);
    client.write(1000);
    pair.run(200);
    pair.interfere((packet, sent) => (sent.from === "server" ? null : packet));
    for (const tuple of tuples(pair)) pair.hosts.client.portClosed(tuple, true, pair.now);
    pair.run(1);
    expect([client.connection.closed, client.connection.error, client.connection.readable]).toEqual([true, "ECONNRESET", 1000]);
    expect(client.connection.read(2000, pair.now)).toHaveLength(1000);
  });

  test.each([true, false])("ends a connection whose peer has ended and does not get what is said to it (Multipath TCP: %s)", (multipath) => {
    const pair = new Pair();
    const { client, server } = pair.establish({ multipath });
    const [tuple] = tuples(pair) as [FourTuple];
    server.end();
    pair.run(200);
    pair.interfere((packet, sent) => (sent.from === "server" ? null : packet));
    client.write(1000);
    pair.run(1);
    pair.hosts.client.portClosed(tuple, true, pair.now);
    pair.run(1);
    expect(client.connection.error).toBe("ECONNRESET");
  });

  test("has nothing to say of other connections", () => {
    const pair = new Pair();
    const { client } = pair.establish();
    const [tuple] = tuples(pair) as [FourTuple];
    const other = { ...tuple, remotePort: tuple.remotePort + 1 };
    expect(pair.hosts.client.phaseOf(other)).toBeNull();
    pair.hosts.client.portClosed(other, true, pair.now);
    pair.run(1);
    expect(client.connection.closed).toBe(false);
    expect(pair.hosts.client.openedBy(1)).toEqual([]);
  });
});
