import { parentPort } from "node:worker_threads";
import { CONDITIONS } from "./conditions.ts";
import type { WantedRun } from "./compare.ts";
import { runCondition } from "./run.ts";

/** What a thread of the judge is asked: a condition, by its place in the list, and which run of it. */
export interface Task {
  readonly condition: number;
  readonly wanted: WantedRun;
}

parentPort?.on("message", ({ condition, wanted }: Task) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- it is a thread, no window
  parentPort?.postMessage(runCondition(CONDITIONS[condition]!, { ...wanted, congestion: "cubic" }));
});
