import { MILLISECOND } from "mptcp";
import type { StreamConnection } from "mptcp";
import { BaseApplication } from "mptcp/sim";
import type { Scheduled } from "mptcp/sim";
import type { Payload } from "mptcp/wire";
import { pieceOf } from "../streams.ts";
import type { EndPlan } from "./plan.ts";

/** The application at one end: it writes, reads and closes as its plan says, and keeps what it has read. */
export class End extends BaseApplication implements Scheduled {
  slot = -1;
  readonly background = false;
  readonly plan: EndPlan;
  /** It has aborted, or gone away. */
  hasLeft = false;
  hasAborted = false;
  private readonly stream: number;
  private readonly parts: Uint8Array[] = [];
  private allowed: number;
  private isHurried = false;

  /** @param stream what it writes, see `pieceOf` */
  constructor(plan: EndPlan, stream: number) {
    super();
    this.plan = plan;
    this.stream = stream;
    this.allowed = plan.piece;
  }

  get started(): boolean {
    return this.startedAt >= 0;
  }

  /** The connection; only for one that has started. */
  get stands(): StreamConnection {
    return this.connection;
  }

  /** Whether it has ended its direction in order: who goes away does that, too. */
  get hasClosed(): boolean {
    return this.hasEnded && !this.hasAborted;
  }

  /** What it has read. */
  get read(): Uint8Array {
    const whole = new Uint8Array(this.bytesRead);
    let at = 0;
    for (const part of this.parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }

  fire(now: number): void {
    const { plan } = this;
    this.allowed = Math.min(plan.bytes, this.allowed + plan.piece);
    const { connection } = this;
    if (!connection.closed || connection.readable > 0) {
      this.turn(now);
      this.host.poke();
    }
    this.wait(now);
  }

  override start(...place: Parameters<BaseApplication["start"]>): void {
    super.start(...place);
    this.wait(this.startedAt);
  }

  /** From now on it reads and writes all there is, and ends. */
  hurry(now: number): void {
    this.isHurried = true;
    if (!this.started) return;
    this.act(now);
    this.host.poke();
  }

  /** Goes away, whatever is left to do. */
  leave(now: number): void {
    this.hasLeft = true;
    this.hasEnded = true;
    this.connection.abandon(now);
    this.host.poke();
  }

  protected act(now: number): void {
    if (this.isHurried || this.plan.reads === 0) this.turn(now);
    else if (!this.isIdle(now)) this.write(now);
  }

  protected override onPayload(payload: Payload): void {
    this.parts.push(payload.toUint8Array().slice());
  }

  /** Each end closes its own direction when its plan says so. */
  protected override onEnd(now: number): void {
    this.close(now);
  }

  private turn(now: number): void {
    if (this.isIdle(now)) return;
    const { reads } = this.plan;
    if (this.isHurried || reads === 0) this.readAll(now);
    else {
      const payload = this.connection.read(reads, now);
      if (payload !== null) {
        this.bytesRead += payload.length;
        this.onPayload(payload);
      }
    }
    this.write(now);
  }

  private write(now: number): void {
    const { bytes } = this.plan;
    const left = Math.min(bytes, this.isHurried ? bytes : this.allowed) - this.bytesWritten;
    if (left > 0) this.writeFrom((offset, length) => pieceOf(this.stream, offset, length), left, now);
    this.close(now);
  }

  private close(now: number): void {
    const { after, bytes, closing } = this.plan;
    const { connection } = this;
    if (this.hasEnded || connection.closed) return;
    const wrote = this.bytesWritten === bytes;
    if (this.isHurried || closing === "end" || (closing === "late" && connection.ended)) {
      if (wrote) this.end(now);
    } else if ((closing === "abort" || closing === "abandon") && this.bytesWritten + this.bytesRead >= Math.min(after, bytes)) {
      this.hasEnded = true;
      this.hasLeft = true;
      this.hasAborted = closing === "abort";
      if (closing === "abort") connection.abort(now);
      else connection.abandon(now);
    }
  }

  private isIdle(now: number): boolean {
    const { idle } = this.plan;
    const since = now - this.startedAt - idle.at * MILLISECOND;
    return !this.isHurried && idle.for > 0 && since >= 0 && since < idle.for * MILLISECOND;
  }

  /** Until its next turn; none is needed where it would only wait. */
  private wait(now: number): void {
    const { plan } = this;
    if (this.isHurried || (this.connection.closed && this.connection.readable === 0)) return;
    const isWriting = this.bytesWritten < plan.bytes && plan.piece < plan.bytes;
    const isReading = plan.reads > 0 && !this.connection.ended;
    const idles = plan.idle.for > 0 && now < this.startedAt + (plan.idle.at + plan.idle.for) * MILLISECOND;
    const gap = isReading ? plan.every : isWriting ? Math.max(1, plan.pause) : idles ? IDLE_GAP : 0;
    if (gap > 0) this.host.queue.schedule(this, now + gap * MILLISECOND);
  }
}

/** ms */
const IDLE_GAP = 100;
