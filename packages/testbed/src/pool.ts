import { Worker } from "node:worker_threads";

/** Threads that carry out tasks, each one at a time. */
export class Pool<Task> {
  readonly #workers: Worker[];

  /** @param script what each thread runs: it answers every message, a task, with one, its result */
  constructor(threads: number, script: URL) {
    this.#workers = Array.from({ length: threads }, () => new Worker(script));
  }

  /** Carries tasks out, `most` at a time; `done` hears of each. `isStopped` is asked before each task. @throws whatever a thread ended with */
  async run<T>(tasks: readonly Task[], isStopped: () => boolean, done: (index: number, result: T) => void, most = this.#workers.length): Promise<void> {
    let next = 0;
    const work = (worker: Worker): Promise<void> =>
      new Promise((resolve, reject) => {
        let current = -1;
        const ended = (): void => reject(new Error("a thread has ended by itself"));
        const finish = (): void => {
          worker.off("message", heard).off("error", reject).off("exit", ended);
          resolve();
        };
        const go = (): void => {
          if (next >= tasks.length || isStopped()) finish();
          // oxlint-disable-next-line unicorn/require-post-message-target-origin -- it is a thread, no window
          else worker.postMessage(tasks[(current = next++)]);
        };
        const heard = (result: T): void => {
          done(current, result);
          go();
        };
        worker.on("message", heard).on("error", reject).on("exit", ended);
        go();
      });
    await Promise.all(this.#workers.slice(0, most).map(work));
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}
