import { BaseSequencer } from "vitest/node";
import type { TestSpecification } from "vitest/node";

/**
 * Begins with the files that last, so that none of them is left to run alone at the end. Vitest orders files by what it remembers of earlier runs, and a fresh
 * checkout has none of these.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort
    const sorted = await super.sort(files);
    // Files that share processes stay together, behind the others.
    const rank = ({ moduleId, project }: TestSpecification): number => {
      const at = LONG.findIndex((name) => moduleId.endsWith(name));
      return (project.config.isolate ? 0 : 2 * LONG.length) + (at < 0 ? LONG.length : at);
    };
    return sorted.toSorted((one, other) => rank(one) - rank(other));
  }
}

/** Files that take twenty seconds and more on two processors. Those that mostly wait, for a kernel or for processes, come in turns with those that mostly compute. */
export const LONG: readonly string[] = [
  "packages/cli/test/udp-processes.test.ts",
  "test/package/package.test.ts",
  "test/captures/captures.test.ts",
  "test/docs/readme.test.ts",
  "packages/mptcp/test/node/kernel-joins.test.ts",
  "packages/cli/test/devices-processes.test.ts",
  "test/programs/programs.test.ts",
  "packages/mptcp/test/node/kernel-probe.test.ts",
  "test/captures/controls.test.ts",
  "packages/cli/test/control-processes.test.ts",
  "packages/cli/test/forward-processes.test.ts",
  "packages/cli/test/laptop-processes.test.ts",
  "packages/mptcp/test/node/kernel-clients.test.ts",
  "packages/mptcp/test/node/kernel-closing.test.ts",
  "packages/mptcp/test/node/kernel-transfer.test.ts",
  "packages/mptcp/test/node/kernel-sockets-paths.test.ts",
  "packages/mptcp/test/node/udp.test.ts",
  "test/examples/examples.test.ts",
  "test/docs/testing.test.ts",
  "test/layers/owners.test.ts",
  "packages/cli/test/run-processes.test.ts",
  "packages/mptcp/test/testing/congestion.test.ts",
  "packages/mptcp/test/testing/path-manager.test.ts",
  "packages/mptcp/test/testing/sketches.test.ts",
  "packages/mptcp/test/mptcp/transfer.test.ts",
  "packages/mptcp/test/mptcp/dead-paths.test.ts",
];
