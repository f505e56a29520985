import type { PortSource } from "../host/index.ts";
import type { FourTuple } from "../tcp/index.ts";
import type { IpAddress, Packet } from "../wire/index.ts";

/**
 * A real link of a {@link Runtime}: what carries packets between the engine and the outside. A TUN device is one, UDP sockets are
 * one, two ends of a pair in memory are one each.
 *
 * A driver is quiet until {@link LinkDriver.start}. It never calls its handler from inside `send`, `flush` or `close`, and not after the
 * promise of `close` is fulfilled.
 */
export interface LinkDriver {
  /** For people and logs: "tun0", "udp". */
  readonly name: string;
  /** Octets of the largest IP packet that is carried; for an encapsulation, what its headers leave. */
  readonly mtu: number;
  /** Most payload octets of a super-segment that the link itself cuts into segments (D9); 0: it does not. */
  readonly segmentationLimit: number;
  /** Addresses that the link brings with it; {@link Runtime.addLink} takes these where it is given none. */
  readonly addresses?: readonly IpAddress[];
  /** Where the link, not the host, gives out local ports: behind each UDP port there is a socket. */
  readonly ports?: PortSource;
  /** Begins to receive. Called once. */
  start(handler: LinkHandler): void;
  /**
   * Sends `packet`, or puts it with others to send at the next {@link LinkDriver.flush}. The driver has encoded it on return: the packet
   * is not its to keep, unlike the payload's buffer, which does not change.
   * @returns false when the packet was not taken, since the queue of the device is full: the runtime keeps the packet and sends nothing
   * more on this link until {@link LinkHandler.room}. What a link loses for other reasons is taken, and lost.
   */
  send(packet: Packet): boolean;
  /** The end of a run of `send`s: what was put together leaves now. */
  flush(): void;
  /** From now on the link keeps the process alive; so it does not after the start. */
  ref(): void;
  /** The link no longer keeps the process alive. */
  unref(): void;
  /** Stops for ever and frees what it held; fulfilled when nothing is left. A second call does nothing. */
  close(): Promise<void>;
}

/** What looks after links of a runtime and is none itself. */
export interface Companion extends Pick<LinkDriver, "ref" | "unref" | "close"> {}

/** A driver's calls back: made by the {@link Runtime}. */
export interface LinkHandler {
  /** For links below which there is another transport, that has a say in what becomes of connections. */
  readonly connections: LinkConnections;
  /** A packet arrived. Its payload must not be overwritten later: copy it out of a buffer that is used again. */
  receive(packet: Packet): void;
  /** No more packets for the moment: now the engine answers, and applications hear of it. Follows every run of `receive`s. */
  batchEnd(): void;
  /** The queue of the device has room again after a `send` that was not taken. */
  room(): void;
  /** The link broke for good, and no packet will come or go. The runtime takes its addresses away and closes it. */
  failed(error: Error): void;
}

/** What a link may ask of the connections that use it, and tell them. */
export interface LinkConnections {
  /** Whether a connection is open, or being opened, between two ends; null when there is none. */
  phaseOf(ends: FourTuple): "opening" | "open" | null;
  /** The ends of what was opened from here by this link. */
  opened(): readonly FourTuple[];
  /**
   * Nobody has the peer's port open: a connection with it ends as by RST. {@link LinkHandler.batchEnd} follows.
   * @param isCertain false: an error says so that others may have made up, and that nothing contradicted. It ends attempts alone
   */
  portClosed(ends: FourTuple, isCertain: boolean): void;
}
