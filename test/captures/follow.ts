import { readCapture, withoutPackets } from "./pcapng.ts";
import type { CaptureFacts, Problems } from "./report.ts";
import { framesInOrder } from "./subflows.ts";
import type { CapturedConnection, SentFrame } from "./subflows.ts";
import { dissect, values } from "./tshark.ts";
import type { Row } from "./tshark.ts";

/**
 * Has tshark follow the connections, and compares: which subflows belong together, the 64-bit data sequence numbers and Data ACKs, that each segment with
 * data has a mapping.
 *
 * For that it needs all subflows of a connection in one file, as it learns the keys on the first. Several interfaces together are
 * sound input as long as no segment is there twice: it gets each where it was seen first, and each subflow under one pair of addresses.
 */
export async function followWithTshark(file: Buffer, connections: readonly CapturedConnection[], problems: Problems, facts: CaptureFacts): Promise<void> {
  const kept = new Map<number, Expected>();
  connections.forEach((connection, index) => expectFrames(connection, index, kept));
  if (kept.size === 0) return;
  const capture = readCapture(file);
  const numbers = [...kept.keys()].toSorted((a, b) => a - b);
  const rows = await dissect(withoutPackets(file, capture, (packet) => !kept.has(packet.index + 1)), FIELDS, ["mptcp.analyze_mappings:TRUE"]);
  if (rows.length !== numbers.length) problems.add("tshark does not see every packet", `${rows.length} of ${numbers.length}`);
  const streams = new Map<string, number>();
  numbers.forEach((number, at) => {
    const row = rows[at];
    const expected = kept.get(number);
    if (row === undefined || expected === undefined) return;
    checkConnection(row["mptcp.stream"], expected, streams, `frame ${number}`, problems);
    checkNumbers(row, expected, `frame ${number}`, problems);
    facts.followedByTshark++;
  });
}

function checkConnection(stream: string, expected: Expected, streams: Map<string, number>, where: string, problems: Problems): void {
  if (stream === "") {
    // The very first SYN carries no key, so tshark cannot tell yet; nor does it say of segments without an option.
    if (!expected.syn && expected.multipath) problems.add("tshark cannot tell the connection", where);
    return;
  }
  const known = streams.get(stream);
  if (known === expected.connection) return;
  if (known !== undefined || [...streams.values()].includes(expected.connection)) problems.add("tshark assigns the subflow to another connection", where);
  streams.set(stream, expected.connection);
}

function checkNumbers(row: Row<Field>, expected: Expected, where: string, problems: Problems): void {
  const [dsn, dataAck] = [row["mptcp.dss.dsn"], row["mptcp.ack"]];
  if (expected.dsn !== null && dsn !== String(expected.dsn)) problems.add("tshark follows other data sequence numbers", `${where}: ${dsn}, not ${expected.dsn}`);
  if (expected.dataAck !== null && dataAck !== String(expected.dataAck)) problems.add("tshark follows other Data ACKs", `${where}: ${dataAck}, not ${expected.dataAck}`);
  const unmapped = row["mptcp.related_mapping"] === "" || values(row["_ws.expert.message"]).includes("No mapping available");
  if (expected.mapped && unmapped) problems.add("tshark finds no mapping for data", where);
}

interface Expected {
  readonly connection: number;
  readonly syn: boolean;
  readonly multipath: boolean;
  /** It has data whose mapping tshark should find, see {@link InOrder}. */
  readonly mapped: boolean;
  /** 64 bits, absolute; null: none, or not to be compared. */
  readonly dsn: bigint | null;
  readonly dataAck: bigint | null;
}

/**
 * tshark's search for mappings misses some once data came out of order on a subflow, even when the segment itself carries its mapping; nor does it
 * take MP_CAPABLE for a mapping. So it is asked only about data in order; data.ts asks about all.
 */
class InOrder {
  private readonly next = new Map<string, number>();

  has(sent: SentFrame): boolean {
    const { frame } = sent;
    const name = `${sent.subflow} ${sent.direction}`;
    const next = this.next.get(name) ?? frame.sequence;
    const inOrder = next === frame.sequence;
    this.next.set(name, inOrder ? (frame.sequence + frame.payload.length) >>> 0 : OUT_OF_ORDER);
    return inOrder && !frame.mptcp.some((option) => option.kind === "capable");
  }
}

function expectFrames(connection: CapturedConnection, index: number, kept: Map<number, Expected>): void {
  const inOrder = new InOrder();
  const begun = new Set<number>();
  for (const sent of framesInOrder(connection)) {
    const { frame, host, subflow } = sent;
    if (connection.subflows[subflow]!.original !== subflow) continue;
    // A SYN that is sent again makes tshark swap the ends of a joined subflow, so it gets the first one only.
    if (frame.syn && !frame.ack && begun.has(subflow)) continue;
    begun.add(subflow);
    const dss = frame.mptcp.find((option) => option.kind === "dss");
    const [own, other] = [connection.keys[host].idsn + 1n, connection.keys[1 - host]!.idsn + 1n];
    kept.set(frame.number, {
      connection: index,
      syn: frame.syn,
      multipath: frame.mptcp.length > 0,
      mapped: frame.payload.length > 0 && inOrder.has(sent),
      dsn: whole(dss?.dsn ?? null, dss?.dsnOctets ?? 0, own),
      dataAck: whole(dss?.dataAck ?? null, dss?.dataAckOctets ?? 0, other),
    });
  }
}

/** The 64-bit form of a number near `base`. tshark does not carry four octets over into the upper half, so that is not compared. */
function whole(number: bigint | null, octets: number, base: bigint): bigint | null {
  if (number === null || octets === 8) return number;
  const full = BigInt.asUintN(64, base + BigInt.asIntN(32, number - base));
  return full >> 32n === base >> 32n ? full : null;
}

const FIELDS = ["mptcp.stream", "mptcp.dss.dsn", "mptcp.ack", "mptcp.related_mapping", "_ws.expert.message"] as const;

type Field = (typeof FIELDS)[number];

/** No sequence number. */
const OUT_OF_ORDER = -1;
