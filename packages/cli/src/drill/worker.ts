import { parentPort } from "node:worker_threads";
import { runOne, type ScriptTask } from "./one-script.ts";

/** A thread of `mptcp drill --jobs`: runs the scripts that it is sent, one after the other. */
parentPort?.on("message", (task: ScriptTask) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- it is a thread, no window
  void runOne(task).then((report) => parentPort?.postMessage(report));
});
