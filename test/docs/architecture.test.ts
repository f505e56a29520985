import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { afterAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
// Inside the workspace, so that the imports of the example resolve as a reader's would.
const folder = mkdtempSync(join(root, "test/docs/example-"));
afterAll(() => rmSync(folder, { recursive: true }));

test('"add your own scheduler" of ARCHITECTURE.md is short, compiles and runs', async () => {
  const example = /<!-- test: scheduler -->\n```ts\n([\s\S]*?)```/.exec(readFileSync(join(root, "ARCHITECTURE.md"), "utf8"))?.[1];
  if (example === undefined) throw new Error("the example is gone");
  expect(example.trimEnd().split("\n").length).toBeLessThan(25);

  const file = join(folder, "example.ts");
  writeFileSync(file, example);
  const program = ts.createProgram([file], {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
    target: ts.ScriptTarget.ES2023,
    lib: ["lib.es2023.d.ts"],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    customConditions: ["mptcp-source"],
    allowImportingTsExtensions: true,
  });
  const complaints = ts.getPreEmitDiagnostics(program).map((diagnostic) => ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n"));
  expect(complaints).toEqual([]);

  const { received } = (await import(file)) as { received: number };
  expect(received).toBe(5e6);
});
