/** The parts of buffers that payloads are windows on. */
export interface Window {
  readonly from: number;
  readonly end: number;
}

/**
 * Notes which parts of shared buffers are in use. The rest of a buffer may be another connection's data, and is not saved; parts that touch
 * stay together, since something may grow into what follows it.
 */
export class BufferParts {
  private readonly windows = new Map<Uint8Array, Window[]>();

  note(bytes: Uint8Array, from: number, end: number): void {
    const noted = this.windows.get(bytes);
    if (noted === undefined) this.windows.set(bytes, [{ from, end }]);
    else noted.push({ from, end });
  }

  /** The parts of each buffer, merged, in order. */
  *merged(): Generator<readonly [Uint8Array, readonly Window[]]> {
    for (const [bytes, windows] of this.windows) {
      const parts: Window[] = [];
      for (const window of windows.toSorted((a, b) => a.from - b.from)) {
        const last = parts.at(-1);
        if (last !== undefined && window.from <= last.end) parts[parts.length - 1] = { from: last.from, end: Math.max(last.end, window.end) };
        else parts.push(window);
      }
      yield [bytes, parts];
    }
  }
}
