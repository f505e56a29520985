import { describe, expect, test } from "vitest";
import type { ConnectOptions } from "../../src/host/index.ts";
import { optionStripper } from "../../src/sim/index.ts";
import type { App, PairOptions } from "./pair.ts";
import { has, isData, isFin, isReset, isSyn, option, Pair } from "./pair.ts";

const MINUTE = 60_000;

/** What both hosts still remember, the client first; nothing at all: zeros. */
function left(pair: Pair): number[] {
  const { client, server } = pair.hosts;
  return [client, server].flatMap(({ usage: { connections, timeWaits, pendingJoins, tokens, ports, timers } }) => [connections + timeWaits, pendingJoins, tokens, ports, timers]).concat(pair.listener.halfOpen);
}

const NOTHING = Array<number>(11).fill(0);

interface Kind {
  readonly name: string;
  readonly options?: PairOptions;
  readonly connect?: ConnectOptions;
  /** What the path does to all packets. */
  readonly path?: (pair: Pair) => void;
}

const KINDS: readonly Kind[] = [
  { name: "one subflow" },
  { name: "two subflows", options: { clientAddresses: 2 } },
  { name: "plain TCP", connect: { multipath: false } },
  { name: "fallback", path: (pair) => void pair.middlebox(optionStripper()) },
  { name: "fallback after the handshake", path: (pair) => void pair.middlebox(optionStripper({ segments: ["data", "ack", "rst"] })) },
];

/** Opens, sends both ways and closes; nothing arrives any more once `packets` were sent. @returns how many were */
function live(kind: Kind, packets: number, leave: (app: App) => void): { pair: Pair; apps: App[]; sent: number } {
  const pair = new Pair(kind.options);
  kind.path?.(pair);
  pair.lose(() => pair.sent.length > packets);
  const client = pair.connect(kind.connect);
  pair.run(100);
  client.write(4000);
  pair.run(100);
  pair.accepted[0]?.write(3000);
  pair.run(100);
  leave(client);
  pair.run(100);
  for (const server of pair.accepted) leave(server);
  pair.run(100);
  return { pair, apps: [client, ...pair.accepted], sent: pair.sent.length };
}

describe("a peer that vanishes, after any packet of opening, sending and closing, both ends", () => {
  for (const kind of KINDS) {
    const { sent } = live(kind, Number.POSITIVE_INFINITY, (app) => app.end());

    test(`${kind.name}: who ended, and is owed an answer, is left with nothing after 15 minutes`, () => {
      expect(sent).toBeGreaterThan(8);
      for (let packets = 0; packets <= sent; packets++) {
        const { pair, apps } = live(kind, packets, (app) => app.end());
        // The silence begins with the first timeout.
        pair.run(15 * MINUTE + 2000);
        for (const app of apps.filter(({ connection }) => !connection.closed)) {
          // It waits for what the peer may still say, which only the application, or its keepalive, can end.
          expect([app.drained, app.connection.ended], `after ${packets} packets`).toEqual([true, false]);
          app.abandon();
        }
        pair.run(2 * MINUTE);
        expect(left(pair), `after ${packets} packets`).toEqual(NOTHING);
      }
    });

    test(`${kind.name}: who was abandoned by its application is left with nothing after 2 minutes`, () => {
      for (let packets = 0; packets <= sent; packets++) {
        const { pair } = live(kind, packets, (app) => app.abandon());
        pair.run(2 * MINUTE);
        // A handshake that nobody completes belongs to no application yet: its SYN+ACKs are sent for 127 s.
        if (pair.listener.halfOpen === 0) expect(left(pair), `after ${packets} packets`).toEqual(NOTHING);
        else expect([pair.accepted.length, left(pair).slice(0, 5)], `after ${packets} packets`).toEqual([0, NOTHING.slice(0, 5)]);
        pair.run(MINUTE / 2);
        expect(left(pair), `after ${packets} packets`).toEqual(NOTHING);
      }
    });
  }
});

describe("how long a connection waits for its peer", () => {
  /** Established, and the path dies after `before`. */
  function deserted(options: PairOptions, before: (client: App, server: App, pair: Pair) => void): { pair: Pair; client: App; server: App } {
    const pair = new Pair(options);
    const { client, server } = pair.establish();
    client.write(1000);
    pair.run(200);
    before(client, server, pair);
    return { pair, client, server };
  }
  const lastReason = (pair: Pair): string | undefined => pair.decisions("client", "connection_closed").at(-1)?.reason;

  test("a DATA_FIN that nobody acknowledges: 15 minutes since anything was heard, then ETIMEDOUT", () => {
    const { pair, client } = deserted({}, (app, _server, net) => {
      net.lose(() => true);
      app.end();
    });
    pair.run(14.9 * MINUTE);
    expect(client.connection.closed).toBe(false);
    pair.run(0.2 * MINUTE);
    expect([client.connection.closed, client.connection.error, lastReason(pair)]).toEqual([true, "ETIMEDOUT", "peer_silent"]);
    expect(pair.hosts.client.counters.value("TcpExtTCPAbortOnTimeout")).toBe(1);
  });

  test("`retries` hold for the connection: four of them end it after as long as TCP's four would", () => {
    const { pair, client } = deserted({ client: { tcp: { retries: 4 } } }, (app, _server, net) => {
      net.lose(() => true);
      app.end();
    });
    pair.run(6000);
    expect(client.connection.closed).toBe(false);
    pair.run(1000);
    expect([client.connection.error, lastReason(pair)]).toEqual(["ETIMEDOUT", "peer_silent"]);
  });

  test("the user timeout (RFC 5482) holds for the connection, for the DATA_FIN too", () => {
    for (const options of [{}, { clientAddresses: 2 }]) {
      const { pair, client } = deserted({ ...options, client: { tcp: { userTimeout: 10e9 } } }, (app, _server, net) => {
        net.lose(() => true);
        app.end();
      });
      pair.run(9900);
      expect(client.connection.closed).toBe(false);
      pair.run(200);
      expect([client.connection.error, lastReason(pair)]).toEqual(["ETIMEDOUT", "user_timeout"]);
    }
  });

  test("data that TCP acknowledges and no Data ACK covers is given up after 15 minutes, and the peer hears of it", () => {
    const pair = new Pair({ clientAddresses: 2 });
    const { client, server } = pair.establish();
    client.write(1000);
    pair.run(200);
    // A proxy that acknowledges what it has taken, and delivers nothing; Data ACKs stay where they were.
    let stuck = -1;
    pair.alter((segment, sent) => {
      const dss = option(segment, "dss");
      if (dss === null || sent.from !== "server" || dss.dataAckLength === 0) return;
      if (stuck < 0) stuck = dss.dataAckLow;
      segment.mptcp = [{ ...dss, dataAckLow: stuck }];
    });
    server.write(10);
    pair.run(200);
    client.write(1000);
    pair.run(14.9 * MINUTE);
    expect(client.connection.closed).toBe(false);
    pair.run(0.3 * MINUTE);
    expect([client.connection.error, lastReason(pair)]).toEqual(["ETIMEDOUT", "data_unacknowledged"]);
    expect(server.connection.error).toBe("ECONNRESET");
  });

  test("probes of a closed window that nobody answers: 15 minutes; a peer that answers may keep it closed", () => {
    const small = { initial: 4000, max: 4000, autoTune: false };
    for (const alive of [true, false]) {
      const pair = new Pair({ server: { tcp: { receiveBuffer: small } } });
      const { client, server } = pair.establish();
      server.reading = false;
      client.write(20_000);
      pair.run(2000);
      if (!alive) pair.lose(() => true);
      pair.run(16 * MINUTE);
      expect(client.connection.error).toBe(alive ? null : "ETIMEDOUT");
      if (!alive) continue;
      server.reading = true;
      server.look();
      pair.run(2 * MINUTE);
      expect([server.received, server.corrupt]).toEqual([20_000, false]);
    }
  });

  test("an orphan whose peer keeps the window closed, or its own side open, is given up within two minutes", () => {
    const small = { initial: 4000, max: 4000, autoTune: false };
    for (const multipath of [true, false]) {
      for (const length of [0, 20_000]) {
        const pair = new Pair({ server: { tcp: { receiveBuffer: small } } });
        const { client, server } = pair.establish({ multipath });
        server.reading = false;
        client.write(length);
        pair.run(1000);
        client.abandon();
        pair.run(55_000);
        expect(client.connection.closed).toBe(false);
        pair.run(65_000);
        expect(client.connection.error).toBe("ETIMEDOUT");
        server.reading = true;
        server.look();
        expect(server.connection.error).toBe("ECONNRESET");
        expect(left(pair)).toEqual(NOTHING);
      }
    }
  });

  test("an orphan that makes progress, slowly, delivers everything", () => {
    const small = { initial: 4000, max: 4000, autoTune: false };
    for (const multipath of [true, false]) {
      const pair = new Pair({ server: { tcp: { receiveBuffer: small } } });
      const { client, server } = pair.establish({ multipath });
      server.reading = false;
      client.write(60_000);
      pair.run(1000);
      client.abandon();
      while (server.received < 60_000 && server.connection.error === null && pair.now < 3600e9) {
        pair.run(40_000);
        server.read(4000);
      }
      expect([server.received, server.corrupt]).toEqual([60_000, false]);
      server.end();
      server.reading = true;
      server.look();
      pair.run(3 * MINUTE);
      expect([client.connection.error, ...left(pair)]).toEqual([null, ...NOTHING]);
    }
  });

  test("a long idle time is no silence: who then sends is given the whole time", () => {
    for (const multipath of [true, false]) {
      const pair = new Pair();
      const { client, server } = pair.establish({ multipath });
      client.write(100);
      pair.run(1000);
      pair.run(120 * MINUTE);
      const up = pair.lose(() => true);
      client.write(100);
      pair.run(2 * MINUTE);
      up();
      pair.run(3 * MINUTE);
      expect([client.connection.error, server.received]).toEqual([null, 200]);
    }
  });

  test("a subflow that was closed and whose peer does not answer its FIN is gone after a minute", () => {
    const pair = new Pair({ clientAddresses: 2 });
    const { client } = pair.establish();
    client.write(100);
    pair.run(500);
    pair.lose((sent) => sent.client === 1 && (sent.from === "server" || isFin(sent)));
    client.mptcp.closeSubflow(2, pair.now);
    pair.run(59_000);
    expect(pair.decisions("client", "subflow_closed")).toEqual([]);
    pair.run(2000);
    expect(pair.decisions("client", "subflow_closed").map(({ subflow, reason }) => [subflow, reason])).toEqual([[2, "ETIMEDOUT"]]);
    expect(client.connection.closed).toBe(false);
  });
});

describe("a connection without subflows (RFC 8684 §3.3.3)", () => {
  test("is given up after its minute, however fast joins fail", () => {
    const pair = new Pair();
    const { client, server } = pair.establish();
    client.write(100);
    pair.run(500);
    // The subflow is gone at the client alone; each join is answered at once, by a RST that gives no reason.
    pair.alter((segment, sent) => {
      if (isReset(sent)) segment.mptcp = [];
      else if (isSyn(sent)) segment.mptcp = segment.mptcp.map((one) => (one.kind === "mp_join_syn" ? { ...one, token: one.token ^ 1 } : one));
    });
    pair.lose((sent) => sent.from === "client" && !isSyn(sent));
    client.write(100);
    client.engine.subflows[0]?.end("path_manager", pair.now);
    pair.run(58_000);
    expect([client.connection.closed, pair.packets((sent) => has(sent, "mp_join_syn")).length > 3]).toEqual([false, true]);
    pair.run(3000);
    expect([client.connection.closed, client.connection.error]).toEqual([true, "ETIMEDOUT"]);
    expect(server.received).toBe(100);
    expect(pair.packets(isData).length).toBeGreaterThan(0);
  });

  test("a join that succeeds ends the wait", () => {
    const pair = new Pair();
    const { client, server } = pair.establish();
    client.write(100);
    pair.run(500);
    const up = pair.lose((sent) => sent.from === "client");
    client.engine.subflows[0]?.end("path_manager", pair.now);
    pair.run(20_000);
    up();
    client.write(100);
    pair.run(50_000);
    expect([client.connection.closed, server.received]).toEqual([false, 200]);
  });
});
