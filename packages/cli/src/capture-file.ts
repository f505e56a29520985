import { closeSync, openSync, writeSync } from "node:fs";

/** The file of `--pcap`. A write that fails ends the capture, not what is captured. */
export class CaptureFile {
  readonly path: string;
  /** What went wrong; null while all is well. */
  problem: NodeJS.ErrnoException | null = null;
  private descriptor: number | null;

  /** @throws the system's error when the file cannot be written */
  constructor(path: string) {
    this.path = path;
    // It holds keys and payload.
    this.descriptor = openSync(path, "w", 0o600);
  }

  readonly write = (chunk: Uint8Array): void => {
    if (this.descriptor === null) return;
    try {
      for (let done = 0; done < chunk.length; ) done += writeSync(this.descriptor, chunk, done, chunk.length - done);
    } catch (error) {
      this.problem = error as NodeJS.ErrnoException;
      this.close();
    }
  };

  close(): void {
    if (this.descriptor === null) return;
    const { descriptor } = this;
    this.descriptor = null;
    try {
      closeSync(descriptor);
    } catch (error) {
      this.problem ??= error as NodeJS.ErrnoException;
    }
  }
}
