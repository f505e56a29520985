import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/shared/longest-first.ts";

/**
 * Tests of the engine, which has no input or output and keeps nothing outside of its objects, so that files of tests may share a process and what it has
 * loaded. Not so those that exchange methods of the engine's classes, or measure the heap.
 */
const ENGINE = "packages/mptcp/test/{core,wire,host,tcp,mptcp,sim,drill,testing}/**/!(regular-tcp|idle-memory).test.ts";
const OTHERS = ["**/node_modules/**"];

// The workspace packages are resolved to their TypeScript sources, so that tests need no build.
const sources = {
  resolve: { conditions: ["mptcp-source", "node", "import", "default"] },
  ssr: { resolve: { conditions: ["mptcp-source", "node", "import", "default"] } },
};
const shared = { testTimeout: 120_000, hookTimeout: 120_000 };

export default defineConfig({
  ...sources,
  test: {
    // Many files wait for a kernel or for other processes most of their time: one more at once than there are processors.
    // The projects do not say it again: what is given on the command line would not hold for them.
    maxWorkers: availableParallelism() + 1,
    reporters: ["default"],
    sequence: { sequencer: LongestFirst },
    projects: [
      // The first by name is begun first, so that what waits for the wall's clock does not come last.
      { ...sources, test: { ...shared, name: "apart", include: ["packages/*/test/**/*.test.ts", "test/**/*.test.ts"], exclude: [...OTHERS, ENGINE] } },
      { ...sources, test: { ...shared, name: "engine", include: [ENGINE], exclude: OTHERS, isolate: false, setupFiles: ["test/shared/left-alone.ts"] } },
    ],
  },
});
