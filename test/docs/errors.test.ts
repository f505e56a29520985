import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const page = readFileSync(join(root, "docs/errors.md"), "utf8");

/** The lines of the sources but for comments. */
const lines = ["packages/mptcp/src", "packages/scenario/src", "packages/testbed/src"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .flatMap((name) => readFileSync(join(root, folder, name), "utf8").split("\n"))
    .filter((line) => !/^\s*(\/?\*|\/\/)/.test(line)),
);
/** What the sources have as texts. */
const texts = (form: RegExp): string[] => [...new Set(lines.flatMap((line) => line.match(form) ?? []))].map((text) => text.replaceAll('"', "")).toSorted();
/** The codes in the first column of a section's table. */
function rows(...sections: readonly string[]): string[] {
  const found = sections.flatMap((section) => Array.from((page.split(`\n## ${section}\n`)[1]?.split("\n## ")[0] ?? "").matchAll(/^\| (`.*?`) \|/gm), ([, names]) => names as string));
  return found.flatMap((names) => Array.from(names.matchAll(/`(\w+)`/g), ([, name]) => name as string)).toSorted();
}

describe("docs/errors.md", () => {
  it("has a row for every stable code that the sources have, and for no other", () => {
    const told = rows("Codes of connections", "Codes of MptcpError", "Node's codes", "Codes of scenarios").filter((code) => code.startsWith("ERR_"));
    // These are Node's own, where its sockets are ours, too; a module that is not found is what its loader says.
    const nodes = ["ERR_INVALID_ARG_TYPE", "ERR_SOCKET_CONNECTION_TIMEOUT"];
    expect(told.filter((code) => !nodes.includes(code))).toEqual(texts(/"ERR_[A-Z_]+"/g).filter((code) => code !== "ERR_MODULE_NOT_FOUND" && !nodes.includes(code)));
  });

  it("has every code of the system that an MptcpError has, and none that nobody gives", () => {
    const given = texts(/new MptcpError\("E[A-Z]{3,}"/g).map((text) => text.replace("new MptcpError(", ""));
    expect(given.filter((code) => !rows("Codes of connections").includes(code))).toEqual([]);
    const known = texts(/"E[A-Z]{3,}"/g);
    expect(rows("Codes of connections").filter((code) => !code.startsWith("ERR_") && !known.includes(code))).toEqual([]);
  });
});
