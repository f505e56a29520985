import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { obstacle } from "./kernel/ground.ts";
import { playReal } from "./attacks/real/index.ts";
import { realLineOf, realProblemsOf, realTableOf } from "./attacks/real/report.ts";
import { lineOf, playAll, tableOf } from "./attacks/table.ts";

const HELP = `usage: npm run attacks -- [--only text] [--write] [--real] [--rate n] [--seconds n]

Attacks on hosts with connections that go on: floods of SYNs and joins, blind segments, forged announcements and ICMP messages, peers that lie. Each is
played in virtual time, and what it came to held against its bounds; --write puts the table into docs/attacks.md. With --real floods go over TUN
devices, as root on Linux: --rate packets in a second (default 20000), for --seconds (default 5).`;

/** @returns the exit code */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      write: { type: "boolean", default: false },
      real: { type: "boolean", default: false },
      rate: { type: "string", default: "20000" },
      seconds: { type: "string", default: "5" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  if (values.real) return playInRealTime(Number(values.rate), Number(values.seconds), values.write);
  const results = playAll(values.only ?? null, (result) => console.log(lineOf(result)));
  if (values.write && values.only === undefined) write("virtual", tableOf(results));
  return results.every(({ problems }) => problems.length === 0) ? 0 : 1;
}

async function playInRealTime(rate: number, seconds: number, writes: boolean): Promise<number> {
  const why = obstacle();
  if (why !== null) {
    console.error(`floods in real time: ${why}`);
    return 1;
  }
  const options = { rate, seconds, count: 100, memory: 256 * 1024 * 1024 };
  const results = await playReal(options, (result) => console.log(realLineOf(result)));
  const problems = results.flatMap((result) => realProblemsOf(result, results, options).map((problem) => `${result.flood}, ${result.transport}: ${problem}`));
  for (const problem of problems) console.error(problem);
  if (writes) write("real", realTableOf(results));
  return problems.length === 0 ? 0 : 1;
}

/** Puts a table between its marks in docs/attacks.md. */
function write(name: string, table: readonly string[]): void {
  const file = fileURLToPath(new URL("../../docs/attacks.md", import.meta.url));
  const text = readFileSync(file, "utf8");
  const from = text.indexOf("\n", text.indexOf(`<!-- table: ${name} -->`)) + 1;
  writeFileSync(file, `${text.slice(0, from)}\n${table.join("\n")}\n\n${text.slice(text.indexOf(END, from))}`);
}

const END = "<!-- end of table -->";

process.exitCode = await main();
