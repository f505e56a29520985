import { Worker } from "node:worker_threads";
import type { ScriptReport } from "./report.ts";
import type { ScriptTask } from "./one-script.ts";

/** Gives the reports of tasks in the order in which they come, each with the index of its task. */
export type Reported = (index: number, report: ScriptReport) => void;

/**
 * Runs scripts on several threads at once, each as soon as a thread is free.
 *
 * @param stop ends it: scripts that run are given up
 * @throws whatever a thread ended with
 */
export async function runOnThreads(tasks: readonly ScriptTask[], threads: number, stop: AbortSignal, reported: Reported): Promise<void> {
  let next = 0;
  const workers = Array.from({ length: Math.min(threads, tasks.length) }, () => new Worker(new URL("./worker.js", import.meta.url)));
  const work = (worker: Worker): Promise<void> =>
    new Promise((resolve, reject) => {
      let current = -1;
      const go = (): void => {
        if (next >= tasks.length) resolve();
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- it is a thread, no window
        else worker.postMessage(tasks[(current = next++)]);
      };
      worker.on("message", (report: ScriptReport) => {
        reported(current, report);
        go();
      });
      worker.on("error", reject);
      worker.on("exit", () => reject(new Error("a thread of scripts has ended by itself")));
      go();
    });
  try {
    await Promise.race([Promise.all(workers.map(work)), stopped(stop)]);
  } finally {
    await Promise.all(
      workers.map((worker) => {
        worker.removeAllListeners("exit");
        return worker.terminate();
      }),
    );
  }
}

function stopped(stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (stop.aborted) resolve();
    else stop.addEventListener("abort", () => resolve(), { once: true });
  });
}
