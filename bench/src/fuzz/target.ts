/** A thing to be fuzzed. To add one, implement this and list it in fuzz.ts. */
export interface FuzzTarget {
  readonly name: string;
  /** Cases of a full run, unless the caller says otherwise. */
  readonly cases: number;
  /** A run whose cases depend on nothing but the seed and their number. */
  start(seed: number): FuzzRun;
}

/** One run over a target. */
export interface FuzzRun {
  /** Runs case `index`. @throws FuzzFailure, or whatever the code under test threw */
  step(index: number): void;
  /** How often each outcome came up. */
  readonly outcomes: ReadonlyMap<string, number>;
}

/** A case that did not hold what it should. */
export class FuzzFailure extends Error {
  /** @param bytes the input, for the report */
  constructor(message: string, bytes: Uint8Array) {
    super(`${message}\n  input: ${hex(bytes)}`);
    this.name = "FuzzFailure";
  }
}

/** Counts of outcomes by name. */
export class Outcomes extends Map<string, number> {
  add(name: string): void {
    this.set(name, (this.get(name) ?? 0) + 1);
  }
}

/** Octets as hexadecimal digits. */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (octet) => octet.toString(16).padStart(2, "0")).join("");
}
