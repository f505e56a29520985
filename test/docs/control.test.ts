import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { ERROR_CODES, EVENTS, METHODS } from "../../packages/mptcp/src/node/control/protocol.ts";
import { PageExamples, root } from "./examples.ts";

const text = readFileSync(`${root}/docs/control.md`, "utf8");
const page = new PageExamples("docs/control.md");
afterAll(() => page.remove());

/** What stands between backticks in the first column of a table with this heading. */
function rows(heading: string): readonly string[] {
  const table = text.slice(text.indexOf(`\n| ${heading} |`)).split("\n\n", 1)[0] ?? "";
  return table.trim().split("\n").slice(2).flatMap((row) => Array.from((row.split("|")[1] ?? "").matchAll(/`([^`]+)`/g), ([, name = ""]) => name));
}

describe("docs/control.md", () => {
  test("has a row for each request, event and error of the protocol", () => {
    expect(rows("method").toSorted()).toEqual(Object.keys(METHODS).toSorted());
    expect(rows("event").toSorted()).toEqual(Object.keys(EVENTS).toSorted());
    expect(rows("error").toSorted()).toEqual([...ERROR_CODES].toSorted());
  });

  test("names the parameters of each request", () => {
    for (const [method, { params }] of Object.entries(METHODS)) {
      const row = text.split("\n").find((line) => line.startsWith("| ") && (line.split("|")[1] ?? "").includes(`\`${method}\``)) ?? "";
      const named = Array.from((row.split("|")[2] ?? "").matchAll(/`([^`]+)`/g), ([, name = ""]) => name);
      const known = Object.keys((params.schema["properties"] ?? {}) as object);
      expect([method, known.filter((name) => !named.includes(name))]).toEqual([method, []]);
    }
  });

  test("has an example that runs", async () => {
    expect((await page.run("test: control"))["endpoints"]).toEqual(["127.0.0.1"]);
  });
});
