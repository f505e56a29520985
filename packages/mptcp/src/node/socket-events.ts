import type { MptcpEvents } from "./mptcp-info.ts";

/** Events of a socket, with the arguments of their listeners: those of `net.Socket`, and {@link MptcpEvents}. */
export interface SocketEvents extends MptcpEvents {
  readonly close: readonly [hadError: boolean];
  readonly connect: readonly [];
  readonly connectionAttempt: readonly [address: string, port: number, family: number];
  readonly connectionAttemptFailed: readonly [address: string, port: number, family: number, error: Error];
  readonly connectionAttemptTimeout: readonly [address: string, port: number, family: number];
  readonly data: readonly [data: Buffer];
  readonly drain: readonly [];
  readonly end: readonly [];
  readonly error: readonly [error: Error];
  readonly finish: readonly [];
  readonly lookup: readonly [error: Error | null, address: string | undefined, family: number | undefined, host: string];
  readonly pause: readonly [];
  readonly readable: readonly [];
  readonly ready: readonly [];
  readonly resume: readonly [];
  readonly timeout: readonly [];
}
