import type { Command } from "commander";
import { addHelp } from "../help.ts";
import type { Io } from "../io.ts";
import { parseCountOf, parseSeed } from "../numbers.ts";

interface Given {
  readonly virtual?: boolean;
  readonly only?: readonly string[];
  readonly out?: string;
  readonly json?: boolean;
  readonly jobs?: number;
  readonly seed?: number;
}

/** Adds `mptcp matrix` to the program; `done` gets its exit code. */
export function registerMatrix(program: Command, io: Io, done: (code: number) => void): void {
  addHelp(program.command("matrix"), HELP)
    .description("every middlebox at every place, between our ends and this machine's kernel, beside what the RFCs prescribe")
    .option("--virtual", "our own ends alone, in virtual time: no privileges, and the same each time")
    .option("--only <text>", "the middleboxes whose name has the text; may be repeated", (value: string, all: string[] = []) => [...all, value])
    .option("--out <folder>", "where to write matrix.json and matrix.html (default: out/matrix)")
    .option("--json", "print matrix.json to stdout, and nothing else there")
    .option("--jobs <number>", "runs by the machine's clock at the same time (default: 12 for each processor, since they mostly wait)", parseCountOf("jobs", MOST_JOBS))
    .option("--seed <number>", "seed of every random draw (default: 1)", parseSeed)
    .action(async (given: Given) => {
      const { matrixCommand } = await import("./command.ts");
      const { virtual = false, only = [], out = "out/matrix", json = false, jobs = null, seed = 1 } = given;
      done(await matrixCommand({ virtual, only, out, json, jobs, seed }, io));
    });
}

const MOST_JOBS = 256;

const HELP = `
Each run is one transfer of 600 kB through a middlebox on the only path, on the first of two, or on the second, with checksums or without, up or down. Ours - ours is run in virtual time,
in versions 1 and 0. With this machine's kernel at an end, or at both, it is run by the clock, in network namespaces; that needs Linux and root, and takes a quarter of an hour.

A run comes to multipath, fallback, subflow-reset or error (both ends are told), or is broken: an application got wrong bytes, or too few, or nothing for ever, and no error. What RFC 8684 and RFC 6824
prescribe stands beside it, with the clause.

Examples:
  mptcp matrix --virtual
  mptcp matrix --only payload-editor --only coalescer
  mptcp matrix --virtual --json | jq '.rows[] | select(.problem != "")'

Exit codes: 0 all runs came to what is prescribed, or are known to differ, 1 one did not, or the results could not be written, 2 wrong usage, 130 interrupted.
`;
