import { parentPort } from "node:worker_threads";
import { generateCase } from "./generate.ts";
import { runCase, type Profile } from "./run-case.ts";
import { shrink } from "./shrink.ts";

/** What a thread is told to do. */
export type Task = { readonly kind: "run"; readonly seed: number; readonly profile: Profile } | { readonly kind: "shrink"; readonly seed: number; readonly key: string; readonly profile: Profile };

/** A thread of the fuzzer: runs the cases that it is sent, one after the other. */
parentPort?.on("message", (task: Task) => {
  const result = task.kind === "run" ? runCase(generateCase(task.seed), task.profile) : shrink(generateCase(task.seed), task.key, task.profile);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- it is a thread, no window
  parentPort?.postMessage(result);
});
