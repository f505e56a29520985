import { patternSource } from "mptcp/sim";

/** Compares what comes with the pattern that was sent, and with what plain TCP delivered through the same box. */
export class StreamCheck {
  /** Octets that came. */
  read = 0;
  /** How many of them are not those that were sent. */
  wrong = 0;
  /** Whether all that came is what TCP delivered; false where that is not known. */
  isTcps: boolean;
  private readonly tcp: Uint8Array | null;

  constructor(tcp: Uint8Array | null = null) {
    this.tcp = tcp;
    this.isTcps = tcp !== null;
  }

  update(bytes: Uint8Array): void {
    const { read, tcp } = this;
    const start = read - (read % WORD);
    const sent = patternSource(start, read - start + bytes.length).toUint8Array().subarray(read - start);
    for (let i = 0; i < bytes.length; i++) {
      if (bytes[i] !== sent[i]) this.wrong++;
      if (this.isTcps && bytes[i] !== tcp?.[read + i]) this.isTcps = false;
    }
    this.read += bytes.length;
  }

  /** Whether it is the whole of what TCP delivered. */
  get isAllOfTcps(): boolean {
    return this.isTcps && this.read === this.tcp?.length;
  }
}

/** Keeps what comes. */
export class StreamKeeper {
  private readonly pieces: Uint8Array[] = [];

  update(bytes: Uint8Array): void {
    this.pieces.push(bytes.slice());
  }

  get bytes(): Uint8Array {
    const all = new Uint8Array(this.pieces.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const piece of this.pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    return all;
  }
}

/** Octets of the pattern's unit. */
const WORD = 4;
