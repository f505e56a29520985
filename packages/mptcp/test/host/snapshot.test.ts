import { describe, expect, it } from "vitest";
import { MILLISECOND, SECOND } from "../../src/core/index.ts";
import type { ConnectionSnapshot, PlainObject, Policy } from "../../src/core/index.ts";
import { Host } from "../../src/host/index.ts";
import type { RestoreOptions } from "../../src/host/index.ts";
import { coupled, fullMesh, lia, MptcpConnection, pathManagers, schedulers, version0 } from "../../src/mptcp/index.ts";
import type { MptcpConfig, Scheduler } from "../../src/mptcp/index.ts";
import { BulkSender, patternSource, Simulation, Sink, twoPaths } from "../../src/sim/index.ts";
import type { SimHost } from "../../src/sim/index.ts";
import { CouplingRule, NewReno } from "../../src/tcp/index.ts";
import type { CongestionControlFactory, CouplingMember } from "../../src/tcp/index.ts";
import { drawMoving, MovingRun, throughJson } from "./moving.ts";
import { DECLARED, numbersOf } from "./saved-times.ts";

/** A transfer under way over two paths. */
function transfer(mptcp: Partial<MptcpConfig> = {}): { readonly simulation: Simulation; readonly client: SimHost; readonly server: SimHost; readonly sender: BulkSender; readonly receiver: Sink } {
  const simulation = new Simulation({ seed: 3 });
  const path = { rate: 10e6, delay: 10 * MILLISECOND, queue: { packets: 50 } };
  const { client, server, serverAddresses } = twoPaths(simulation, { paths: [path, { ...path, loss: 0.01 }], client: { mptcp }, server: { mptcp } });
  const sender = new BulkSender({ bytes: 2e6, source: patternSource });
  const receiver = new Sink();
  server.listen(80, () => receiver);
  simulation.at(0, () => void client.connect(serverAddresses[0]![0]!, 80, sender));
  simulation.run(400 * MILLISECOND);
  return { simulation, client, server, sender, receiver };
}

/** Moves the sender's end; the transfer then has to come to its end. */
function move({ client, receiver, sender, simulation }: ReturnType<typeof transfer>, options: RestoreOptions = {}): MptcpConnection {
  const snapshot = throughJson(sender.connection.snapshot(simulation.now));
  client.release(sender.connection);
  const restored = client.restore(snapshot, sender, options) as MptcpConnection;
  simulation.run(20 * SECOND);
  expect([receiver.bytesRead, receiver.error, sender.error]).toEqual([2e6, null, null]);
  return restored;
}

/** The code and the text of what `action` throws. */
function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return `${(error as { code?: string }).code}: ${(error as Error).message}`;
  }
  return "nothing";
}

describe("a snapshot", () => {
  it("is plain data: JSON and structured clones keep it as it is", () => {
    const { sender, simulation } = transfer();
    const snapshot = sender.connection.snapshot(simulation.now);
    expect(throughJson(snapshot)).toEqual(snapshot);
    expect(structuredClone(snapshot)).toEqual(snapshot);
    expect(snapshot.format).toBe("mptcp-connection");
  });

  it("of a connection of version 0 goes on in it", () => {
    const restored = move(transfer({ versions: [version0] }));
    expect([restored.session.version, restored.fallback]).toEqual([version0, null]);
  });

  it("changes nothing, and taken twice is the same", () => {
    const { sender, simulation } = transfer();
    expect(sender.connection.snapshot(simulation.now)).toEqual(sender.connection.snapshot(simulation.now));
  });

  it.each([{ multipath: true }, { multipath: false }])("of an orphan is one of an orphan where it is restored: $multipath", (options) => {
    const simulation = new Simulation({ seed: 3 });
    const { client, server, serverAddresses } = twoPaths(simulation, { paths: [{ rate: 1e6, delay: 10 * MILLISECOND }, { rate: 1e6, delay: 10 * MILLISECOND }] });
    const [sender, receiver] = [new BulkSender({ bytes: 1e5, source: patternSource }), new Sink()];
    server.listen(80, () => receiver);
    simulation.at(0, () => void client.connect(serverAddresses[0]![0]!, 80, sender, options));
    simulation.run(300 * MILLISECOND);
    const { host: engine } = client;
    sender.connection.abandon(simulation.now);
    simulation.run(320 * MILLISECOND);
    const orphans = engine.usage.orphans;
    expect([orphans > 0, sender.connection.closed]).toEqual([true, false]);
    const snapshot = throughJson(sender.connection.snapshot(simulation.now));
    client.release(sender.connection);
    expect(engine.usage.orphans).toBe(0);
    client.restore(snapshot, sender);
    expect(engine.usage.orphans).toBe(orphans);
    simulation.run(200 * SECOND);
    expect(engine.usage.orphans).toBe(0);
  });

  it("of a closed connection is an error", () => {
    const { sender, simulation } = transfer();
    sender.connection.abort(simulation.now);
    expect(refusal(() => sender.connection.snapshot(simulation.now))).toContain("ERR_MPTCP_SNAPSHOT_CLOSED");
  });
});

describe("what cannot be saved is named, and nothing is touched", () => {
  it("a policy that is a bare function", () => {
    const own = transfer({ scheduler: () => ({ name: "own", select: (subflows) => subflows.find(({ hasRoom }) => hasRoom) ?? null }) });
    expect(refusal(() => own.sender.connection.snapshot(own.simulation.now))).toMatch(/^ERR_MPTCP_SNAPSHOT_UNSUPPORTED: cannot save .*scheduler: it is a function/);
    own.simulation.run(20 * SECOND);
    expect(own.receiver.bytesRead).toBe(2e6);
    const other = transfer({ pathManager: () => fullMesh({ mode: "full" }) });
    expect(refusal(() => other.sender.connection.snapshot(other.simulation.now))).toMatch(/pathManager: it is a function/);
  });

  it("a listener of decisions", () => {
    const { sender, simulation } = transfer();
    const listener = { onDecision(): void {} };
    const connection = sender.connection as MptcpConnection;
    connection.listen(listener);
    expect(refusal(() => connection.snapshot(simulation.now))).toMatch(/^ERR_MPTCP_SNAPSHOT_UNSUPPORTED: cannot save connection.log.listeners: it has listeners/);
    connection.stopListening(listener);
    expect(refusal(() => connection.snapshot(simulation.now))).toBe("nothing");
  });

  it("an object of a foreign class, by the path to it", () => {
    const { sender, simulation } = transfer();
    class Foreign {
      readonly mine = 1;
    }
    Object.assign((sender.connection as MptcpConnection).session, { extra: new Foreign() });
    expect(refusal(() => sender.connection.snapshot(simulation.now))).toBe("ERR_MPTCP_SNAPSHOT_UNSUPPORTED: cannot save connection.session.extra: it is of a class that is not saved, Foreign");
  });
});

describe("what is no snapshot is refused, and leaves nothing behind", () => {
  const { sender, simulation } = transfer();
  const snapshot = sender.connection.snapshot(simulation.now);
  const restored = (changed: unknown): string => {
    const { client } = transfer();
    const before = client.host.usage;
    const text = refusal(() => client.host.restore(changed as ConnectionSnapshot, {}, simulation.now));
    expect(client.host.usage).toEqual(before);
    return text;
  };

  it("another format, or version of it", () => {
    expect(restored({ ...snapshot, version: 2 })).toBe("ERR_MPTCP_SNAPSHOT_VERSION: the snapshot is of format 2, and this engine speaks format 1");
    expect(restored({ ...snapshot, format: "something" })).toContain("ERR_MPTCP_SNAPSHOT_VERSION");
    expect(restored(null)).toContain("ERR_MPTCP_SNAPSHOT_VERSION");
  });

  it("damaged contents, wherever", () => {
    const text = JSON.stringify(snapshot);
    for (let i = 0; i < 40; i++) {
      const at = text.indexOf("body") + Math.floor((i * (text.length - text.indexOf("body"))) / 41);
      const digit = /\d/.exec(text.slice(at));
      if (digit === null) continue;
      const place = at + digit.index;
      const changed = `${text.slice(0, place)}${(Number(text[place]) + 1) % 10}${text.slice(place + 1)}`;
      try {
        JSON.parse(changed);
      } catch {
        continue;
      }
      expect(restored(JSON.parse(changed))).toContain("ERR_MPTCP_SNAPSHOT_DAMAGED");
    }
    expect(restored({ ...snapshot, body: undefined })).toContain("ERR_MPTCP_SNAPSHOT_DAMAGED");
  });

  it("one that the host has already", () => {
    expect(restored(snapshot)).toMatch(/^EADDRINUSE/);
  });

  it("a host whose clock is behind, or that has its addresses under other ids", () => {
    const { client } = transfer();
    expect(refusal(() => client.host.restore(snapshot, {}, simulation.now - 1))).toContain("ERR_MPTCP_SNAPSHOT_TIME");
    const host = new Host({ name: "third", random: client.host.random });
    client.host.localAddresses().toReversed().forEach(({ address }) => host.addAddress(address, { link: 0 }, simulation.now));
    expect(refusal(() => host.restore(snapshot, {}, simulation.now))).toContain("ERR_MPTCP_SNAPSHOT_ADDRESS");
    expect(host.usage).toMatchObject({ connections: 0, pendingJoins: 0, tokens: 0, timers: 0 });
  });
});

describe("policies of one's own are made again by their factories, and remember what they say", () => {
  it("a scheduler with a name and state", () => {
    const counts: number[] = [];
    const counting = (parameters: PlainObject): Policy<Scheduler> => ({
      name: "counting",
      parameters,
      create: () => {
        let count = 0;
        return {
          name: "counting",
          select: (subflows) => {
            counts.push(++count);
            return subflows.find(({ hasRoom }) => hasRoom) ?? null;
          },
          snapshot: () => ({ count }),
          restore: (state) => void (count = state["count"] as number),
        };
      },
    });
    const run = transfer({ scheduler: counting({ step: 1 }) });
    const snapshot = run.sender.connection.snapshot(run.simulation.now);
    expect(refusal(() => new Host({ name: "third", random: run.client.host.random }).restore(snapshot, {}, run.simulation.now))).toBe(
      'ERR_MPTCP_SNAPSHOT_POLICY: the connection uses a scheduler "counting", which is not known here: pass it in policies.schedulers',
    );
    const before = counts.at(-1) as number;
    move(run, { policies: { schedulers: { counting } } });
    expect(counts[before]).toBe(before + 1);
  });

  it("a coupling rule and a controller: they take their places in the group", () => {
    class Shared extends CouplingRule {
      readonly name = "shared";
      bytesPerSegment(member: CouplingMember): number {
        return member.group.members.reduce((total, other) => total + other.window(member.now), member.control.window);
      }
    }
    const shared = coupled(() => new Shared());
    const rules = transfer({ congestion: shared });
    const restored = move(rules, { policies: { congestion: { shared: () => shared } } });
    expect(restored.config.congestion.name).toBe("shared");

    class Gentle extends NewReno {
      protected override bytesPerSegment(): number {
        return 2 * this.cwnd;
      }
    }
    const gentle: CongestionControlFactory = { name: "gentle", parameters: {}, create: (context) => new Gentle(context) };
    const run = transfer({ congestion: gentle });
    const windows = (run.sender.connection as MptcpConnection).subflows.map(({ tcp }) => tcp.congestion.window);
    const snapshot = throughJson(run.sender.connection.snapshot(run.simulation.now));
    run.client.release(run.sender.connection);
    const again = run.client.host.restore(snapshot, { policies: { congestion: { gentle: () => gentle } } }, run.simulation.now) as MptcpConnection;
    expect(again.subflows.map(({ tcp }) => tcp.congestion.window)).toEqual(windows);
    expect(again.subflows.map(({ tcp }) => tcp.congestion.constructor.name)).toEqual(["Gentle", "Gentle"]);
  });

  it("what was exchanged while data flowed is what goes on", () => {
    const run = transfer({ congestion: lia });
    const connection = run.sender.connection as MptcpConnection;
    connection.exchange({ scheduler: schedulers["round-robin"]!, pathManager: pathManagers["full"]! }, run.simulation.now);
    expect(move(run).config).toMatchObject({ scheduler: { name: "round-robin" }, pathManager: { name: "full" } });
  });
});

describe("the tables of saved classes are complete", () => {
  it("at every state of random runs: each class is there, and whatever moves with the clock is named as a time", () => {
    const later = 7 * SECOND;
    const unnamed = new Set<string>();
    for (let seed = 300; seed < 312; seed++) {
      const drawn = drawMoving(seed);
      const [run, shifted] = [new MovingRun(drawn), new MovingRun(drawn, later)];
      for (let i = 0; ; i++) {
        if (i % 250 === 100) {
          const ends = shifted.ends();
          run.ends().forEach(({ connection }, k) => {
            for (const { first, place, second } of numbersOf(connection.snapshot(run.simulation.now), ends[k]!.connection.snapshot(shifted.simulation.now))) {
              // Sums of smoothed times are rounded where they are larger.
              if (Math.abs(second - first - later) < 2 && !DECLARED.has(place)) unnamed.add(place);
              else if (second === first && first > 0 && Number.isFinite(first) && DECLARED.has(place)) unnamed.add(`${place} is no time`);
            }
          });
        }
        if (!run.step() || !shifted.step()) break;
      }
    }
    expect(Array.from(unnamed)).toEqual([]);
  });
});
