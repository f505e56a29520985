import type { Deadlines } from "../core/index.ts";
import type { CongestionControlFactory, CouplingGroup, FourTuple } from "../tcp/index.ts";
import type { MptcpConfig } from "./config.ts";
import type { DecisionLog } from "./decision-log.ts";
import type { HandOver } from "./ending/regular-stream.ts";
import type { MptcpEnvironment, SubflowTcpConfig } from "./environment.ts";
import type { Version } from "./version/version.ts";

/** What a Multipath TCP connection asks of its face to the application and the host. */
export interface MultipathContext {
  readonly connectionId: number;
  readonly environment: MptcpEnvironment;
  readonly config: MptcpConfig;
  readonly deadlines: Deadlines;
  readonly log: DecisionLog;
  readonly tuple: FourTuple;
  /** How the TCP of subflows to come is to be. */
  readonly subflowConfig: SubflowTcpConfig;
  /** What controls the congestion of subflows, and the group that those of the connection may join. */
  readonly congestion: CongestionControlFactory;
  readonly couplingGroup: CouplingGroup;
  /** Notes an event for the application (STREAM_EVENT). */
  raise(event: number): void;
  /** The connection is to be of another version than the one offered, and its key another one. */
  changeVersion(version: Version): void;
  /** The connection is open; or may be read from and written to, with its handshake before it. */
  onEstablished(now: number): void;
  onOpenedEarly(now: number): void;
  /** Nobody waits for the connection any more. @returns false when the host has too many of those */
  orphaned(): boolean;
  /** The connection is closed and has no subflow, and is kept for a while. */
  linger(now: number): void;
  /** Nothing of the connection is needed any more. */
  forget(): void;
  /** The connection becomes regular TCP: its TCP connection has another owner from here on. */
  becomeRegular(handOver: HandOver, now: number): void;
}
