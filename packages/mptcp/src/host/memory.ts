import type { Counters } from "../core/index.ts";
import { LIMITS, MILLISECOND } from "../core/index.ts";
import type { MemoryState } from "../tcp/index.ts";
import { TcpSocket } from "../tcp/index.ts";
import type { Connections } from "./connections.ts";
import type { Tokens } from "./tokens.ts";

/** How much the buffers of a host may hold, bytes: from `memoryPressure` on they do not grow, from `memory` on nothing is taken in that can be refused. */
export interface MemoryLimits {
  readonly memoryPressure: number;
  readonly memory: number;
}

/**
 * How much the send and receive buffers of all connections of a host hold, as Linux's tcp_mem. It is looked at ten times a second and not
 * counted with each byte, so that what is held may be more by what arrives in that time.
 */
export class HostMemory implements MemoryState {
  private bytes = 0;
  private readonly counters: Counters;
  private readonly limits: MemoryLimits;
  private readonly sum: () => number;
  private lookAt = 0;
  private tight = false;
  private full = false;

  /** @param sum what the buffers hold now, bytes */
  constructor(counters: Counters, limits: MemoryLimits, sum: () => number) {
    this.counters = counters;
    this.limits = limits;
    this.sum = sum;
  }

  /** Bytes held when it was last looked at. */
  get held(): number {
    return this.bytes;
  }

  get isTight(): boolean {
    return this.tight;
  }

  get isFull(): boolean {
    return this.full;
  }

  /** Something arrives, or is to be opened: looks again when it is time. */
  look(now: number): void {
    if (now < this.lookAt) return;
    this.lookAt = now + INTERVAL;
    this.bytes = this.sum();
    const isTight = this.bytes >= this.limits.memoryPressure;
    const isFull = this.bytes >= this.limits.memory;
    if (isTight && !this.tight) this.counters.increment(LIMITS.memoryPressure.counter);
    if (isFull && !this.full) this.counters.increment(LIMITS.memory.counter);
    this.tight = isTight;
    this.full = isFull;
  }
}

/** ns. */
const INTERVAL = 100 * MILLISECOND;

/** Bytes in the buffers of all connections. */
export function bytesHeld(tokens: Tokens, connections: Connections): number {
  let held = 0;
  for (const { sendBuffered, receiveBuffered } of tokens.all()) held += sendBuffered + receiveBuffered;
  for (const { owner, outOfOrderMemory } of connections.all()) {
    held += outOfOrderMemory;
    if (owner instanceof TcpSocket) held += owner.sendBuffered + owner.receiveBuffered;
  }
  return held;
}
