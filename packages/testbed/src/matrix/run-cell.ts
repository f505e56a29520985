import { MILLISECOND, SECOND } from "mptcp";
import type { DecisionEvent, StreamConnection } from "mptcp";
import { BulkSender, middleboxes, multiPath, patternSource, Simulation, Sink } from "mptcp/sim";
import type { AccessPath, MiddleboxStatistics } from "mptcp/sim";
import type { MatrixBox, MatrixCell, Outcome, Place } from "./prescription.ts";

/** What one run through a middlebox came to. */
export interface CellResult {
  readonly outcome: Outcome;
  /** Why an end fell back, why a subflow ended: the words of the decision log, and the errors of the applications. */
  readonly reasons: readonly string[];
  /** Octets that the receiving application read, and how many of them were not those that were sent. */
  readonly read: number;
  readonly wrong: number;
  /** Whether all was read, and both ends closed in good order. */
  readonly isWhole: boolean;
  /** Whether both ends know that it is over. */
  readonly isOver: boolean;
  /** When the later one did, s. */
  readonly seconds: number;
  readonly box: MiddleboxStatistics;
}

/** How a connection is set up that goes through a box. */
export interface Passage {
  readonly box: MatrixBox;
  readonly place: Place;
  readonly checksum: boolean;
  readonly data: "up" | "down";
  readonly transport: "mptcp" | "tcp";
}

/** Octets of a run. */
export const CELL_BYTES = 600_000;

/** One transfer through a box. */
export function runPassage({ box, place, checksum, data, transport }: Passage, seed: number): CellResult {
  const events: DecisionEvent[] = [];
  const simulation = new Simulation({ seed, observers: [{ event: (event) => events.push(event) }] });
  const kind = middleboxes[box.kind];
  if (kind === undefined) throw new RangeError(`no middlebox ${box.kind}`);
  const make = kind(box.parameters);
  const boxed = place === "second" ? 1 : 0;
  const paths = Array.from({ length: place === "only" ? 1 : 2 }, (_, i): AccessPath => ({ ...PATH, middleboxes: i === boxed ? [make] : [] }));
  const isMultipath = transport === "mptcp";
  const host = { multipath: isMultipath, mptcp: { checksum } };
  const built = multiPath(simulation, { paths, client: host, server: host });
  const check = new PatternCheck();
  const [sender, sink] = [new BulkSender({ bytes: CELL_BYTES, source: patternSource }), new Sink({ hash: check })];
  const accepted: StreamConnection[] = [];
  built.server.listen(PORT, (connection) => {
    if (accepted.push(connection) > 1) return new Sink();
    return data === "up" ? sink : sender;
  });
  const client = built.client.connect(built.serverAddresses[0][0], PORT, data === "up" ? sender : sink);
  simulation.runUntil(() => sink.closedAt >= 0 && sender.closedAt >= 0, LIMIT);
  const isOver = sink.closedAt >= 0 && sender.closedAt >= 0;
  const hasError = sink.error !== null || sender.error !== null;
  const closed = events.filter((event) => event.kind === "subflow_closed" && !GOOD_ENDS.has(event.reason));
  const lost = closed.some((event) => event.subflow === boxed + 1);
  const joined = events.some((event) => event.kind === "subflow_established" && event.host === "client" && event.subflow === 2);
  const stillMultipath = client.multipath && accepted[0]?.multipath === true;
  const outcome = hasError || !isOver ? "error" : isMultipath && !stillMultipath ? "fallback" : lost || (boxed === 1 && isMultipath && !joined) ? "subflow-reset" : "multipath";
  const reasons = [client.fallback, accepted[0]?.fallback ?? null, sink.error, sender.error, ...closed.map((event) => (event.kind === "subflow_closed" ? event.reason : ""))];
  return {
    outcome,
    reasons: [...new Set(reasons.filter((reason) => reason !== null))],
    read: check.read,
    wrong: check.wrong,
    isWhole: check.read === CELL_BYTES && isOver && !hasError,
    isOver,
    seconds: Math.max(sink.closedAt, sender.closedAt) / SECOND,
    box: (built.middleboxes[boxed] as (typeof built.middleboxes)[number])[0]?.statistics as MiddleboxStatistics,
  };
}

/** The run of a cell. */
export function runCell({ row, place, checksum, data }: MatrixCell, seed: number): CellResult {
  return runPassage({ box: row.box, place, checksum, data, transport: "mptcp" }, seed);
}

/** What of a cell's run is not as it is prescribed; nothing is the expected result. */
export function problemsOf({ prescription }: MatrixCell, result: CellResult): string[] {
  const { outcomes, bytes = "sent", within = PATIENCE } = prescription;
  const problems: string[] = [];
  if (!result.isOver && (within !== null || result.reasons.length === 0)) problems.push("an end never hears that it is over");
  else if (within !== null && result.seconds > within) problems.push(`over after ${result.seconds.toFixed(1)} s only`);
  if (!outcomes.includes(result.outcome)) problems.push(`${result.outcome} instead of ${outcomes.join(" or ")}`);
  if (bytes === "sent" && result.wrong > 0) problems.push(`${result.wrong} bytes are wrong`);
  // Bytes of another number than were sent are seen by nobody who has not fallen back.
  if (result.outcome !== "error" && !result.isWhole && !(bytes === "edited" && result.outcome === "fallback")) problems.push(`${result.read} of ${CELL_BYTES} bytes without an error`);
  return problems;
}

/** Compares what comes with the pattern. */
class PatternCheck {
  read = 0;
  wrong = 0;

  update(bytes: Uint8Array): void {
    const start = this.read - (this.read % 4);
    const want = patternSource(start, this.read - start + bytes.length).toUint8Array().subarray(this.read - start);
    for (let i = 0; i < bytes.length; i++) if (bytes[i] !== want[i]) this.wrong++;
    this.read += bytes.length;
  }
}

const PATH: AccessPath = { rate: 20e6, delay: 10 * MILLISECOND, queue: { packets: 60 } };
const PORT = 80;
/** Until TCP's own patience is over, and Multipath TCP's behind it. */
const LIMIT = 4000 * SECOND;
/** s */
const PATIENCE = 60;
const GOOD_ENDS = new Set(["fin", "connection_closed", "fallback"]);
