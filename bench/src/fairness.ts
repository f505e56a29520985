import type { CongestionControlFactory } from "mptcp";
import { congestionControl, cubic, MILLISECOND, newReno, SECOND } from "mptcp";
import { BulkSender, dumbbell, Simulation, Sink } from "mptcp/sim";
import type { PipeOptions } from "mptcp/sim";

/**
 * Flows of plain TCP that share a link, in virtual time: how evenly (Jain's index), how full the link is, and how long its queue became. `--only TEXT` runs the rows whose
 * name has it, `--seeds N` each of them so often. The command fails where a row misses what it is to reach.
 */
function main(): void {
  const only = argument("--only") ?? "";
  const seeds = Number(argument("--seeds") ?? SEEDS);
  console.log(`medians of ${seeds} runs that begin at other times\n`);
  console.log("| flows | Jain | goodput, of the link | of what headers leave | longest queue, of what the path holds | packets that it dropped | to reach |");
  console.log("|---|---|---|---|---|---|---|");
  let missed = 0;
  for (const row of ROWS) {
    if (!row.name.includes(only)) continue;
    const results = Array.from({ length: seeds }, (_, i) => run(row, i + 1));
    const of = (value: (result: Result) => number): number => median(results.map(value));
    const reached = { jain: of(({ jain }) => jain), share: of(({ share }) => share), queued: of(({ queued }) => queued) };
    const isReached = reached.jain >= (row.jain ?? 0) && reached.share >= (row.share ?? 0) && reached.queued <= (row.queued ?? Number.POSITIVE_INFINITY);
    if (!isReached) missed++;
    const cells = [row.name, reached.jain.toFixed(3), (reached.share * PAYLOAD_SHARE).toFixed(3), reached.share.toFixed(3), reached.queued.toFixed(2), of(({ dropped }) => dropped), `${aims(row)}${isReached ? "" : ": missed"}`];
    console.log(`| ${cells.join(" | ")} |`);
  }
  if (missed > 0) process.exitCode = 1;
}

interface Row {
  readonly name: string;
  readonly congestion: CongestionControlFactory;
  readonly flows: number;
  /** Bits per second, and ms. */
  readonly rate: number;
  readonly rtt: number;
  /** Of what the path holds without a queue. */
  readonly queue: number;
  readonly loss?: number;
  /** Virtual seconds: from when on is measured, and until when. */
  readonly from: number;
  readonly to: number;
  /** What is to be reached: Jain's index, goodput as a share of what headers leave of the link, and the longest queue at the most. */
  readonly jain?: number;
  readonly share?: number;
  readonly queued?: number;
}

interface Result {
  readonly jain: number;
  /** Goodput of all, of what headers leave of the link. */
  readonly share: number;
  /** Of what the path holds without a queue. */
  readonly queued: number;
  readonly dropped: number;
}

/** Flows that begin at random times of the first second. */
function run({ congestion, flows, rate, rtt, queue, loss = 0, from, to }: Row, seed: number): Result {
  const simulation = new Simulation({ seed });
  const held = (rate * rtt) / 8000;
  const pipe: PipeOptions = { rate, delay: (rtt / 2) * MILLISECOND, queue: { packets: Math.max(2, Math.ceil((queue * held) / 1500)) } };
  const network = dumbbell(simulation, { pairs: flows, bottleneck: { forward: { ...pipe, loss }, backward: pipe }, access: {}, hosts: { tcp: { congestion } } });
  const random = numbers(seed);
  const sinks = network.right.map((host, i) => {
    const sink = new Sink();
    host.listen(80, () => sink, { multipath: false });
    simulation.at(Math.floor(random() * SECOND), () => {
      const sender = network.left[i];
      const address = network.rightAddresses[i]?.[0];
      if (sender === undefined || address === undefined) throw new Error(`the network has no pair ${i}`);
      sender.connect(address, 80, new BulkSender(), { multipath: false });
      sender.poke();
    });
    return sink;
  });
  simulation.run(from * SECOND);
  const before = sinks.map((sink) => sink.bytesRead);
  simulation.run(to * SECOND);
  const rates = sinks.map((sink, i) => ((sink.bytesRead - (before[i] ?? 0)) * 8) / (to - from));
  const total = rates.reduce((sum, one) => sum + one, 0);
  const { maxQueuedBytes, droppedQueue } = network.bottleneck.forward.statistics(to * SECOND);
  return {
    jain: (total * total) / (flows * rates.reduce((sum, one) => sum + one * one, 0)),
    share: total / rate / PAYLOAD_SHARE,
    queued: maxQueuedBytes / held,
    dropped: droppedQueue,
  };
}

/** Numbers from 0 to 1 (a linear congruential generator). */
function numbers(seed: number): () => number {
  let x = Math.imul(seed, 0x9e3779b1) >>> 0;
  return () => {
    x = (Math.imul(x, 1_664_525) + 1_013_904_223) >>> 0;
    return x / 0x1_0000_0000;
  };
}

function aims({ jain, share, queued }: Row): string {
  const parts = [jain === undefined ? "" : `Jain ${jain}`, share === undefined ? "" : `${share}`, queued === undefined ? "" : `a queue of ${queued}`];
  return parts.filter((part) => part !== "").join(", ");
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

function argument(name: string): string | undefined {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
}

/** Octets of payload of a full packet with timestamps, of those that it takes on the link. */
const PAYLOAD_SHARE = 1448 / 1500;
const SEEDS = 5;
const bbr = congestionControl("bbr");

const ROWS: readonly Row[] = [
  ...[cubic, newReno].flatMap((congestion) =>
    [2, 8, 32].map((flows): Row => ({ name: `${congestion.name} x ${flows}, 50 Mb/s, 40 ms, queue 1`, congestion, flows, rate: 50e6, rtt: 40, queue: 1, from: 0, to: 120, jain: 0.95 })),
  ),
  { name: "bbr alone, 20 Mb/s, 100 ms, queue 2, 1 % lost", congestion: bbr, flows: 1, rate: 20e6, rtt: 100, queue: 2, loss: 0.01, from: 5, to: 65, share: 0.9, queued: 1.5 },
  ...([[100, 20, 1], [20, 40, 1], [20, 100, 1], [20, 100, 3], [50, 40, 1], [50, 40, 3]] as const).map(
    ([rate, rtt, queue]): Row => ({ name: `bbr x 2, ${rate} Mb/s, ${rtt} ms, queue ${queue}`, congestion: bbr, flows: 2, rate: rate * 1e6, rtt, queue, from: 0, to: 120, jain: 0.9 }),
  ),
];

main();
