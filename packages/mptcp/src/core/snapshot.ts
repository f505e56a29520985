import type { PlainObject, PlainValue } from "./plain.ts";

/**
 * A connection as plain data: JSON keeps it as it is. From `Host.restore` it goes on, perhaps in another process.
 *
 * It holds the connection's keys and the data that waits in its buffers: keep it as secret as these.
 */
export interface ConnectionSnapshot extends PlainObject {
  readonly format: typeof SNAPSHOT_FORMAT;
  /** Version of the format: one of another version cannot be restored. */
  readonly version: number;
  /** When it was taken, by the clock of the driver, ns. */
  readonly now: number;
  /** SHA-256 of `body` as JSON text, in hexadecimal digits. */
  readonly digest: string;
  /** Of interest to the engine alone. */
  readonly body: SnapshotBody;
}

/** What there is of the connection, and of the host for it. */
export interface SnapshotBody extends PlainObject {
  /** All objects, in the order by which references count them. */
  readonly objects: readonly PlainValue[];
  /** Reference to the connection. */
  readonly connection: PlainObject;
  /** Where it stood in the host's tables. */
  readonly host: PlainObject;
  /** Policies of one's own, which are made again by their factories. */
  readonly made: readonly PlainObject[];
}

export const SNAPSHOT_FORMAT = "mptcp-connection";
/** To be counted up when what a snapshot says would be misunderstood by the engine before. */
export const SNAPSHOT_VERSION = 1;
