/**
 * drill/: packet scripts in the language of packetdrill. A script is read into a tree that keeps the place of everything, checked before anything runs, and carried
 * out on a stack ({@link Target}). docs/drill.md describes the language.
 *
 * @example
 * ```ts
 * const { script, problems } = parseScript(text);
 * for (const problem of problems) console.error(describeProblem("mine.pkt", text, problem));
 * ```
 *
 * @module mptcp/drill
 */
export { engineTarget } from "./engine/index.ts";
export type { EngineOptions } from "./engine/index.ts";
export type * from "./syntax/ast.ts";
export { parseScript } from "./syntax/parser.ts";
export type { ParsedScript } from "./syntax/parser.ts";
export { printEvent, printScript } from "./syntax/print.ts";
export { describeProblem, MAX_PROBLEMS } from "./syntax/problems.ts";
export type { Problem } from "./syntax/problems.ts";
export { planScript, wiringOf } from "./plan/index.ts";
export type {
  CallStep, CodeStep, DssPlan, ExpectedControl, ExpectedResult, Filled, GivenOption, IcmpPlan, IpPlan, IpVersion, KeyPlan, MptcpPlan, NonFatal, OptionPlan, OptionValue, PacketStep, Plan, PlannedScript,
  PlanOptions, Settings, ShellStep, Step, TcpPlan, UdpPlan,
} from "./plan/index.ts";
export { compareTranscripts, recordPlan, recordScript, transcribePlan, transcriptOf } from "./record/index.ts";
export type { Allowance, Difference, PacketFields, Recorded, RecordedInput, RecordedPacket, Recording, RecordOptions, Side, TranscribedInput, Transcript } from "./record/index.ts";
export { describeComparison, describeFailure, FAILURE_KINDS, printDiffering, runPlan } from "./run/index.ts";
export type { Comparison, Failed, Failure, FailureKind, Outcome, Passed, RunOptions } from "./run/index.ts";
export type { ReadFile } from "./shell/index.ts";
export { COMMANDS, CONSTANTS, ERRORS, MPTCP_INFO_FIELDS, nstat, readStructure, sizeOf, TCP_INFO_FIELDS, writeStructure } from "./system/index.ts";
export type {
  Call, CallName, CallResult, CommandName, CommandOutcome, ControlMessage, EpollEvent, LeftPacket, PolledDescriptor, SocketAddress, StartedCall, StructureField, Target, Wiring,
} from "./system/index.ts";
