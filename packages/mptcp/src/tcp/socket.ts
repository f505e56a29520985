import type { CloseReason, ConnectionSnapshot } from "../core/index.ts";
import { MptcpError } from "../core/index.ts";
import type { Packet, TcpSegment } from "../wire/index.ts";
import { Payload } from "../wire/index.ts";
import { reassemblyMemory, ReceiveBufferTuner, SendBufferTuner } from "./receiving/buffer-tuning.ts";
import { changesWindow, configOfKeepAlive, offeredShare } from "./config.ts";
import type { KeepAlive, StreamSettings, TcpConfig } from "./config.ts";
import type { CongestionControlFactory } from "./congestion/control.ts";
import { CouplingGroup } from "./congestion/coupling.ts";
import { TcpConnection } from "./connection.ts";
import type { FastOpenClient } from "./fast-open/client.ts";
import { FastOpenServer } from "./fast-open/server.ts";
import type { SentSynAck } from "./service.ts";
import { infoOfTcp } from "./info.ts";
import type { TcpInfo } from "./info.ts";
import type { SegmentRole, SegmentSlot, StreamBuffers, TcpEnvironment, TcpOwner } from "./owner.ts";
import { isEnoughToRead, isRoomy, readinessOf, roomIn } from "./readiness.ts";
import type { StreamReadiness } from "./readiness.ts";
import { ReceiveQueue } from "./receiving/receive-queue.ts";
import { SendQueue } from "./sending/send-queue.ts";
import { checkSettings } from "./settings.ts";
import { STREAM_EVENT } from "./stream.ts";
import type { FourTuple, StreamConnection } from "./stream.ts";

/** What a socket is made with. */
export interface TcpSocketOptions {
  /** Number of the connection on its host, from 1. */
  readonly id: number;
  readonly environment: TcpEnvironment;
  readonly config: TcpConfig;
  readonly tuple: FourTuple;
  /** Something happened that {@link TcpSocket.takeEvents} tells: called when the first event bit is set. */
  readonly onEvent: (socket: TcpSocket) => void;
  /** Why Multipath TCP is not in use although it was asked for; null when it was not. */
  readonly fallback: string | null;
  /** For `accept`: the SYN+ACK, where one was sent already. */
  readonly sent?: SentSynAck | null;
  /** For `connect`: TCP Fast Open. */
  readonly fastOpen?: FastOpenClient | null;
}

/** A byte stream over plain TCP: the application's side of one {@link TcpConnection}, and its owner. */
export class TcpSocket implements StreamConnection, TcpOwner {
  readonly id: number;
  readonly multipath = false;
  readonly fallback: string | null;
  readonly tuple: FourTuple;
  readonly tcp: TcpConnection;
  connectedAt = -1;
  /** When data was last acknowledged, ns; -1: never. */
  lastAcknowledgedAt = -1;
  private readonly sendQueue = new SendQueue();
  private readonly receiveQueue = new ReceiveQueue();
  private readonly sendBuffer: SendBufferTuner;
  private readonly receiveBuffer: ReceiveBufferTuner;
  private readonly onEvent: (socket: TcpSocket) => void;
  private events = 0;
  private closeReason: CloseReason | null = null;
  private over = false;
  private ending = false;
  private peerEnded = false;
  private wantsRoom = false;
  private isDiscarding = false;
  private unsentLowWater: number;
  private readLowWater: number;
  private windowClamp: number;
  private drained = false;

  private constructor(options: TcpSocketOptions, syn: Packet | null, now: number) {
    const { config } = options;
    this.id = options.id;
    this.fallback = options.fallback;
    this.tuple = options.tuple;
    this.onEvent = options.onEvent;
    this.sendBuffer = new SendBufferTuner(config.sendBuffer);
    this.receiveBuffer = new ReceiveBufferTuner(config.receiveBuffer, config.initialWindowSegments * config.mtu, offeredShare(config));
    this.unsentLowWater = config.unsentLowWater;
    this.readLowWater = config.readLowWater;
    this.windowClamp = config.windowClamp;
    this.tcp =
      syn === null
        ? TcpConnection.connect(options.environment, this, config, options.tuple, now, options.fastOpen ?? null)
        : TcpConnection.accept(options.environment, this, config, options.tuple, syn, now, options.sent ?? null);
    this.tcp.connectionId = options.id;
    if (config.cork) this.tcp.holdBack(true, null);
  }

  /** Opens a connection actively; the SYN leaves with the next poll. */
  static connect(options: TcpSocketOptions, now: number): TcpSocket {
    return new TcpSocket(options, null, now);
  }

  /** Answers a SYN that arrived. */
  static accept(options: TcpSocketOptions, syn: Packet, now: number): TcpSocket {
    return new TcpSocket(options, syn, now);
  }

  // ---- StreamConnection

  /** Bytes that `write` would take now. */
  get writable(): number {
    if (this.over || this.ending) return 0;
    return roomIn(this.sendBuffer.size, this.sendQueue.length, this.unsent, this.unsentLowWater);
  }

  /** Bytes that `read` would give now. */
  get readable(): number {
    return this.receiveQueue.length;
  }

  get sendBuffered(): number {
    return this.sendQueue.length;
  }

  get receiveBuffered(): number {
    return this.receiveQueue.length;
  }

  get unsent(): number {
    const unsent = this.sendQueue.end - this.tcp.nextOffset;
    return unsent > 0 ? unsent : 0;
  }

  /** The peer closed its direction and everything it sent was read. */
  get ended(): boolean {
    return (this.peerEnded || this.isDiscarding) && this.receiveQueue.length === 0;
  }

  get readiness(): StreamReadiness {
    const { closeReason: error, connectedAt, ending: isEnding, over: isClosed, receiveQueue: { length: readable } } = this;
    const hasEnoughToRead = isEnoughToRead(readable, this.readLowWater, this.receiveBuffer.size);
    return readinessOf({ isOpen: connectedAt >= 0, isClosed, error, hasEnoughToRead, readable, isPeerEnded: this.peerEnded || this.isDiscarding, isEnding, hasRoom: this.isRoomy, isUrgent: this.urgent > 0 });
  }

  /** A pointer beyond the peer's FIN tells of nothing that could come. */
  get urgent(): number {
    const { isDiscarding, receiveQueue, tcp: { receivedOffset, receiver } } = this;
    if (receiver.urgentEnd < 0 || isDiscarding) return 0;
    const end = this.peerEnded ? Math.min(receiver.urgentEnd, receivedOffset) : receiver.urgentEnd;
    return Math.max(0, end - receivedOffset + receiveQueue.length);
  }

  /** Nothing will be sent or received any more. */
  get closed(): boolean {
    return this.over;
  }

  /** Why the connection broke; null after a regular close or while it lives. */
  get error(): CloseReason | null {
    return this.closeReason;
  }

  /** Queues as much of `payload` as there is room for. @throws MptcpError ERR_STREAM_WRITE_AFTER_END after `end` */
  write(payload: Payload, keep: boolean, _now: number, more = false): number {
    if (this.ending) throw new MptcpError("ERR_STREAM_WRITE_AFTER_END", "write after end");
    if (more !== this.tcp.sender.isUnpushed || more !== this.tcp.sender.hasMore) this.tcp.holdBack(null, more);
    const length = payload.length;
    const room = this.writable;
    if (room < length) this.wantsRoom = true;
    if (this.over || room === 0) return 0;
    const taken = room < length ? room : length;
    this.sendQueue.append(payload.slice(0, taken), keep);
    this.tcp.wake();
    return taken;
  }

  writeUrgent(payload: Payload, keep: boolean, now: number): number {
    const taken = this.write(payload, keep, now);
    if (taken > 0) this.tcp.markUrgent(this.sendQueue.end);
    return taken;
  }

  /** Closes this direction once everything written was sent. */
  end(now: number): void {
    if (this.ending) return;
    this.ending = true;
    if (!this.over) this.tcp.close(now);
  }

  /** Whether it waits at a listener for the application to accept it. */
  waitForAccept(waits: boolean): void {
    if (this.tcp.fastOpen instanceof FastOpenServer) this.tcp.fastOpen.setWaits(waits);
  }

  /** Ends, and nobody waits for anything any more. */
  abandon(now: number): void {
    if (this.readable > 0 && this.tcp.config.unreadAtClose !== "drop") {
      this.breakOff(true, now);
      return;
    }
    this.ending = true;
    if (this.over) return;
    this.tcp.abandon(now);
    this.tcp.refuseText();
  }

  /** Takes up to `max` bytes in order; null when there are none. */
  read(max: number, now: number): Payload | null {
    const payload = this.receiveQueue.read(max);
    if (payload === null) return null;
    const tcp = this.tcp;
    const { memory } = tcp.receiver;
    if (memory !== null) memory.onRead(payload.length);
    const grew = !tcp.environment.memory.isTight && this.receiveBuffer.onRead(payload.length, tcp.receiverRtt, tcp.receivedSegmentSize, now);
    if (grew && memory !== null) memory.resize(this.receiveMemory);
    if (!this.over) {
      tcp.windowUpdated(now);
      tcp.onRead(payload.length, this.receiveQueue.length === 0);
    }
    return payload;
  }

  /** When payload last left, and last arrived, ns; when the connection was established where none has, -1 before. */
  get lastSentAt(): number {
    return this.tcp.tally.dataSentAt;
  }
  get lastReceivedAt(): number {
    return this.tcp.tally.dataReceivedAt;
  }

  tcpInfo(pathIndex: number, now: number): TcpInfo | null {
    return pathIndex === 1 ? infoOfTcp(this.tcp, now) : null;
  }

  peek(max: number, skip = 0): Payload | null {
    return this.receiveQueue.peek(max, skip);
  }

  stopReading(now: number): void {
    this.isDiscarding = true;
    this.receiveQueue.clear();
    this.tcp.receiver.forgetMemory();
    if (!this.over) this.tcp.windowUpdated(now);
    this.raise(STREAM_EVENT.readable);
  }

  get settings(): StreamSettings {
    const { config, keepAlive, noDelay, sender: { isCorked: cork } } = this.tcp;
    return { ...config, noDelay, cork, ...configOfKeepAlive(keepAlive) };
  }

  configure(change: Partial<StreamSettings>, now: number): void {
    checkSettings(change);
    const { tcp } = this;
    tcp.configure(change, now);
    if (change.sendBuffer !== undefined) this.sendBuffer.configure(change.sendBuffer);
    if (change.receiveBuffer !== undefined) {
      this.receiveBuffer.configure(change.receiveBuffer);
      tcp.receiver.memory?.resize(this.receiveMemory);
    }
    this.unsentLowWater = tcp.config.unsentLowWater;
    this.readLowWater = tcp.config.readLowWater;
    this.windowClamp = tcp.config.windowClamp;
    if (change.noDelay !== undefined) tcp.setNoDelay(change.noDelay);
    if (change.cork !== undefined) tcp.holdBack(change.cork, null);
    if (this.over) return;
    if (changesWindow(change)) tcp.windowUpdated(now);
    this.tellRoom();
    if (change.readLowWater !== undefined) this.tellReadable();
  }

  exchange({ congestion }: { readonly congestion?: CongestionControlFactory }, now: number): void {
    if (congestion !== undefined) this.tcp.replaceCongestion(congestion, now);
  }

  setQuickAck(enable: boolean, _now: number): void {
    this.tcp.setQuickAck(enable);
  }

  setNoDelay(enable: boolean, _now: number): void {
    this.tcp.setNoDelay(enable);
  }

  setKeepAlive(keepAlive: KeepAlive | null, now: number): void {
    this.tcp.setKeepAlive(keepAlive, now);
  }

  /** Breaks the connection at once, with a RST when the peer knows of it. */
  abort(now: number): void {
    this.breakOff(false, now);
  }

  /** `isUnread`: data that was not read is lost, which a peer hears of after both FINs, too (RFC 1122 §4.2.2.13). */
  private breakOff(isUnread: boolean, now: number): void {
    if (this.over) return;
    this.tcp.abort(now, isUnread);
    this.finish("ECONNABORTED");
  }

  snapshot(now: number): ConnectionSnapshot {
    return this.tcp.environment.snapshot(this, now);
  }

  /** The STREAM_EVENT bits since the last call; clears them. */
  takeEvents(): number {
    const events = this.events;
    this.events = 0;
    return events;
  }

  // ---- TcpOwner

  dataOptionSpace(_tcp: TcpConnection): number {
    return 0;
  }

  mayOffer(tcp: TcpConnection): boolean {
    return this.sendQueue.end > tcp.nextOffset;
  }

  offer(tcp: TcpConnection, limit: number, _now: number): number {
    const waiting = this.sendQueue.end - tcp.nextOffset;
    return waiting < limit ? waiting : limit;
  }

  take(_tcp: TcpConnection, offset: number, length: number, _now: number, slot: SegmentSlot): void {
    slot.payload = this.sendQueue.slice(offset, length);
    // RFC 9293 §3.9.1.2: PSH when this empties the queue.
    slot.push = offset + length === this.sendQueue.end;
    if (this.unsentLowWater > 0) this.tellRoom(length);
  }

  segmentOptions(
    _tcp: TcpConnection, _segment: TcpSegment, _role: SegmentRole, _tag: object | null, _offset: number, _space: number, _now: number,
  ): void {}

  synData(_tcp: TcpConnection, most: number): Payload | null {
    if (this.sendQueue.end === 0) return this.ending ? Payload.EMPTY : null;
    return this.sendQueue.slice(0, Math.min(most, this.sendQueue.end));
  }

  onSynDataAcknowledged(tcp: TcpConnection, length: number, now: number): void {
    this.onAcknowledged(tcp, length, now);
  }

  onOpenedEarly(tcp: TcpConnection, _length: number, now: number): void {
    this.onEstablished(tcp, now);
  }

  onSegment(_tcp: TcpConnection, _segment: TcpSegment, _offset: number, _now: number): boolean {
    return true;
  }

  onData(_tcp: TcpConnection, payload: Payload, _offset: number, _now: number): void {
    if (this.isDiscarding) return;
    this.receiveQueue.push(payload);
    this.tellReadable();
  }

  onUrgent(_tcp: TcpConnection, _end: number, _now: number): void {
    if (this.urgent > 0) this.raise(STREAM_EVENT.urgent);
  }

  onFin(_tcp: TcpConnection, _now: number): void {
    this.peerEnded = true;
    this.raise(STREAM_EVENT.readable);
  }

  onAcknowledged(tcp: TcpConnection, to: number, now: number): void {
    this.lastAcknowledgedAt = now;
    this.sendQueue.release(to);
    const window = tcp.congestionWindow;
    if (!tcp.environment.memory.isTight) this.sendBuffer.onWindow(window, window < tcp.congestion.threshold, tcp.rtt.srtt, tcp.rtt.min);
    if (this.wantsRoom) this.tellRoom();
    this.noteDrained(tcp);
  }

  onInput(_tcp: TcpConnection, _now: number): void {}

  congestionControl(tcp: TcpConnection): CongestionControlFactory {
    return tcp.config.congestion;
  }

  /** A coupled controller is alone here. */
  couplingGroup(_tcp: TcpConnection): CouplingGroup {
    return new CouplingGroup();
  }

  onEstablished(tcp: TcpConnection, now: number): void {
    if (this.connectedAt >= 0) return;
    this.connectedAt = now;
    if (tcp.config.offeredWindow === "half" && !this.isDiscarding) tcp.receiver.countMemory(this.receiveMemory);
    this.raise(STREAM_EVENT.connected);
  }

  onTailLossProbe(_tcp: TcpConnection, _now: number): void {}

  onRetransmissionTimeout(_tcp: TcpConnection, _consecutive: number, _now: number): void {}

  onClosed(tcp: TcpConnection, reason: CloseReason | null, _segment: TcpSegment | null, _now: number): void {
    this.noteDrained(tcp);
    this.finish(reason);
  }

  receiveWindow(_tcp: TcpConnection, _now: number): number {
    const room = this.receiveBuffer.size - this.receiveQueue.length;
    return this.windowClamp > 0 && this.windowClamp < room ? this.windowClamp : room;
  }

  peerWindow(): number {
    return 0;
  }

  unreadBytes(_tcp: TcpConnection): number {
    return this.receiveQueue.length;
  }

  get waitsForRoom(): boolean {
    return this.wantsRoom;
  }

  buffers(_tcp: TcpConnection): StreamBuffers {
    const { receiveBuffer, sendBuffer, unsent } = this;
    return { sendBuffer: sendBuffer.size, receiveBuffer: receiveBuffer.size, unsent, readPerRound: receiveBuffer.readPerRound };
  }

  reassemblyMemory(_tcp: TcpConnection): number {
    return reassemblyMemory(this.receiveBuffer.size);
  }

  /** Memory of the receive buffer, bytes, of which a share is for data. */
  private get receiveMemory(): number {
    return Math.floor(this.receiveBuffer.size / offeredShare(this.tcp.config));
  }

  private get isRoomy(): boolean {
    return isRoomy(this.sendBuffer.size, this.sendQueue.length, this.unsent, this.unsentLowWater);
  }

  /** Who waits for room hears of it when there is enough. @param leaving bytes that count as unsent, and are about to be sent */
  private tellRoom(leaving = 0): void {
    if (!this.wantsRoom || this.ending || !isRoomy(this.sendBuffer.size, this.sendQueue.length, this.unsent - leaving, this.unsentLowWater)) return;
    this.wantsRoom = false;
    this.raise(STREAM_EVENT.writable);
  }

  private tellReadable(): void {
    if (isEnoughToRead(this.receiveQueue.length, this.readLowWater, this.receiveBuffer.size)) this.raise(STREAM_EVENT.readable);
  }

  private noteDrained(tcp: TcpConnection): void {
    if (this.drained || !this.ending || !tcp.finAcknowledged) return;
    this.drained = true;
    this.raise(STREAM_EVENT.drained);
  }

  private finish(reason: CloseReason | null): void {
    this.over = true;
    this.closeReason = reason;
    this.sendQueue.release(this.sendQueue.end);
    this.raise(STREAM_EVENT.closed);
  }

  private raise(event: number): void {
    const first = this.events === 0;
    this.events |= event;
    if (first) this.onEvent(this);
  }
}
