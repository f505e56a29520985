/** drill/system/: what a script and a stack say to each other: system calls, packets, commands; the numbers and structures of Linux. */
export type { Call, CallName, CallResult, ControlMessage, EpollEvent, PolledDescriptor, SocketAddress } from "./call.ts";
export { CONSTANTS, ERRORS, namesOfBits } from "./constants.ts";
export { nstat } from "./nstat.ts";
export { MEMORY_FIELDS, MPTCP_INFO_FIELDS, readStructure, sizeOf, TCP_INFO_FIELDS, writeStructure } from "./structures.ts";
export type { StructureField } from "./structures.ts";
export { COMMANDS } from "./target.ts";
export type { CommandName, CommandOutcome, LeftPacket, StartedCall, Target, Wiring } from "./target.ts";
