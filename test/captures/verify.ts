import { createHash } from "node:crypto";
import { checkSignals } from "./addresses.ts";
import { checkData, plainStreams } from "./data.ts";
import type { SentStream } from "./data.ts";
import { followWithTshark } from "./follow.ts";
import { readFrames } from "./frames.ts";
import { emptyFacts, Problems } from "./report.ts";
import type { CaptureFacts, CaptureReport } from "./report.ts";
import { collectConnections, collectFlows } from "./subflows.ts";
import type { CapturedConnection, HostIndex } from "./subflows.ts";

/** What a capture should contain: one connection, and this content. */
export interface Expectation {
  readonly transport: "mptcp" | "tcp";
  /** Who sends it: 0 is the host that connects. */
  readonly sender: HostIndex;
  /** Of the whole content, which may be known by its hash alone. */
  readonly length: number;
  readonly sha256: string | null;
  /** For a transfer that does not get to its end: what a part of it is compared with. */
  readonly content: Uint8Array | null;
  /** Whether all of it arrives and the connection is closed. */
  readonly complete: boolean;
  /** What the other host sends. */
  readonly otherLength: number;
}

/**
 * Judges a capture by tshark and by RFC 8684, without any of the engine's code: packets, keys, HMACs, mappings, the content itself, put together
 * from the capture alone, and what tshark makes of the whole connections.
 */
export async function verifyCapture(file: Buffer, expected: Expectation): Promise<CaptureReport> {
  const problems = new Problems();
  const facts = emptyFacts();
  const connections = await judge(file, expected, problems, facts);
  await followWithTshark(file, connections, problems, facts);
  return { problems: problems.list, facts };
}

/** The same but for the last: tshark sees each interface by itself only. */
export async function verifyInterfaces(file: Buffer, expected: Expectation): Promise<CaptureReport> {
  const problems = new Problems();
  const facts = emptyFacts();
  await judge(file, expected, problems, facts);
  return { problems: problems.list, facts };
}

async function judge(file: Buffer, expected: Expectation, problems: Problems, facts: CaptureFacts): Promise<readonly CapturedConnection[]> {
  const frames = await readFrames(file, problems, facts);
  const { multipath, plain } = collectConnections(collectFlows(frames, problems), problems, facts);
  if (expected.transport === "tcp") {
    if (facts.multipathSegments > 0) problems.add("a Multipath TCP option", `${facts.multipathSegments} segments`);
    if (plain.length !== 1 || multipath.length > 0) problems.add("not one TCP connection", `${plain.length} without, ${multipath.length} with Multipath TCP`);
    for (const flow of plain) checkStreams(plainStreams(flow, problems, facts), expected, problems);
  } else {
    if (plain.length > 0 || multipath.length !== 1) problems.add("not one Multipath TCP connection", `${plain.length} without, ${multipath.length} with Multipath TCP`);
    for (const connection of multipath) {
      checkSignals(connection, problems, facts);
      checkStreams(checkData(connection, problems, facts), expected, problems);
    }
  }
  return multipath;
}

function checkStreams(streams: readonly [SentStream, SentStream], expected: Expectation, problems: Problems): void {
  const main = streams[expected.sender];
  const other = streams[1 - expected.sender] as SentStream;
  if (other.stream.end !== expected.otherLength) problems.add("the other direction has another length", `${other.stream.end}, not ${expected.otherLength}`);
  const { stream } = main;
  if (!expected.complete) {
    const part = stream.bytes.subarray(0, stream.contiguous);
    if (part.length === 0) problems.add("no data at all", "");
    if (expected.content !== null && !part.equals(expected.content.subarray(0, part.length))) problems.add("the content differs", `in the first ${part.length} bytes`);
    return;
  }
  if (stream.contiguous !== expected.length || stream.end !== expected.length) {
    problems.add("the content is not complete", `${stream.contiguous} of ${expected.length} bytes, the last at ${stream.end}`);
  }
  const sha256 = createHash("sha256").update(stream.bytes.subarray(0, stream.contiguous)).digest("hex");
  if (expected.sha256 !== null && sha256 !== expected.sha256) problems.add("the content has another SHA-256", `${sha256}, not ${expected.sha256}`);
  for (const [host, sent] of streams.entries()) {
    if (sent.end < 0) problems.add("a direction is not closed", `host ${"AB"[host]}`);
    else if (!sent.endAcknowledged && expected.transport === "mptcp") problems.add("DATA_FIN is not acknowledged", `host ${"AB"[host]}`);
  }
}
