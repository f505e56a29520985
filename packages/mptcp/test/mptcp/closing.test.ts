import { describe, expect, test } from "vitest";
import { fullMesh } from "../../src/mptcp/index.ts";
import type { TcpConnection } from "../../src/tcp/index.ts";
import { Payload, sequenceAdd } from "../../src/wire/index.ts";
import type { App, PairOptions, Sent, Side } from "./pair.ts";
import { has, isData, isFin, isReset, isSyn, MS, option, Pair, SECOND } from "./pair.ts";

const hasDataFin = (sent: Sent): boolean => option(sent.segment, "dss")?.dataFin === true;

/** States of the TCP connections that a host still knows. */
function states(pair: Pair, side: Side): string[] {
  const { connections } = pair.hosts[side] as unknown as { connections: { all: () => TcpConnection[] } };
  const waiting = Array.from({ length: pair.hosts[side].usage.timeWaits }, () => "TIME-WAIT");
  return [...connections.all().map((tcp) => tcp.state), ...waiting].toSorted();
}

function tokens(pair: Pair, side: Side): number {
  return (pair.hosts[side] as unknown as { tokens: Map<number, unknown> }).tokens.size;
}

function establish(options: PairOptions = {}): { pair: Pair; client: App; server: App } {
  const pair = new Pair({ clientAddresses: 2, ...options });
  return { pair, ...pair.establish() };
}

function ends(...apps: App[]): (string | boolean | null)[][] {
  return apps.map(({ connection }) => [connection.closed, connection.error]);
}

describe("DATA_FIN (RFC 8684 §3.3.3)", () => {
  test("followed by the subflow's FIN, before ours: CLOSE-WAIT, what we have to say, our DATA_FIN, then our FIN", () => {
    const { pair, client, server } = establish({ clientAddresses: 1 });
    client.write(100);
    client.end();
    pair.run(200);
    client.engine.subflows[0]?.close(pair.now);
    pair.run(500);
    expect([states(pair, "server"), states(pair, "client")]).toEqual([["CLOSE-WAIT"], ["FIN-WAIT-2"]]);
    server.write(1000);
    pair.run(500);
    expect([client.received, server.connection.closed]).toEqual([1000, false]);
    server.write(500);
    server.end();
    pair.run(500);
    expect([client.received, client.corrupt, ends(client, server)]).toEqual([1500, false, [[true, null], [true, null]]]);
    expect([states(pair, "server"), pair.packets(isReset)]).toEqual([[], []]);
  });

  test("with data: counted in the Data-Level Length, not in the subflow's sequence", () => {
    const { pair, client, server } = establish({ clientAddresses: 1 });
    client.write(100);
    pair.run(100);
    const mark = pair.sent.length;
    client.write(50);
    client.end();
    pair.run(100);
    expect(pair.lines(() => true, mark)).toEqual(["> 00 PA 50 dss(ack map 51@101 fin)", "< 00 A dss(ack)"]);
    const [data, ack] = [pair.sent[mark], pair.sent[mark + 1]].map((sent) => option((sent as Sent).segment, "dss"));
    expect(ack?.dataAckLow).toBe(sequenceAdd(data?.dsnLow as number, 51));
    expect((pair.sent[mark + 1] as Sent).segment.acknowledgment).toBe(sequenceAdd((pair.sent[mark] as Sent).segment.sequence, 50));
    expect([server.received, server.connection.ended, client.drained]).toEqual([150, true, true]);
  });

  test("of a listener leaves with its data, although its peer has sent no DSS yet: the third ACK has shown that it has the key", () => {
    const { pair, server } = establish({ clientAddresses: 1, server: { mptcp: { confirmHandshake: false } } });
    const mark = pair.sent.length;
    server.write(100);
    server.end();
    pair.run(5);
    expect(pair.lines(() => true, mark)).toEqual(["< 00 PA 100 dss(ack map 101@1 fin)"]);
  });

  test("without data: subflow sequence number 0, length 1, the next data sequence number", () => {
    const { pair, client, server } = establish({ clientAddresses: 1 });
    client.write(100);
    pair.run(100);
    const data = option((pair.packets(isData)[0] as Sent).segment, "mp_capable") === null ? option((pair.packets(isData)[0] as Sent).segment, "dss") : null;
    const mark = pair.sent.length;
    client.end();
    pair.run(100);
    expect(pair.lines(() => true, mark)).toEqual(["> 00 A dss(ack map 1@0 fin)", "< 00 A dss(ack)"]);
    const fin = option((pair.sent[mark] as Sent).segment, "dss");
    if (data !== null) expect(fin?.dsnLow).toBe(sequenceAdd(data.dsnLow, 100));
    expect(option((pair.sent[mark + 1] as Sent).segment, "dss")?.dataAckLow).toBe(sequenceAdd(fin?.dsnLow as number, 1));
    expect([server.connection.ended, client.drained]).toEqual([true, true]);
  });

  test("a lone one that is lost is sent again", () => {
    const { pair, client, server } = establish({ clientAddresses: 1 });
    client.write(100);
    pair.run(100);
    pair.lose(hasDataFin, 3);
    client.end();
    pair.run(10_000);
    expect(pair.packets(hasDataFin)).toHaveLength(4);
    expect([server.connection.ended, client.drained]).toEqual([true, true]);
  });

  test("whose Data ACK is lost is sent again and acknowledged again", () => {
    const { pair, client, server } = establish({ clientAddresses: 1 });
    client.write(100);
    pair.run(100);
    client.end();
    let lost = 0;
    pair.lose((sent) => sent.from === "server" && lost++ < 2);
    pair.run(10_000);
    expect([server.connection.ended, client.drained]).toEqual([true, true]);
    expect(pair.packets(hasDataFin).length).toBeGreaterThanOrEqual(2);
    expect(pair.decisions("server", "data_fin")).toHaveLength(1);
  });

  test("that overtakes data on a slower path waits for it", () => {
    const { pair, client, server } = establish({
      delay: (index) => (index === 0 ? 5 : 200) * MS,
      client: { mptcp: { opportunisticRetransmission: false } },
    });
    pair.run(1000);
    client.engine.sender.carriers.exchange({ name: "slow", select: (subflows) => subflows.find((one) => one.pathIndex === 2) ?? null });
    // Four full segments.
    client.write(5728);
    pair.run(0);
    client.engine.sender.carriers.exchange({ name: "fast", select: (subflows) => subflows.find((one) => one.pathIndex === 1) ?? null });
    client.write(100);
    client.end();
    pair.run(100);
    const fin = pair.packets(hasDataFin)[0] as Sent;
    expect([fin.client, fin.segment.payload.length]).toEqual([0, 100]);
    expect([server.received, server.connection.ended, server.engine.receiver.finOffset]).toEqual([0, false, 5828]);
    pair.run(400);
    expect([server.received, server.corrupt, server.connection.ended, client.drained]).toEqual([5828, false, true, true]);
  });

  test("after it nothing can be written", () => {
    const { client } = establish();
    client.end();
    expect(() => client.connection.write(Payload.virtual(1), false, 0)).toThrow(expect.objectContaining({ code: "ERR_STREAM_WRITE_AFTER_END" }));
    expect(client.connection.writable).toBe(0);
  });
});

describe("closing", () => {
  test("half: the other direction goes on over all subflows, no FIN before its end", () => {
    const { pair, client, server } = establish();
    client.write(1000);
    client.end();
    pair.run(500);
    expect(server.connection.ended).toBe(true);
    const mark = pair.sent.length;
    server.write(500_000);
    pair.run(60_000);
    expect([client.received, client.corrupt]).toEqual([500_000, false]);
    expect(new Set(pair.packets((sent) => sent.from === "server" && isData(sent), mark).map((sent) => sent.client))).toEqual(new Set([0, 1]));
    expect(pair.packets(isFin)).toEqual([]);
    expect(ends(client, server)).toEqual([[false, null], [false, null]]);
    server.end();
    pair.run(1000);
    expect(ends(client, server)).toEqual([[true, null], [true, null]]);
    expect(pair.packets((sent) => isFin(sent) && sent.from === "client")).toHaveLength(2);
    expect(pair.packets((sent) => isFin(sent) && sent.from === "server")).toHaveLength(2);
  });

  test("no FIN leaves before everything, the DATA_FIN included, is acknowledged in both directions", () => {
    const { pair, client, server } = establish({ delay: (index) => (index === 0 ? 10 : 80) * MS });
    // Both subflows are there before it starts.
    pair.run(1000);
    client.write(300_000);
    client.end();
    server.write(200_000);
    server.end();
    let early = 0;
    pair.interfere((packet, sent) => {
      if (isFin(sent)) {
        const { sender } = (sent.from === "client" ? client : server).engine;
        if (!sender.finAcknowledged || !(sent.from === "client" ? client : server).engine.receiver.finReached) early++;
      }
      return packet;
    });
    pair.run(10_000);
    expect([client.received, server.received, client.corrupt, server.corrupt, early]).toEqual([200_000, 300_000, false, false, 0]);
    expect(ends(client, server)).toEqual([[true, null], [true, null]]);
    expect(pair.packets(isReset)).toEqual([]);
  });

  test("at the same time from both ends", () => {
    const { pair, client, server } = establish();
    client.write(1000);
    server.write(1000);
    pair.run(500);
    client.end();
    server.end();
    pair.run(1000);
    expect([client.received, server.received]).toEqual([1000, 1000]);
    expect(ends(client, server)).toEqual([[true, null], [true, null]]);
    expect([client.drained, server.drained]).toEqual([true, true]);
    pair.run(70_000);
    expect([states(pair, "client"), states(pair, "server"), tokens(pair, "client"), tokens(pair, "server")]).toEqual([[], [], 0, 0]);
  });

  test.each(["client", "server"] as const)("the %s closes first and has all of TIME-WAIT, the other none", (first) => {
    const { pair, client, server } = establish();
    const [active, passive] = first === "client" ? [client, server] : [server, client];
    client.write(1000);
    server.write(1000);
    pair.run(500);
    active.end();
    pair.run(300);
    expect(passive.connection.ended).toBe(true);
    passive.end();
    pair.run(200);
    expect(ends(client, server)).toEqual([[true, null], [true, null]]);
    expect(states(pair, first)).toEqual(["TIME-WAIT", "TIME-WAIT"]);
    expect(states(pair, first === "client" ? "server" : "client")).toEqual([]);
    // The connection is forgotten at once where nothing waits.
    expect(tokens(pair, first === "client" ? "server" : "client")).toBe(0);
    pair.run(70_000);
    expect([states(pair, first), tokens(pair, first)]).toEqual([[], 0]);
  });

  test("a passive closer whose peer's FINs never come closes by itself", () => {
    const { pair, client, server } = establish();
    client.write(10);
    client.end();
    pair.run(300);
    server.end();
    pair.lose((sent) => sent.from === "client" && isFin(sent) && sent.at < 2 * SECOND);
    pair.run(200);
    expect(ends(server)).toEqual([[true, null]]);
    pair.run(10_000);
    expect(pair.packets((sent) => sent.from === "server" && isFin(sent)).length).toBeGreaterThanOrEqual(2);
    pair.run(100_000);
    expect([states(pair, "client"), states(pair, "server"), tokens(pair, "client"), tokens(pair, "server")]).toEqual([[], [], 0, 0]);
  });

  test("a subflow that is dead then does not hold the others up", () => {
    const { pair, client, server } = establish();
    client.write(100_000);
    pair.run(2000);
    pair.lose((sent) => sent.client === 1);
    client.write(100_000);
    client.end();
    pair.run(3000);
    expect([server.received, server.connection.ended]).toEqual([200_000, true]);
    server.end();
    pair.run(5000);
    expect(ends(client, server)).toEqual([[true, null], [true, null]]);
    expect(pair.lines((sent) => isReset(sent) && sent.from === "client")).toContain("> 10 RA tcprst(4 transient)");
    // The server's FIN on the dead path is repeated until R2 is over.
    pair.run(1_800_000);
    expect([tokens(pair, "client"), tokens(pair, "server")]).toEqual([0, 0]);
  });

  test("an empty connection, at once", () => {
    const pair = new Pair();
    const client = pair.connect();
    client.end();
    pair.run(100);
    pair.accepted[0]?.end();
    pair.run(1000);
    expect(ends(client, pair.accepted[0] as App)).toEqual([[true, null], [true, null]]);
    expect([client.connection.ended, pair.accepted[0]?.connection.ended]).toEqual([true, true]);
  });

  test("a join that completes when the connection is closed is closed too", () => {
    const pair = new Pair({ clientAddresses: 2, delay: (index) => (index === 0 ? 2 : 150) * MS });
    const client = pair.connect();
    client.write(10);
    client.end();
    pair.runUntil(() => pair.accepted[0]?.connection.ended === true, 1000);
    pair.accepted[0]?.end();
    pair.run(120_000);
    expect(ends(client, pair.accepted[0] as App)).toEqual([[true, null], [true, null]]);
    expect([states(pair, "client"), states(pair, "server"), tokens(pair, "client"), tokens(pair, "server")]).toEqual([[], [], 0, 0]);
  });
});

test("a closed connection that lingers is over in time, even with a join under way", () => {
  const pair = new Pair();
  const { client, server } = pair.establish();
  client.write(10);
  pair.run(100);
  client.end();
  server.end();
  pair.runUntil(() => client.connection.closed, 1000);
  const silence = pair.lose(() => true);
  pair.run(30_000);
  pair.removeAddress("client", 0);
  pair.run(55_000);
  expect([states(pair, "client"), tokens(pair, "client")]).toEqual([[], 1]);
  silence();
  // The path is back, but the third ACK of the join is never answered.
  pair.lose((sent) => sent.from === "server" && !isSyn(sent));
  pair.addAddress("client", "10.1.0.1");
  pair.run(4000);
  expect(states(pair, "client")).toEqual(["ESTABLISHED"]);
  const host = pair.hosts.client;
  const handle = host.handleTimeout.bind(host);
  let calls = 0;
  host.handleTimeout = (now) => {
    if (++calls > 1000) throw new Error("a timer fires for ever");
    handle(now);
  };
  pair.run(10_000);
  expect([states(pair, "client"), tokens(pair, "client")]).toEqual([[], 0]);
});

describe("MP_FASTCLOSE (RFC 8684 §3.5)", () => {
  test("with RST: on every subflow, with the receiver's key; the peer is told ECONNRESET", () => {
    const { pair, client, server } = establish();
    client.write(1_000_000);
    pair.run(40);
    const mark = pair.sent.length;
    client.abort();
    expect(ends(client)).toEqual([[true, "ECONNABORTED"]]);
    pair.run(500);
    // What was still under way is answered by plain RSTs.
    const said = pair.lines((sent) => sent.from === "client", mark);
    expect([said.slice(0, 2), new Set(said.slice(2))]).toEqual([["> 00 RA fastclose", "> 10 RA fastclose"], new Set(["> 00 R", "> 10 R"])]);
    for (const sent of pair.packets((one) => has(one, "mp_fastclose"))) expect(option(sent.segment, "mp_fastclose")?.receiverKey).toEqual(server.mptcp.session.local.key);
    expect(ends(server)).toEqual([[true, "ECONNRESET"]]);
    expect([states(pair, "client"), states(pair, "server"), tokens(pair, "client"), tokens(pair, "server")]).toEqual([[], [], 0, 0]);
    // Counted by segment, as Linux does; the first ends the connection.
    expect([pair.counter("client", "MPFastcloseTx"), pair.counter("server", "MPFastcloseRx")]).toEqual([2, 1]);
    expect(pair.decisions("server", "fastclose").map((event) => event.direction)).toEqual(["in"]);
  });

  test("from the server", () => {
    const { pair, client, server } = establish();
    server.abort();
    pair.run(500);
    expect(ends(client, server)).toEqual([[true, "ECONNRESET"], [true, "ECONNABORTED"]]);
    expect([tokens(pair, "client"), tokens(pair, "server")]).toEqual([0, 0]);
  });

  test("is no error to who waits for nothing but the acknowledgment of its DATA_FIN, and keeps nothing for a return", () => {
    const { pair, client, server } = establish();
    server.end();
    pair.run(500);
    // Our DATA_FIN does not arrive before the peer breaks off.
    const restore = pair.lose((sent) => sent.from === "client");
    client.end();
    pair.run(20);
    restore();
    server.abort();
    pair.run(500);
    expect(ends(client, server)).toEqual([[true, null], [true, "ECONNABORTED"]]);
    expect([states(pair, "client"), tokens(pair, "client")]).toEqual([[], 0]);
  });

  test("on one subflow is enough: the others are reset", () => {
    const { pair, client, server } = establish();
    pair.lose((sent) => has(sent, "mp_fastclose") && sent.client === 0);
    client.abort();
    pair.run(500);
    expect(ends(server)).toEqual([[true, "ECONNRESET"]]);
    expect(pair.lines((sent) => sent.from === "server" && isReset(sent))).toEqual(["< 00 RA"]);
    expect(states(pair, "server")).toEqual([]);
  });

  test("with ACK: repeated until the peer's RST comes", () => {
    const { pair, client, server } = establish({ client: { mptcp: { fastclose: "ack" } } });
    pair.lose((sent) => has(sent, "mp_fastclose"), 1);
    const mark = pair.sent.length;
    client.abort();
    pair.run(2000);
    expect(pair.lines((sent) => sent.from === "client", mark)).toEqual(["> 00 A fastclose", "> 10 RA", "> 00 A fastclose"]);
    expect(pair.lines((sent) => sent.from === "server" && sent.client === 0, mark)).toEqual(["< 00 RA"]);
    expect(ends(client, server)).toEqual([[true, "ECONNABORTED"], [true, "ECONNRESET"]]);
    expect([states(pair, "client"), states(pair, "server"), tokens(pair, "client"), tokens(pair, "server")]).toEqual([[], [], 0, 0]);
  });

  test("with ACK: given up with a RST when nobody answers", () => {
    const { pair, client } = establish({ client: { mptcp: { fastclose: "ack" } } });
    pair.lose(() => true);
    const mark = pair.sent.length;
    client.abort();
    pair.run(20_000);
    expect(pair.packets((sent) => sent.from === "client" && has(sent, "mp_fastclose") && !isReset(sent), mark)).toHaveLength(4);
    expect(pair.packets((sent) => sent.from === "client" && isReset(sent) && sent.client === 0, mark)).toHaveLength(1);
    expect([states(pair, "client"), tokens(pair, "client")]).toEqual([[], 0]);
  });

  test("from both ends at once", () => {
    for (const fastclose of ["reset", "ack"] as const) {
      const { pair, client, server } = establish({ client: { mptcp: { fastclose } }, server: { mptcp: { fastclose } } });
      client.abort();
      server.abort();
      pair.run(5000);
      expect(ends(client, server)).toEqual([[true, "ECONNABORTED"], [true, "ECONNABORTED"]]);
      expect([states(pair, "client"), states(pair, "server"), tokens(pair, "client"), tokens(pair, "server")]).toEqual([[], [], 0, 0]);
    }
  });

  test("with a wrong key is ignored", () => {
    const { pair, client, server } = establish();
    client.write(1000);
    pair.run(500);
    let once = true;
    pair.alter((segment, sent) => {
      if (!once || sent.from !== "client" || isData(sent)) return;
      once = false;
      segment.mptcp = [{ kind: "mp_fastclose", receiverKey: client.mptcp.session.local.key }];
    });
    server.write(1000);
    pair.run(3000);
    expect(once).toBe(false);
    expect(ends(client, server)).toEqual([[false, null], [false, null]]);
    expect([client.received, server.established, pair.counter("server", "MPFastcloseRx")]).toEqual([1000, [1, 2], 0]);
  });

  test("opens no new path on the way down", () => {
    for (const mode of ["single-path", "full"] as const) {
      const { pair, client, server } = establish({ clientAddresses: 3, client: { mptcp: { pathManager: () => fullMesh({ mode }), limits: { subflows: 1, addAddrAccepted: 8 } } } });
      client.write(1000);
      pair.run(500);
      const mark = pair.sent.length;
      server.abort();
      pair.run(5000);
      expect(pair.packets(isSyn, mark)).toEqual([]);
      expect([ends(client), tokens(pair, "client")]).toEqual([[[true, "ECONNRESET"]], 0]);
      const again = pair.establish();
      again.client.write(100);
      pair.run(500);
      const after = pair.sent.length;
      again.client.abort();
      pair.run(5000);
      expect(pair.packets(isSyn, after)).toEqual([]);
      expect(tokens(pair, "client")).toBe(0);
    }
  });

  test("before the connection is established there is nothing to send", () => {
    const pair = new Pair();
    const client = pair.connect();
    pair.run(5);
    client.abort();
    pair.run(3000);
    expect(ends(client)).toEqual([[true, "ECONNABORTED"]]);
    expect(pair.packets((sent) => sent.from === "client").map((sent) => [isSyn(sent), isReset(sent)])).toEqual([[true, false], [false, true]]);
    expect([states(pair, "client"), states(pair, "server"), tokens(pair, "client"), tokens(pair, "server"), pair.accepted.length]).toEqual([[], [], 0, 0, 0]);
  });
});

describe("without any subflow (X4)", () => {
  const wait = { mptcp: { noSubflowTimeout: 20 * SECOND } };

  /** Both ends lose every subflow: all packets are lost, and TCP gives up. */
  function cutOff(options: PairOptions = {}): { pair: Pair; client: App; server: App; mend: () => void } {
    const pair = new Pair({ client: { ...wait, tcp: { retries: 3 } }, server: { ...wait, tcp: { retries: 3 } }, ...options });
    const { client, server } = pair.establish();
    client.write(1000);
    server.write(1000);
    pair.run(500);
    const mend = pair.lose(() => true);
    client.write(1000);
    server.write(1000);
    pair.run(10_000);
    return { pair, client, server, mend };
  }

  test("the connection waits for one, then times out", () => {
    const { pair, client, server } = cutOff();
    expect([client.mptcp.subflows.filter((subflow) => subflow.established), server.mptcp.subflows]).toEqual([[], []]);
    expect(ends(client, server)).toEqual([[false, null], [false, null]]);
    pair.run(60_000);
    expect(ends(client, server)).toEqual([[true, "ETIMEDOUT"], [true, "ETIMEDOUT"]]);
    // Nothing is left, not even the attempt to join that was under way.
    expect([states(pair, "client"), states(pair, "server"), tokens(pair, "client"), tokens(pair, "server")]).toEqual([[], [], 0, 0]);
  });

  test("a path that comes back in time carries on", () => {
    const { pair, client, server, mend } = cutOff();
    mend();
    pair.run(15_000);
    expect([client.received, server.received, client.corrupt, server.corrupt]).toEqual([2000, 2000, false, false]);
    expect(ends(client, server)).toEqual([[false, null], [false, null]]);
    client.end();
    server.end();
    pair.run(5000);
    expect(ends(client, server)).toEqual([[true, null], [true, null]]);
  });

  test("break before make: the only address goes, another comes", () => {
    const pair = new Pair({ client: wait, server: wait });
    const { client, server } = pair.establish();
    client.write(500_000);
    server.write(300_000);
    pair.run(60);
    pair.removeAddress("client", 0);
    expect(client.mptcp.subflows).toEqual([]);
    pair.run(5000);
    expect(client.connection.closed).toBe(false);
    const halfway = [client.received, server.received];
    pair.addAddress("client", "10.1.0.9");
    pair.run(10_000);
    expect(halfway).not.toEqual([300_000, 500_000]);
    expect([client.received, server.received, client.corrupt, server.corrupt]).toEqual([300_000, 500_000, false, false]);
    // The peer heard of the address that is gone.
    expect(pair.packets((sent) => option(sent.segment, "remove_addr")?.addressIds.includes(0) === true).length).toBeGreaterThan(0);
    pair.run(10_000);
    expect([client.established.length, server.established.length]).toEqual([1, 1]);
  });

  test("an address that comes too late finds nothing", () => {
    const pair = new Pair({ client: wait, server: wait });
    const { client, server } = pair.establish();
    client.write(1000);
    pair.run(500);
    pair.removeAddress("client", 0);
    pair.run(21_000);
    expect(ends(client)).toEqual([[true, "ETIMEDOUT"]]);
    pair.addAddress("client", "10.1.0.9");
    const mark = pair.sent.length;
    pair.run(5000);
    expect(pair.packets((sent) => sent.from === "client", mark)).toEqual([]);
    expect([server.received, tokens(pair, "client")]).toEqual([1000, 0]);
  });

  test("the application may abort while it waits, and write, which is kept", () => {
    const { pair, client, mend, server } = cutOff();
    expect(client.connection.writable).toBeGreaterThan(0);
    client.write(5000);
    client.end();
    mend();
    pair.run(15_000);
    expect([server.received, server.connection.ended]).toEqual([7000, true]);
    const other = cutOff();
    other.client.abort();
    expect(ends(other.client)).toEqual([[true, "ECONNABORTED"]]);
    expect(tokens(other.pair, "client")).toBe(0);
    other.pair.run(100);
  });
});

describe("a listener", () => {
  test("that closes resets what was not accepted", () => {
    const pair = new Pair({ accept: false });
    const client = pair.connect();
    pair.run(200);
    expect(client.connected).toBe(true);
    pair.listener.close(pair.now);
    pair.run(200);
    expect(ends(client)).toEqual([[true, "ECONNRESET"]]);
    expect(tokens(pair, "server")).toBe(0);
  });

  test("forgets handshakes that never complete", () => {
    const pair = new Pair({ server: { tcp: { synRetries: 2 }, synCookies: "never" }, listen: { backlog: 2 } });
    pair.lose((sent) => sent.from === "client" && !isSyn(sent));
    pair.connect();
    pair.connect();
    pair.connect();
    pair.run(100);
    expect([pair.listener.halfOpen, tokens(pair, "server")]).toEqual([2, 2]);
    expect(pair.hosts.server.counters.value("TcpExtListenOverflows")).toBeGreaterThan(0);
    pair.run(60_000);
    expect([pair.listener.halfOpen, tokens(pair, "server"), states(pair, "server")]).toEqual([0, 0, []]);
  });
});
