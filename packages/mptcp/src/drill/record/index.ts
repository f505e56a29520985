/** drill/record/: the inputs of a script are carried out, and what a stack does with them becomes a whole script. */
export { recordPlan, recordScript } from "./record.ts";
export type { Recorded, RecordOptions } from "./record.ts";
export { Recording } from "./recording.ts";
export type { RecordedInput, RecordedPacket } from "./recording.ts";
export type { PacketFields } from "./packet-line.ts";
