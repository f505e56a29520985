import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { Command } from "./processes.ts";

const folder = mkdtempSync(join(tmpdir(), "mptcp-cli-run-"));
afterEach(() => Command.stopAll());
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// What the compiler takes out would shift all lines after it.
const TYPES = "interface Shape {\n  readonly rate: string;\n}\n\nconst shape: Shape = { rate: '8 Mb/s' };\n";

async function run(name: string, text: string): Promise<{ code: number; stderr: string }> {
  const file = join(folder, name);
  writeFileSync(file, TYPES + text);
  const command = new Command(["run", file, "--out", join(folder, "out"), "--json"]);
  return { code: await command.code, stderr: command.stderr };
}

describe("mptcp run of TypeScript", () => {
  it("runs it", async () => {
    expect(await run("good.ts", "export default { name: 'good', paths: [{ name: 'a', ...shape }], workload: { bulk: { bytes: '10 KB' } } };\n")).toMatchObject({ code: 0 });
  });

  it("imports this project's packages wherever it lies, and no others", async () => {
    const imports = 'import { MILLISECOND } from "mptcp";\nimport { Sink } from "mptcp/sim";\n';
    const used = "export default { name: `own-${MILLISECOND}-${Sink.name}`.toLowerCase(), paths: [{ name: 'a', ...shape }], workload: { bulk: { bytes: '10 KB' } } };\n";
    expect(await run("own.ts", `${imports}${used}`)).toMatchObject({ code: 0, stderr: expect.stringContaining("own-1000000-sink") as string });
    const file = join(folder, "own.mjs");
    writeFileSync(file, `${imports}const shape = { rate: "8 Mb/s" };\n${used}`);
    const command = new Command(["run", file, "--out", join(folder, "out"), "--json"]);
    expect(await command.code).toBe(0);
    expect(await run("other.ts", 'import "mptcp-of-nobody";\n')).toEqual({ code: 2, stderr: expect.stringMatching(/^[^\n]*Cannot find package 'mptcp-of-nobody'[^\n]*\n$/) as string });
  });

  it("names the place of an error in the file as it was written", async () => {
    expect(await run("function.ts", "export default (): void => {\n  throw new Error(`on purpose: ${shape.rate}`);\n};\n")).toEqual({
      code: 2,
      stderr: expect.stringMatching(/^[^\n]*function\.ts:7:\d+: on purpose: 8 Mb\/s\n$/),
    });
    expect(await run("module.ts", "if (shape.rate !== '') throw new Error('on purpose');\nexport default {};\n")).toEqual({
      code: 2,
      stderr: expect.stringMatching(/^[^\n]*module\.ts:6:\d+: on purpose\n$/),
    });
  });

  it("names the file that the scenario imports when the error is there", async () => {
    writeFileSync(join(folder, "imported.ts"), `${TYPES}throw new Error(shape.rate);\n`);
    expect(await run("importing.ts", "import './imported.ts';\nexport default {};\n")).toEqual({ code: 2, stderr: expect.stringMatching(/^[^\n]*imported\.ts:6:\d+: 8 Mb\/s\n$/) });
  });
});
