import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const folder = fileURLToPath(new URL("../../packages/mptcp/src/mptcp", import.meta.url));

/** Who may know of a connection that it has become regular TCP: its face, the regular TCP itself, and the table of the classes that are saved. */
const KNOWING = ["connection.ts", "ending/regular-stream.ts", "saved.ts"];

/** What asks whether a connection has become regular TCP. */
const QUESTIONS = [
  /\bRegularStream\b/,
  /\binstanceof (Multipath|MptcpConnection)\b/,
  /\b(is|has|became|was)_?(Regular|FallenBack|Fallback)|\bregularTcp\b|\bfellBack\b|\bfallenBack\b/i,
  // A field of that name in a condition; to pass it on is none.
  /\b(if|while|switch) \(.*\b(multipath|fallback)\b/,
  /\b(multipath|fallback)\b\)? *([!=]==?|&&|\|\||\?[^.]|\?\?)/,
  /([!=]==?|&&|\|\||!|\?\?) *[\w.]*\b(multipath|fallback)\b/,
  // By the phase of a part, or by who owns the TCP connection now.
  /replaced/i,
  /\bowner *[!=]==?/,
];

function questionsIn(source: string): string[] {
  const code = source.replace(/\/\*[\s\S]*?\*\/|\/\/.*$|"(?:[^"\\\n]|\\.)*"|`[^`]*`/gm, "");
  return code.split("\n").filter((line) => QUESTIONS.some((question) => question.test(line))).map((line) => line.trim());
}

describe("nobody in mptcp/ but the connection asks whether it has become regular TCP", () => {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts") && !KNOWING.includes(name));

  test.each(files)("%s", (name) => {
    expect(questionsIn(readFileSync(join(folder, name), "utf8"))).toEqual([]);
  });

  test("who does would be found", () => {
    expect(questionsIn(readFileSync(join(folder, "connection.ts"), "utf8")).length).toBeGreaterThan(10);
    for (const line of [
      "if (this.context.multipath) return;",
      "const settled = connection.fallback !== null;",
      "return this.owner.fallback === null ? 1 : 2;",
      "const { fallback } = connection; if (fallback) return;",
      "return !context.multipath && this.closed;",
      "const isPlain = subflow.hasFallenBack;",
      "if (stream instanceof Multipath) return;",
      "private readonly stream: RegularStream | null = null;",
      "if (this.isReplaced) return;",
      "if (tcp.owner !== this) return;",
    ]) expect(questionsIn(line)).toHaveLength(1);
    expect(questionsIn(`return { multipath: false, fallback: stream.fallback }; // if (fallback)`)).toEqual([]);
  });
});
