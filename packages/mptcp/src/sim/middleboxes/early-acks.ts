import { NEVER } from "../../core/index.ts";
import { Dss, sequenceAdd, sequenceDifference, sequenceLess, TCP_FLAG } from "../../wire/index.ts";
import type { MptcpOption, Packet, TcpSegment } from "../../wire/index.ts";

/** Data that a box has acknowledged, and keeps until the receiver has. */
interface Copy {
  readonly sequence: number;
  readonly end: number;
  readonly packet: Packet;
  readonly sentAt: number;
  isRepeated: boolean;
}

/**
 * What a box that acknowledges in the name of a receiver knows of one direction of a connection: what it has promised to the sender, the copies of what the
 * receiver has not acknowledged yet, and when the oldest of them is sent again (RFC 6298).
 */
export class EarlyAcks {
  /** The sequence number that comes next from the sender; -1 before its SYN. */
  next = -1;
  /** Behind the last octet that was acknowledged to the sender; -1: nothing was. */
  promised = -1;
  /** When the oldest copy is sent again, ns. */
  due = NEVER;
  /** Octets in the copies. */
  bytes = 0;
  /** The latest that the sender said: an old timestamp on a repetition would be refused (RFC 7323 §5). */
  private acknowledgment = 0;
  private timestampValue = 0;
  private timestampEcho = 0;
  /** The same of the receiver; -1 for what it has not said. */
  private received = -1;
  private rightEdge = 0;
  private receiverTimestamp = 0;
  private dataAck: Dss | null = null;
  private duplicates = 0;
  private copies: Copy[] = [];
  /** Of the retransmission timer, ns. */
  private smoothed = 0;
  private timeout = FIRST_TIMEOUT;
  private tries = 0;
  /** Until this is acknowledged, what was lost is made good: the copies from `cursor` on are yet to be sent again. -1: nothing is lost. */
  private recovery = -1;
  private cursor = 0;

  /** The sender's SYN. */
  begin(next: number): void {
    Object.assign(this, new EarlyAcks());
    this.next = next;
  }

  /** The connection is over. */
  forget(): void {
    this.copies = [];
    this.bytes = 0;
    this.due = NEVER;
  }

  /** Takes note of what the sender says besides its data. */
  seeSender(segment: TcpSegment): void {
    this.acknowledgment = segment.acknowledgment;
    this.timestampValue = segment.timestampValue;
    this.timestampEcho = segment.timestampEcho;
  }

  /**
   * Takes note of what the receiver says. @returns how many copies should be sent again: three duplicates say that the first is lost (RFC 5681 §3.2), and while losses are made good each ACK brings
   * two, as in slow start
   */
  seeReceiver(segment: TcpSegment, scale: number, now: number): number {
    const { acknowledgment } = segment;
    this.receiverTimestamp = segment.timestampValue;
    for (const option of segment.mptcp) if (option.kind === "dss" && option.dataAckLength > 0) this.dataAck = option;
    const edge = sequenceAdd(acknowledgment, segment.window * 2 ** scale);
    if (this.received < 0 || sequenceLess(this.rightEdge, edge)) this.rightEdge = edge;
    if (this.received >= 0 && sequenceDifference(acknowledgment, this.received) <= 0) {
      const isDuplicate = acknowledgment === this.received && segment.payload.length === 0 && this.copies.length > 0;
      if (!isDuplicate || ++this.duplicates !== DUPLICATES || this.recovery >= 0) return 0;
      this.recover();
      return 1;
    }
    this.received = acknowledgment;
    this.duplicates = 0;
    if (this.next >= 0 && sequenceLess(this.next, acknowledgment)) this.next = acknowledgment;
    this.release(acknowledgment, now);
    if (this.recovery >= 0 && !sequenceLess(acknowledgment, this.recovery)) this.recovery = -1;
    return this.recovery >= 0 ? 2 : 0;
  }

  /** Everything that is there now may be lost. */
  recover(): void {
    this.recovery = this.promised;
    this.cursor = 0;
  }

  private release(acknowledgment: number, now: number): void {
    while (this.copies.length > 0) {
      const [{ end, sequence, sentAt, isRepeated }] = this.copies as [Copy];
      if (sequenceLess(acknowledgment, end)) break;
      this.copies.shift();
      if (this.cursor > 0) this.cursor--;
      this.bytes -= sequenceDifference(end, sequence);
      if (!isRepeated) this.smoothed = this.smoothed === 0 ? now - sentAt : (7 * this.smoothed + now - sentAt) / 8;
    }
    this.tries = 0;
    this.timeout = this.smoothed === 0 ? FIRST_TIMEOUT : Math.max(LEAST_TIMEOUT, Math.round(2 * this.smoothed));
    this.due = this.copies.length === 0 ? NEVER : now + this.timeout;
  }

  /** Whether the receiver has said a Data ACK. */
  get hasDataAck(): boolean {
    return this.dataAck !== null;
  }

  /** Whether data that comes next can be promised: all before it is there or kept. */
  follows(sequence: number): boolean {
    const last = this.copies.at(-1);
    return last === undefined ? sequence === this.received : sequence === last.end;
  }

  /** Keeps a copy of data that comes next, and promises it. */
  promise(packet: Packet, sequence: number, end: number, now: number): void {
    this.copies.push({ sequence, end, packet: packet.clone(), sentAt: now, isRepeated: false });
    this.bytes += sequenceDifference(end, sequence);
    this.promised = end;
    if (this.due === NEVER) this.due = now + this.timeout;
  }

  /** What the receiver's window leaves behind what was promised, as it is written. */
  windowField(scale: number): number {
    return Math.min(65_535, Math.max(0, Math.floor(sequenceDifference(this.rightEdge, this.promised) / 2 ** scale)));
  }

  /** An ACK of what was promised, in the form of a segment of the receiver. */
  fillAck(ack: TcpSegment, data: TcpSegment, scale: number, copiesOptions: boolean): void {
    ack.flags = TCP_FLAG.ACK;
    ack.acknowledgment = this.promised;
    ack.window = this.windowField(scale);
    if (data.hasTimestamps) {
      ack.hasTimestamps = true;
      ack.timestampValue = this.receiverTimestamp;
      ack.timestampEcho = data.timestampValue;
    }
    if (copiesOptions && this.dataAck !== null) ack.mptcp = [dataAckOf(this.dataAck)];
  }

  /** The time is over: sends from the oldest copy on, and waits longer the next time; gives up when that was in vain too often. @returns whether it does */
  timedOut(): boolean {
    if (++this.tries > MOST_TRIES) {
      this.forget();
      return false;
    }
    this.timeout = Math.min(LARGEST_TIMEOUT, this.timeout * 2);
    this.recover();
    return true;
  }

  /** The next copy of those that may be lost, to be sent again; null when there is none. */
  repeat(now: number): Packet | null {
    const copy = this.copies[this.cursor];
    if (copy === undefined || (this.recovery >= 0 && !sequenceLess(copy.sequence, this.recovery))) return null;
    this.cursor++;
    copy.isRepeated = true;
    this.due = now + this.timeout;
    const packet = copy.packet.clone();
    const segment = packet.tcp as TcpSegment;
    segment.acknowledgment = this.acknowledgment;
    segment.timestampValue = this.timestampValue;
    segment.timestampEcho = this.timestampEcho;
    return packet;
  }
}

/** The Data ACK of a DSS without its mapping. */
function dataAckOf({ dataAckLength, dataAckHigh, dataAckLow }: Dss): MptcpOption {
  return Object.assign(new Dss(), { dataAckLength, dataAckHigh, dataAckLow });
}

/** ns */
const FIRST_TIMEOUT = 1_000_000_000;
const LEAST_TIMEOUT = 200_000_000;
const LARGEST_TIMEOUT = 60_000_000_000;
const MOST_TRIES = 10;
const DUPLICATES = 3;
