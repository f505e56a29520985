/**
 * The decision log: one typed event for every choice worth explaining. Captures, plots, reports and the lab are consumers
 * of it. Without an observer nothing is built: emitters test `observer !== null` first.
 *
 * Add a kind of event here, beside the others, with the fields its reader needs; give every number its unit in the name.
 */
export interface Observer {
  /** Also wants the events that every segment brings (`schedule`). */
  readonly perSegment?: boolean;
  /** Also wants `fully_established`, which nobody decides: path managers outside the engine begin with it. */
  readonly milestones?: boolean;
  event(event: DecisionEvent): void;
}

/** What every event carries. */
export interface EventBase {
  /** When: nanoseconds since the driver started. */
  readonly at: number;
  /** The host's name; the link's for network events. */
  readonly host: string;
  /** The connection's number on this host; -1 when it concerns none. */
  readonly connection: number;
  /** The subflow's path index (1 is the first subflow; 0 for plain TCP); -1 when it concerns none. */
  readonly subflow: number;
}

export type DecisionEvent = EventBase & DecisionDetail;

export type DecisionDetail =
  // TCP
  | { readonly kind: "tcp_state"; readonly from: string; readonly to: string }
  | { readonly kind: "retransmission"; readonly offset: number; readonly length: number; readonly cause: "rto" | "fast" | "tlp" | "probe" }
  | { readonly kind: "rto"; readonly rtoMs: number; readonly consecutive: number }
  | { readonly kind: "recovery"; readonly phase: "enter" | "exit"; readonly cwnd: number; readonly ssthresh: number }
  | { readonly kind: "undo"; readonly timeout: boolean; readonly sign: "timestamps" | "duplicates" | "forward"; readonly cwnd: number; readonly ssthresh: number }
  /** TCP Fast Open: octets that a SYN carried and that the SYN+ACK acknowledged; whether that brought a cookie. */
  | { readonly kind: "fast_open"; readonly role: "client" | "server"; readonly sent: number; readonly acknowledged: number; readonly cookie: boolean }
  | { readonly kind: "segment_dropped"; readonly reason: string }
  // Multipath TCP
  | { readonly kind: "connection_established"; readonly multipath: boolean; readonly token: number }
  | { readonly kind: "fully_established"; readonly token: number }
  | { readonly kind: "subflow_established"; readonly local: string; readonly remote: string; readonly backup: boolean; readonly addressId: number; readonly initiator: boolean }
  | { readonly kind: "subflow_closed"; readonly reason: string }
  | { readonly kind: "join_refused"; readonly reason: string; readonly local: string; readonly remote: string }
  | { readonly kind: "schedule"; readonly dataOffset: number; readonly length: number; readonly reinjection: boolean; readonly reason: string }
  | { readonly kind: "reinjection"; readonly dataOffset: number; readonly length: number; readonly cause: "tail_loss_probe" | "rto" | "subflow_death" | "remove_addr" | "data_timeout" | "opportunistic" }
  | { readonly kind: "penalise"; readonly cwnd: number; readonly cause: string }
  | { readonly kind: "window"; readonly state: "blocked" | "open"; readonly right: number }
  | { readonly kind: "add_addr"; readonly direction: "in" | "out"; readonly addressId: number; readonly address: string; readonly port: number; readonly echo: boolean }
  | { readonly kind: "remove_addr"; readonly direction: "in" | "out"; readonly addressIds: readonly number[] }
  | { readonly kind: "priority"; readonly direction: "in" | "out"; readonly backup: boolean }
  | { readonly kind: "fallback"; readonly reason: string }
  | { readonly kind: "data_fin"; readonly direction: "in" | "out"; readonly dataOffset: number }
  | { readonly kind: "fastclose"; readonly direction: "in" | "out" }
  | { readonly kind: "connection_closed"; readonly reason: string }
  | { readonly kind: "path_manager"; readonly action: string; readonly pathIndex: number; readonly detail: string }
  // The network
  | { readonly kind: "link"; readonly change: string; readonly detail: string }
  | { readonly kind: "address"; readonly change: "added" | "removed"; readonly address: string }
  | { readonly kind: "packet_lost"; readonly cause: "queue" | "random" | "down" | "ttl" | "no_route" | "nat" | "mtu" | "black_hole" | "firewall" | "filtered"; readonly length: number };
