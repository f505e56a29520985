import { parentPort } from "node:worker_threads";
import { runTask } from "@mptcp/testbed/matrix";
import type { MatrixTask } from "@mptcp/testbed/matrix";

parentPort?.on("message", (task: MatrixTask) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- it is a thread, no window
  parentPort?.postMessage(runTask(task));
});
