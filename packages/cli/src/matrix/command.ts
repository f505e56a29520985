import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { kernelObstacle } from "@mptcp/testbed";
import { describeRun, Matrix } from "@mptcp/testbed/matrix";
import type { MatrixResult } from "@mptcp/testbed/matrix";
import { EXIT, exitOf } from "../io.ts";
import type { Io, Signal } from "../io.ts";
import { explainFile } from "../remedies.ts";
import { ScreenRegion } from "../screen-region.ts";
import { matrixPage } from "./page.ts";
import { countsOf, tableText } from "./summary.ts";

/** The flags of `mptcp matrix`. */
export interface MatrixFlags {
  readonly virtual: boolean;
  readonly only: readonly string[];
  readonly out: string;
  readonly json: boolean;
  /** Null: as the machine has processors. */
  readonly jobs: number | null;
  readonly seed: number;
}

/** `mptcp matrix`. @returns 0 when all is as prescribed or known, 1 when something is not, 2 when there is nothing to run, 130 or 143 when it was interrupted */
export async function matrixCommand(flags: MatrixFlags, io: Io): Promise<number> {
  const shown = flags.json ? io.stderr : io.stdout;
  const obstacle = flags.virtual ? null : kernelObstacle();
  const { only, seed } = flags;
  const matrix = new Matrix({ virtualOnly: flags.virtual || obstacle !== null, only, seed, jobs: flags.jobs ?? PER_PROCESSOR * availableParallelism() }, new URL("./matrix-worker.js", import.meta.url));
  if (matrix.size === 0) {
    io.stderr.write(`no middlebox has ${only.join(" or ")} in its name; mptcp matrix --virtual --json shows all\n`);
    return EXIT.usage;
  }
  try {
    mkdirSync(flags.out, { recursive: true });
  } catch (error) {
    io.stderr.write(`${explainFile(flags.out, error as NodeJS.ErrnoException)}\n`);
    return EXIT.usage;
  }
  const skipped = obstacle === null ? null : `runs with the kernel are left out: ${obstacle}`;
  if (skipped !== null) shown.write(`${skipped}\n`);
  return new MatrixRun(matrix, flags, skipped, io).run();
}

/** All runs of a call. */
class MatrixRun {
  readonly #matrix: Matrix;
  readonly #flags: MatrixFlags;
  readonly #skipped: string | null;
  readonly #io: Io;
  readonly #region: ScreenRegion;
  readonly #stop = new AbortController();
  #done = 0;
  #toldTenths = 0;
  #drawnAt = Number.NEGATIVE_INFINITY;
  #interrupted: Signal | null = null;

  constructor(matrix: Matrix, flags: MatrixFlags, skipped: string | null, io: Io) {
    this.#matrix = matrix;
    this.#flags = flags;
    this.#skipped = skipped;
    this.#io = io;
    this.#region = new ScreenRegion(this.#shown);
  }

  async run(): Promise<number> {
    const cancel = this.#io.onInterrupt((signal = "SIGINT") => {
      this.#interrupted = signal;
      this.#stop.abort();
    });
    const began = this.#io.clock();
    let results: readonly MatrixResult[];
    try {
      results = await this.#matrix.run((result) => this.#hear(result), this.#stop.signal);
    } finally {
      cancel();
      this.#region.clear();
    }
    const written = this.#write(results);
    const { json } = this.#flags;
    this.#shown.write(`${tableText(results, this.#io.clock() - began, this.#shown.colors)}${this.#interrupted === null ? "" : "interrupted\n"}`);
    if (json) this.#io.stdout.write(`${JSON.stringify(this.#document(results), null, 2)}\n`);
    if (this.#interrupted !== null) return exitOf(this.#interrupted);
    return written && countsOf(results).unexpected === 0 ? EXIT.ok : EXIT.failed;
  }

  get #shown(): Io["stdout"] {
    return this.#flags.json ? this.#io.stderr : this.#io.stdout;
  }

  #document(rows: readonly MatrixResult[]): unknown {
    return { seed: this.#flags.seed, interrupted: this.#interrupted !== null, skipped: this.#skipped, counts: countsOf(rows), rows };
  }

  #write(results: readonly MatrixResult[]): boolean {
    const { out } = this.#flags;
    for (const [name, text] of [
      ["matrix.json", `${JSON.stringify(this.#document(results), null, 1)}\n`],
      ["matrix.html", matrixPage(results, { skipped: this.#skipped, interrupted: this.#interrupted !== null })],
    ] as const) {
      const path = join(out, name);
      try {
        writeFileSync(path, text);
        this.#shown.write(`${path}\n`);
      } catch (error) {
        this.#io.stderr.write(`${explainFile(path, error as NodeJS.ErrnoException)}\n`);
        return false;
      }
    }
    return true;
  }

  #hear(result: MatrixResult): void {
    this.#done++;
    const { columns, colors } = this.#shown;
    if (result.problem !== "" && result.known === "") {
      this.#region.clear();
      this.#shown.write(`${colors.red("✗")} ${describeRun(result)}\n    ${result.problem} ${colors.dim(`[${result.outcome}: ${result.reason}]`)}\n`);
    }
    const text = `${this.#done} of ${this.#matrix.size} runs`;
    const tenths = Math.floor((10 * this.#done) / this.#matrix.size);
    if (columns === 0 && tenths > this.#toldTenths) {
      this.#toldTenths = tenths;
      this.#shown.write(`${text}\n`);
    }
    const now = this.#io.clock();
    if (columns === 0 || now - this.#drawnAt < REDRAW) return;
    this.#drawnAt = now;
    this.#region.draw([`${text}  ${describeRun(result)}`]);
  }
}

/** Runs that mostly wait. */
const PER_PROCESSOR = 12;
/** Seconds of real time between two drawings. */
const REDRAW = 0.1;
