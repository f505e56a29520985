import { saved } from "../core/index.ts";
import type { SavedClass } from "../core/index.ts";
import { LiaFixedPointRule, LiaRule } from "./congestion/lia.ts";
import { MptcpConnection } from "./connection.ts";
import { Carriers } from "./data/carriers.ts";
import { CheckedMapping, CheckedStream } from "./data/checked-stream.ts";
import { DssFacts } from "./data/dss.ts";
import { FinPace } from "./data/fin-pace.ts";
import { HeldEnd } from "./data/held-end.ts";
import { Inbound } from "./data/inbound.ts";
import { ReceivedMappings, SentMapping, SentMappings } from "./data/mappings.ts";
import { DataReceiver } from "./data/receiver.ts";
import { ReinjectionQueue } from "./data/reinjection-queue.ts";
import { RepetitionBudget } from "./data/repetition-budget.ts";
import { DataSender } from "./data/sender.ts";
import { UnmappedBytes } from "./data/unmapped.ts";
import { ReceiveWindow } from "./data/window.ts";
import { SmallSegments } from "./data/small-segments.ts";
import { Span } from "./data/span.ts";
import { WrapWatch } from "./data/wrap-watch.ts";
import { DecisionLog } from "./decision-log.ts";
import { ChecksumFailure } from "./ending/checksum-failure.ts";
import { Ending } from "./ending/ending.ts";
import { OptionLoss } from "./ending/option-loss.ts";
import { Patience } from "./ending/patience.ts";
import { RegularStream } from "./ending/regular-stream.ts";
import { EarlyData } from "./handshake/early-data.ts";
import { CapableOpening, JoinOpening } from "./handshake/opening.ts";
import { Multipath } from "./multipath.ts";
import { OptionReader } from "./option-reader.ts";
import { Announcer } from "./path-managers/announcer.ts";
import { LinuxEndpoints, linuxEndpoints } from "./path-managers/endpoints.ts";
import { FullMesh, fullMesh } from "./path-managers/full-mesh.ts";
import { JoinPace } from "./paths/join-pace.ts";
import { Paths } from "./paths/paths.ts";
import { RemovalCheck } from "./paths/removal-check.ts";
import { Signals } from "./paths/signals.ts";
import { LifeCheck, SilenceWatch } from "./paths/silence.ts";
import { Staleness } from "./paths/staleness.ts";
import { PathTable, Row } from "./paths/table.ts";
import { Withdrawals } from "./paths/withdrawals.ts";
import { LowestTimeDistance, lowestTimeDistance } from "./schedulers/lowest-time-distance.ts";
import { RoundRobin, roundRobin } from "./schedulers/round-robin.ts";
import { ShortestQueue, shortestQueue } from "./schedulers/shortest-queue.ts";
import { Session } from "./session.ts";
import { Subflow } from "./subflow.ts";
import { version0 } from "./version/v0.ts";
import { version1 } from "./version/v1.ts";

/** The classes that a Multipath TCP connection is made of, beside its TCP connections. One line adds one; a test looks for those that are missing. */
export const MPTCP_CLASSES: readonly SavedClass[] = [
  saved("Announcer", Announcer),
  saved("CapableOpening", CapableOpening),
  saved("Carriers", Carriers, { times: ["request.now"] }),
  saved("CheckedMapping", CheckedMapping),
  saved("CheckedStream", CheckedStream),
  saved("ChecksumFailure", ChecksumFailure),
  saved("DataReceiver", DataReceiver, { times: ["receivedAt"] }),
  saved("DataSender", DataSender, { times: ["acknowledgedAt", "movedAt", "sentAt"] }),
  saved("DecisionLog", DecisionLog, { number: "connection" }),
  saved("DssFacts", DssFacts),
  saved("EarlyData", EarlyData),
  saved("Ending", Ending),
  saved("FinPace", FinPace),
  saved("FullMesh", FullMesh, { times: ["nextTimeout", "records.*.openedAt", "records.*.retryAt"] }),
  saved("HeldEnd", HeldEnd),
  saved("Inbound", Inbound),
  saved("JoinOpening", JoinOpening),
  saved("JoinPace", JoinPace, { times: ["filledAt"] }),
  saved("LiaFixedPointRule", LiaFixedPointRule),
  saved("LiaRule", LiaRule),
  saved("LifeCheck", LifeCheck, { times: ["askedAt"] }),
  saved("LinuxEndpoints", LinuxEndpoints),
  saved("LowestTimeDistance", LowestTimeDistance),
  saved("MptcpConnection", MptcpConnection, { times: ["openedAt"], number: "id" }),
  saved("Multipath", Multipath),
  saved("OptionLoss", OptionLoss),
  saved("OptionReader", OptionReader),
  saved("Paths", Paths),
  saved("PathTable", PathTable),
  saved("Patience", Patience, { times: ["heardBefore", "orphanedAt", "owedSince"] }),
  saved("ReceivedMappings", ReceivedMappings),
  saved("ReceiveWindow", ReceiveWindow),
  saved("RegularStream", RegularStream, { times: ["acknowledgedAt", "answeredAt", "receivedAt", "sentAt", "unread.lastReceivedAt"] }),
  saved("ReinjectionQueue", ReinjectionQueue),
  saved("RemovalCheck", RemovalCheck, { times: ["answerFrom"] }),
  saved("RepetitionBudget", RepetitionBudget),
  saved("RoundRobin", RoundRobin),
  saved("Row", Row),
  saved("SentMapping", SentMapping),
  saved("SentMappings", SentMappings),
  saved("Session", Session),
  saved("ShortestQueue", ShortestQueue),
  saved("Signals", Signals, { times: ["announcements.*.nextAt", "runs.*.until", "toldPriorities.*.at"] }),
  saved("SilenceWatch", SilenceWatch),
  saved("SmallSegments", SmallSegments),
  saved("Span", Span),
  saved("Staleness", Staleness, { times: ["triedAt"] }),
  saved("Subflow", Subflow, { times: ["penalisedAt"] }),
  saved("UnmappedBytes", UnmappedBytes),
  saved("Withdrawals", Withdrawals, { times: ["entries.*.saidAt"] }),
  saved("WrapWatch", WrapWatch, { times: ["passedAt.*"] }),
];

/** What there is one of, and the functions that stand for policies of ours: they are saved by name. */
export const MPTCP_CONSTANTS: Readonly<Record<string, object>> = { version0, version1, lowestTimeDistance, roundRobin, shortestQueue, fullMesh, linuxEndpoints };
