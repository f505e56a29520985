import type { PipeOptions } from "mptcp/sim";

/** What is transferred: from the server, whose stack is judged, to the client. */
export type Workload =
  | {
      /** One flow for so long. */
      readonly kind: "bulk";
      /** ns. */
      readonly time: number;
    }
  | {
      /** Flows of the same size, begun at equal intervals whether or not others are under way; or requests on one connection, each that long after the last was answered. */
      readonly kind: "flows" | "requests";
      readonly count: number;
      /** Full segments of 1,448 octets. */
      readonly segments: number;
      /** ns. */
      readonly every: number;
    };

/** Full segments of each flow whose first transmission is lost. */
export interface LostSegments {
  /** The first of them, from 0; or, when it is negative, from the end: -1 is the last. */
  readonly first: number;
  readonly count: number;
}

/** A path and what goes over it. */
export interface Condition {
  readonly name: string;
  /** Conditions of one kind stand for one another. */
  readonly kind: string;
  readonly family: 4 | 6;
  /** From server to client. */
  readonly forward: PipeOptions;
  /** From client to server. */
  readonly backward: PipeOptions;
  readonly lost?: LostSegments;
  /** What happens to the path on the way, again and again. */
  readonly changes?: Changes;
  readonly tcp?: TcpChoices;
  /** Congestion control of both ends, where it is to be another one than that of the run. */
  readonly congestion?: "cubic" | "reno" | "bbr";
  readonly workload: Workload;
  /** How many times as many runs as of another condition it takes, since they differ: 1 unless given. */
  readonly runs?: number;
  /** Paths of that kind side by side, and Multipath TCP over them; one, and plain TCP, unless given. */
  readonly paths?: 1 | 2;
  /** Whether a path takes super-segments, which arrive whole. */
  readonly segmentation?: true;
}

/** The path from server to client becomes another at `at`, and every `every` after that, for `time`; ns. */
export interface Changes {
  readonly at: number;
  readonly every: number;
  readonly time: number;
  readonly forward: PipeOptions;
}

/** What both ends do without; each is spoken without these. */
export interface TcpChoices {
  readonly sack?: false;
  readonly timestamps?: false;
  /** Smaller packets are tried when full ones vanish. */
  readonly mtuProbing?: true;
}

/** One flow, as the client saw it. */
export interface FlowResult {
  /** ns of the run. */
  readonly startedAt: number;
  /** When its end came; null where it has not, or the connection broke. */
  readonly endedAt: number | null;
  /** Octets that came. */
  readonly octets: number;
}

/** Payload octets of a full segment with timestamps over an MTU of 1500. */
export const SEGMENT = 1448;
