import { describe, expect, test } from "vitest";
import { middleboxes } from "mptcp/sim";
import type { PlainParameters } from "mptcp/sim";
import { boxesOf, studyNetwork } from "../../src/study/index.ts";
import type { StudyReport } from "../../src/study/index.ts";

const HIGH = [34_343];

function study(boxes: readonly { readonly kind: string; readonly parameters?: PlainParameters; readonly port?: number }[], ports: readonly number[] = HIGH, loss = 0, seed = 3): StudyReport {
  const report = studyNetwork({ boxes: boxes.map(({ kind, parameters = {}, port = null }) => ({ kind, parameters, port })), rate: 20e6, delay: 15e6, seed, ports, loss });
  expect(report.problem).toBeNull();
  return report;
}

/** `npm run study` has all forms of each kind, `npm test` one. */
const MOST_FORMS = process.env["STUDY_NETWORKS"] === undefined ? 1 : Number.POSITIVE_INFINITY;

/** Kinds, each with forms in which it has to be told from all others. */
const FORMS: Readonly<Record<string, readonly PlainParameters[]>> = {
  "ack-filter": [{}, { direction: "inward" }],
  "black-hole": [{}, { options: ["unknown"], segments: ["syn"] }, { options: ["mptcp"], segments: ["data"] }, { options: ["timestamps"], direction: "inward" }],
  coalescer: [{ wait: 2_000_000 }, { wait: 5_000_000, options: "first", direction: "inward" }],
  duplicator: [{ fraction: 1 }, { fraction: 0.3, copies: 2 }],
  "ecn-bleacher": [{}, { codepoints: "ce" }, { codepoints: "none", flags: "syn" }],
  "ftp-alg": [{ port: 34_343 }],
  "hole-holder": [{}, { fate: "drop" }, { direction: "inward" }, { wait: 200_000_000 }],
  "ip-header-rewriter": [{}, { dscp: -1, hopLimit: 17 }, { dscp: 46, direction: "inward" }],
  "isn-randomiser": [{}, { direction: "inward" }],
  "mss-clamp": [{}, { size: 1360, direction: "inward" }],
  nat44: [{}, { ports: "random" }],
  normaliser: [{ port: 0 }, { port: 34_343, timestamps: "remove" }],
  "option-duplicator": [{}],
  "option-reorderer": [{}],
  "option-stripper": [{}, { options: ["unknown"], segments: ["syn"] }, { options: ["timestamps"] }, { options: ["mptcp"], segments: ["data"], direction: "outward" }, { options: ["window-scale"] }, { options: ["sack-permitted"] }],
  "payload-editor": [{}, { at: 500, length: "longer" }, { at: 100, length: "shorter", octets: 20 }, { every: 300 }],
  "proactive-acker": [{}, { direction: "inward" }, { options: "last" }],
  reorderer: [{ fraction: 0.3, wait: 60_000_000 }],
  "rst-injector": [{}, { to: "outside", segments: ["data"] }],
  splitter: [{}, { size: 1000, options: "first" }],
  "stateful-firewall": [{}, { acks: "drop" }, { acks: "correct" }, { refusal: "reset" }],
  "syn-ack-rewriter": [{}, { options: "add" }],
  "syn-data-dropper": [{}, { what: "segment" }],
  "terminating-proxy": [{}, { port: 34_343, buffer: 4096 }],
  "window-clamp": [{ window: 10_000 }],
  "window-scale-rewriter": [{}, { scale: 3, windows: "leave" }],
};

describe("the probe, through one box", () => {
  test.each(Object.entries(FORMS).flatMap(([kind, forms]) => forms.slice(0, MOST_FORMS).map((parameters) => [kind, parameters] as const)))("names %s %j, and nothing else", (kind, parameters) => {
    // What resets every connection leaves nobody who could be asked.
    const report = study([{ kind, parameters, ...(kind === "rst-injector" ? { port: 34_343 } : {}) }]);
    expect([...boxesOf(report).keys()], JSON.stringify(report.ports[0]?.findings, null, 1)).toEqual([kind]);
  });

  // What it changes it changes by chance: with a good checksum it looks as an editor does, with a bad one as a lossy link.
  test("has forms of every kind of the registry but the corrupter", () => expect([...Object.keys(FORMS), "corrupter"].toSorted()).toEqual(Object.keys(middleboxes).toSorted()));
});

describe("the probe", () => {
  test("finds nothing where nothing is, on any port", () => {
    const report = study([], [34_343, 443, 80]);
    expect(report.ports.map(({ port, findings, tried }) => [port, findings, tried > 20])).toEqual([[34_343, [], true], [443, [], true], [80, [], true]]);
    expect(report.roundTrip).toBeGreaterThan(0.03);
  });

  test("finds nothing where one packet in fifty is lost", () => {
    for (let seed = 1; seed <= 3; seed++) expect([seed, [...boxesOf(study([], HIGH, 0.02, seed))]]).toEqual([seed, []]);
  });

  test("names several boxes on one path, each on the ports where it is", () => {
    const report = study([{ kind: "nat44" }, { kind: "isn-randomiser" }, { kind: "option-stripper", parameters: { options: ["unknown"], segments: ["syn"] }, port: 80 }, { kind: "mss-clamp" }], [34_343, 80]);
    expect(Object.fromEntries(boxesOf(report))).toEqual({ nat44: [34_343, 80], "isn-randomiser": [34_343, 80], "option-stripper": [80], "mss-clamp": [34_343, 80] });
    expect(report.seenAs).toMatch(/^198\.1[89]\./);
  });

  test("tells a proxy on port 80 from what is on all ports", () => {
    const report = study([{ kind: "hole-holder" }, { kind: "terminating-proxy", parameters: { port: 80 } }], [34_343, 80]);
    expect(Object.fromEntries(boxesOf(report))).toEqual({ "hole-holder": [34_343], "terminating-proxy": [80] });
  });

  test("says that a port is closed on the way, and goes on with others", () => {
    const report = study([{ kind: "black-hole", parameters: { options: ["mss"], segments: ["syn"] }, port: 80 }], [34_343, 80]);
    expect(report.ports.map(({ findings }) => findings.map(({ aspect, verdict }) => `${aspect} ${verdict}`))).toEqual([[], ["reach unanswered"]]);
  });

  test("ends when the server is not there", () => {
    const report = studyNetwork({ boxes: [{ kind: "black-hole", parameters: { options: ["mss"] }, port: null }], rate: 20e6, delay: 15e6, seed: 1 });
    expect(report.problem).toMatch(/does not answer|no connection/);
  });
});
