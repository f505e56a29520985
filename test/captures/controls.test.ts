import { describe, expect, it } from "vitest";
import { Editor } from "./edit.ts";
import type { OptionPlace } from "./edit.ts";
import { followWithTshark } from "./follow.ts";
import { readFrames } from "./frames.ts";
import { readCapture, withoutPackets } from "./pcapng.ts";
import { emptyFacts, Problems } from "./report.ts";
import { captureRun, ownScenario } from "./runs.ts";
import type { CapturedRun } from "./runs.ts";
import { collectConnections, collectFlows } from "./subflows.ts";
import { HAS_TSHARK, NO_TSHARK } from "./tshark.ts";
import { verifyCapture, verifyInterfaces } from "./verify.ts";

/** Captures with one thing wrong each: that captures.test.ts finds nothing means something only if the same checks find these. */

if (!HAS_TSHARK) process.stderr.write(NO_TSHARK);

function smallRun(protocol: { readonly checksum?: boolean } = {}): CapturedRun {
  const shape = { rate: "10 Mb/s", queue: { bdp: 2 } };
  const paths = [
    { name: "left", rtt: "20 ms", server: "10.0.101.1", ...shape },
    { name: "right", rtt: "30 ms", server: "10.0.102.1", ...shape },
  ];
  return captureRun(ownScenario({ name: "control", paths, protocol, workload: { bulk: { file: true, direction: "download" } }, duration: "60 s" }), 200_000);
}

interface Control {
  readonly name: string;
  readonly alter: (editor: Editor, original: Buffer) => void;
  /** Each must be among the problems; a control with `only` must bring up nothing else. */
  readonly expected: readonly RegExp[];
  readonly only?: boolean;
}

/** Subtypes of RFC 8684 §3. */
const [CAPABLE, JOIN, DSS, ADD_ADDRESS] = [0, 1, 2, 3];
/** Where things are in an option: RFC 8684 §3.1 to §3.4.1. */
const HMAC = 4;
const TOKEN = 4;
const NONCE = 8;
const ADDRESS = 4;
const DATA_ACK = 4;
const DSN = 8;
const SSN = 12;
const LENGTH = 16;
const CHECKSUM = 18;
const FLAGS = 3;

const CONTROLS: readonly Control[] = [
  {
    name: "the HMAC of a join's SYN+ACK",
    alter: (editor) => flipOption(editor, JOIN, 16, HMAC),
    expected: [/^wrong HMAC in the SYN\+ACK of an MP_JOIN/],
    only: true,
  },
  {
    name: "the last octet of the HMAC of a join's ACK",
    alter: (editor) => flipOption(editor, JOIN, 24, HMAC + 19),
    expected: [/^wrong HMAC in the ACK of an MP_JOIN/],
    only: true,
  },
  { name: "the nonce of a join's SYN", alter: (editor) => flipOption(editor, JOIN, 12, NONCE), expected: [/^wrong HMAC in the SYN\+ACK/, /^wrong HMAC in the ACK/] },
  { name: "the token of a join", alter: (editor) => flipOption(editor, JOIN, 12, TOKEN), expected: [/^an MP_JOIN whose token no key gives/] },
  {
    name: "a join's SYN+ACK without MP_JOIN",
    alter: (editor) => {
      const { segment, at, length } = editor.option(JOIN, 16);
      editor.file.fill(1, at, at + length);
      editor.repair(segment);
    },
    expected: [/^an MP_JOIN handshake without MP_JOIN/],
  },
  {
    name: "the HMAC of ADD_ADDR",
    alter: (editor) => flipOption(editor, ADD_ADDRESS, 16, ADDRESS + 4 + 7),
    expected: [/^wrong HMAC in ADD_ADDR/, /^an echo of an address that nobody announced/],
    only: true,
  },
  { name: "the address in ADD_ADDR", alter: (editor) => flipOption(editor, ADD_ADDRESS, 16, ADDRESS + 3), expected: [/^wrong HMAC in ADD_ADDR/] },
  {
    name: "the address id of an echo",
    alter: (editor) => flipOption(editor, ADD_ADDRESS, 8, 3),
    expected: [/^an echo of an address that nobody announced/],
    only: true,
  },
  { name: "a key in MP_CAPABLE", alter: (editor) => flipOption(editor, CAPABLE, 12, 4), expected: [/^copies of a key differ/] },
  {
    name: "a TCP checksum",
    alter: (editor) => {
      const { tcp } = editor.mapping().segment;
      editor.file.writeUInt8(editor.file.readUInt8(tcp + 17) ^ 1, tcp + 17);
    },
    expected: [/^bad TCP checksum/, /^tshark: Bad checksum/],
    only: true,
  },
  {
    name: "an IP header checksum",
    alter: (editor) => {
      const { start } = editor.mapping().segment.packet;
      editor.file.writeUInt8(editor.file.readUInt8(start + 11) ^ 1, start + 11);
    },
    expected: [/^bad IP header checksum/, /^tshark: Bad checksum/],
    only: true,
  },
  {
    name: "a byte of data, the checksum being right",
    alter: (editor) => {
      const { segment } = editor.mapping();
      editor.flip(segment, segment.payload + 100);
    },
    expected: [/^the content has another SHA-256/],
    only: true,
  },
  {
    name: "the data sequence number of a mapping",
    alter: (editor) => {
      const { segment, at } = editor.mapping();
      editor.add32(segment, at + DSN, 1);
    },
    expected: [/^the data does not reach to DATA_FIN without holes/, /^the same data sequence number with another byte/],
  },
  {
    name: "the data sequence number of a mapping, by far",
    alter: (editor) => {
      const { segment, at } = editor.mapping();
      editor.add32(segment, at + DSN, 0x4000_0000);
    },
    expected: [/^data far outside of the stream/, /^the content is not complete/],
  },
  {
    name: "the subflow sequence number of a mapping",
    alter: (editor) => {
      const { segment, at } = editor.mapping();
      editor.add32(segment, at + SSN, 1);
    },
    expected: [/^data without a mapping/],
  },
  { name: "the length of a mapping", alter: (editor) => flipMapping(editor, LENGTH), expected: [/^data without a mapping/] },
  {
    name: "a segment sent again with another mapping",
    alter: (editor, original) => {
      const { segment, at } = editor.mapping();
      editor.add32(segment, at + DSN, 1);
      editor.appendInstead(segment, original);
    },
    expected: [/^a mapping changed/],
  },
  {
    name: "a segment sent again with other data",
    alter: (editor, original) => {
      const { segment } = editor.mapping();
      editor.flip(segment, segment.end - 1);
      editor.appendInstead(segment, original);
    },
    expected: [/^the same data sequence number with another byte/],
  },
  {
    name: "a Data ACK for more than was sent",
    alter: (editor) => {
      const { segment, at } = editor.option(DSS, 8, (option) => option.segment.sourcePort !== 5001);
      editor.add32(segment, at + DATA_ACK, 10_000_000);
    },
    expected: [/^a Data ACK for what was not sent/, /^a Data ACK that goes back/],
  },
  {
    name: "a Data ACK that goes back",
    alter: (editor) => {
      const { segment, at } = editor.options.findLast((option) => option.subtype === DSS && option.length === 8 && option.segment.sourcePort !== 5001)!;
      editor.add32(segment, at + DATA_ACK, -100_000);
    },
    expected: [/^a Data ACK that goes back/],
  },
  {
    name: "a window that is closed",
    alter: (editor) => {
      for (const segment of editor.segments) {
        if (segment.syn || segment.sourcePort === 5001) continue;
        editor.file.writeUInt16BE(1, segment.tcp + 14);
        editor.repair(segment);
      }
    },
    expected: [/^data beyond the window/],
  },
  {
    name: "a segment that is missing",
    alter: (editor) => {
      const { packet } = editor.mapping().segment;
      editor.file = withoutPackets(editor.file, readCapture(editor.file), ({ index }) => index === packet.index);
    },
    expected: [/^the data does not reach to DATA_FIN without holes/, /^the content is not complete/, /^the content has another SHA-256/],
  },
  {
    name: "an option longer than its segment allows",
    alter: (editor) => {
      const { segment, at } = editor.mapping();
      editor.file.writeUInt8(60, at + 1);
      editor.repair(segment);
    },
    expected: [/^TCP options cannot be read/],
  },
  {
    name: "a segment of another connection",
    alter: (editor, original) => {
      const { segment } = editor.mapping();
      editor.flip(segment, segment.tcp + 3);
      editor.appendInstead(segment, original);
    },
    expected: [/^a segment of no connection/],
  },
];

describe.skipIf(!HAS_TSHARK)("the judge of captures", () => {
  const run = HAS_TSHARK ? smallRun() : null!;

  it("finds nothing wrong with the unaltered capture", async () => {
    const { problems, facts } = await verifyCapture(new Editor(run.file).file, run.expected);
    expect(problems).toEqual([]);
    expect(facts.addressesEchoed).toBeGreaterThan(0);
  });

  it.each(CONTROLS)("notices $name", async ({ alter, expected, only }) => {
    const editor = new Editor(run.file);
    alter(editor, run.file);
    expect(editor.file.equals(run.file)).toBe(false);
    const { problems } = await verifyInterfaces(editor.file, run.expected);
    for (const pattern of expected) expect(problems).toContainEqual(expect.stringMatching(pattern));
    if (only === true) expect(problems.filter((problem) => !expected.some((pattern) => pattern.test(problem)))).toEqual([]);
  });

  it("notices a wrong DSS checksum, a missing one, and one that was not agreed on", async () => {
    const checked = smallRun({ checksum: true });
    expect((await verifyInterfaces(checked.file, checked.expected)).problems).toEqual([]);
    const isData = ({ segment }: OptionPlace): boolean => segment.payload < segment.end;
    const wrong = new Editor(checked.file);
    const mapping = wrong.option(DSS, 20, isData);
    wrong.flip(mapping.segment, mapping.at + CHECKSUM);
    expect((await verifyInterfaces(wrong.file, checked.expected)).problems).toEqual([expect.stringMatching(/^a wrong DSS checksum/)]);
    const denied = new Editor(checked.file);
    for (const { segment, at } of denied.options.filter(({ subtype }) => subtype === CAPABLE)) denied.clear(segment, at + FLAGS, 0x80);
    expect((await verifyInterfaces(denied.file, checked.expected)).problems).toContainEqual(expect.stringMatching(/^a DSS checksum that was not agreed on/));
    const unconfirmed = new Editor(checked.file);
    const third = unconfirmed.option(CAPABLE, 20);
    unconfirmed.clear(third.segment, third.at + FLAGS, 0x80);
    expect((await verifyInterfaces(unconfirmed.file, checked.expected)).problems).toEqual([expect.stringMatching(/^MP_CAPABLE does not confirm/)]);
    const required = new Editor(run.file);
    for (const { segment, at } of required.options.filter(({ subtype }) => subtype === CAPABLE)) required.set(segment, at + FLAGS, 0x80);
    expect((await verifyInterfaces(required.file, run.expected)).problems).toContainEqual(expect.stringMatching(/^a mapping without the checksum agreed on/));
  });

  it("notices Multipath TCP where there should be none", async () => {
    const { problems } = await verifyInterfaces(run.file, { ...run.expected, transport: "tcp" });
    expect(problems).toContainEqual(expect.stringMatching(/^a Multipath TCP option/));
  });

  it("notices another file than the one that was sent", async () => {
    const { problems } = await verifyInterfaces(run.file, { ...run.expected, sha256: "0".repeat(64) });
    expect(problems).toEqual([expect.stringMatching(/^the content has another SHA-256/)]);
  });

  it("notices that tshark follows the connection otherwise", async () => {
    const frames = await readFrames(run.file, new Problems(), emptyFacts());
    const { multipath } = collectConnections(collectFlows(frames, new Problems()), new Problems(), emptyFacts());
    const followed = async (editor: Editor): Promise<readonly string[]> => {
      const problems = new Problems();
      await followWithTshark(editor.file, multipath, problems, emptyFacts());
      return problems.list;
    };
    const numbers = new Editor(run.file);
    const mapping = numbers.mapping();
    numbers.add32(mapping.segment, mapping.at + DATA_ACK, 1);
    numbers.add32(mapping.segment, mapping.at + DSN, 1);
    expect(await followed(numbers)).toEqual([expect.stringMatching(/^tshark follows other data sequence numbers/), expect.stringMatching(/^tshark follows other Data ACKs/)]);
    const token = new Editor(run.file);
    flipOption(token, JOIN, 12, TOKEN);
    expect(await followed(token)).toContainEqual(expect.stringMatching(/^tshark assigns the subflow to another connection/));
    const mapped = new Editor(run.file);
    const { segment, at } = mapped.mapping();
    mapped.add32(segment, at + SSN, -1_000_000);
    expect(await followed(mapped)).toContainEqual(expect.stringMatching(/^tshark finds no mapping for data/));
  });
});

function flipOption(editor: Editor, subtype: number, length: number, offset: number): void {
  const { segment, at } = editor.option(subtype, length);
  editor.flip(segment, at + offset);
}

function flipMapping(editor: Editor, offset: number): void {
  const { segment, at } = editor.mapping();
  editor.flip(segment, at + offset);
}
