import { SIDES, Violation } from "../connections/world.ts";
import type { Side } from "../connections/world.ts";
import { octetOf } from "../streams.ts";
import { changesLength, editsOf, originOf } from "./edits.ts";
import type { Edits } from "./edits.ts";
import type { End } from "./end.ts";
import type { ChainWorld } from "./world.ts";
import { STREAMS } from "./world.ts";

/**
 * How a connection came out: all there and closed in order; as its applications wanted it otherwise; with an error; with an end that waits for what may never come, and owes
 * nothing; or with one that hangs although it has something to tell, which only plain TCP through the same boxes excuses.
 */
export type Verdict = "whole" | "left" | "error" | "waits" | "hangs";

/**
 * Looks whether the applications got what plain TCP through the same boxes would have given them: what was sent, in order, once, without a gap unless an error says so,
 * and whether both know of the end.
 * @throws Violation
 */
export function judge(world: ChainWorld): Verdict {
  for (const side of SIDES) judgeBytes(world, side);
  const ends = SIDES.map((side) => world.ends[side]).filter((end) => end.started);
  const open = ends.filter((end) => !end.stands.closed);
  if (open.length > 1 || open.some((end) => end.drainedAt < 0)) return "hangs";
  if (open.length > 0) return "waits";
  if (ends.some((end) => end.hasLeft)) return "left";
  return ends.length < 2 || ends.some((end) => end.stands.error !== null) ? "error" : "whole";
}

/** What one end has read, beside what the other one wrote. */
function judgeBytes(world: ChainWorld, side: Side): void {
  const [end, peer] = pairOf(world, side);
  if (!end.started) return;
  const from = side === "client" ? "server" : "client";
  const edits = toleratedEdits(world, side, editsOf(world.plan, from));
  const { read } = end;
  const stream = STREAMS[from];
  const { places, same } = originOf(read, (at) => (at < peer.bytesWritten ? octetOf(stream, at) : -1), edits);
  // With checksums octets may still change places by twos: what a box took out came again behind the rest (RFC 1071).
  const blurred = edits === null ? isRearranged(read, stream, editsOf(world.plan, from)) : isBlurred(world, side, edits);
  if (places.length === 0 && !blurred) throw new Violation(`a wrong byte at ${same} of ${read.length} at the ${side}`);
  // Whoever has heard of the end and of no error has everything.
  const { error } = end.stands;
  const hasAll = places.includes(peer.bytesWritten) || blurred;
  if (end.stands.ended && error === null && !(hasAll && peer.hasClosed)) throw new Violation(`the ${side} read the end after ${read.length} of ${peer.bytesWritten} bytes, ${peer.hasClosed ? "" : "of a peer that had not ended, "}without an error`);
  if (end.stands.closed && error === null && !end.hasLeft && !end.stands.ended) throw new Violation(`the ${side} is closed without an error, and has not read the end`);
}

/** With checksums nothing that was changed is delivered but by a connection that fell back. */
function toleratedEdits(world: ChainWorld, side: Side, edits: Edits | null): Edits | null {
  if (edits === null) return null;
  const { client, server } = world.plan.speaks;
  const isChecked = client.checksum || server.checksum;
  const isMultipath = world.connectionOf(side)?.multipath === true;
  return isChecked && isMultipath ? null : edits;
}

/**
 * Whether bytes of another number than were sent can have been put where others belong: without checksums nobody can see for sure that a mapping does not fit any more (RFC 8684 §3.3.1,
 * §3.7), and Multipath TCP, or what it has become since, then delivers what plain TCP would not have. Nor is it followed what several boxes make of each other's bytes.
 */
function isBlurred(world: ChainWorld, side: Side, edits: Edits): boolean {
  const changers = world.plan.paths.flatMap((path) => path.boxes).filter(changesLength).length;
  const connection = world.connectionOf(side);
  const hadMappings = connection?.multipath === true || LATE_FALLBACKS.has(connection?.fallback ?? "");
  return changers > 0 && (hadMappings || world.plan.paths.length > 1 || edits.exchanges || changers > 1);
}

/** Whether a stream has the octets of another one in an order that no checksum tells from it. */
function isRearranged(read: Uint8Array, stream: number, edits: Edits | null): boolean {
  if (edits === null || edits.removals.length === 0) return false;
  let difference = 0;
  for (let i = 0; i < read.length; i++) difference += ((read[i] as number) - octetOf(stream, i)) * (i % 2 === 0 ? 256 : 1);
  return difference % 65_535 === 0;
}

function pairOf(world: ChainWorld, side: Side): readonly [End, End] {
  const { client, server } = world.ends;
  return side === "client" ? [client, server] : [server, client];
}

/** Why a connection falls back that had mappings before, and no checksums. */
const LATE_FALLBACKS: ReadonlySet<string> = new Set(["options_lost", "options_lost_on_data", "no_data_ack", "infinite_mapping"]);
