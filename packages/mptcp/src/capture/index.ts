/**
 * capture/: packets and decisions as files. A pcapng writer and a reader of pcapng and pcap, both on octets in memory,
 * what finds packets in frames of many link layers and in tunnels, and the decision log as JSON lines and as text.
 *
 * @module mptcp/capture
 */
export { describeEvent, formatEvent } from "./events.ts";
export { dissectFrame } from "./dissect.ts";
export type { Dissection } from "./dissect.ts";
export { ipOffset } from "./link-layers.ts";
export { LINK_TYPE, linkTypeName } from "./link-types.ts";
export { PacketReader } from "./packet-reader.ts";
export type { CapturedFrame } from "./packet-reader.ts";
export { CaptureReader } from "./reader.ts";
export type { CaptureInterface, CaptureProblem, CaptureProblemReason, CaptureRecord } from "./reader.ts";
export { NO_EPOCH } from "./timestamp.ts";
export type { Epoch } from "./timestamp.ts";
export { PcapngWriter } from "./writer.ts";
export type { CaptureInterfaceOptions, CaptureSink, PacketNotes, PcapngWriterOptions } from "./writer.ts";
