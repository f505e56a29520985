import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { damaged, MptcpError, SNAPSHOT_FORMAT, SNAPSHOT_VERSION } from "../../core/index.ts";
import type { ConnectionSnapshot, SnapshotBody } from "../../core/index.ts";

/** Puts what can be checked around it. */
export function seal(body: SnapshotBody, now: number): ConnectionSnapshot {
  return { format: SNAPSHOT_FORMAT, version: SNAPSHOT_VERSION, now, digest: digestOf(body, now), body };
}

/**
 * Checks that it is whole.
 * @throws MptcpError ERR_MPTCP_SNAPSHOT_VERSION when it is of another format or version, ERR_MPTCP_SNAPSHOT_DAMAGED when it is not what was saved
 */
export function open(snapshot: ConnectionSnapshot): SnapshotBody {
  const { format, version, now, digest, body }: Partial<ConnectionSnapshot> = typeof snapshot === "object" && snapshot !== null ? snapshot : {};
  if (format !== SNAPSHOT_FORMAT) throw new MptcpError("ERR_MPTCP_SNAPSHOT_VERSION", "that is no snapshot of a connection");
  if (version !== SNAPSHOT_VERSION) throw new MptcpError("ERR_MPTCP_SNAPSHOT_VERSION", `the snapshot is of format ${String(version)}, and this engine speaks format ${SNAPSHOT_VERSION}`);
  if (typeof body !== "object" || body === null || typeof now !== "number" || digest !== digestOf(body, now)) throw damaged("its digest is another one");
  if (!Array.isArray(body.objects) || !Array.isArray(body.made)) throw damaged("there are no objects");
  return body;
}

function digestOf(body: SnapshotBody, now: number): string {
  return bytesToHex(sha256(utf8ToBytes(JSON.stringify([now, body]))));
}
