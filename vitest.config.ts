import { defineConfig } from "vitest/config";

// The workspace packages are resolved to their TypeScript sources, so that tests need no build.
export default defineConfig({
  resolve: { conditions: ["mptcp-source", "node", "import", "default"] },
  ssr: { resolve: { conditions: ["mptcp-source", "node", "import", "default"] } },
  test: {
    include: ["packages/*/test/**/*.test.ts", "test/**/*.test.ts"],
    // Many files wait for a kernel or for other processes most of their time: as many at once as there are processors.
    maxWorkers: "100%",
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: ["default"],
  },
});
