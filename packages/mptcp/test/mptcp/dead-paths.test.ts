import { describe, expect, test } from "vitest";
import { NEVER } from "../../src/core/index.ts";
import type { App, Sent } from "./pair.ts";
import { has, isData, isReset, isSyn, Pair, SECOND } from "./pair.ts";

/** A box on the client's second path that lets in only what belongs to a flow whose SYN it saw, and forgets them all on demand. */
function forgetfulNat(pair: Pair): { forget: () => void } {
  let known = new Set<number>();
  pair.interfere((packet, sent) => {
    if (sent.client !== 1 || packet.tcp === null) return packet;
    const port = sent.from === "client" ? packet.tcp.sourcePort : packet.tcp.destinationPort;
    if (sent.from === "client" && isSyn(sent)) known.add(port);
    return known.has(port) ? packet : null;
  });
  return { forget: () => void (known = new Set()) };
}

/** Two paths, data in one direction at some 400 kbit/s, without end. */
function streaming(download: boolean): { pair: Pair; client: App; server: App; second: (from: number) => number } {
  const pair = new Pair({ clientAddresses: 2, delay: (client) => (client === 0 ? 20 : 10) * 1e6 });
  const { client, server } = pair.establish();
  client.write(10);
  pair.run(500);
  const from = download ? server : client;
  // When data first arrived by the second path, or a new subflow was ready for it, from a time on; ns, NEVER: not at all.
  const second = (since: number): number => {
    const data = pair.packets((sent) => isData(sent) && sent.client === 1 && !sent.lost && sent.from === from.side && sent.at >= since)[0];
    const ready = pair.decisions("client", "subflow_established").find(({ at, subflow }) => at >= since && subflow === 2);
    return Math.min(data?.at ?? NEVER, ready?.at ?? NEVER);
  };
  return { pair, client, server, second };
}

function stream(pair: Pair, app: App, seconds: number): void {
  for (let tick = 0; tick < seconds * 4; tick++) {
    app.write(12_000);
    pair.run(250);
  }
}

describe("a path that was out, while another carries data", () => {
  for (const download of [true, false]) {
    for (const [outage, within] of [[5, 6], [25, 12], [30, 12], [120, 25]] as const) {
      for (const forgets of [false, true]) {
        test(`${download ? "download" : "upload"}, out for ${outage} s${forgets ? ", behind a NAT that forgot" : ""}: fit for use within ${forgets ? 25 : within} s`, () => {
          const { pair, client, server, second } = streaming(download);
          const nat = forgetfulNat(pair);
          // The box has seen nothing yet: a fresh join on the second path.
          client.mptcp.closeSubflow(2, pair.now);
          client.engine.subflows.find((one) => one.pathIndex === 2)?.end("silent", pair.now);
          const app = download ? server : client;
          stream(pair, app, 5);
          expect(second(pair.now - SECOND)).toBeLessThan(NEVER);
          const up = pair.lose((sent) => sent.client === 1);
          stream(pair, app, outage);
          up();
          if (forgets) nat.forget();
          const back = pair.now;
          stream(pair, app, 30);
          expect((second(back) - back) / SECOND).toBeLessThan(forgets ? 25 : within);
          pair.run(5000);
          const reader = download ? client : server;
          expect([reader.corrupt, reader.received > 1_000_000]).toEqual([false, true]);
        });
      }
    }
  }

  test("a subflow whose other end is gone is asked three times, reset and opened anew by who only receives", () => {
    const { pair, client, server } = streaming(true);
    pair.lose((sent) => sent.client === 1 && sent.from === "server" && isReset(sent), 3);
    server.engine.subflows.find((one) => one.pathIndex === 2)?.end("silent", pair.now);
    stream(pair, server, 40);
    expect(pair.decisions("client", "subflow_closed").map(({ subflow }) => subflow)).toEqual([2]);
    expect([client.established.includes(2), server.established.length]).toEqual([true, 2]);
  });

  test("an idle subflow that answers is asked ever less often, and a connection without traffic not at all", () => {
    const { pair, server, client } = streaming(true);
    client.mptcp.setBackup(2, true, pair.now);
    pair.run(1000);
    const mark = pair.sent.length;
    stream(pair, server, 300);
    const asked = pair.packets((sent) => sent.client === 1 && sent.from === "client", mark);
    expect(asked.length).toBeGreaterThan(2);
    expect(asked.length).toBeLessThan(20);
    expect(client.established).toEqual([1, 2]);
    pair.run(10_000);
    const idle = pair.sent.length;
    pair.run(3_600_000);
    expect(pair.packets(() => true, idle)).toEqual([]);
  });
});

describe("joins that nobody answers", () => {
  test("an announced address that never answers is tried four times", () => {
    const pair = new Pair({ serverAddresses: 2 });
    pair.lose((sent) => sent.server === 1);
    const { client } = pair.establish();
    client.write(10);
    pair.run(24 * 3_600_000);
    const joins = pair.packets((sent) => has(sent, "mp_join_syn"));
    expect(joins.every((sent: Sent) => sent.server === 1)).toBe(true);
    // Four SYNs each.
    expect(joins).toHaveLength(16);
  });

  test("one that had answered before is tried again and again", () => {
    const pair = new Pair({ serverAddresses: 2 });
    const { client } = pair.establish();
    client.write(10);
    pair.run(1000);
    const up = pair.lose((sent) => sent.server === 1);
    client.engine.subflows.find((one) => one.pathIndex === 2)?.end("silent", pair.now);
    pair.run(600_000);
    up();
    pair.run(90_000);
    expect(client.established).toEqual([1, 2]);
  });
});
