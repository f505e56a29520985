import { expect, test } from "vitest";
import { CONSTANTS } from "../../../src/drill/system/index.ts";
import { CALL_CASES } from "./call-cases.ts";
import { runCase } from "./run-case.ts";
import { brief, stack } from "./wire-peer.ts";

test.each(CALL_CASES.map((entry) => [entry.name, entry] as const))("calls: %s", (_, entry) => {
  const { done, expected } = runCase(stack(), entry);
  expect(done).toEqual(expected);
});

test("descriptors are the lowest that are free, after those of every program", () => {
  const target = stack();
  const socket = (): number | string => brief(target, { name: "socket", domain: AF_INET, type: SOCK_STREAM, protocol: 0 });
  expect([socket(), socket(), socket(), brief(target, { name: "close", fd: 4 }), socket(), socket()]).toEqual([3, 4, 5, 0, 4, 6]);
});

const { AF_INET, SOCK_STREAM } = CONSTANTS;
