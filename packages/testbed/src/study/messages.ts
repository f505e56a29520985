import { Payload } from "mptcp/wire";

/**
 * Messages between the two halves of the probe, over a byte stream that boxes may edit: each is cut into short frames with a checksum; the reader looks for frames that are
 * whole, wherever they begin. What a message has lost is completed when it is sent again with the same number.
 */
export function encodeMessage(id: number, message: unknown): Payload {
  const text = new TextEncoder().encode(JSON.stringify(message));
  const count = Math.max(1, Math.ceil(text.length / MOST_IN_FRAME));
  const length = text.length + count * (HEADER + CHECK);
  const octets = new Uint8Array(length);
  for (let index = 0, at = 0; index < count; index++) at += writeFrame(octets, at, id, index, count, text.subarray(index * MOST_IN_FRAME, (index + 1) * MOST_IN_FRAME));
  return Payload.of(octets);
}

/** Finds the messages in a stream. */
export class MessageReader {
  private bytes: Uint8Array = new Uint8Array(0);
  private readonly parts = new Map<number, (Uint8Array | undefined)[]>();

  /** Takes what has arrived. @returns the messages that are whole now; one that was sent again may come again */
  push(bytes: Uint8Array): unknown[] {
    const joined = new Uint8Array(this.bytes.length + bytes.length);
    joined.set(this.bytes);
    joined.set(bytes, this.bytes.length);
    const messages: unknown[] = [];
    let at = 0;
    for (;;) {
      at = joined.indexOf(MAGIC, at);
      if (at < 0) at = joined.length;
      if (joined.length - at < HEADER) break;
      const part = joined[at + 8] as number;
      const length = HEADER + part + CHECK;
      if (joined[at + 1] !== MAGIC_TOO || joined[at + 9] !== lengthCheck(part)) at++;
      else if (joined.length - at < length) break;
      else if (isWhole(joined.subarray(at, at + length))) {
        this.take(joined.slice(at, at + length), messages);
        at += length;
      } else at++;
    }
    this.bytes = joined.slice(at);
    return messages;
  }

  private take(whole: Uint8Array, messages: unknown[]): void {
    const view = new DataView(whole.buffer);
    const [id, index, count] = [view.getUint32(2), whole[6] as number, whole[7] as number];
    let parts = this.parts.get(id);
    if (parts === undefined || parts.length !== count) {
      if (this.parts.size >= MOST_OPEN) this.parts.delete(this.parts.keys().next().value as number);
      parts = Array.from({ length: count });
      this.parts.set(id, parts);
    }
    if (index >= count) return;
    parts[index] = whole.subarray(HEADER, whole.length - CHECK);
    if (parts.includes(undefined)) return;
    this.parts.delete(id);
    const text = new Uint8Array(parts.reduce((sum, part) => sum + (part as Uint8Array).length, 0));
    let at = 0;
    for (const part of parts as Uint8Array[]) {
      text.set(part, at);
      at += part.length;
    }
    try {
      messages.push(JSON.parse(new TextDecoder().decode(text)));
    } catch {
      // Frames of two messages with one number: it is asked for again.
    }
  }
}

/** @returns its octets */
function writeFrame(octets: Uint8Array, at: number, id: number, index: number, count: number, part: Uint8Array): number {
  const end = at + HEADER + part.length;
  const view = new DataView(octets.buffer);
  octets[at] = MAGIC;
  octets[at + 1] = MAGIC_TOO;
  view.setUint32(at + 2, id);
  octets[at + 6] = index;
  octets[at + 7] = count;
  octets[at + 8] = part.length;
  octets[at + 9] = lengthCheck(part.length);
  octets.set(part, at + HEADER);
  view.setUint32(end, hashOf(octets.subarray(at, end)));
  return end + CHECK - at;
}

/** Of a length: so that nobody waits for the end of a frame that is none. What is done to both octets alike shows. */
const lengthCheck = (length: number): number => (5 * length + 13) & 0xff;

function isWhole(octets: Uint8Array): boolean {
  const at = octets.length - CHECK;
  return new DataView(octets.buffer, octets.byteOffset).getUint32(at) === hashOf(octets.subarray(0, at));
}

/** FNV-1a with 32 bits: against accidents, not against malice. */
function hashOf(octets: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const octet of octets) hash = Math.imul(hash ^ octet, 0x01000193) >>> 0;
  return hash;
}

const MAGIC = 0xf5;
const MAGIC_TOO = 0x3c;
/** Octets before the part: two to begin with, the number of the message, which part of how many, its length and the check of that. And the checksum behind it. */
const HEADER = 10;
const CHECK = 4;
/** Octets of a part, such that few are lost with each edit; 255 parts are 30 kB, more than any report. */
const MOST_IN_FRAME = 120;
/** Messages of which parts are missing, at once. */
const MOST_OPEN = 64;
