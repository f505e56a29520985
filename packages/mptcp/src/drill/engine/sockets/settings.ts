/** What was set on a socket, by its options; connections that a listener accepts begin with what is set on it. */
export class Settings {
  /** Options that are a number and were set, by name: `SO_MARK`. */
  private readonly numbers: Map<string, number>;
  /** SO_LINGER: seconds; null: off. */
  linger: number | null = null;
  /** How long calls wait, ns; 0: without end. */
  receiveTimeout = 0;
  sendTimeout = 0;
  /** SO_BINDTODEVICE; empty: none. */
  device = "";
  /** TCP_CONGESTION; null: that of the machine. */
  congestion: string | null = null;
  /** TCP_FASTOPEN_KEY; none: those of the machine. */
  fastOpenKeys: readonly Uint8Array[] = [];

  constructor(numbers: ReadonlyMap<string, number> = new Map()) {
    this.numbers = new Map(numbers);
  }

  get(name: string): number {
    return this.numbers.get(name) ?? 0;
  }

  has(name: string): boolean {
    return this.numbers.has(name);
  }

  set(name: string, value: number): void {
    this.numbers.set(name, value);
  }

  clone(): Settings {
    const copy = new Settings(this.numbers);
    const { congestion, device, fastOpenKeys, linger, receiveTimeout, sendTimeout } = this;
    return Object.assign(copy, { congestion, device, fastOpenKeys, linger, receiveTimeout, sendTimeout });
  }
}
