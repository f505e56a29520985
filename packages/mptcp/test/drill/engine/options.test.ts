import { expect, test } from "vitest";
import { OPTION_CASES } from "./option-table.ts";
import { optionExpected, optionOutcome } from "./run-option.ts";
import { stack } from "./wire-peer.ts";

test("options of new sockets have the values of Linux, take what it takes, and refuse what it refuses", () => {
  const target = stack();
  const name = ({ kind, option }: (typeof OPTION_CASES)[number]): string => `${option} ${kind}`;
  const found = OPTION_CASES.map((entry) => `${name(entry)} ${optionOutcome(target, entry)}`);
  expect(found).toEqual(OPTION_CASES.map((entry) => `${name(entry)} ${optionExpected(entry)}`));
});
