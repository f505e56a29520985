import { connect } from "node:net";
import type { Socket } from "node:net";
import type { IpAddress } from "../../wire/index.ts";
import { KernelSocket } from "../kernel/index.ts";
import type { MptcpInfo } from "../mptcp-info.ts";
import { countedBetween, kernelCounters } from "./kernel-counters.ts";
import { row } from "./report.ts";
import type { ProbeOutcome, ProbeRow, ProbeTarget } from "./report.ts";

/** Where a probe by the kernel goes. */
export interface KernelCourse {
  readonly remote: IpAddress;
  readonly port: number;
  /** ms */
  readonly timeout: number;
  readonly signal: AbortSignal | null;
}

/** Tries one address with the kernel's sockets, which tell what became of them, not why: plain TCP, and one that asks for Multipath TCP. */
export async function probeAddressByKernel(course: KernelCourse, send: string): Promise<ProbeTarget> {
  const rows: ProbeRow[] = [];
  const target = (outcome: ProbeOutcome, summary: string, roundTrip: number | null): ProbeTarget => ({ address: String(course.remote), outcome, version: outcome === "multipath" ? 1 : null, summary, roundTrip, rows });
  const started = performance.now();
  const plain = connect({ host: String(course.remote), port: course.port });
  const failure = await opened(plain, course);
  const roundTrip = performance.now() - started;
  plain.destroy();
  if (failure !== null) {
    rows.push(refusalRow(failure));
    return target("unreachable", rows[0]?.verdict ?? "", null);
  }
  rows.push(row("tcp", "ok", "opened plain TCP", `it opened after ${roundTrip.toFixed(1)} ms`, "reachable"));
  const summary = await multipathTrial(course, rows, send);
  rows.push(row("options", "unknown", "asked the kernel for the options on the wire", "it does not tell", "give --tun or --udp links to see every packet"));
  return summary === null ? target("multipath", "speaks Multipath TCP, version 1", roundTrip) : target("tcp", summary, roundTrip);
}

/** @returns why Multipath TCP does not work; null when it does */
async function multipathTrial(course: KernelCourse, rows: ProbeRow[], send: string): Promise<string | null> {
  const did = "opened with the kernel's Multipath TCP";
  const before = kernelCounters();
  const socket = new KernelSocket();
  socket.connect({ host: String(course.remote), port: course.port });
  try {
    const failure = await opened(socket, course);
    if (failure !== null) {
      const came = failure.code === "ETIMEDOUT" ? "silence" : (failure.code ?? failure.message);
      rows.push(row("mp_capable", "fail", did, came, "plain TCP passes, and what carries the option does not"));
      return "plain TCP only: what carries the option does not pass";
    }
    const handshake = capableRow(socket.mptcp.info(), countedBetween(before, kernelCounters()), did);
    rows.push(handshake);
    if (handshake.state === "ok") await exchange(socket, course, rows, send);
    const info = socket.mptcp.info();
    const counted = countedBetween(before, kernelCounters());
    if (handshake.state === "ok") rows.push(joinRow(info, counted));
    rows.push(countersRow(counted));
    if (handshake.state !== "ok") return `plain TCP only: ${handshake.verdict}`;
    return info.multipath ? null : "plain TCP only: the kernel gave Multipath TCP up after the handshake";
  } finally {
    socket.destroy();
  }
}

function capableRow(info: MptcpInfo, counted: ReadonlyMap<string, number>, did: string): ProbeRow {
  const id = "mp_capable";
  if (info.multipath) return row(id, "ok", did, `the peer's key${info.checksumEnabled ? "; checksums in use" : ""}`, "the peer speaks Multipath TCP");
  if (counted.has("MPTcpExtMPCapableSYNTXDisabled")) return row(id, "unknown", did, "the kernel did not ask", "it has met a black hole for the option before, and asks nobody for a while: see net.mptcp.blackhole_timeout");
  if (counted.has("MPTcpExtMPCapableSYNTXDrop")) return row(id, "fail", did, "silence to SYNs with the option, an answer to one without", "a black hole for SYNs with the option; plain TCP passes");
  return row(id, "fail", did, "SYN+ACK without MP_CAPABLE", "the peer does not speak it, or a middlebox took the option away");
}

/** Sends what is to be sent, and ends; a connection that loses its options does so now. */
async function exchange(socket: KernelSocket, course: KernelCourse, rows: ProbeRow[], send: string): Promise<void> {
  let received = 0;
  let ended = false;
  socket.on("data", (chunk: Uint8Array) => (received += chunk.length));
  socket.on("error", () => (ended = true));
  socket.once("end", () => (ended = true));
  const length = new TextEncoder().encode(send).length;
  if (length === 0) {
    rows.push(row("data", "note", "sent nothing", "nothing", "whether options pass after the handshake shows with data: give --send"));
    return;
  }
  // Kernels before 6.5 count no octets, but all tell how far the peer's DATA_ACKs reach.
  const reached = (): bigint => BigInt(`0x${socket.mptcp.info().sendUnacknowledged}`);
  const start = reached();
  socket.write(send);
  const isAcknowledged = (): boolean => BigInt.asUintN(64, reached() - start) >= BigInt(length);
  await until(() => ended || !socket.mptcp.info().multipath || (isAcknowledged() && received > 0), course);
  const { multipath } = socket.mptcp.info();
  const came = `${isAcknowledged() ? "DATA_ACK of them" : "no DATA_ACK"}, and ${received} octets in answer`;
  const verdict = multipath ? (isAcknowledged() ? "options pass both ways after the handshake too" : "data is not acknowledged") : "something takes the options of later segments away; the connection went on as TCP";
  rows.push(row("data", multipath && isAcknowledged() ? "ok" : "fail", `sent ${length} octets`, came, verdict));
}

function joinRow(info: MptcpInfo, counted: ReadonlyMap<string, number>): ProbeRow {
  const did = "left second subflows to the kernel";
  if (info.extraSubflows > 0) return row("join", "ok", did, `${info.extraSubflows} more, ${info.subflows.map(({ localAddress, remoteAddress }) => `${localAddress} to ${remoteAddress}`).join(", ")}`, "a second subflow is in use");
  if (!counted.has("MPTcpExtMPJoinSynTx")) return row("join", "note", did, "it tried none", "it opens some from addresses that ip mptcp endpoint names, once data was answered");
  const answered = counted.has("MPTcpExtMPJoinSynAckRx");
  return row("join", "warn", did, answered ? "SYN+ACK with MP_JOIN, and then nothing more" : "no SYN+ACK with MP_JOIN", "the second path takes the option away or leads elsewhere, or the peer refuses");
}

function countersRow(counted: ReadonlyMap<string, number>): ProbeRow {
  const shown = Array.from(counted, ([name, value]) => `${name} ${value}`).join(", ");
  return row("counters", "note", "compared the kernel's counters before and after", shown === "" ? "nothing was counted" : shown, "they are those of all connections in this network namespace, not of ours alone");
}

function refusalRow(error: NodeJS.ErrnoException): ProbeRow {
  const did = "opened plain TCP";
  const verdicts: Readonly<Record<string, string>> = {
    ECONNREFUSED: "nobody listens there, or a firewall refuses",
    ETIMEDOUT: "nobody is there, or a firewall swallows what comes",
    EHOSTUNREACH: "no way leads there",
    ENETUNREACH: "no way leads there",
  };
  return row("tcp", "fail", did, error.code ?? error.message, verdicts[error.code ?? ""] ?? "it cannot be reached");
}

/** Waits for a connection to open. @returns what went wrong; null when it opened @throws what the signal was aborted with */
function opened(socket: Socket, course: KernelCourse): Promise<NodeJS.ErrnoException | null> {
  const { timeout, signal } = course;
  return new Promise((resolve, reject) => {
    const finish = (act: () => void): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      act();
    };
    const onAbort = (): void => {
      socket.destroy();
      finish(() => reject(signal?.reason as Error));
    };
    const timer = setTimeout(() => {
      socket.destroy();
      finish(() => resolve(Object.assign(new Error("connect ETIMEDOUT"), { code: "ETIMEDOUT" })));
    }, timeout);
    socket.once("connect", () => finish(() => resolve(null)));
    socket.on("error", (error) => finish(() => resolve(error)));
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
  });
}

/** The kernel raises no event for what it tells by MPTCP_INFO: it is asked again and again. */
async function until(holds: () => boolean, course: KernelCourse): Promise<void> {
  const deadline = performance.now() + course.timeout;
  while (!holds() && performance.now() < deadline) {
    course.signal?.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, LOOK));
  }
}

/** ms */
const LOOK = 10;
