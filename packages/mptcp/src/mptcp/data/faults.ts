import type { Counters } from "../../core/index.ts";
import { LIMITS } from "../../core/index.ts";
import type { TcpConnection } from "../../tcp/index.ts";
import type { MptcpConfig } from "../config.ts";
import type { DecisionLog, LoggedSubflow } from "../decision-log.ts";

/** What of the data of a subflow is not taken as it came. */
export type DataFault = "beyond_window" | "too_many_mappings" | "mapping_conflict";

/** Counts a fault, and answers it where the peer is to know. */
export function noteFault(fault: DataFault, context: FaultContext, subflow: LoggedSubflow & { readonly tcp: TcpConnection }, now: number): void {
  const { config, counters, log } = context;
  switch (fault) {
    case "beyond_window":
      counters.increment("MPTcpExtNoDSSInWindow");
      // RFC 8684 §3.3.5: the Data ACK and the window may be what the peer asks for, as with TCP's segments beyond the window.
      if (config.beyondWindow === "refused") subflow.tcp.challenge(now);
      break;
    case "too_many_mappings":
      counters.increment(LIMITS.mappings.counter);
      log.observe(subflow, { kind: "segment_dropped", reason: "too_many_mappings" });
      break;
    case "mapping_conflict":
      counters.increment("MPTcpExtDSSNotMatching");
      break;
  }
}

interface FaultContext {
  readonly config: Pick<MptcpConfig, "beyondWindow">;
  readonly counters: Counters;
  readonly log: DecisionLog;
}
