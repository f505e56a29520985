import type { Carrier } from "../context.ts";
import type { SentMapping } from "./mappings.ts";

/**
 * What subflows carry, that is have sent and not acknowledged.
 *
 * @module
 */

/** The subflow that carries `offset`: `own` when it does too, else the one with the smallest round-trip time; null when none does. */
export function carrierOf(subflows: readonly Carrier[], offset: number, own: Carrier): Carrier | null {
  if (carries(own, offset)) return own;
  let best: Carrier | null = null;
  for (const subflow of subflows) {
    if (subflow !== own && carries(subflow, offset) && (best === null || subflow.srtt < best.srtt)) best = subflow;
  }
  return best;
}

/** The mapping on `subflow` that covers the lowest data at or after `start`. */
export function firstCarried(subflow: Carrier, start: number): SentMapping | null {
  const { sent } = subflow;
  let lowest: SentMapping | null = null;
  for (let i = 0; i < sent.size; i++) {
    const mapping = sent.at(i);
    if (mapping.dataOffset + mapping.length <= start) continue;
    if (mapping.dataOffset <= start) return mapping;
    // Reinjections stand behind data with higher offsets.
    if (lowest === null || mapping.dataOffset < lowest.dataOffset) lowest = mapping;
  }
  return lowest;
}

/** What no subflow carries any more, from `from` on. */
export interface Gap {
  /** One past its last byte: the next byte that a subflow carries, or `end`. It is `from` when one that is alive carries that. */
  readonly to: number;
  /** Path index of a subflow that timed out with `from` on it; 0 when there is none. */
  readonly stale: number;
}

/** Looks for what is missing from `from` on, and was sent up to `end`. */
export function gapAt(subflows: readonly Carrier[], from: number, end: number): Gap {
  let to = end;
  let stale = 0;
  for (const subflow of subflows) {
    const { sent } = subflow;
    for (let i = 0; i < sent.size; i++) {
      const mapping = sent.at(i);
      if (mapping.dataOffset + mapping.length <= from) continue;
      if (mapping.dataOffset > from) to = Math.min(to, mapping.dataOffset);
      else if (subflow.stale) stale = subflow.pathIndex;
      else return { to: from, stale: 0 };
    }
  }
  return { to, stale };
}

function carries(subflow: Carrier, offset: number): boolean {
  const { sent } = subflow;
  const size = Math.min(sent.size, MAPPINGS_SEARCHED);
  for (let i = 0; i < size; i++) {
    const mapping = sent.at(i);
    if (mapping.dataOffset <= offset && offset < mapping.dataOffset + mapping.length) return true;
  }
  return false;
}

/** The head of the window is carried by one of a subflow's oldest mappings, unless reinjections stand before it. */
const MAPPINGS_SEARCHED = 64;

/** The largest segment of the established subflows, bytes; 1 where there is none. */
export function largestSegment(subflows: readonly Carrier[]): number {
  let largest = 1;
  for (const subflow of subflows) if (subflow.established && subflow.mss > largest) largest = subflow.mss;
  return largest;
}
