import { readCapture, withoutPackets } from "./pcapng.ts";
import type { CaptureFacts, Problems } from "./report.ts";
import { keyMaterial } from "./keys.ts";
import { OPTION_FIELDS, parseTcpOptions, tsharkValues } from "./tcp-options.ts";
import type { MptcpOption } from "./tcp-options.ts";
import { dissect, values } from "./tshark.ts";
import type { Row } from "./tshark.ts";

/** A TCP segment of a capture. */
export interface Frame {
  /** From 1, over the whole capture, as Wireshark counts. */
  readonly number: number;
  readonly interface: number;
  /** Equal for sightings of one segment on its way through several interfaces. */
  readonly fingerprint: string;
  /** "address:port". */
  readonly source: string;
  readonly destination: string;
  readonly sequence: number;
  /** As in the header, and the window scale option (-1: there is none). */
  readonly window: number;
  readonly windowScale: number;
  readonly syn: boolean;
  readonly ack: boolean;
  readonly fin: boolean;
  readonly rst: boolean;
  readonly mptcp: readonly MptcpOption[];
  readonly payload: Buffer;
}

/**
 * Has tshark read every interface by itself (an interface is one place in the network; between two of them the same segment would look like a
 * retransmission), reports what it holds against the packets, and returns the segments of the whole capture in order.
 */
export async function readFrames(file: Buffer, problems: Problems, facts: CaptureFacts): Promise<Frame[]> {
  const capture = readCapture(file);
  const frames: Frame[] = [];
  const readOne = async (id: number): Promise<void> => {
    const places = capture.packets.filter((packet) => packet.interface === id);
    if (places.length === 0) return;
    const rows = await dissect(withoutPackets(file, capture, (packet) => packet.interface !== id), FIELDS);
    if (rows.length !== places.length) problems.add("tshark does not see every packet", `interface ${id}: ${rows.length} of ${places.length}`);
    rows.forEach((row, index) => {
      const frame = readRow(row, (places[index]?.index ?? 0) + 1, problems, facts);
      if (frame !== null) frames.push(frame);
    });
  };
  await Promise.all(Array.from({ length: capture.interfaces }, (_, id) => readOne(id)));
  return frames.toSorted((a, b) => a.number - b.number);
}

type Field = (typeof FIELDS)[number];

function readRow(row: Row<Field>, number: number, problems: Problems, facts: CaptureFacts): Frame | null {
  const where = `frame ${number}`;
  if (row["_ws.malformed"] !== "") problems.add("malformed packet", where);
  // 1: good. IPv6 has no checksum of its own; an ICMP error quotes a second header.
  const version = row["ip.src"] === "" ? 6 : 4;
  if (version === 4 && values(row["ip.checksum.status"])[0] !== "1") problems.add("bad IP header checksum", where);
  if (!row["frame.protocols"].includes(":tcp") || row["frame.protocols"].includes("icmp")) {
    if (row["frame.protocols"].includes("icmp")) return null;
    problems.add("a packet that is neither TCP nor ICMP", `${where}: ${row["frame.protocols"]}`);
    return null;
  }
  // A packet that was cut short by the capture has its headers only: its checksum cannot be verified (2), and zeros stand for the data.
  const cut = row["frame.cap_len"] !== row["frame.len"];
  if (row["tcp.checksum.status"] !== (cut ? "2" : "1")) problems.add("bad TCP checksum", where);
  const flags = Number(row["tcp.flags"]);
  const [fin, syn, rst, , ack] = [0, 1, 2, 3, 4].map((bit) => (flags & (1 << bit)) !== 0) as [boolean, boolean, boolean, boolean, boolean];
  let mptcp: readonly MptcpOption[] = [];
  let windowScale = -1;
  try {
    ({ mptcp, windowScale } = parseTcpOptions(Buffer.from(row["tcp.options"], "hex"), syn, ack));
  } catch (error) {
    problems.add("TCP options cannot be read", `${where}: ${(error as Error).message}`);
  }
  checkExperts(row, where, problems);
  checkAgreement(row, mptcp, where, problems);
  checkDerived(row, mptcp, where, problems, facts);
  const payload = cut ? Buffer.alloc(Number(row["tcp.len"])) : Buffer.from(row["tcp.payload"], "hex");
  if (payload.length !== Number(row["tcp.len"])) problems.add("length and payload differ", where);
  facts.segments++;
  if (mptcp.length > 0) facts.multipathSegments++;
  facts.ipVersions.add(version);
  const [source, destination] = version === 4 ? [row["ip.src"], row["ip.dst"]] : [`[${row["ipv6.src"]}]`, `[${row["ipv6.dst"]}]`];
  return {
    number, interface: Number(row["frame.interface_id"]), syn, ack, fin, rst, windowScale, mptcp, payload,
    source: `${source}:${row["tcp.srcport"]}`,
    destination: `${destination}:${row["tcp.dstport"]}`,
    sequence: Number(row["tcp.seq_raw"]),
    window: Number(row["tcp.window_size_value"]),
    // The checksum covers addresses, header and payload.
    fingerprint: [source, destination, row["tcp.seq_raw"], row["tcp.ack_raw"], row["tcp.flags"], row["tcp.options"], row["tcp.len"], row["tcp.checksum"]].join(" "),
  };
}

/** Of what tshark remarks on, all warnings and errors count, but for those that the network itself accounts for. */
function checkExperts(row: Row<Field>, where: string, problems: Problems): void {
  const messages = values(row["_ws.expert.message"]);
  values(row["_ws.expert.severity"]).forEach((severity, index) => {
    const message = messages[index] ?? "";
    if (Number(severity) < WARNING || EXPECTED_REMARKS.some((pattern) => pattern.test(message))) return;
    problems.add(`tshark: ${message}`, where);
  });
}

/** tshark's reading of the options against that of tcp-options.ts. */
function checkAgreement(row: Row<Field>, mptcp: readonly MptcpOption[], where: string, problems: Problems): void {
  if (mptcp.length === 0 && row["tcp.options.mptcp.subtype"] === "") return;
  const expected = tsharkValues(mptcp);
  for (const field of OPTION_FIELDS) {
    const [ours, theirs] = [expected[field].join(" "), values(row[field]).join(" ")];
    if (ours !== theirs) problems.add(`tshark reads ${field} otherwise`, `${where}: ${theirs}, not ${ours}`);
  }
}

/** tshark derives token and IDSN of the sender wherever a packet carries the sender's key; here OpenSSL's hash decides. */
function checkDerived(row: Row<Field>, mptcp: readonly MptcpOption[], where: string, problems: Problems, facts: CaptureFacts): void {
  const keys = mptcp.flatMap((option) => (option.kind === "capable" && option.senderKey !== null ? [keyMaterial(option.senderKey, option.version)] : []));
  const tokens = keys.map((material) => String(material.token)).join(" ");
  const idsns = keys.map((material) => String(material.idsn)).join(" ");
  const [theirTokens, theirIdsns] = [values(row["mptcp.expected_token"]).join(" "), values(row["mptcp.expected_idsn"]).join(" ")];
  if (theirTokens !== tokens) problems.add("tshark expects another token", `${where}: ${theirTokens}, not ${tokens}`);
  if (theirIdsns !== idsns) problems.add("tshark expects another IDSN", `${where}: ${theirIdsns}, not ${idsns}`);
  facts.derivedByTshark += keys.length;
}

const WARNING = 0x600000;

/** Loss, reordering, full windows and resets: to be seen in a network that loses packets, and judged by the other checks. */
const EXPECTED_REMARKS = [
  /^Previous segment\(s\) not captured/,
  /out-of-order segment/,
  /^D-SACK Sequence/,
  /^TCP Zero Window/,
  /^TCP window specified by the receiver is now completely full/,
  /^Connection reset \(RST\)/,
];

const FIELDS = [
  "frame.interface_id", "frame.protocols", "frame.len", "frame.cap_len", "_ws.malformed", "_ws.expert.severity", "_ws.expert.message", "ip.checksum.status", "tcp.checksum.status",
  "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "tcp.srcport", "tcp.dstport", "tcp.seq_raw", "tcp.ack_raw", "tcp.flags", "tcp.window_size_value", "tcp.checksum", "tcp.options", "tcp.len", "tcp.payload",
  "mptcp.expected_token", "mptcp.expected_idsn", ...OPTION_FIELDS,
] as const;
