import type { IpAddress, Packet } from "../wire/index.ts";

/**
 * Anything that takes packets: hosts, routers, address translators and middleboxes are the same kind of thing and chain.
 * A port is one end of a link; a node numbers its ports from 0 in the order of attachment. What a node does of its own accord, it schedules
 * by `Simulation.eventsOf`; random numbers it gets from `Simulation.randomFor`, under its name.
 */
export interface SimNode {
  readonly name: string;
  /** A link to this node was made, and `egress` is its direction away from the node. @returns the new port */
  attach(egress: Egress): number;
  /** A packet arrived on `port`. The node owns it from now on and may change it, keep it or send it on. */
  receive(packet: Packet, port: number, now: number): void;
  /** Addresses for which packets should be brought to this node over `port`; what routes are computed from. */
  addressesOn(port: number): readonly IpAddress[];
  /** Whether a packet that arrives on port `from` may leave on port `to`, for the computation of routes. Hosts say no. */
  passes(from: number, to: number): boolean;
}

/**
 * Where a node sends packets: one direction of a link, or a user's own, which is given to both ends by {@link SimNode.attach}.
 *
 * It delivers to the node at the other end what it takes: by an event of its own, never from within {@link Egress.send}, once, unchanged and in order,
 * unless it is meant to repeat or to reorder. What it loses it tells the observer (`packet_lost`) with the cause. It holds what is under way and
 * nothing more, and plans nothing while it is empty. `checkLink` of `mptcp/testing` looks at all that.
 */
export interface Egress {
  readonly name: string;
  /** Largest IP packet on the wire, octets. */
  readonly mtu: number;
  /** Largest packet that {@link Egress.send} takes: the MTU, or 65535 where the link segments for its sender. */
  readonly maxPacket: number;
  /** Takes the packet over, or loses it; the sender hears neither. */
  send(packet: Packet, now: number): void;
  /**
   * Time from which fewer than `packets` packets are queued, if nothing is added; `now` when that is so already, NEVER when only a change of the
   * link can bring it about. When a change brings it sooner, {@link Egress.listener} is told.
   */
  roomAt(packets: number, now: number): number;
  /** Whoever wants to know when the link changes; one at most. */
  listener: EgressListener | null;
}

/** A sender that waits for room on a link hears when the link has changed and the room may come sooner. */
export interface EgressListener {
  egressChanged(egress: Egress, now: number): void;
}
