import { BaseApplication } from "mptcp/sim";
import { Payload } from "mptcp/wire";
import { octetOf, pieceOf } from "../streams.ts";
import type { ClosingPlan } from "./plan.ts";

/** Who hears of what an application reads. */
export interface Readers {
  /** What the connection of a number sends from its server; null when there is no such number. */
  downloadOf(id: number): { readonly bytes: number; readonly closing: ClosingPlan } | null;
  wrongByte(peer: Peer, position: number): void;
}

/**
 * One end of a connection: it writes bytes that follow from the connection's number and their place, and looks at every byte that it reads.
 * A client's stream begins with the connection's number, from which the server knows what to expect.
 */
export class Peer extends BaseApplication {
  readonly side: "client" | "server";
  /** The connection's number; -1: not known yet, or none of ours. */
  id: number;
  /** Bytes that differ from what the other end wrote. */
  wrong = false;
  /** It reads nothing for now. */
  paused = false;
  /** It ended before it was told what to write. */
  endedUntold = false;
  /** Ends as soon as it may. */
  private hurried = false;
  private readonly readers: Readers;
  private bytes: number;
  private closing: ClosingPlan;
  private readonly piece: number;
  private allowed: number;
  private readonly head: number[] = [];
  /** The header was none of ours: whoever opened the connection was not our client. */
  foreign = false;

  private constructor(side: "client" | "server", id: number, readers: Readers, bytes: number, closing: ClosingPlan, piece: number) {
    super();
    this.side = side;
    this.id = id;
    this.readers = readers;
    this.bytes = bytes;
    this.closing = closing;
    this.piece = piece;
    this.allowed = piece;
  }

  static client(id: number, readers: Readers, plan: { readonly upload: number; readonly piece: number; readonly client: ClosingPlan }): Peer {
    return new Peer("client", id, readers, plan.upload, plan.client, plan.piece);
  }

  static server(readers: Readers): Peer {
    return new Peer("server", -1, readers, 0, { how: "late", after: 0 }, 1e9);
  }

  /** How many bytes it wants to write in all. */
  get length(): number {
    return this.bytes;
  }

  /** Whether it means to write everything and to end in order. */
  get graceful(): boolean {
    return this.closing.how === "end" || this.closing.how === "late";
  }

  /** From now on it reads, writes what it has left, and ends. */
  hurry(now: number): void {
    this.hurried = true;
    this.paused = false;
    this.allowed = this.bytes;
    this.look(now);
  }

  /** Writes one piece more. */
  proceed(now: number): void {
    this.allowed = Math.min(this.bytes, this.allowed + this.piece);
    if (!this.connection.closed) this.act(now);
  }

  resume(now: number): void {
    this.paused = false;
    this.look(now);
  }

  /** What arrived before the connection closed can still be read. */
  private look(now: number): void {
    const { connection } = this;
    if (!connection.closed || connection.readable > 0) this.act(now);
  }

  protected act(now: number): void {
    if (!this.paused) this.readAll(now);
    const left = Math.min(this.bytes, this.allowed) - this.bytesWritten;
    if (left > 0) this.writeFrom((offset, length) => this.source(offset, length), left, now);
    this.close(now);
  }

  /** Nobody is asked whether the other direction ended: each end closes its own. */
  protected override onEnd(): void {}

  protected override onPayload(payload: Payload): void {
    const { bytes, offset, length } = payload;
    const from = this.bytesRead - length;
    if (bytes === null) return this.fail(from);
    for (let i = 0; i < length; i++) {
      const octet = bytes[offset + i] as number;
      const at = from + i;
      if (this.side === "server" && at < HEADER) this.header(octet);
      else if (!this.foreign && octet !== octetOf(2 * this.id + (this.side === "server" ? 0 : 1), at)) return this.fail(at);
    }
  }

  private header(octet: number): void {
    this.head.push(octet);
    if (this.head.length < HEADER) return;
    const id = ((this.head[1] as number) << 8) | (this.head[2] as number);
    const expected = headOf(id).every((wanted, i) => wanted === this.head[i]) ? this.readers.downloadOf(id) : null;
    if (expected === null) {
      this.foreign = true;
      this.readers.wrongByte(this, 0);
      return;
    }
    this.id = id;
    this.bytes = expected.bytes;
    this.allowed = expected.bytes;
    this.closing = expected.closing;
  }

  private fail(at: number): void {
    this.wrong = true;
    this.readers.wrongByte(this, at);
  }

  private source(offset: number, length: number): Payload {
    const stream = 2 * this.id + (this.side === "client" ? 0 : 1);
    if (this.side === "server" || offset >= HEADER) return pieceOf(stream, offset, length);
    const head = headOf(this.id);
    return Payload.of(Uint8Array.from({ length }, (_, i) => head[offset + i] ?? octetOf(stream, offset + i)));
  }

  private close(now: number): void {
    if (this.hasEnded || this.connection.closed) return;
    const { how, after } = this.closing;
    const wrote = this.bytesWritten === this.bytes;
    const known = this.side === "client" || this.id >= 0;
    if (this.hurried || (how === "end" && known)) {
      // One that is told to go and was never told what to write has nothing to wait for.
      if (!wrote) return;
      this.endedUntold = !known;
      this.end(now);
    } else if ((how === "abort" || how === "abandon") && known && this.bytesWritten + this.bytesRead >= Math.min(after, this.bytes)) {
      this.hasEnded = true;
      if (how === "abort") this.connection.abort(now);
      else this.connection.abandon(now);
    }
  }
}

/** The octets that name a connection. */
function headOf(id: number): readonly number[] {
  // No octet twice: a checksum is the same where octets change places.
  return [MARK, id >>> 8, id & 255, (31 * id + 0x5b) & 255];
}

const HEADER = 4;
const MARK = 0xf5;
