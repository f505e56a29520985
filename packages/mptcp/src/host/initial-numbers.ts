import type { FourTuple, InitialNumbers } from "../tcp/index.ts";
import type { IpAddress } from "../wire/index.ts";
import { sequenceAdd, sequenceLess } from "../wire/index.ts";
import type { HostRandom } from "./fixed-numbers.ts";
import type { TimeWaits } from "./time-waits.ts";
import { TupleHash } from "./tuple-hash.ts";

/**
 * Where the numbers of a connection begin. Those of one that comes after another between the same addresses and ports lie behind the other's, so that a peer in
 * TIME-WAIT takes its SYN (RFC 9293 §3.4.1, RFC 6191), and nobody else can guess them (RFC 6528).
 */
export class HostNumbers implements InitialNumbers {
  private readonly random: HostRandom;
  private readonly timeWaits: TimeWaits;
  private readonly sequenceHash: TupleHash;
  private readonly timestampHash: TupleHash;

  constructor(random: HostRandom, timeWaits: TimeWaits) {
    this.random = random;
    this.timeWaits = timeWaits;
    this.sequenceHash = new TupleHash(random.sequenceNumbers.beneath);
    this.timestampHash = new TupleHash(random.timestampOffsets.beneath);
  }

  sequenceNumber({ localAddress, localPort, remoteAddress, remotePort }: FourTuple, now: number): number {
    const fixed = this.random.sequenceNumbers.takeFixed();
    if (fixed !== null) return fixed;
    const [offset] = this.sequenceHash.of(localAddress, localPort, remoteAddress, remotePort);
    const number = sequenceAdd(offset, Math.floor(now / TICK));
    const earlier = this.timeWaits.find(localAddress, localPort, remoteAddress, remotePort)?.state.end;
    // RFC 9293 §3.10.7.4: larger than the largest that the connection in TIME-WAIT used, whose data may have outrun the clock; and behind what its window took.
    return earlier === undefined || sequenceLess(earlier, number) ? number : sequenceAdd(earlier, BEHIND);
  }

  timestampOffset({ localAddress, remoteAddress }: FourTuple): number {
    return this.random.timestampOffsets.takeFixed() ?? this.offsetBetween(localAddress, remoteAddress);
  }

  /** That of all connections between two addresses, whatever is fixed: SYN cookies come back to it. */
  offsetBetween(local: IpAddress, remote: IpAddress): number {
    return this.timestampHash.of(local, 0, remote, 0)[0];
  }
}

/** The clock of initial sequence numbers goes up about every 4 us (RFC 9293 §3.4.1). */
const TICK = 4000;
/** A window without scale, and one. */
const BEHIND = 65536;
