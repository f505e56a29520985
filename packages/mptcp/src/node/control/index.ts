/**
 * node/control/: a process is looked at and commanded from outside, over a Unix socket that is its user's alone (docs/control.md). The protocol is a set of
 * tables, `protocol.ts`; {@link ControlCore} answers by them on any stream, {@link ControlSocket} puts it into the file system.
 *
 * @module
 */
export { ControlClient, findControls } from "./client.ts";
export { ControlCore, ControlSocket } from "./control-socket.ts";
export type { Control, ControlOptions } from "./control-socket.ts";
export type { LinkOpener } from "./endpoints.ts";
export type { FoundSocket } from "./place.ts";
export { CONTROL_PROTOCOL, ControlFailure, METHODS, EVENTS } from "./protocol.ts";
export type {
  ConnectionReference, ConnectionStatus, ControlErrorCode, ControlEvent, ControlEventKind, ControlEventOf, ControlHello, ControlMethod, ControlParams,
  ControlPolicyKind, ControlResult, ControlStatus, EndpointStatus, PolicyStatus, SubflowStatus,
} from "./protocol.ts";
export { controlSchema } from "./schema.ts";
