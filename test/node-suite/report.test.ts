import { describe, expect, it } from "vitest";
import { EXCLUSIONS } from "../../bench/src/node-suite/exclusions.ts";
import type { Exclusion } from "../../bench/src/node-suite/exclusions.ts";
import { reportSuite } from "../../bench/src/node-suite/report.ts";

const exclusions: readonly Exclusion[] = [
  { test: "net-a", via: ["userspace"], missing: "a handle" },
  { test: "net-b", via: ["userspace", "kernel"], missing: "a port" },
];
const result = (name: string, passed: boolean, output = "") => ({ file: `test-net-${name}.js`, passed, output });

describe("the report on Node's own tests", () => {
  it("counts a failure as excluded over the sockets that its exclusion names, and as unexpected over others", () => {
    const results = [result("c", true), result("b", false), result("a", false, "some\nError: one\nmore")];
    expect(reportSuite("net", "userspace", results, exclusions)).toEqual({
      unexpected: 0,
      lines: ["test-net-* over userspace: 1 of 3 passed, 2 failed: 2 excluded, 0 unexpected", "  excluded    test-net-a.js: a handle", "  excluded    test-net-b.js: a port"],
    });
    expect(reportSuite("net", "kernel", results, exclusions)).toEqual({
      unexpected: 1,
      lines: ["test-net-* over kernel: 1 of 3 passed, 2 failed: 1 excluded, 1 unexpected", "  excluded    test-net-b.js: a port", "  unexpected  test-net-a.js: Error: one"],
    });
    expect(reportSuite("net", "net", results, exclusions).unexpected).toBe(2);
  });

  it("names a test that passes though it is excluded, and takes it for no failure", () => {
    expect(reportSuite("net", "kernel", [result("b", true)], exclusions)).toEqual({
      unexpected: 0,
      lines: ["test-net-* over kernel: 1 of 1 passed, 0 failed: 0 excluded, 0 unexpected", "  passed      test-net-b.js, though it is excluded: a port"],
    });
  });

  it("has no test excluded twice, and a reason for each", () => {
    expect(new Set(EXCLUSIONS.map(({ test }) => test)).size).toBe(EXCLUSIONS.length);
    for (const { missing, via } of EXCLUSIONS) {
      // What is missing, and how that shows.
      expect(missing).toMatch(/^[^:]+: ./);
      expect(via).not.toHaveLength(0);
    }
  });
});
