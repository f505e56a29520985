import { closeSync, fchmodSync, fstatSync, openSync, writeSync } from "node:fs";

/**
 * The file of `--pcap`. It holds keys and what was said, and is for its owner alone, also where it was there before. A write that fails ends the
 * capture, not what is captured.
 */
export class CaptureFile {
  readonly path: string;
  /** What went wrong; null while all is well. */
  problem: NodeJS.ErrnoException | null = null;
  private descriptor: number | null;

  /** @throws the system's error when the file cannot be written */
  constructor(path: string) {
    this.path = path;
    this.descriptor = openSync(path, "w", OWNER_ALONE);
    // A pipe or a terminal is somebody else's business.
    const status = fstatSync(this.descriptor);
    if (status.isFile() && (status.mode & 0o077) !== 0) fchmodSync(this.descriptor, OWNER_ALONE);
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

const OWNER_ALONE = 0o600;
