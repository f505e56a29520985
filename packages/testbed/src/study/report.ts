import type { Finding } from "./finding.ts";

/** What a study of one path came to. */
export interface StudyReport {
  /** The client's address, and the one that the server sees in its place; "" where the server did not answer. */
  readonly client: string;
  readonly seenAs: string;
  readonly server: string;
  /** Seconds. */
  readonly roundTrip: number;
  /** Why it came to an end before its time; null when it did not. */
  readonly problem: string | null;
  readonly ports: readonly PortReport[];
}

export interface PortReport {
  readonly port: number;
  /** Experiments that were made. */
  readonly tried: number;
  readonly findings: readonly Finding[];
  readonly boxes: readonly NamedBox[];
}

/** A box that explains findings. */
export interface NamedBox {
  /** Its name in the registry of middleboxes; "" for what no kind of them explains. */
  readonly kind: string;
  readonly because: readonly Finding[];
}

/** The kinds of boxes of a path, with the ports on which each was met. */
export function boxesOf({ ports }: StudyReport): ReadonlyMap<string, readonly number[]> {
  const boxes = new Map<string, number[]>();
  for (const { port, boxes: named } of ports) for (const { kind } of named) boxes.set(kind, [...(boxes.get(kind) ?? []), port]);
  return boxes;
}
