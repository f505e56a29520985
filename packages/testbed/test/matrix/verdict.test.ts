import { describe, expect, it } from "vitest";
import { isWithoutFallback, KNOWN, known } from "../../src/matrix/known.ts";
import { cellsBetween, nameOf, PAIRS } from "../../src/matrix/pairs.ts";
import type { Pair, PairCell } from "../../src/matrix/pairs.ts";
import { CELL_BYTES } from "../../src/matrix/passage.ts";
import type { CellResult } from "../../src/matrix/passage.ts";
import { PRESCRIBED } from "../../src/matrix/prescribed.ts";
import { resultOf } from "../../src/matrix/row.ts";
import { StreamCheck } from "../../src/matrix/stream-check.ts";
import { verdictOf } from "../../src/matrix/verdict.ts";

const [OURS, OLD] = PAIRS as readonly [Pair, Pair];
const ALL = cellsBetween(OURS, PRESCRIBED);
const WELL: CellResult = {
  outcome: "multipath", reasons: [], hints: [], read: CELL_BYTES, wrong: 0, isTcps: false, receiverTold: false, isWhole: true, isOver: true, seconds: 1, cutAfter: null,
  box: { seen: 1, sent: 1, changed: 0, dropped: 0 },
};

function cell(name: string, place: "only" | "first" | "second" = "only", checksum = false): PairCell {
  const found = ALL.find(({ row, ...one }) => row.name === name && one.place === place && one.checksum === checksum);
  if (found === undefined) throw new RangeError(name);
  return found;
}

const outcome = (of: PairCell, result: Partial<CellResult>) => verdictOf(of, { ...WELL, ...result });

describe("a run of the matrix", () => {
  it("is as prescribed", () => {
    expect(outcome(cell("none"), {})).toEqual({ outcome: "multipath", problems: [] });
    expect(outcome(cell("none"), { outcome: "fallback" })).toEqual({ outcome: "fallback", problems: ["fallback instead of multipath"] });
  });

  it("is broken by wrong bytes, by too few without an error, and by silence", () => {
    expect(outcome(cell("none"), { wrong: 1 }).outcome).toBe("broken");
    expect(outcome(cell("none"), { read: 5 }).problems).toEqual([`5 of ${CELL_BYTES} bytes without an error`]);
    expect(outcome(cell("none"), { outcome: "error", isOver: false }).outcome).toBe("broken");
    // The sender's error is no word to who has read less.
    expect(outcome(cell("option-stripper/mptcp/later"), { outcome: "error", read: 5 }).outcome).toBe("broken");
    expect(outcome(cell("option-stripper/mptcp/later"), { outcome: "error", read: 5, receiverTold: true })).toEqual({ outcome: "error", problems: [] });
    expect(outcome(cell("option-stripper/mptcp/later"), { outcome: "error", receiverTold: true, seconds: 61 }).problems).toEqual(["over after 61.0 s only"]);
  });

  it("may wait for TCP's own patience, where nothing else ends it", () => {
    const dead = cell("black-hole/data");
    expect(outcome(dead, { outcome: "error", read: 5, receiverTold: true, seconds: 900 }).outcome).toBe("error");
    expect(outcome(dead, { outcome: "error", read: 5, isOver: false, cutAfter: 30 }).outcome).toBe("error");
    expect(outcome(dead, { outcome: "error", read: 5, isOver: false }).outcome).toBe("broken");
    expect(resultOf(dead, { ...WELL, outcome: "error", read: 5, isOver: false, cutAfter: 30 }).reason).toBe("not waited for any longer after 30 s");
  });

  it("may deliver what a box made where TCP would have, and nothing else", () => {
    const same = cell("payload-editor/same/up");
    expect(outcome(same, { wrong: 4, box: { ...WELL.box, changed: 1 } }).outcome).toBe("multipath");
    expect(outcome(same, { wrong: 9, box: { ...WELL.box, changed: 1 } }).outcome).toBe("broken");
    expect(outcome(cell("payload-editor/same/up", "first", true), { outcome: "subflow-reset", reasons: ["checksum_failed"], wrong: 1, box: { ...WELL.box, changed: 1 } }).outcome).toBe("broken");
    const longer = cell("payload-editor/longer/up");
    expect(outcome(longer, { wrong: 7, outcome: "fallback", read: CELL_BYTES + 4, isTcps: true })).toEqual({ outcome: "fallback", problems: [] });
    expect(outcome(longer, { wrong: 7, outcome: "fallback", read: CELL_BYTES + 4 }).outcome).toBe("broken");
    expect(outcome(longer, { wrong: 7, outcome: "multipath" }).outcome).toBe("broken");
  });

  it("gives one of the reasons that the clause has", () => {
    const stripped = cell("option-stripper/mptcp/syn");
    expect(outcome(stripped, { outcome: "fallback", reasons: ["no_mp_capable_in_synack"] }).problems).toEqual([]);
    expect(outcome(stripped, { outcome: "fallback", reasons: ["checksum_failed"] }).problems).toEqual(["for another reason: checksum_failed"]);
  });

  it("says where it was", () => {
    expect(resultOf(cell("option-stripper/mptcp/syn", "second", true), WELL)).toMatchObject({ middlebox: "option-stripper", position: "mptcp/syn", place: "second", paths: 2, checksum: true, client: "ours", server: "ours", version: 1, outcome: "multipath", prescribed: ["subflow-reset"] });
  });
});

describe("what is known to differ", () => {
  it("are twenty kinds at the most, each with its reason, of rows and pairs that there are", () => {
    expect(KNOWN.length).toBeLessThanOrEqual(20);
    for (const { rows, pairs, why } of KNOWN) {
      expect(why.length).toBeGreaterThan(20);
      for (const name of rows) expect(PRESCRIBED.some((row) => row.name.startsWith(name)), name).toBe(true);
      for (const name of pairs) expect(PAIRS.some((pair) => nameOf(pair).startsWith(name)), name).toBe(true);
    }
  });

  it("has nothing to say of what is as prescribed", () => {
    for (const one of ALL) expect(known(one, "multipath", false)).toBe("");
  });

  it("has nothing broken but between kernels, or by the kernel", () => {
    for (const { outcomes, pairs } of KNOWN) if (outcomes.includes("broken")) for (const name of pairs) expect(name).toContain("kernel");
  });
});

it("an error of ours is as prescribed only where no fallback is left", () => {
  expect(outcome(cell("stateful-firewall/later"), { outcome: "error", receiverTold: true }).problems).toEqual([]);
  expect(outcome(cell("none"), { outcome: "error", receiverTold: true }).problems).toContain("an error where a fallback is left");
  for (const { row, place, checksum, prescription } of ALL) if (isWithoutFallback(row.name) && place === "only" && !checksum) expect(prescription.outcomes, row.name).toContain("error");
});

describe("version 0", () => {
  it("is prescribed by RFC 6824", () => {
    const cells = cellsBetween(OLD, PRESCRIBED);
    for (const { prescription } of cells) expect(prescription.clause).toMatch(/^RFC (6824|7413|9293) §/);
    const lost = cells.find(({ row, place }) => row.name === "option-stripper/mptcp/later" && place === "first");
    expect(lost?.prescription).toMatchObject({ clause: "RFC 6824 §3.6", outcomes: ["subflow-reset"] });
    expect(lost?.prescription.reasons).toContain("ECONNRESET");
  });

  it("that is offered to who speaks version 1 alone becomes TCP, and the box does what it does to TCP", () => {
    const cells = cellsBetween(PAIRS.at(-1) as Pair, PRESCRIBED);
    for (const { row, place, prescription } of cells) expect(prescription.outcomes).toEqual(row.tcp === "broken" && place !== "second" ? ["error"] : ["fallback"]);
  });
});

describe("what is read", () => {
  it("is compared with what was sent, and with what TCP delivers", () => {
    const tcp = new StreamCheck();
    const bytes = Uint8Array.of(0, 0, 0, 0, 0xb1, 0x79, 0x37, 0x9e);
    tcp.update(bytes.subarray(0, 3));
    tcp.update(bytes.subarray(3));
    expect([tcp.read, tcp.wrong, tcp.isAllOfTcps]).toEqual([8, 0, false]);
    const edited = new StreamCheck(Uint8Array.of(0, 0, 42, 0, 0));
    edited.update(Uint8Array.of(0, 0, 42));
    expect([edited.wrong, edited.isTcps, edited.isAllOfTcps]).toEqual([1, true, false]);
    edited.update(Uint8Array.of(0, 0));
    expect(edited.isAllOfTcps).toBe(true);
    edited.update(Uint8Array.of(0));
    expect(edited.isAllOfTcps).toBe(false);
  });
});
