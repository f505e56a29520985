import { expect, test } from "vitest";
import { CALL_CASES } from "../../mptcp/test/drill/engine/call-cases.ts";
import { OPTION_CASES } from "../../mptcp/test/drill/engine/option-table.ts";
import { runCase } from "../../mptcp/test/drill/engine/run-case.ts";
import { optionExpected, optionOutcome } from "../../mptcp/test/drill/engine/run-option.ts";
import { WIRING } from "../../mptcp/test/drill/engine/wire-peer.ts";
import { kernelTarget } from "../src/index.ts";
import { obstacle } from "./bench.ts";

test.skipIf(obstacle !== null).each(CALL_CASES.map((entry) => [entry.name, entry] as const))("the kernel answers as the engine: %s", (_, entry) => {
  const target = kernelTarget(WIRING);
  try {
    const { done, expected } = runCase(target, entry, 300);
    expect(done).toEqual(expected);
  } finally {
    target.close();
  }
});

test.skipIf(obstacle !== null)("the kernel's options are those of the table", () => {
  const target = kernelTarget(WIRING);
  try {
    const found = OPTION_CASES.map((entry) => `${entry.option} ${entry.kind} ${optionOutcome(target, entry)}`);
    expect(found).toEqual(OPTION_CASES.map((entry) => `${entry.option} ${entry.kind} ${optionExpected(entry)}`));
  } finally {
    target.close();
  }
});
