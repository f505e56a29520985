import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import pc from "picocolors";
import { afterAll, describe, expect, it } from "vitest";
import { main } from "../../packages/cli/src/main.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "mptcp-pages-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const pages = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", ...readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`)];
const textOf = (page: string): string => readFileSync(join(root, page), "utf8");

/** Runs the command in this process. @returns its standard output */
async function mptcp(...args: readonly string[]): Promise<string> {
  let stdout = "";
  const output = { columns: 0, colors: pc.createColors(false) };
  const io = {
    stdout: { ...output, write: (text: string): void => void (stdout += text) },
    stderr: { ...output, write: () => {} },
    onInterrupt: () => () => {},
    clock: () => 0,
    pipes: () => ({ input: process.stdin, isTyped: false, output: process.stdout, inputSize: null }),
  };
  await main(args, io);
  return stdout;
}

function sources(path: string): string[] {
  return readdirSync(join(root, path), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts")).map((name) => readFileSync(join(root, path, name), "utf8"));
}

describe.each(pages)("%s", (page) => {
  it("links to what is there", () => {
    const links = Array.from(textOf(page).matchAll(/\]\((?!https?:)([^)#\s]+)/g), ([, target]) => target as string);
    expect(links.filter((target) => !existsSync(join(root, dirname(page), target)))).toEqual([]);
  });

  it("shows commands with options that there are", async () => {
    // Lines of code blocks, joined where a backslash says so.
    const code = Array.from(textOf(page).replaceAll(/\\\n\s*/g, " ").matchAll(/^ {4}.*$/gm), ([line]) => line);
    const commands = code.flatMap((line) => Array.from(line.matchAll(/(?<![\w/.-])mptcp ([a-z]+)(?=[ \n])([^|;>&#]*)/g), ([, name, rest]) => [name as string, rest as string] as const));
    for (const [name, rest] of commands) {
      const help = await mptcp(name, "--help");
      if (help === "") continue;
      for (const [option] of rest.matchAll(/(?<=\s)--[a-z][a-z-]+/g)) expect([name, option, help.includes(option)]).toEqual([name, option, true]);
    }
  });
});

describe("docs/output.md", () => {
  it("has every kind of event, with its fields", () => {
    const declared = textOf("packages/mptcp/src/core/observer.ts").matchAll(/readonly kind: "(\w+)";?(.*)\}/g);
    const text = textOf("docs/output.md");
    for (const [, kind = "", fields = ""] of declared) {
      const row = text.split("\n").find((line) => line.startsWith(`| \`${kind}\` |`)) ?? "";
      for (const [, field] of fields.matchAll(/readonly (\w+):/g)) expect([kind, field, row.includes(`\`${field}\``)]).toEqual([kind, field, true]);
      expect([kind, row === ""]).toEqual([kind, false]);
    }
  });

  it("has every field of a summary", async () => {
    const summary = JSON.parse(await mptcp("run", "wifi-lte-handover", "--set", "duration=1s", "--set", "workload.bulk={bytes: 100KB}", "--out", join(folder, "run"), "--json", "--no-capture")) as Record<string, unknown>;
    const text = textOf("docs/output.md");
    const [subflow, link] = [(summary.subflows as object[])[0], (summary.links as { up: object }[])[0]];
    for (const name of [summary, subflow, link, link?.up, summary.measured].flatMap((part) => Object.keys(part as object))) expect([name, text.includes(`\`${name}\``)]).toEqual([name, true]);
  });
});

describe("docs/errors.md", () => {
  it("has every code of the library's own, and no other", () => {
    const used = new Set(sources("packages/mptcp/src").flatMap((text) => text.match(/\bERR_(MPTCP|SIM)_[A-Z_]+/g) ?? []));
    const told = new Set(textOf("docs/errors.md").match(/\bERR_(MPTCP|SIM)_[A-Z_]+/g) ?? []);
    expect([...told].toSorted()).toEqual([...used].toSorted());
  });

  it("tells of reasons that there are", () => {
    const reasons = textOf("packages/mptcp/src/core/reasons.ts");
    const rows = textOf("docs/errors.md").split("\n## Reasons\n")[1]?.split("\n## ")[0] ?? "";
    for (const [, names] of rows.matchAll(/^\| (`.*?`) \|/gm)) for (const [, name] of (names as string).matchAll(/`(\w+)`/g)) expect([name, reasons.includes(`  ${name}: {`)]).toEqual([name, true]);
  });
});

