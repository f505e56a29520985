import type { DoctorOptions, DoctorReport } from "./doctor/index.ts";
import type { ProbeOptions, ProbeReport } from "./probe/index.ts";

/**
 * What few applications ask for is loaded when it is asked for: the others start sooner, with a smaller heap.
 *
 * @module
 */

/**
 * Looks at this host as Multipath TCP will find it: the kernel's protocol and its settings, TUN devices and the rights to them, whether each address
 * has a route by its own interface, and what makes it slow. Changes nothing. What cannot be found out is a check of state `unknown`, not an error.
 *
 * @example
 * ```ts
 * import { doctor } from "mptcp/node";
 *
 * for (const { state, name, found, mends } of (await doctor()).checks) if (state === "fail") console.log(name, found, mends);
 * ```
 */
export async function doctor(options: DoctorOptions = {}): Promise<DoctorReport> {
  const room = await import("./doctor/index.ts");
  return await room.doctor(options);
}

/**
 * Finds out whether a peer speaks Multipath TCP, which version, and what the path does to the options, by a series of connections: plain TCP, version 1
 * with data, a second subflow and the end, a SYN of version 0.
 *
 * @throws MptcpError ERR_MPTCP_PROBE when there is no link for any address of the peer, ERR_MPTCP_KERNEL where the kernel is asked and has no Multipath
 * TCP; RangeError ERR_SOCKET_BAD_PORT; the resolver's error for a name that has no address. A peer that does not answer is a report, not an error.
 *
 * @example
 * ```ts
 * import { probe, UdpLink } from "mptcp/node";
 *
 * const report = await probe({ host: "127.0.0.1", port: 5000, links: [new UdpLink({ addresses: ["127.0.0.3"] })] });
 * for (const { did, came, verdict } of report.targets.flatMap((target) => target.rows)) console.log(did, came, verdict);
 * ```
 */
export async function probe(options: ProbeOptions): Promise<ProbeReport> {
  const room = await import("./probe/index.ts");
  return await room.probe(options);
}
