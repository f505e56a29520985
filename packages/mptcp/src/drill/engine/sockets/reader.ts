import type { StreamConnection } from "../../../tcp/index.ts";
import { joined } from "./messages.ts";

/** Reads a connection; what MSG_PEEK looked at is kept for who reads it. */
export class Reader {
  private readonly connection: StreamConnection;
  private ahead: Uint8Array = EMPTY;

  constructor(connection: StreamConnection) {
    this.connection = connection;
  }

  /** Octets that can be read now. */
  get readable(): number {
    return this.ahead.length + this.connection.readable;
  }

  /** Takes `most` octets at the most. */
  read(most: number, now: number): Uint8Array {
    if (this.ahead.length > 0) {
      const taken = this.ahead.subarray(0, most);
      this.ahead = this.ahead.subarray(taken.length);
      if (taken.length === most) return taken;
      const rest = this.fromConnection(most - taken.length, now);
      return joined([taken, rest], taken.length + rest.length);
    }
    return this.fromConnection(most, now);
  }

  /** Looks at them without taking them. */
  peek(most: number, now: number): Uint8Array {
    if (this.ahead.length < most && this.connection.readable > 0) {
      const more = this.fromConnection(most - this.ahead.length, now);
      this.ahead = joined([this.ahead, more], this.ahead.length + more.length);
    }
    return this.ahead.subarray(0, most);
  }

  private fromConnection(most: number, now: number): Uint8Array {
    const pieces: Uint8Array[] = [];
    let taken = 0;
    while (taken < most) {
      const payload = this.connection.read(most - taken, now);
      if (payload === null) break;
      pieces.push(payload.toUint8Array());
      taken += payload.length;
    }
    return joined(pieces, taken);
  }
}

const EMPTY = new Uint8Array(0);
