import { expect, test } from "vitest";
import type { DecisionListener } from "../../src/mptcp/index.ts";
import { Pair } from "./pair.ts";

test("every listener of a connection hears of its decisions, until it is taken away", () => {
  const pair = new Pair();
  const { client } = pair.establish();
  const heard: [string, string, number][] = [];
  const listener = (name: string): DecisionListener => ({ onDecision: (pathIndex, { kind }) => heard.push([name, kind, pathIndex]) });
  const [first, second] = [listener("first"), listener("second")];
  client.mptcp.listen(first);
  client.mptcp.listen(second);
  client.mptcp.setBackup(1, true, pair.now);
  expect(heard).toEqual([["first", "priority", 1], ["second", "priority", 1]]);
  client.mptcp.stopListening(first);
  client.mptcp.stopListening(first);
  client.mptcp.setBackup(1, false, pair.now);
  expect(heard.slice(2)).toEqual([["second", "priority", 1]]);
});
