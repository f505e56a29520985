import { saved } from "../core/index.ts";
import type { SavedClass } from "../core/index.ts";
import { AckPace } from "./receiving/ack-pace.ts";
import { ReceiveBufferTuner, ReceiverRtt, SendBufferTuner } from "./receiving/buffer-tuning.ts";
import { Bbr, MACHINE_TIMES, MODEL_TIMES, TIMES } from "./congestion/bbr/bbr.ts";
import { CycleMaximum, RoundMaximum } from "./congestion/bbr/filters.ts";
import { PathModel } from "./congestion/bbr/model.ts";
import { ControlParameters } from "./congestion/bbr/outputs.ts";
import { StateMachine } from "./congestion/bbr/states.ts";
import { CouplingGroup, CouplingMember } from "./congestion/coupling.ts";
import { Cubic } from "./congestion/cubic.ts";
import { HyStart } from "./congestion/hystart.ts";
import { NewReno } from "./congestion/newreno.ts";
import { BEFORE_ESTABLISHED } from "./congestion/none.ts";
import { TcpConnection } from "./connection.ts";
import { ForwardRto } from "./recovery/forward-rto.ts";
import { Dctcp } from "./congestion/dctcp.ts";
import { AccurateEcn } from "./ecn/accurate.ts";
import { Ecn } from "./ecn/ecn.ts";
import { ReportedCounters } from "./ecn/reported.ts";
import { SeenCounters } from "./ecn/seen.ts";
import { DeliveryRate, TransmissionStamp } from "./recovery/delivery-rate.ts";
import { Pacer } from "./sending/pacing.ts";
import { FastOpenClient } from "./fast-open/client.ts";
import { FastOpenServer } from "./fast-open/server.ts";
import { MemoryWindow } from "./receiving/memory-window.ts";
import { MtuSearch } from "./sending/mtu-search.ts";
import { PathMtu } from "./sending/path-mtu.ts";
import { ProportionalRateReduction } from "./recovery/prr.ts";
import { Rack } from "./recovery/rack.ts";
import { Piece, Range, ReassemblyQueue } from "./receiving/reassembly.ts";
import { ReceiveQueue } from "./receiving/receive-queue.ts";
import { Receiver } from "./receiving/receiver.ts";
import { RttEstimator, WindowedMinimum } from "./recovery/rtt.ts";
import { Scoreboard } from "./recovery/scoreboard.ts";
import { Chunk, SendQueue } from "./sending/send-queue.ts";
import { Sender } from "./sending/sender.ts";
import { SentSegment } from "./sending/sent-segment.ts";
import { TcpSocket } from "./socket.ts";
import { SpuriousRecovery } from "./recovery/spurious.ts";
import { Tally } from "./tally.ts";
import { TailLossProbe } from "./recovery/tail-loss-probe.ts";

/** The classes that a TCP connection is made of. One line adds one; a test looks for those that are missing, and for times that are not named. */
export const TCP_CLASSES: readonly SavedClass[] = [
  saved("AccurateEcn", AccurateEcn),
  saved("AckPace", AckPace, { times: ["arrivedAt"] }),
  saved("Bbr", Bbr, { times: TIMES }),
  saved("BbrControlParameters", ControlParameters),
  saved("BbrCycleMaximum", CycleMaximum),
  saved("BbrPathModel", PathModel, { times: MODEL_TIMES }),
  saved("BbrRoundMaximum", RoundMaximum),
  saved("BbrStateMachine", StateMachine, { times: MACHINE_TIMES }),
  saved("Chunk", Chunk),
  saved("CouplingGroup", CouplingGroup),
  saved("CouplingMember", CouplingMember, { times: ["now"] }),
  saved("Cubic", Cubic, { times: ["epochStart", "lastAck", "prior.at"] }),
  saved("Dctcp", Dctcp),
  saved("DeliveryRate", DeliveryRate, { times: ["deliveredAt", "firstSentAt", "newestSentAt"] }),
  saved("Ecn", Ecn),
  saved("FastOpenClient", FastOpenClient),
  saved("FastOpenServer", FastOpenServer),
  saved("ForwardRto", ForwardRto),
  saved("HyStart", HyStart, { times: ["trainEnd", "trainStart"] }),
  saved("MemoryWindow", MemoryWindow),
  saved("MtuSearch", MtuSearch),
  saved("NewReno", NewReno, { times: ["prior.at"] }),
  saved("Pacer", Pacer, { times: ["dueAt", "nextSend"] }),
  saved("PathMtu", PathMtu, { times: ["raiseAt"] }),
  saved("Piece", Piece),
  saved("ProportionalRateReduction", ProportionalRateReduction),
  saved("Rack", Rack, { times: ["nextCheck"] }),
  saved("Range", Range),
  saved("ReassemblyQueue", ReassemblyQueue),
  saved("ReceiveBufferTuner", ReceiveBufferTuner, { times: ["roundStart"] }),
  saved("ReceiveQueue", ReceiveQueue),
  saved("Receiver", Receiver, { times: ["challengedAt", "challengeRefill", "recentTimestampAt"] }),
  saved("ReceiverRtt", ReceiverRtt, { times: ["windowStart"] }),
  saved("ReportedCounters", ReportedCounters),
  saved("RttEstimator", RttEstimator, { times: ["adaptsFrom"] }),
  saved("Scoreboard", Scoreboard),
  saved("SeenCounters", SeenCounters, { times: ["sentAt"] }),
  saved("SendBufferTuner", SendBufferTuner),
  saved("SendQueue", SendQueue),
  saved("Sender", Sender, { times: ["idleSince", "silentFrom"] }),
  saved("SentSegment", SentSegment, { times: ["sentAt"] }),
  saved("SpuriousRecovery", SpuriousRecovery),
  saved("TailLossProbe", TailLossProbe),
  saved("Tally", Tally, { times: ["busySince", "dataReceivedAt", "dataSentAt", "limitedSince", "timeoutSince"] }),
  // Where it stands in the host's tables is the host's to say.
  saved("TcpConnection", TcpConnection, { times: ["deferredUntil", "lastHeard", "nextTimeout", "synSentAt", "timers.*"], number: "connectionId", fresh: { link: -1, timerSlot: -1, timerAt: Number.POSITIVE_INFINITY, queued: false } }),
  saved("TcpSocket", TcpSocket, { times: ["connectedAt", "lastAcknowledgedAt"], number: "id" }),
  saved("TransmissionStamp", TransmissionStamp, { times: ["deliveredAt", "firstSentAt"] }),
  saved("WindowedMinimum", WindowedMinimum, { times: ["at", "secondAt", "thirdAt"] }),
];

/** Objects without state that there is one of: they are saved by name. */
export const TCP_CONSTANTS: Readonly<Record<string, object>> = { beforeEstablished: BEFORE_ESTABLISHED };
