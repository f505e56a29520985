import type { Sight } from "./sight.ts";

/** From client to server, or back. */
export type Way = "out" | "in";

export const WAYS: readonly Way[] = ["out", "in"];

/** What the probe looks at. */
export type Aspect =
  | "reach" | "address" | "sequence-numbers" | "mss" | "window-scale" | "sack-permitted" | "window" | "payload" | "ftp" | "copies" | "order"
  | "dscp" | "ecn-codepoint" | "ce" | "ecn-flags" | "hop-limit" | "option" | "echo" | "hole" | "unseen-ack" | "early-ack" | "retransmission" | "long-segment" | "short-segments" | "acks"
  | "syn-data" | "silent-server" | "stray" | "reset";

/** Something that differs from a path with nothing on it. */
export interface Finding {
  readonly aspect: Aspect;
  readonly way: Way;
  /** What became of it: one word. */
  readonly verdict: string;
  /** Of an option: which one, and on which segments. */
  readonly option: string;
  readonly segment: string;
  /** For people. */
  readonly detail: string;
}

/** What both ends know of one connection. */
export interface Run {
  readonly client: Log & {
    /** The address and port that the client sent from. */
    readonly own: string;
  };
  readonly server: Log;
}

export interface Log {
  readonly sent: readonly Sight[];
  readonly seen: readonly Sight[];
}

export function finding(aspect: Aspect, way: Way, verdict: string, detail: string, { option = "", segment = "" }: { readonly option?: string; readonly segment?: string } = {}): Finding {
  return { aspect, way, verdict, option, segment, detail };
}

/** Whether it may come of a loss by accident, or of an end that was late, so that it is worth a second try. */
export const mayBeLoss = ({ verdict }: Finding): boolean => ["lost", "unanswered", "missing", "fewer", "held", "acknowledged"].includes(verdict);
