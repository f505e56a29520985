import { randomFraction, SeededRandom } from "../core/index.ts";
import type { Observer, RandomSource } from "../core/index.ts";
import type { Packet } from "../wire/index.ts";
import type { EventOwner, EventQueue, Scheduled } from "./event-queue.ts";
import { lossModel, probabilityThreshold } from "./loss.ts";
import type { LossModel } from "./loss.ts";
import type { Egress, EgressListener, SimNode } from "./node.ts";
import { PacketHeap } from "./packet-heap.ts";
import { checkPipeOptions } from "./pipe-options.ts";
import type { PipeDropCause, PipeOptions, PipeStatistics } from "./pipe-options.ts";
import { QueueStage } from "./queues/stage.ts";
import type { Transmitter } from "./queues/stage.ts";

/** Watches the packets of a pipe. It may encode or clone what it sees, but neither change nor keep it. */
export interface PipeTap {
  /** The packet was accepted into the queue; its last bit leaves at `departure` unless the rate changes. With a discipline: it goes into transmission. */
  entered(packet: Packet, departure: number, now: number): void;
  delivered(packet: Packet, now: number): void;
  dropped(packet: Packet, cause: PipeDropCause, now: number): void;
}

/**
 * One direction of a link: a drop-tail queue, a transmitter of some rate, and a wire of some delay.
 *
 * The time of departure is computed on entry, so a packet costs one event, and since the wire keeps the order only the first packet
 * waits in the event queue. Who has left the queue is found out when somebody asks. Packets and their times
 * lie in ring buffers; nothing is allocated per packet.
 *
 * With reordering, a packet waits in the ring until its departure and then in a heap until its arrival: two events.
 *
 * With a discipline ({@link PipeOptions.discipline}) packets wait in a stage before all that, and the ring has the one in transmission alone.
 */
export class Pipe implements Egress, EventOwner, Scheduled, Transmitter {
  readonly kind = "link";
  readonly name: string;
  rank = 0;
  slot = -1;
  readonly background = false;
  mtu = DEFAULT_MTU;
  maxPacket = DEFAULT_MTU;
  /** Whether the link carries packets. See {@link Pipe.down}. */
  isUp = true;
  listener: EgressListener | null = null;

  private readonly queue: EventQueue;
  private readonly observer: Observer | null;
  private target: SimNode | null = null;
  private targetPort = 0;
  private tap: PipeTap | null = null;

  // Parameters.
  private currentOptions: PipeOptions = {};
  nsPerByte = 0;
  private delay = 0;
  private jitter = 0;
  private segmentation = false;
  limitPackets = DEFAULT_QUEUE_PACKETS;
  limitBytes = Number.POSITIVE_INFINITY;
  private ecnThreshold = 0;
  private reorder = false;
  private duplicateThreshold = 0;
  private detourThreshold = 0;
  private detourDelay = 0;
  private loss: LossModel | null = null;
  /** Where packets wait for their turn; null: in the ring. */
  private stage: QueueStage | null = null;
  /** Nothing but ring and target: no loss, duplication, reordering or tap. */
  private plain = true;

  // The ring. Indices count on and wrap at 2^32 by `| 0`; `mask` makes them slots. first <= waiting <= end:
  // first..waiting are on the wire, waiting..end in the queue (as far as anybody has looked).
  private mask = INITIAL_RING - 1;
  private first = 0;
  private waiting = 0;
  private end = 0;
  private packets: (Packet | null)[] = emptySlots(INITIAL_RING);
  /** DEPARTURE, ACTION and WIRE of each packet, side by side. */
  private records = new Float64Array(INITIAL_RING * RECORD);
  /** Wire length of the packet that {@link Pipe.takeFirst} took. */
  private takenWire = 0;
  private queuedBytes = 0;
  freeAt = 0;
  private lastAction = 0;
  private readonly heap = new PacketHeap();

  private readonly seed: number;
  private lossRandom: RandomSource | null = null;
  private jitterRandom: RandomSource | null = null;
  private detourRandom: RandomSource | null = null;
  private duplicateRandom: RandomSource | null = null;

  private packetsIn = 0;
  private bytesIn = 0;
  /** Packets that arrived at the other end, copies included. */
  packetsDelivered = 0;
  /** IP octets that arrived at the other end. */
  bytesDelivered = 0;
  private duplicates = 0;
  private droppedQueue = 0;
  private droppedEarly = 0;
  private droppedRandom = 0;
  private droppedDown = 0;
  private droppedMtu = 0;
  private marked = 0;
  private maxQueuedPackets = 0;
  private maxQueuedBytes = 0;

  /**
   * @param seed the simulation's: loss, jitter, detours and duplication have streams of their own, by the pipe's name
   * @throws MptcpError ERR_SIM_OPTION
   */
  constructor(queue: EventQueue, name: string, options: PipeOptions, seed: number, observer: Observer | null) {
    this.queue = queue;
    this.name = name;
    this.observer = observer;
    this.seed = seed;
    this.configure(options);
  }

  /** Says where packets come out; before the first. @throws MptcpError ERR_SIM_OPTION when another pipe has the name */
  connect(target: SimNode, port: number): void {
    this.queue.register(this);
    this.target = target;
    this.targetPort = port;
  }

  /** What the pipe is set to. */
  get options(): PipeOptions {
    return this.currentOptions;
  }

  send(packet: Packet, now: number): void {
    const length = packet.length;
    const wire = this.wireLength(packet);
    this.packetsIn++;
    this.bytesIn += wire;
    if (!this.isUp) return this.drop(packet, "down", now);
    if (length > this.maxPacket) return this.drop(packet, "mtu", now);
    if (this.stage !== null) return this.sendStaged(this.stage, packet, wire, now);
    this.lookForDepartures(now);
    const queued = (this.end - this.waiting) | 0;
    if (queued >= this.limitPackets || this.queuedBytes + wire > this.limitBytes) return this.drop(packet, "queue", now);
    if (queued >= this.ecnThreshold && this.ecnThreshold !== 0) this.mark(packet);
    if (queued >= this.maxQueuedPackets) this.maxQueuedPackets = queued + 1;
    this.transmit(packet, wire, now);
    if (this.queuedBytes > this.maxQueuedBytes) this.maxQueuedBytes = this.queuedBytes;
  }

  /** Into transmission, or behind what is. */
  transmit(packet: Packet, wire: number, now: number): void {
    const departure = (this.freeAt > now ? this.freeAt : now) + wire * this.nsPerByte;
    this.freeAt = departure;
    let action = Math.round(departure);
    if (!this.reorder) action += this.jitter === 0 ? this.delay : this.delay + this.drawJitter();
    if (action < this.lastAction) action = this.lastAction;
    this.lastAction = action;
    this.queuedBytes += wire;
    if (((this.end - this.first) | 0) > this.mask) this.growRing();
    const index = this.end & this.mask;
    const { records } = this;
    this.packets[index] = packet;
    records[index * RECORD + DEPARTURE] = departure;
    records[index * RECORD + ACTION] = action;
    records[index * RECORD + WIRE] = wire;
    const wasEmpty = this.end === this.first;
    this.end = (this.end + 1) | 0;
    if (this.tap !== null) this.tap.entered(packet, Math.round(departure), now);
    if (wasEmpty) this.scheduleNext();
  }

  fire(now: number): void {
    if (!this.plain || this.heap.size !== 0) return this.fireWithHeap(now);
    const packet = this.takeFirst();
    if (this.first === this.end) this.queue.remove(this);
    else this.queue.scheduleFor(this, this, this.read(this.first, ACTION));
    this.packetsDelivered++;
    this.bytesDelivered += this.takenWire;
    (this.target as SimNode).receive(packet, this.targetPort, now);
  }

  /** Changes what `options` names, and keeps the rest. The packet in transmission goes on at a new rate; what is on the wire keeps its delay. */
  change(options: PipeOptions, now: number): void {
    const { nsPerByte, reorder, loss } = this;
    this.lookForDepartures(now);
    this.configure({ ...this.currentOptions, ...options });
    if (options.loss === undefined) this.setLoss(loss); // the same model in the same state
    this.retime(nsPerByte, reorder, now);
    this.stage?.fire(now);
    this.report("changed", Object.keys(options).join(" "), now);
    this.listener?.egressChanged(this, now);
  }

  /**
   * The link stops carrying packets, and tells nobody: what is in the queue, what is on the wire and what is sent from now on is lost.
   * With `keepInFlight`, what has left the queue still arrives.
   */
  down(now: number, keepInFlight = false): void {
    if (!this.isUp) return;
    this.isUp = false;
    this.lookForDepartures(now);
    const kept = keepInFlight ? this.waiting : this.first;
    for (let i = kept; i !== this.end; i = (i + 1) | 0) {
      const packet = this.packets[i & this.mask] as Packet;
      this.packets[i & this.mask] = null;
      this.drop(packet, "down", now);
    }
    for (let packet = this.stage?.takeOut() ?? null; packet !== null; packet = this.stage?.takeOut() ?? null) this.drop(packet, "down", now);
    const keptInHeap = keepInFlight ? this.heap.size : 0;
    while (this.heap.size > keptInHeap) this.drop(this.heap.pop(), "down", now);
    this.end = kept;
    this.waiting = kept;
    this.queuedBytes = 0;
    this.freeAt = now;
    this.lastAction = keepInFlight && kept !== this.first ? this.read(kept - 1, ACTION) : now;
    this.scheduleNext();
    this.report("down", keepInFlight ? "keeps what is in flight" : "", now);
    this.listener?.egressChanged(this, now);
  }

  /** The link carries packets again. */
  up(now: number): void {
    if (this.isUp) return;
    this.isUp = true;
    this.report("up", "", now);
    this.listener?.egressChanged(this, now);
  }

  /** Packets in the queue at `now`, the one in transmission included. */
  queuedPackets(now: number): number {
    this.lookForDepartures(now);
    return ((this.end - this.waiting) | 0) + (this.stage === null ? 0 : this.stage.packets);
  }

  /** Time at which fewer than `packets` packets will be in the queue, if nothing is added: `now` or later. */
  roomAt(packets: number, now: number): number {
    const excess = this.queuedPackets(now) - packets;
    if (excess < 0) return now;
    const inRing = (this.end - this.waiting) | 0;
    if (excess >= inRing && this.stage !== null) return Math.max(now, Math.ceil(this.freeAt + this.stage.octetsOf(excess + 1 - inRing) * this.nsPerByte));
    return Math.max(now, Math.ceil(this.read(this.waiting + excess, DEPARTURE)));
  }

  statistics(now: number): PipeStatistics {
    this.lookForDepartures(now);
    return {
      packetsIn: this.packetsIn,
      bytesIn: this.bytesIn,
      packetsDelivered: this.packetsDelivered,
      bytesDelivered: this.bytesDelivered,
      duplicates: this.duplicates,
      droppedQueue: this.droppedQueue,
      droppedEarly: this.droppedEarly,
      droppedRandom: this.droppedRandom,
      droppedDown: this.droppedDown,
      droppedMtu: this.droppedMtu,
      marked: this.marked,
      inside: ((this.end - this.first) | 0) + this.heap.size + (this.stage === null ? 0 : this.stage.packets),
      queuedPackets: this.queuedPackets(now),
      queuedBytes: this.queuedBytes + (this.stage === null ? 0 : this.stage.bytes),
      maxQueuedPackets: this.maxQueuedPackets,
      maxQueuedBytes: this.maxQueuedBytes,
    };
  }

  /** Packets that have left the queue for the wire and were delivered or lost there: packet-hops. */
  get hops(): number {
    return this.packetsDelivered - this.duplicates + this.droppedRandom;
  }

  /** Adds a watcher. */
  addTap(tap: PipeTap): void {
    if (this.tap === null) this.tap = tap;
    else if (this.tap instanceof TapGroup) this.tap.taps.push(tap);
    else this.tap = new TapGroup([this.tap, tap]);
    this.plain = false;
  }

  // ---- the queue

  /** A number of the packet with ring index `i`. */
  private read(i: number, field: number): number {
    return this.records[(i & this.mask) * RECORD + field] as number;
  }

  private write(i: number, field: number, value: number): void {
    this.records[(i & this.mask) * RECORD + field] = value;
  }

  /** Moves `waiting` over everything that has left the queue by `now`. */
  private lookForDepartures(now: number): void {
    let waiting = this.waiting;
    while (waiting !== this.end && this.read(waiting, DEPARTURE) <= now) {
      this.queuedBytes -= this.read(waiting, WIRE);
      waiting = (waiting + 1) | 0;
    }
    this.waiting = waiting;
  }

  private takeFirst(): Packet {
    const index = this.first & this.mask;
    const packet = this.packets[index] as Packet;
    this.packets[index] = null;
    this.takenWire = this.read(this.first, WIRE);
    if (this.waiting === this.first) {
      this.queuedBytes -= this.takenWire;
      this.waiting = (this.waiting + 1) | 0;
    }
    this.first = (this.first + 1) | 0;
    return packet;
  }

  /** RFC 3168 §5: only what says ECT(0) or ECT(1) can say CE. */
  mark(packet: Packet): boolean {
    if ((packet.trafficClass & 3) === 0) return false;
    packet.trafficClass |= 3;
    this.marked++;
    return true;
  }

  /** The discipline loses a packet. */
  dropQueued(packet: Packet, early: boolean, now: number): void {
    if (early) this.droppedEarly++;
    this.drop(packet, "queue", now);
  }

  private sendStaged(stage: QueueStage, packet: Packet, wire: number, now: number): void {
    stage.offer(packet, wire, now);
    const queued = this.queuedPackets(now);
    if (queued > this.maxQueuedPackets) this.maxQueuedPackets = queued;
    const bytes = this.queuedBytes + stage.bytes;
    if (bytes > this.maxQueuedBytes) this.maxQueuedBytes = bytes;
  }

  /** Octets on the wire: those of the segments that a super-segment becomes, headers included. */
  wireLength(packet: Packet): number {
    if (!this.segmentation || packet.length <= this.mtu || packet.tcp === null) return packet.length;
    const payload = packet.tcp.payload.length;
    const headers = packet.length - payload;
    const room = this.mtu - headers;
    return room <= 0 ? packet.length : payload + Math.ceil(payload / room) * headers;
  }

  private drawJitter(): number {
    return Math.floor(randomFraction(this.jitterRandom as RandomSource) * (this.jitter + 1));
  }

  private drop(packet: Packet, cause: PipeDropCause, now: number): void {
    if (cause === "queue") this.droppedQueue++;
    else if (cause === "random") this.droppedRandom++;
    else if (cause === "down") this.droppedDown++;
    else this.droppedMtu++;
    if (this.tap !== null) this.tap.dropped(packet, cause, now);
    if (this.observer !== null) {
      this.observer.event({ kind: "packet_lost", at: now, host: this.name, connection: -1, subflow: -1, cause, length: packet.length });
    }
  }

  // ---- everything but the plain case

  private fireWithHeap(now: number): void {
    const { heap } = this;
    if (heap.size > 0 && (this.first === this.end || this.heapIsFirst())) {
      const packet = heap.pop();
      this.scheduleNext();
      this.arrive(packet, this.wireLength(packet), now);
    } else if (this.reorder) {
      const packet = this.takeFirst();
      let arrival = now + this.delay + (this.jitter === 0 ? 0 : this.drawJitter());
      if (this.detourThreshold !== 0 && (this.detourRandom as RandomSource).uint32() < this.detourThreshold) arrival += this.detourDelay;
      heap.push(packet, arrival);
      this.scheduleNext();
    } else {
      const packet = this.takeFirst();
      this.scheduleNext();
      this.arrive(packet, this.takenWire, now);
    }
  }

  /** What arrives comes before what departs at the same time. */
  private heapIsFirst(): boolean {
    return this.heap.firstTime <= this.read(this.first, ACTION);
  }

  private arrive(packet: Packet, wire: number, now: number): void {
    if (this.loss !== null && this.loss.lose(packet, now)) return this.drop(packet, "random", now);
    const target = this.target as SimNode;
    const copy = this.duplicateThreshold !== 0 && (this.duplicateRandom as RandomSource).uint32() < this.duplicateThreshold ? packet.clone() : null;
    this.packetsDelivered++;
    this.bytesDelivered += wire;
    if (this.tap !== null) this.tap.delivered(packet, now);
    target.receive(packet, this.targetPort, now);
    if (copy === null) return;
    this.duplicates++;
    this.packetsDelivered++;
    this.bytesDelivered += wire;
    if (this.tap !== null) this.tap.delivered(copy, now);
    target.receive(copy, this.targetPort, now);
  }

  private scheduleNext(): void {
    if (this.heap.size > 0 && (this.first === this.end || this.heapIsFirst())) {
      this.queue.scheduleFor(this, this, this.heap.firstTime);
    } else if (this.first === this.end) this.queue.remove(this);
    else this.queue.scheduleFor(this, this, this.read(this.first, ACTION));
  }

  private configure(options: PipeOptions): void {
    checkPipeOptions(options);
    const loss = options.loss === undefined ? null : lossModel(options.loss, (this.lossRandom ??= this.stream("loss")));
    this.currentOptions = options;
    const rate = options.rate ?? Number.POSITIVE_INFINITY;
    this.nsPerByte = 8e9 / rate;
    this.delay = options.delay ?? 0;
    this.jitter = options.jitter ?? 0;
    this.mtu = options.mtu ?? DEFAULT_MTU;
    this.segmentation = options.segmentation ?? false;
    this.maxPacket = this.segmentation ? 65535 : this.mtu;
    this.limitPackets = options.queue?.packets ?? (options.queue?.bytes === undefined ? DEFAULT_QUEUE_PACKETS : Number.POSITIVE_INFINITY);
    this.limitBytes = options.queue?.bytes ?? Number.POSITIVE_INFINITY;
    this.ecnThreshold = options.ecnThreshold ?? 0;
    this.detourThreshold = options.detour === undefined ? 0 : probabilityThreshold(options.detour.probability, "detour.probability");
    this.detourDelay = options.detour?.extraDelay ?? 0;
    this.reorder = (options.reorder ?? false) || this.detourThreshold !== 0;
    this.duplicateThreshold = probabilityThreshold(options.duplicate ?? 0, "duplicate");
    if (this.jitter !== 0) this.jitterRandom ??= this.stream("jitter");
    if (this.detourThreshold !== 0) this.detourRandom ??= this.stream("detour");
    if (this.duplicateThreshold !== 0) this.duplicateRandom ??= this.stream("duplicate");
    this.setLoss(loss);
    this.setDiscipline(options);
  }

  /** What waits goes on waiting under another discipline, or as it came without. */
  private setDiscipline({ discipline: factory = null }: PipeOptions): void {
    const { queue, stage } = this;
    if (factory === (stage?.factory ?? null)) return;
    this.stage = factory === null ? null : new QueueStage(factory, this, queue, this.stream("queue"));
    for (let packet = stage?.takeOut() ?? null; packet !== null; packet = stage?.takeOut() ?? null) {
      if (this.stage === null) this.transmit(packet, this.wireLength(packet), queue.now);
      else this.stage.offer(packet, this.wireLength(packet), queue.now);
    }
  }

  private stream(purpose: string): SeededRandom {
    return new SeededRandom(this.seed, "link", this.name, purpose);
  }

  private setLoss(loss: LossModel | null): void {
    this.loss = loss;
    this.plain = loss === null && this.tap === null && !this.reorder && this.duplicateThreshold === 0;
  }

  /** Computes the times of everything in the queue anew, after a change of rate, delay or reordering. */
  private retime(oldNsPerByte: number, oldReorder: boolean, now: number): void {
    if (this.reorder && !oldReorder) this.wireToHeap();
    if (oldReorder && !this.reorder) this.addDelayToDeparted();
    let previous = now;
    let lastAction = this.waiting === this.first ? now : this.read(this.waiting - 1, ACTION);
    for (let i = this.waiting; i !== this.end; i = (i + 1) | 0) {
      // Of the packet in transmission only what is not yet sent takes the new time. It has some, so the old rate was finite.
      const octets = i === this.waiting ? (this.read(i, DEPARTURE) - now) / oldNsPerByte : this.read(i, WIRE);
      previous += octets * this.nsPerByte;
      let action = Math.round(previous);
      if (!this.reorder) action += this.delay + (this.jitter === 0 ? 0 : this.drawJitter());
      if (action < lastAction) action = lastAction;
      lastAction = action;
      this.write(i, DEPARTURE, previous);
      this.write(i, ACTION, action);
    }
    this.freeAt = previous;
    this.lastAction = lastAction;
    this.scheduleNext();
  }

  /** Under reordering the ring holds only what has not departed: moves what is on the wire over. */
  private wireToHeap(): void {
    while (this.first !== this.waiting) {
      const at = this.read(this.first, ACTION);
      this.heap.push(this.takeFirst(), at);
    }
  }

  /** What has departed under reordering this instant and is still in the ring has no delay yet. */
  private addDelayToDeparted(): void {
    for (let i = this.first; i !== this.waiting; i = (i + 1) | 0) {
      this.write(i, ACTION, this.read(i, ACTION) + this.delay);
    }
  }

  private growRing(): void {
    const size = this.mask + 1;
    const held = (this.end - this.first) | 0;
    const packets = emptySlots(size * 2);
    const records = new Float64Array(size * 2 * RECORD);
    for (let i = 0; i < held; i++) {
      const index = (this.first + i) & this.mask;
      packets[i] = this.packets[index] as Packet;
      for (let field = 0; field < RECORD; field++) records[i * RECORD + field] = this.records[index * RECORD + field] as number;
    }
    this.waiting = (this.waiting - this.first) | 0;
    this.first = 0;
    this.end = held;
    this.packets = packets;
    this.records = records;
    this.mask = size * 2 - 1;
  }

  private report(change: string, detail: string, now: number): void {
    if (this.observer === null) return;
    this.observer.event({ kind: "link", at: now, host: this.name, connection: -1, subflow: -1, change, detail });
  }
}

class TapGroup implements PipeTap {
  readonly taps: PipeTap[];

  constructor(taps: PipeTap[]) {
    this.taps = taps;
  }

  entered(packet: Packet, departure: number, now: number): void {
    for (const tap of this.taps) tap.entered(packet, departure, now);
  }

  delivered(packet: Packet, now: number): void {
    for (const tap of this.taps) tap.delivered(packet, now);
  }

  dropped(packet: Packet, cause: PipeDropCause, now: number): void {
    for (const tap of this.taps) tap.dropped(packet, cause, now);
  }
}

function emptySlots(count: number): (Packet | null)[] {
  return Array.from({ length: count }, () => null);
}

const DEFAULT_MTU = 1500;
const DEFAULT_QUEUE_PACKETS = 1000;
const INITIAL_RING = 16;
/** Numbers of a packet in the ring: when its last bit leaves the queue, exact, with a fraction, ns ... */
const DEPARTURE = 0;
/** ... when the pipe must act on it, ns: its arrival, or with reordering its departure ... */
const ACTION = 1;
/** ... and its octets on the wire. */
const WIRE = 2;
const RECORD = 3;
