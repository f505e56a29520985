import { MILLISECOND, SECOND, version0, version1 } from "mptcp";
import type { DecisionEvent, StreamConnection } from "mptcp";
import { BulkSender, middleboxes, multiPath, patternSource, Simulation, Sink } from "mptcp/sim";
import type { AccessPath, ByteConsumer, MiddleboxFactory, MiddleboxStatistics } from "mptcp/sim";
import type { MatrixBox, Outcome, Place } from "./prescription.ts";
import { StreamCheck } from "./stream-check.ts";

/** What one run through a middlebox came to. */
export interface CellResult {
  /** By what the ends say; whether the bytes are right is another question. */
  readonly outcome: Outcome;
  /** Why an end of ours fell back, and why a subflow ended at it: the words of the decision log. */
  readonly reasons: readonly string[];
  /** What else tells why: the errors of the applications, the kernel's counters. */
  readonly hints: readonly string[];
  /** Octets that the receiving application read, and how many of them were not those that were sent. */
  readonly read: number;
  readonly wrong: number;
  /** Whether they are what plain TCP delivered through the same box, from the first to the last that it delivered. */
  readonly isTcps: boolean;
  /** Whether the receiving application was told of an error. */
  readonly receiverTold: boolean;
  /** Whether all was read, and both ends closed in good order. */
  readonly isWhole: boolean;
  /** Whether both ends know that it is over. */
  readonly isOver: boolean;
  /** When the later one did, s. */
  readonly seconds: number;
  /** In real time: how long it was waited for, s. In virtual time whatever ends by itself has ended. */
  readonly cutAfter: number | null;
  readonly box: MiddleboxStatistics;
}

/** How a connection is set up that goes through a box. */
export interface Passage {
  readonly box: MatrixBox;
  readonly place: Place;
  readonly checksum: boolean;
  readonly data: "up" | "down";
  readonly transport: "mptcp" | "tcp";
  /** Of both ends; 1 unless given. */
  readonly version?: 0 | 1;
}

/** Octets of a run. */
export const CELL_BYTES = 600_000;

/** One transfer through a box, in virtual time. @param check gets what the receiving application reads */
export function runPassage({ box, place, checksum, data, transport, version = 1 }: Passage, seed: number, check: StreamCheck = new StreamCheck(), also: ByteConsumer | null = null): CellResult {
  const events: DecisionEvent[] = [];
  const simulation = new Simulation({ seed, observers: [{ event: (event) => events.push(event) }] });
  const boxed = boxedPath(place);
  const paths = Array.from({ length: pathCount(place) }, (_, i): AccessPath => ({ ...PATH, middleboxes: i === boxed ? [factoryOf(box)] : [] }));
  const isMultipath = transport === "mptcp";
  const host = { multipath: isMultipath, mptcp: { checksum, versions: [VERSIONS[version]] } };
  const built = multiPath(simulation, { paths, client: host, server: host });
  const reader = { update: (bytes: Uint8Array): void => void (check.update(bytes), also?.update(bytes)) };
  const [sender, sink] = [new BulkSender({ bytes: CELL_BYTES, source: patternSource }), new Sink({ hash: reader })];
  const accepted: StreamConnection[] = [];
  built.server.listen(PORT, (connection) => {
    if (accepted.push(connection) > 1) return new Sink();
    return data === "up" ? sink : sender;
  });
  const client = built.client.connect(built.serverAddresses[0][0], PORT, data === "up" ? sender : sink);
  simulation.runUntil(() => sink.closedAt >= 0 && sender.closedAt >= 0, LIMIT);
  const isOver = sink.closedAt >= 0 && sender.closedAt >= 0;
  const hasError = sink.error !== null || sender.error !== null;
  const told = subflowsIn(events, boxed, "client");
  const stillMultipath = client.multipath && accepted[0]?.multipath === true;
  const reasons = [client.fallback, accepted[0]?.fallback ?? null, ...told.endings].filter((reason) => reason !== null);
  return {
    outcome: outcomeOf({ hasError: hasError || !isOver, isRegular: isMultipath && !stillMultipath, isUnused: told.isLost || (boxed === 1 && isMultipath && !told.hasJoined) }),
    reasons: [...new Set(reasons)],
    hints: [...new Set([sink.error, sender.error].filter((error) => error !== null))],
    read: check.read,
    wrong: check.wrong,
    isTcps: check.isAllOfTcps,
    receiverTold: sink.error !== null,
    isWhole: check.read === CELL_BYTES && isOver && !hasError,
    isOver,
    seconds: (isOver ? Math.max(sink.closedAt, sender.closedAt) : simulation.now) / SECOND,
    cutAfter: null,
    box: (built.middleboxes[boxed] as (typeof built.middleboxes)[number])[0]?.statistics as MiddleboxStatistics,
  };
}

/** Which path the box stands on. */
export const boxedPath = (place: Place): 0 | 1 => (place === "second" ? 1 : 0);

export const pathCount = (place: Place): 1 | 2 => (place === "only" ? 1 : 2);

/** @throws RangeError for a kind that the simulator does not have */
export function factoryOf({ kind: name, parameters }: MatrixBox): MiddleboxFactory {
  const kind = middleboxes[name];
  if (kind === undefined) throw new RangeError(`no middlebox ${name}`);
  return kind(parameters);
}

/** What a decision log tells of the subflow through the box. @param joiner the host by which it is seen whether another subflow joined */
export function subflowsIn(events: readonly DecisionEvent[], boxed: 0 | 1, joiner: "client" | "server"): { readonly isLost: boolean; readonly hasJoined: boolean; readonly endings: readonly string[] } {
  const closed = events.flatMap((event) => (event.kind === "subflow_closed" && !GOOD_ENDS.has(event.reason) ? [event] : []));
  return {
    isLost: closed.some(({ subflow }) => subflow === boxed + 1),
    hasJoined: events.some((event) => event.kind === "subflow_established" && event.host === joiner && event.subflow === 2),
    endings: closed.map(({ reason }) => reason),
  };
}

/** What ends say; the worst of it counts. */
export function outcomeOf({ hasError, isRegular, isUnused }: { readonly hasError: boolean; readonly isRegular: boolean; readonly isUnused: boolean }): Outcome {
  return hasError ? "error" : isRegular ? "fallback" : isUnused ? "subflow-reset" : "multipath";
}

export const VERSIONS = { 0: version0, 1: version1 } as const;
export const PATH: AccessPath = { rate: 20e6, delay: 10 * MILLISECOND, queue: { packets: 60 } };
export const PORT = 80;
/** Until TCP's own patience is over, and Multipath TCP's behind it. */
const LIMIT = 4000 * SECOND;
const GOOD_ENDS = new Set(["fin", "connection_closed", "fallback"]);
