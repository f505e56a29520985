import { describe, expect, it } from "vitest";
import { PcapngWriter } from "../../../src/capture/index.ts";
import { MILLISECOND, SECOND } from "../../../src/core/index.ts";
import { BulkSender, CaptureRecorder, middleboxes, patternSource, Simulation, Sink } from "../../../src/sim/index.ts";
import type { MiddleboxFactory } from "../../../src/sim/index.ts";
import { IpAddress } from "../../../src/wire/index.ts";
import { dissect, HAS_TSHARK } from "../../capture/tshark.ts";

const FIELDS = [
  "_ws.malformed", "ip.src", "ip.checksum.status", "tcp.checksum.status", "tcp.len", "tcp.seq", "tcp.flags.push", "tcp.flags.syn", "tcp.hdr_len", "tcp.options.timestamp.tsval",
  "tcp.analysis.retransmission", "tcp.analysis.out_of_order", "tcp.analysis.lost_segment", "tcp.options.mptcp.subtype", "tcp.options.mptcp.subflowseqno", "tcp.options.mptcp.rawdataseqno",
  "tcp.options.mptcp.datalvllen", "tcp.options.mptcp.datafin.flag",
];

/** A port that no dissector claims. */
const PORT = 60_999;

type Row = Readonly<Record<string, string>>;

/** An upload through boxes; what tshark sees behind the last of them. */
function behind(...boxes: readonly MiddleboxFactory[]): Row[] {
  const simulation = new Simulation({ seed: 5 });
  const client = simulation.addHost("client", { mptcp: { checksum: true } });
  const server = simulation.addHost("server");
  const nodes = [client, ...boxes.map((make, i) => simulation.addMiddlebox(`box${i + 1}`, make)), server];
  const links = nodes.slice(1).map((node, i) => simulation.connect(nodes[i]!, node, i === 0 ? { rate: 20e6, delay: 5 * MILLISECOND } : { mtu: 9000 }));
  client.addAddress(IpAddress.from("10.0.0.1"));
  server.addAddress(IpAddress.from("10.0.0.2"));
  const chunks: Uint8Array[] = [];
  const writer = new PcapngWriter((chunk) => chunks.push(chunk));
  new CaptureRecorder(writer).link(links.at(-1)!, server);
  const sink = new Sink();
  server.listen(PORT, () => sink);
  client.connect(IpAddress.from("10.0.0.2"), PORT, new BulkSender({ bytes: 100_000, source: patternSource }));
  simulation.run(20 * SECOND);
  writer.close(simulation.now);
  expect(sink.bytesRead).toBe(100_000);
  const rows = dissect(Uint8Array.from(chunks.flatMap((chunk) => [...chunk])), FIELDS);
  for (const row of rows) {
    expect([row["_ws.malformed"], row["ip.checksum.status"], row["tcp.checksum.status"]]).toEqual(["", "1", "1"]);
    expect([row["tcp.analysis.retransmission"], row["tcp.analysis.out_of_order"], row["tcp.analysis.lost_segment"]]).toEqual(["", "", ""]);
  }
  return rows;
}

/** The client's data segments. */
function dataOf(rows: readonly Row[]): Row[] {
  return rows.filter((row) => row["ip.src"] === "10.0.0.1" && Number(row["tcp.len"]) > 0);
}

/** By mapping (offset, data sequence number, length), the lengths of the segments that carry it. The first data has none, but MP_CAPABLE. */
function segmentsByMapping(rows: readonly Row[]): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const row of dataOf(rows)) {
    const [offset, number, length] = ["subflowseqno", "rawdataseqno", "datalvllen"].map((name) => row[`tcp.options.mptcp.${name}`]);
    if (row["tcp.options.mptcp.subtype"] !== "2") continue;
    // The length counts the DATA_FIN.
    const mapping = `${offset} ${number} ${Number(length) - (row["tcp.options.mptcp.datafin.flag"] === "1" ? 1 : 0)}`;
    found.set(mapping, [...(found.get(mapping) ?? []), Number(row["tcp.len"])]);
  }
  return found;
}

describe.skipIf(!HAS_TSHARK)("tshark, behind a middlebox, finds nothing amiss and sees", () => {
  it("that options were stripped", () => {
    const rows = behind(middleboxes["option-stripper"]!({ options: ["mptcp", "timestamps"], segments: ["syn"] }));
    const syns = rows.filter((row) => row["tcp.flags.syn"] === "1" && row["ip.src"] === "10.0.0.1");
    expect(syns.map((row) => [row["tcp.options.mptcp.subtype"], row["tcp.options.timestamp.tsval"], row["tcp.hdr_len"]])).toEqual([["", "", "32"]]);
  });

  it("each mapping on several segments behind a splitter, PSH on the last one", () => {
    const rows = behind(middleboxes["splitter"]!({ size: 600 }));
    const mappings = segmentsByMapping(rows);
    expect(mappings.size).toBeGreaterThan(60);
    for (const [mapping, lengths] of mappings) {
      expect(lengths.reduce((sum, length) => sum + length, 0), mapping).toBe(Number(mapping.split(" ")[2]));
      expect(Math.max(...lengths)).toBe(lengths.length > 1 ? 600 : lengths[0]);
    }
    const pushed = dataOf(rows).filter((row) => row["tcp.flags.push"] === "1");
    expect(pushed.every((row) => Number(row["tcp.len"]) < 600)).toBe(true);
  });

  it("each mapping on one segment again behind a splitter and a coalescer", () => {
    const rows = behind(middleboxes["splitter"]!({ size: 600 }), middleboxes["coalescer"]!({}));
    const mappings = segmentsByMapping(rows);
    expect(mappings.size).toBeGreaterThan(60);
    for (const [mapping, lengths] of mappings) expect([mapping, lengths]).toEqual([mapping, [Number(mapping.split(" ")[2])]]);
  });
});
