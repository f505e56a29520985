import { saved } from "../core/index.ts";
import type { SavedClass } from "../core/index.ts";
import { AckPace } from "./receiving/ack-pace.ts";
import { ReceiveBufferTuner, ReceiverRtt, SendBufferTuner } from "./receiving/buffer-tuning.ts";
import { CouplingGroup, CouplingMember } from "./congestion/coupling.ts";
import { Cubic } from "./congestion/cubic.ts";
import { HyStart } from "./congestion/hystart.ts";
import { NewReno } from "./congestion/newreno.ts";
import { BEFORE_ESTABLISHED } from "./congestion/none.ts";
import { TcpConnection } from "./connection.ts";
import { DeliveryRate, TransmissionStamp } from "./recovery/delivery-rate.ts";
import { Pacer } from "./sending/pacing.ts";
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
  saved("AckPace", AckPace, { times: ["arrivedAt"] }),
  saved("Chunk", Chunk),
  saved("CouplingGroup", CouplingGroup),
  saved("CouplingMember", CouplingMember, { times: ["now"] }),
  saved("Cubic", Cubic, { times: ["epochStart", "lastAck"] }),
  saved("DeliveryRate", DeliveryRate, { times: ["deliveredAt", "firstSentAt", "newestSentAt"] }),
  saved("HyStart", HyStart),
  saved("MemoryWindow", MemoryWindow),
  saved("MtuSearch", MtuSearch),
  saved("NewReno", NewReno),
  saved("Pacer", Pacer, { times: ["nextSend"] }),
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
  saved("RttEstimator", RttEstimator),
  saved("Scoreboard", Scoreboard),
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
