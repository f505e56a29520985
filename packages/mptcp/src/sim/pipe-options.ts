import { MptcpError } from "../core/index.ts";
import type { LossOption } from "./loss.ts";
import type { QueueDisciplineFactory } from "./queues/discipline.ts";

/** One direction of a link. Everything but the names can be changed while packets are under way, see `Pipe.change`. */
export interface PipeOptions {
  /** Bits per second of IP packets; Infinity (default): transmission takes no time, and the queue is always empty. */
  readonly rate?: number;
  /** Propagation delay, ns (default 0). */
  readonly delay?: number;
  /** Most that waits, what finds it full is dropped; the packet in transmission counts, but not with a discipline. Default: 1000 packets. */
  readonly queue?: QueueLimit;
  /** Who waits in which order, and who is marked or dropped: one of `queueDisciplines` (default, or null: drop-tail). */
  readonly discipline?: QueueDisciplineFactory | null;
  /** Which packets are lost on the wire (default none). A lost packet has used its time of transmission. */
  readonly loss?: LossOption;
  /** Each packet takes a uniform extra time in [0, jitter] ns (default 0). */
  readonly jitter?: number;
  /** Whether a packet with less jitter may overtake one with more (default false: it waits behind it). */
  readonly reorder?: boolean;
  /** This share of the packets takes `extraDelay` ns more and is overtaken by those behind. Implies `reorder`. */
  readonly detour?: { readonly probability: number; readonly extraDelay: number };
  /** Probability that a packet arrives twice (default 0). */
  readonly duplicate?: number;
  /** Largest IP packet, octets (default 1500). Larger ones are dropped; routers answer them with ICMP before. */
  readonly mtu?: number;
  /**
   * The link cuts super-segments (payload beyond the MTU) for its sender, and joins them again at the other end: they count as the
   * segments that fit the MTU, headers included, for rate, byte limits and statistics, but travel, queue and get lost as
   * one packet (as in Linux's pfifo). Default false.
   */
  readonly segmentation?: boolean;
  /** Drop-tail alone: ECN-capable packets that find this many packets in the queue are marked (RFC 3168 §5; default never). */
  readonly ecnThreshold?: number;
}

export interface QueueLimit {
  readonly packets?: number;
  /** IP octets. */
  readonly bytes?: number;
}

/** The counts of one pipe. In: offered by the sender. What is not delivered or dropped is still inside. */
export interface PipeStatistics {
  readonly packetsIn: number;
  /** IP octets on the wire. */
  readonly bytesIn: number;
  readonly packetsDelivered: number;
  readonly bytesDelivered: number;
  /** Extra copies among the delivered. */
  readonly duplicates: number;
  readonly droppedQueue: number;
  /** Of these the ones that a discipline dropped before the queue was full. */
  readonly droppedEarly: number;
  /** By the loss model. */
  readonly droppedRandom: number;
  readonly droppedDown: number;
  readonly droppedMtu: number;
  readonly marked: number;
  /** Packets in the queue or on the wire. */
  readonly inside: number;
  /** Packets and octets in the queue, the one in transmission included; and the most there ever were. */
  readonly queuedPackets: number;
  readonly queuedBytes: number;
  readonly maxQueuedPackets: number;
  readonly maxQueuedBytes: number;
}

/** Why a pipe dropped a packet. */
export type PipeDropCause = "queue" | "random" | "down" | "mtu";

/** @throws MptcpError ERR_SIM_OPTION when a value makes no sense */
export function checkPipeOptions(options: PipeOptions): void {
  check("rate", options.rate, (value) => value > 0);
  check("delay", options.delay, isTime);
  check("jitter", options.jitter, isTime);
  check("queue.packets", options.queue?.packets, (value) => value >= 1);
  check("queue.bytes", options.queue?.bytes, (value) => value >= 1);
  check("detour.probability", options.detour?.probability, isProbability);
  check("detour.extraDelay", options.detour?.extraDelay, isTime);
  check("duplicate", options.duplicate, isProbability);
  check("mtu", options.mtu, (value) => Number.isInteger(value) && value >= 68 && value <= 65535);
  check("ecnThreshold", options.ecnThreshold, (value) => value >= 1);
}

function check(name: string, value: number | undefined, isValid: (value: number) => boolean): void {
  if (value !== undefined && !isValid(value)) throw new MptcpError("ERR_SIM_OPTION", `${name}: ${value}`);
}

function isTime(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isProbability(value: number): boolean {
  return value >= 0 && value <= 1;
}
