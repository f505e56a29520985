import pc from "picocolors";
import { describe, expect, it } from "vitest";
import { helpText } from "../src/help.ts";
import { main } from "../src/main.ts";
import type { Io, Output } from "../src/main.ts";

describe("help", () => {
  it("of every command and of those below it keeps to 80 columns without a terminal, and to those of a terminal", async () => {
    for (const columns of [0, 72, 120]) {
      const width = columns || 80;
      for (const path of await commandPaths(columns)) {
        const { code, stdout } = await mptcp([...path, "--help"], columns);
        expect([path, code]).toEqual([path, 0]);
        // What is to be copied is fitted to 80 columns by hand, with a backslash at the end of a line.
        const tooLong = stdout.split("\n").filter((line) => line.length > (isCopied(line) ? Math.max(80, width) : width));
        expect([path, columns, tooLong]).toEqual([path, columns, []]);
        expect(stdout).toMatch(/[^\n]\n$/);
      }
    }
  });

  it("lays out paragraphs, and entries below what they say", () => {
    const text = "\nOne two three\nfour.\n\nLinks:\n  --key FILE  some words that\n              are more\n  mptcp key  --out  x\n";
    expect(helpText(text, 24)).toBe("One two three four.\n\nLinks:\n  --key FILE  some words\n              that are\n              more\n  mptcp key  --out  x");
    expect(helpText("NAME,host=ADDRESS,kernel=ADDRESS[,backup][,mtu=N]", 20)).toBe("NAME,host=ADDRESS,\nkernel=ADDRESS\n[,backup][,mtu=N]");
  });

  it("is what an unknown command does not have", async () => {
    expect(await mptcp(["listne", "--help"])).toEqual({ code: 2, stdout: "", stderr: "error: unknown command 'listne'\n(Did you mean listen?)\n(mptcp --help shows what there is)\n" });
  });

  it("that a wrong use points to is that of the command", async () => {
    for (const [args, problem, path] of [
      [["endpoint", "flush"], "error: 'flush' is none of show, add, remove, change", "endpoint"],
      [["subflow", "list"], "error: 'list' is none of show, add, remove, backup", "subflow"],
      [["limits", "set"], "error: missing required argument 'words'", "limits set"],
      [["listen"], "error: missing required argument 'port'", "listen"],
    ] as const) expect(await mptcp(args)).toEqual({ code: 2, stdout: "", stderr: `${problem}\n(mptcp ${path} --help shows what there is)\n` });
  });
});

/** Lines of commands, and of comments between them. */
function isCopied(line: string): boolean {
  return /^ +(mptcp|curl|ssh|--\S+|\||#) ?/.test(line);
}

async function commandPaths(columns: number): Promise<readonly (readonly string[])[]> {
  const names = async (path: readonly string[]): Promise<readonly string[]> => {
    const { stdout } = await mptcp([...path, "--help"], columns);
    const commands = /\nCommands:\n(.*?)(\n\n|$)/s.exec(stdout)?.[1] ?? "";
    return Array.from(commands.matchAll(/^ {2}([a-z-]+)/gm), ([, name]) => name as string).filter((name) => name !== "help");
  };
  const top = await names([]);
  const below = await Promise.all(top.map(async (name) => (await names([name])).map((one) => [name, one])));
  const paths = [[], ...top.map((name) => [name]), ...below.flat()];
  expect(paths.length).toBeGreaterThan(30);
  return paths;
}

async function mptcp(args: readonly string[], columns = 0): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const result = { stdout: "", stderr: "" };
  const output = (name: "stdout" | "stderr"): Output => ({ write: (text) => void (result[name] += text), columns, colors: pc.createColors(false) });
  const io: Io = { stdout: output("stdout"), stderr: output("stderr"), onInterrupt: () => () => {}, clock: () => 0, pipes: () => ({ input: process.stdin, isTyped: false, output: process.stdout, inputSize: null }) };
  return { code: await main(args, io), ...result };
}
