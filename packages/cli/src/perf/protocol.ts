import { list, Malformed, nullOr, object, oneOf, text, whole } from "./check.ts";
import type { Check } from "./check.ts";

/**
 * What the two ends of `mptcp perf` say to each other: lines of JSON on the first connection, and one line at the beginning of each connection that carries data.
 * docs/perf.md describes it.
 */
export const PROTOCOL = "mptcp-perf";
/** Both ends speak the same. */
export const VERSION = 1;

export type Direction = "up" | "down";

/** What is to be measured. Exactly one of `timeMilliseconds` and `bytes` is given. */
export interface Test {
  /** From the client to the server, back, or both at once. */
  readonly direction: Direction | "both";
  /** Connections in each direction. */
  readonly streams: number;
  readonly timeMilliseconds: number | null;
  /** For each direction, over all of its connections. */
  readonly bytes: number | null;
  /** Between two looks at the counters; 0: none. */
  readonly intervalMilliseconds: number;
}

/** The first line of a connection. */
export type Hello = { readonly kind: "test"; readonly test: Test } | { readonly kind: "stream"; readonly key: string; readonly stream: number };

export interface PathFigures {
  readonly localAddress: string;
  readonly remoteAddress: string;
  /** Payload that went this way in the direction measured; at the sender without what was sent again there. */
  readonly bytes: number;
  /** Of the sender. */
  readonly bytesRetransmitted: number;
  /** 0 before there was a sample. */
  readonly rttMicroseconds: number;
  readonly congestionWindowBytes: number;
}

export interface IntervalFigures {
  /** From the start of the test. */
  readonly startMilliseconds: number;
  readonly endMilliseconds: number;
  readonly bytes: number;
  readonly paths: readonly PathFigures[];
}

/** One direction as one end saw it. */
export interface DirectionFigures {
  readonly role: "sender" | "receiver";
  /** At the receiver what arrived in order, at the sender what was acknowledged. */
  readonly bytes: number;
  /** At the receiver from the first octet on. */
  readonly durationMicroseconds: number;
  readonly bitsPerSecond: number;
  readonly streams: readonly { readonly stream: number; readonly bytes: number; readonly subflows: number; readonly fallback: string | null }[];
  readonly paths: readonly PathFigures[];
  readonly intervals: readonly IntervalFigures[];
}

/** The whole test as one end saw it. */
export interface EndFigures {
  readonly via: "userspace" | "kernel";
  readonly cpu: { readonly userMicroseconds: number; readonly systemMicroseconds: number; readonly elapsedMicroseconds: number };
  readonly up: DirectionFigures | null;
  readonly down: DirectionFigures | null;
}

/** What the server answers. */
export type Answer = { readonly kind: "accepted"; readonly key: string } | { readonly kind: "refused"; readonly message: string };

/** What either says once they have agreed. */
export type Word = { readonly kind: "start" } | { readonly kind: "done" } | { readonly kind: "failed"; readonly message: string } | { readonly kind: "result"; readonly figures: EndFigures };

/** Streams in one direction. */
export const MOST_STREAMS = 128;
/** Looks at the counters in one test. */
export const MOST_INTERVALS = 10_000;
/** A day. */
export const LONGEST_MILLISECONDS = 86_400_000;
/** A line of a client's, octets. */
export const LONGEST_REQUEST = 4096;
/** A line of a server's, which has all intervals of all paths. */
export const LONGEST_RESULT = 64 * 1024 * 1024;

const count = whole(Number.MAX_SAFE_INTEGER);
const name = text(64);
const key: Check<string> = (value, where) => {
  if (typeof value !== "string" || !/^[0-9a-f]{32}$/.test(value)) throw new Malformed(`${where} is no key`);
  return value;
};
const test = object<Test>({
  direction: oneOf("up", "down", "both"),
  streams: whole(MOST_STREAMS, 1),
  timeMilliseconds: nullOr(whole(LONGEST_MILLISECONDS, 1)),
  bytes: nullOr(whole(Number.MAX_SAFE_INTEGER, 1)),
  intervalMilliseconds: whole(LONGEST_MILLISECONDS),
});
const path = object<PathFigures>({ localAddress: name, remoteAddress: name, bytes: count, bytesRetransmitted: count, rttMicroseconds: count, congestionWindowBytes: count });
const paths = list(path, 1024);
const direction = object<DirectionFigures>({
  role: oneOf("sender", "receiver"),
  bytes: count,
  durationMicroseconds: count,
  bitsPerSecond: count,
  streams: list(object({ stream: count, bytes: count, subflows: count, fallback: nullOr(name) }), 2 * MOST_STREAMS),
  paths,
  intervals: list(object<IntervalFigures>({ startMilliseconds: count, endMilliseconds: count, bytes: count, paths }), MOST_INTERVALS + 1),
});
const figures = object<EndFigures>({
  via: oneOf("userspace", "kernel"),
  cpu: object({ userMicroseconds: count, systemMicroseconds: count, elapsedMicroseconds: count }),
  up: nullOr(direction),
  down: nullOr(direction),
});
const named = object<{ protocol: string; kind: string; version: number }>({ protocol: oneOf(PROTOCOL), kind: text(16), version: count });

/** The first line of a connection at a server. @throws Malformed; OtherVersion */
export function readHello(value: unknown): Hello {
  const { kind, version } = named(value, "hello");
  if (version !== VERSION) throw new OtherVersion(version);
  if (kind === "stream") return { kind, ...object({ key, stream: whole(2 * MOST_STREAMS - 1) })(value, "hello") };
  if (kind !== "test") throw new Malformed("hello.kind is neither test nor stream");
  const hello = { kind, ...object({ test })(value, "hello") } as const;
  const problem = testProblem(hello.test);
  if (problem !== null) throw new Malformed(problem);
  return hello;
}

/** What is wrong with a test whose fields by themselves are right; null when nothing is. */
export function testProblem({ timeMilliseconds, bytes, streams, intervalMilliseconds }: Test): string | null {
  if ((timeMilliseconds === null) === (bytes === null)) return "a test has a time or a number of bytes";
  if (bytes !== null && bytes < streams) return "each connection carries a byte at the least";
  if (timeMilliseconds !== null && intervalMilliseconds > 0 && timeMilliseconds / intervalMilliseconds > MOST_INTERVALS) return `there are ${MOST_INTERVALS} intervals at the most`;
  return null;
}

/** The peer speaks the protocol in another version. */
export class OtherVersion extends Error {
  constructor(version: number) {
    super(`it speaks version ${version} of ${PROTOCOL}, and this program ${VERSION}`);
  }
}

/** The first line of a server. @throws Malformed; OtherVersion */
export function readAnswer(value: unknown): Answer {
  const { kind, version } = named(value, "answer");
  if (kind === "refused") return { kind, ...object({ message: text(500) })(value, "answer") };
  if (version !== VERSION) throw new OtherVersion(version);
  if (kind === "accepted") return { kind, ...object({ key })(value, "answer") };
  throw new Malformed(kind === "test" ? "it sends back what it gets" : "answer.kind is neither accepted nor refused");
}

/** Any later line. @throws Malformed */
export function readWord(value: unknown): Word {
  const { kind } = object({ kind: oneOf("start", "done", "failed", "result") })(value, "line");
  if (kind === "failed") return { kind, ...object({ message: text(500) })(value, "line") };
  if (kind === "result") return { kind, ...object({ figures })(value, "line") };
  return { kind };
}

/** The directions of a test, in the order in which they are told. */
export function directionsOf({ direction: asked }: Test): readonly Direction[] {
  return asked === "both" ? ["up", "down"] : [asked];
}

/** Numbers of the connections that carry one direction: with both, those of the first come first. */
export function streamsOf(asked: Test, of: Direction): readonly number[] {
  const first = directionsOf(asked).indexOf(of) * asked.streams;
  return first < 0 ? [] : Array.from({ length: asked.streams }, (_, at) => first + at);
}
