import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/shared/longest-first.ts";

/**
 * Tests that share processes, and what was loaded there: of the engine, which has no input or output and keeps nothing outside of its objects, of captures and
 * scenarios, of sockets, and of commands that are called in the test's own process. Not so those that exchange methods of the engine's classes, measure the heap, start other processes or change what a process is.
 */
const TOGETHER = [
  "packages/mptcp/test/{core,wire,host,tcp,mptcp,sim,drill,testing,capture,profiles}/**/!(regular-tcp|idle-memory).test.ts",
  "packages/mptcp/test/node/**/!(kernel-*|moving.process|sockets.process|sockets.fuzz|systems|devices|udp-ends|udp-doubts|control-place).test.ts",
  "packages/mptcp/test/limits.test.ts",
  "packages/scenario/test/**/*.test.ts",
  "packages/cli/test/{capture-file,control-text,drill,help,link-key,link-options,main,perf,probe,relay,screen-region,socket,study}.test.ts",
  "packages/testbed/test/{damaged-scripts,linux-profile,matrix/boxes}.test.ts",
  "test/docs/{architecture,control,embedding,errors,features,limits,security,testing,where}.test.ts",
  "test/{digests/digests,fuzz/chains,fuzz/connections,fuzz/soak,grid/grid,layers/fallback,node-suite/report}.test.ts",
];
const OTHERS = ["**/node_modules/**"];

// The workspace packages are resolved to their TypeScript sources, so that tests need no build.
const sources = {
  resolve: { conditions: ["mptcp-source", "node", "import", "default"] },
  ssr: { resolve: { conditions: ["mptcp-source", "node", "import", "default"] } },
};
/**
 * The sources themselves are loaded by Node.js, without Vite's runner, which makes each use of an imported name a call: simulations take more than twice as long then.
 * `npm run test:watch` leaves them to the runner, or it would not notice that they change.
 */
const native = process.env["SOURCES"] === "runner" ? {} : { deps: { external: [/\/(packages\/[^/]+|tools|bench|examples|programs)\/src\/.*\.ts$/, /\/test\/shared\/sources\//] } };
const shared = { testTimeout: 120_000, hookTimeout: 120_000, server: native };
const SOURCES = "test/shared/sources/register.mjs";

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
      { ...sources, test: { ...shared, name: "apart", setupFiles: [SOURCES], include: ["packages/*/test/**/*.test.ts", "test/**/*.test.ts"], exclude: [...OTHERS, ...TOGETHER] } },
      { ...sources, test: { ...shared, name: "together", include: TOGETHER, exclude: OTHERS, isolate: false, setupFiles: [SOURCES, "test/shared/left-alone.ts"] } },
    ],
  },
});
