/**
 * capture/: packets and decisions as files. A pcapng writer and a reader of pcapng and pcap, both on octets in memory, and
 * the decision log as JSON lines and as text.
 *
 * @module mptcp/capture
 */
export { describeEvent, formatEvent } from "./events.ts";
export { ipOffset, LINK_TYPE } from "./format.ts";
export { CaptureReader } from "./reader.ts";
export type { CaptureInterface, CaptureProblem, CaptureProblemReason, CaptureRecord } from "./reader.ts";
export { NO_EPOCH } from "./timestamp.ts";
export type { Epoch } from "./timestamp.ts";
export { PcapngWriter } from "./writer.ts";
export type { CaptureInterfaceOptions, CaptureSink, PacketNotes, PcapngWriterOptions } from "./writer.ts";
