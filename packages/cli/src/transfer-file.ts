import { createCipheriv } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { LoadedScenario } from "@mptcp/scenario";

/** A file that cannot be transferred. */
export class FileProblem extends Error {}

/** Where the bytes of a transfer come from. */
export interface TransferFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/**
 * The file that a run transfers: the one the caller names, the one the scenario names, or for a scenario that wants any file octets that are made up,
 * the same ones on every machine. null when the scenario wants none.
 * @throws FileProblem
 */
export function transferFile(scenario: LoadedScenario, scenarioPath: string, named: string | undefined): TransferFile | null {
  const { workload } = scenario.plan;
  if (workload.kind !== "bulk") {
    if (named !== undefined) throw new FileProblem(`--file: scenario ${scenario.plan.name} transfers no file`);
    return null;
  }
  if (named !== undefined) return read(resolve(named));
  if (workload.file === null) return null;
  if (workload.file !== true) return read(resolve(dirname(scenarioPath), workload.file));
  return { path: "16 MiB made up", bytes: madeUp(DEFAULT_LENGTH) };
}

function read(path: string): TransferFile {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    throw new FileProblem(`cannot read ${path}: ${(error as Error).message}`);
  }
  try {
    const status = fstatSync(file);
    if (!status.isFile()) throw new FileProblem(`${path} is not a file`);
    if (status.size === 0) throw new FileProblem(`${path} is empty`);
    const length = status.size;
    if (length > LARGEST) throw new FileProblem(`${path} is larger than 1 GiB`);
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const count = readSync(file, bytes, done, length - done, done);
      if (count === 0) break;
      done += count;
    }
    return { path, bytes: bytes.subarray(0, done) };
  } finally {
    closeSync(file);
  }
}

/** Octets that look random, and are always the same: a key stream. */
function madeUp(length: number): Uint8Array {
  return createCipheriv("aes-128-ctr", new Uint8Array(16), new Uint8Array(16)).update(new Uint8Array(length));
}

const DEFAULT_LENGTH = 16 * 1024 * 1024;
const LARGEST = 1024 * 1024 * 1024;
