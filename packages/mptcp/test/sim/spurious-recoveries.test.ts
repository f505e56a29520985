import { describe, expect, test } from "vitest";
import { MILLISECOND, SECOND } from "../../src/core/index.ts";
import { congestionControls } from "../../src/mptcp/index.ts";
import { BulkSender, multiPath, Simulation, Sink } from "../../src/sim/index.ts";
import { IpAddress } from "../../src/wire/index.ts";

const FIXED = { initial: 1 << 24, max: 1 << 24, autoTune: false };
const [LEFT, RIGHT] = [IpAddress.from("10.0.0.1"), IpAddress.from("10.0.0.2")];

/** Mb/s, ms, a queue in bandwidth-delay products, and the chance of a packet to be lost. */
interface Cell {
  readonly rate: number;
  readonly rtt: number;
  readonly queue: number;
  readonly loss: number;
  readonly congestion: "cubic" | "reno";
}

/** Twenty seconds of bulk: how many recoveries there were, those from timeouts among them, and how many timeouts were for nothing. */
function recoveries({ rate, rtt, queue, loss, congestion }: Cell, profile: "own" | "linux"): { all: number; spurious: number } {
  const simulation = new Simulation({ seed: 7 });
  const [left, right] = ["left", "right"].map((name) => simulation.addHost(name, { profile, tcp: { congestion: congestionControls[congestion]!, sendBuffer: FIXED, receiveBuffer: FIXED } }));
  const packets = Math.max(10, Math.ceil((queue * rate * 1e3 * rtt) / 8 / 1500));
  const pipe = { rate: rate * 1e6, delay: (rtt / 2) * MILLISECOND };
  simulation.connect(left!, right!, { name: "path", forward: { ...pipe, queue: { packets }, loss }, backward: { ...pipe, queue: { packets: 2000 } } });
  left!.addAddress(LEFT);
  right!.addAddress(RIGHT);
  right!.listen(80, () => new Sink(), { multipath: false });
  left!.connect(RIGHT, 80, new BulkSender({ bytes: 2 ** 40 }), { multipath: false });
  simulation.run(20 * SECOND);
  const count = (name: string): number => left!.host.counters.value(`TcpExt${name}`);
  return { all: count("TCPSackRecovery") + count("TCPTimeouts"), spurious: count("TCPLossUndo") };
}

const CELLS: readonly Cell[] = [2, 5, 10, 30].flatMap((rate) =>
  [20, 100, 300].flatMap((rtt) =>
    (["cubic", "reno"] as const).flatMap((congestion) =>
      ([[0.25, 0], [1, 0.001], [4, 0.01]] as const).map(([queue, loss]) => ({ rate, rtt, queue, loss, congestion })))));

test.each(["own", "linux"] as const)("%s: on 72 paths hardly any recovery is a timeout that was for nothing", (profile) => {
  expect(CELLS).toHaveLength(72);
  const results = CELLS.map((cell) => recoveries(cell, profile));
  const all = results.reduce((sum, result) => sum + result.all, 0);
  const spurious = results.reduce((sum, result) => sum + result.spurious, 0);
  expect(all).toBeGreaterThan(1000);
  expect(spurious).toBeLessThan(0.02 * all);
});

describe("Multipath TCP", () => {
  /** What a path that is 800 ms slower for 100 ms, every four seconds, and another one carry in 20 s. */
  function spikes(congestion: string): { received: number; undone: number; sentAgain: number } {
    const simulation = new Simulation({ seed: 3 });
    const path = { rate: 20e6, delay: 20 * MILLISECOND, queue: { packets: 67 } };
    const mptcp = { congestion: congestionControls[congestion]! };
    const tcp = { sendBuffer: FIXED, receiveBuffer: FIXED };
    const { client, server, serverAddresses, access } = multiPath(simulation, { paths: [path, { ...path, rate: 5e6 }], client: { mptcp, tcp }, server: { mptcp, tcp } });
    const sink = new Sink();
    server.listen(80, () => sink);
    client.connect(serverAddresses[0]![0]!, 80, new BulkSender({ bytes: 2 ** 40 }));
    for (let at = 2 * SECOND; at < 20 * SECOND; at += 4 * SECOND) {
      simulation.at(at, (now) => access[0]!.change({ delay: 820 * MILLISECOND }, now));
      simulation.at(at + 100 * MILLISECOND, (now) => access[0]!.change({ delay: 20 * MILLISECOND }, now));
    }
    simulation.run(20 * SECOND);
    const { counters } = client.host;
    return { received: sink.bytesRead, undone: counters.value("TcpExtTCPLossUndo"), sentAgain: counters.segments.TcpRetransSegs };
  }

  test.each(["lia", "cubic"])("a subflow whose path slows down for a moment goes on as before (%s)", (congestion) => {
    const { received, undone, sentAgain } = spikes(congestion);
    expect(undone).toBeGreaterThanOrEqual(3);
    // Of 20 and 5 Mb/s, in spite of five pauses.
    expect(received * 8).toBeGreaterThan(0.7 * 25e6 * 20);
    // A window of the slow path is over a hundred segments.
    expect(sentAgain).toBeLessThan(300);
  });
});
