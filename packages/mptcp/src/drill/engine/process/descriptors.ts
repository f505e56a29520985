import type { OpenFile } from "../files/open-file.ts";
import type { Outcome } from "./outcome.ts";

/** The descriptors of a process: the lowest number that is free is the next one. */
export class Descriptors {
  /** By descriptor. */
  private readonly files: (OpenFile | undefined)[] = [];
  /** Descriptors with FD_CLOEXEC, which is of no other use where nothing is executed. */
  private readonly closedOnExec = new Set<number>();

  /** The file of a descriptor; undefined: there is none. */
  find(fd: number): OpenFile | undefined {
    return this.files[fd];
  }

  /** @param lowest the least number that it may have @returns the descriptor; -1: there are too many */
  open(file: OpenFile, lowest = 0): number {
    let fd = lowest;
    while (this.files[fd] !== undefined) fd++;
    if (fd >= MOST) return -1;
    this.files[fd] = file;
    file.references++;
    return fd;
  }

  /** Frees a descriptor. @returns what comes of its file, if that was the last one; undefined: no such descriptor; null: others refer to it */
  close(fd: number): Outcome | null | undefined {
    const file = this.files[fd];
    if (file === undefined) return undefined;
    this.files[fd] = undefined;
    this.closedOnExec.delete(fd);
    return this.drop(file);
  }

  /** One that referred to a file does so no more. @returns what comes of the file, if it was the last one; null: others refer to it */
  drop(file: OpenFile): Outcome | null {
    file.references--;
    return file.references > 0 ? null : file.release();
  }

  isClosedOnExec(fd: number): boolean {
    return this.closedOnExec.has(fd);
  }

  closeOnExec(fd: number, enable: boolean): void {
    if (enable) this.closedOnExec.add(fd);
    else this.closedOnExec.delete(fd);
  }

  /** Each file once. */
  all(): Set<OpenFile> {
    const found = new Set<OpenFile>();
    for (const file of this.files) if (file !== undefined) found.add(file);
    return found;
  }
}

/** RLIMIT_NOFILE. */
const MOST = 1024;
