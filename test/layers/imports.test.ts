import { spawnSync } from "node:child_process";
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const SOURCES = "packages/mptcp/src/";

/** Imports of types that a part of mptcp/ must not have, and the rules that say so. */
const PLANTED = [
  { file: "mptcp/data/carriers.ts", code: `import type { Subflow } from "../subflow.ts";`, rules: ["mptcp-no-circular-types", "mptcp-parts-know-no-whole"] },
  { file: "mptcp/paths/signals.ts", code: `import type { MptcpConnection } from "../connection.ts";`, rules: ["mptcp-no-circular-types", "mptcp-parts-know-no-whole"] },
  { file: "mptcp/ending/ending.ts", code: `import type { Multipath } from "../multipath.ts";`, rules: ["mptcp-no-circular-types", "mptcp-parts-know-no-whole"] },
  { file: "mptcp/data/inbound.ts", code: `export type Whole = import("../subflow.ts").Subflow;`, rules: ["mptcp-no-circular-types", "mptcp-parts-know-no-whole", "no-circular"] },
  { file: "mptcp/paths/silence.ts", code: `export type { Subflow } from "../subflow.ts";`, rules: ["mptcp-no-circular-types", "mptcp-parts-know-no-whole"] },
  { file: "mptcp/paths/join-pace.ts", code: `import type { MptcpConnection } from "../index.ts";`, rules: ["mptcp-no-circular-types", "mptcp-parts-know-no-whole"] },
  { file: "mptcp/data/window.ts", code: `import type { DataReceiver } from "./receiver.ts";`, rules: ["mptcp-no-circular-types"] },
] as const;

interface Found {
  readonly from: string;
  readonly rule: { readonly name: string };
  /** The files of a circle, which is told of once, from one of them. */
  readonly cycle?: readonly { readonly name: string }[];
}

const isIn = ({ from, cycle }: Found, file: string): boolean => from === file || cycle?.some(({ name }) => name === file) === true;

describe("the rules of dependency-cruiser, for imports of types too", () => {
  const folder = mkdtempSync(join(tmpdir(), "layers-"));
  let found: readonly Found[] = [];

  beforeAll(() => {
    mkdirSync(join(folder, SOURCES), { recursive: true });
    for (const name of [".dependency-cruiser.cjs", "tsconfig.base.json", "package.json", "packages/mptcp/package.json", ...["wire", "core", "tcp", "mptcp"].map((room) => SOURCES + room)]) {
      cpSync(join(root, name), join(folder, name), { recursive: true });
    }
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    for (const { file, code } of PLANTED) appendFileSync(join(folder, SOURCES, file), `${code}\n`);
    const command = [join(root, "node_modules/dependency-cruiser/bin/dependency-cruise.mjs"), "--config", ".dependency-cruiser.cjs", "--output-type", "json", SOURCES];
    const { stdout, stderr } = spawnSync(process.execPath, command, { cwd: folder, encoding: "utf8", maxBuffer: 1 << 28 });
    if (stdout === "") throw new Error(stderr);
    found = (JSON.parse(stdout) as { readonly summary: { readonly violations: readonly Found[] } }).summary.violations;
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each(PLANTED.map(({ file, code, rules }) => [file, code, rules] as const))("%s must not have %s", (file, _code, rules) => {
    const names = found.filter((one) => isIn(one, SOURCES + file)).map(({ rule }) => rule.name);
    expect(Array.from(new Set(names)).toSorted()).toEqual(rules);
  });

  test("nothing else is wrong", () => {
    expect(found.filter((one) => !PLANTED.some(({ file }) => isIn(one, SOURCES + file)))).toEqual([]);
  });
});
