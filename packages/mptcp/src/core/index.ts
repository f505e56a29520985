/**
 * core/: what every room shares: time, randomness, errors, counters and the decision log's events.
 *
 * @module
 */
export { Counters } from "./counters.ts";
export { Deadlines } from "./deadlines.ts";
export type { DeadlineOwner } from "./deadlines.ts";
export { MptcpError } from "./errors.ts";
export type { CloseReason } from "./errors.ts";
export { LIMITS } from "./limits.ts";
export type { Limit, LimitName } from "./limits.ts";
export { FixableRandom } from "./fixed-random.ts";
export type { FixedNumber } from "./fixed-random.ts";
export { ClassTable, damaged, GraphReader, GraphWriter, saved } from "./graph/index.ts";
export type { Inside, Outside, SavedClass, Stand } from "./graph/index.ts";
export type { DecisionDetail, DecisionEvent, EventBase, Observer } from "./observer.ts";
export { booleanFrom, nullableFrom, numberFrom, objectFrom, parametersFrom, plainNumber } from "./plain.ts";
export type { PlainObject, PlainValue } from "./plain.ts";
export { makePolicy } from "./policy.ts";
export type { Policy, PolicyLike } from "./policy.ts";
export { randomBelow, randomFraction, randomSources, SeededRandom, seededSources } from "./random.ts";
export type { RandomPurpose, RandomSource, RandomSources } from "./random.ts";
export { FALLBACK_REASONS, GIVE_UP_REASONS, JOIN_REFUSALS, SUBFLOW_END_REASONS } from "./reasons.ts";
export type { FallbackReason, GiveUpReason, JoinRefusal, Reason, SubflowEndReason } from "./reasons.ts";
export { SNAPSHOT_FORMAT, SNAPSHOT_VERSION } from "./snapshot.ts";
export type { ConnectionSnapshot, SnapshotBody } from "./snapshot.ts";
export { MICROSECOND, MILLISECOND, MINUTE, NEVER, SECOND } from "./time.ts";
