import type { Counters, DecisionEvent } from "../../../core/index.ts";

/** Counts what Linux counts of connections' states (RFC 4022), as the decision log tells of them. */
export function countState(counters: Counters, event: DecisionEvent): void {
  if (event.kind !== "tcp_state") return;
  const { from, to } = event;
  if (to === "SYN-SENT") counters.increment("TcpActiveOpens");
  else if (to === "ESTABLISHED" && from === "SYN-RECEIVED") counters.increment("TcpPassiveOpens");
  else if (to === "CLOSED" && (from === "ESTABLISHED" || from === "CLOSE-WAIT")) counters.increment("TcpEstabResets");
}
