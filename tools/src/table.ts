/** A class that alone writes its state, what is nested in it included. */
export interface Owner {
  readonly name: string;
  /** Its file, below `packages/mptcp/src/`. */
  readonly file: string;
}

/** The owners of a connection's state (ARCHITECTURE.md). One line adds one. */
export const OWNERS: readonly Owner[] = [
  { name: "MptcpConnection", file: "mptcp/connection.ts" },
  { name: "Multipath", file: "mptcp/multipath.ts" },
  { name: "Session", file: "mptcp/session.ts" },
  { name: "DecisionLog", file: "mptcp/decision-log.ts" },
  { name: "Deadlines", file: "core/deadlines.ts" },
  { name: "Subflow", file: "mptcp/subflow.ts" },
  { name: "OptionReader", file: "mptcp/option-reader.ts" },
  { name: "OptionLoss", file: "mptcp/ending/option-loss.ts" },
  { name: "Staleness", file: "mptcp/paths/staleness.ts" },
  { name: "CapableOpening", file: "mptcp/handshake/opening.ts" },
  { name: "JoinOpening", file: "mptcp/handshake/opening.ts" },
  { name: "DataSender", file: "mptcp/data/sender.ts" },
  { name: "Carriers", file: "mptcp/data/carriers.ts" },
  { name: "DataReceiver", file: "mptcp/data/receiver.ts" },
  { name: "ReceiveWindow", file: "mptcp/data/window.ts" },
  { name: "Inbound", file: "mptcp/data/inbound.ts" },
  { name: "CheckedStream", file: "mptcp/data/checked-stream.ts" },
  { name: "Paths", file: "mptcp/paths/paths.ts" },
  { name: "Signals", file: "mptcp/paths/signals.ts" },
  { name: "RemovalCheck", file: "mptcp/paths/removal-check.ts" },
  { name: "Ending", file: "mptcp/ending/ending.ts" },
  { name: "ChecksumFailure", file: "mptcp/ending/checksum-failure.ts" },
  { name: "Patience", file: "mptcp/ending/patience.ts" },
  { name: "SilenceWatch", file: "mptcp/paths/silence.ts" },
  { name: "RegularStream", file: "mptcp/ending/regular-stream.ts" },
];

/**
 * What owners have at hand and do not own: each is written by itself alone, and a command on it changes nothing of the owner through which
 * it was reached. Their own insides are not what this check is about.
 */
export const NEIGHBOURS: readonly Owner[] = [
  { name: "TcpConnection", file: "tcp/connection.ts" },
  { name: "Host", file: "host/host.ts" },
  { name: "Counters", file: "core/counters.ts" },
  { name: "SeededRandom", file: "core/random.ts" },
];
