/** drill/record/: the inputs of a script are carried out, and what a stack does with them becomes a whole script; what a stack did in a run, and what differs between two of them. */
export { compareTranscripts } from "./differences.ts";
export type { Allowance, Difference, Side } from "./differences.ts";
export { recordPlan, recordScript } from "./record.ts";
export type { Recorded, RecordOptions } from "./record.ts";
export { Recording } from "./recording.ts";
export type { RecordedInput, RecordedPacket } from "./recording.ts";
export type { PacketFields } from "./packet-line.ts";
export { transcribePlan, transcriptOf } from "./transcript.ts";
export type { TranscribedInput, Transcript } from "./transcript.ts";
