import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { findScenario, loadScenario, ScenarioNotFound, scenariosFolder } from "../src/node/index.ts";

const folder = mkdtempSync(join(tmpdir(), "mptcp-load-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("finding scenarios", () => {
  it("takes names of those that come along, and paths to files", () => {
    expect(findScenario("two-paths")).toBe(join(scenariosFolder(), "two-paths.yaml"));
    const file = join(folder, "mine.yaml");
    writeFileSync(file, "name: mine\n");
    expect(findScenario(file)).toBe(file);
  });

  it("suggests what was probably meant", () => {
    expect(() => findScenario("wifi-lte-handovr")).toThrow(ScenarioNotFound);
    expect(() => findScenario("wifi-lte-handovr")).toThrow('there is no scenario "wifi-lte-handovr"; did you mean "wifi-lte-handover"');
    expect(() => findScenario("./none.yaml")).toThrow("./none.yaml: no such file");
    expect(() => findScenario("./none.txt")).toThrow(/a scenario is a file ending in/);
  });
});

describe("loading scenarios", () => {
  it("says what it is given in place of a file", async () => {
    const inside = join(folder, "folder.yaml");
    mkdirSync(inside);
    expect(() => findScenario(inside)).toThrow(`${inside}: is a folder; give a file in it`);
    expect(() => findScenario(`${folder}/`)).toThrow(`${folder}/: is a folder; give a file in it`);
    await expect(loadScenario(inside)).rejects.toThrow(new RegExp(`^${inside}: cannot be read: EISDIR`));
  });

  it("names the file, line and column of an error", async () => {
    const file = join(folder, "bad.yaml");
    writeFileSync(file, "name: bad\npaths:\n  - { name: a, rate: 1 Mbps }\nworkload: { bulk: {} }\n");
    await expect(loadScenario(file)).rejects.toThrow(`${file}:3:22: paths.a.rate: "1 Mbps"`);
  });

  it("says what is wrong with a module", async () => {
    const empty = join(folder, "empty.mjs");
    writeFileSync(empty, "export const nothing = 1;\n");
    await expect(loadScenario(empty)).rejects.toThrow(`${empty}: the module has no default export`);
    const broken = join(folder, "broken.mjs");
    writeFileSync(broken, "throw new Error('on purpose');\n");
    await expect(loadScenario(broken)).rejects.toThrow(`${broken}:1:7: on purpose`);
    const lacking = join(folder, "lacking.mjs");
    writeFileSync(lacking, 'import "no-such-package";\nexport default {};\n');
    await expect(loadScenario(lacking)).rejects.toThrow(/^[^\n]*lacking\.mjs(?::\d+:\d+)?: [^\n]*no-such-package[^\n]*$/);
  });

  it("says what is wrong with the function of a module", async () => {
    const message = async (name: string, text: string): Promise<string> => {
      writeFileSync(join(folder, name), text);
      return loadScenario(join(folder, name)).then(() => "", (error: Error) => error.message.replace(`${folder}/`, ""));
    };
    expect(await message("throws.mjs", "const parts = {};\nexport default () => parts.none.more;\n")).toMatch(/^throws\.mjs:2:\d+: TypeError: [^\n]*'more'[^\n]*$/);
    expect(await message("lines.mjs", "export default () => { throw new Error('two\\n  lines'); };\n")).toMatch(/^lines\.mjs:1:\d+: two lines$/);
    expect(await message("text.mjs", "export default () => { throw 'a text'; };\n")).toBe("text.mjs: a text");
    expect(await message("async.mjs", "export default async () => { throw new Error('too late'); };\n")).toBe("async.mjs: the function must call api.define once before it waits for anything, not 0 times");
    expect(await message("data.mjs", "export default { name: 'x', paths: [{ name: () => 'a' }] };\n")).toBe("data.mjs: is not plain data: () => 'a' could not be cloned.");
  });
});
