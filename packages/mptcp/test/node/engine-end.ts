import { createHash } from "node:crypto";
import type { CloseReason } from "../../src/core/index.ts";
import type { ConnectOptions, ListenOptions } from "../../src/host/index.ts";
import type { EndpointFlags } from "../../src/mptcp/index.ts";
import { Runtime } from "../../src/node/index.ts";
import type { RuntimeOptions } from "../../src/node/index.ts";
import type { TunLink, TunLinkOptions } from "../../src/node/tun/index.ts";
import { tunLink } from "../../src/node/tun/index.ts";
import type { StreamConnection } from "../../src/tcp/index.ts";
import { STREAM_EVENT } from "../../src/tcp/index.ts";
import { IpAddress, Payload } from "../../src/wire/index.ts";

/** The engine on TUN devices: one end of a test, in this process. */
export class EngineEnd {
  readonly runtime: Runtime;
  readonly links: TunLink[] = [];
  private readonly accepted: Stream[] = [];
  private readonly acceptors: ((stream: Stream) => void)[] = [];

  constructor(options: RuntimeOptions = {}) {
    this.runtime = new Runtime(options);
    this.runtime.ref();
  }

  async link(options: TunLinkOptions, flags?: Partial<EndpointFlags>): Promise<TunLink> {
    const link = await tunLink(options);
    this.links.push(link);
    this.runtime.addLink(link, flags === undefined ? link.addresses : link.addresses.map((address) => ({ address, flags })));
    return link;
  }

  connect(address: string, port: number, options: ConnectOptions = {}): Stream {
    const stream = new Stream(this.runtime);
    stream.bind(this.runtime.connect(IpAddress.from(address), port, options, stream));
    return stream;
  }

  listen(port: number, options: ListenOptions = {}): void {
    this.runtime.listen(port, options, (connection) => {
      const stream = new Stream(this.runtime);
      stream.bind(connection);
      const waiting = this.acceptors.shift();
      if (waiting === undefined) this.accepted.push(stream);
      else waiting(stream);
      return stream;
    });
  }

  accept(): Promise<Stream> {
    const ready = this.accepted.shift();
    return ready === undefined ? new Promise((resolve) => this.acceptors.push(resolve)) : Promise.resolve(ready);
  }

  close(): Promise<void> {
    return this.runtime.close();
  }
}

/** One connection of the engine, with promises for what a test waits for. */
export class Stream {
  received = 0;
  /** Sum of what was received since {@link Stream.restart}. */
  private hash = createHash("sha256");
  hashes = true;
  isPaused = false;
  error: CloseReason | null = null;
  private toSend = 0;
  private sent = 0;
  private endsAfter = false;
  private readonly runtime: Runtime;
  private bound: StreamConnection | null = null;
  private readonly conditions: { readonly holds: () => boolean; readonly resolve: () => void }[] = [];

  constructor(runtime: Runtime) {
    this.runtime = runtime;
  }

  bind(connection: StreamConnection): void {
    this.bound = connection;
  }

  get connection(): StreamConnection {
    if (this.bound === null) throw new Error("no connection yet");
    return this.bound;
  }

  onEvents(events: number, now: number): void {
    if ((events & STREAM_EVENT.closed) !== 0) this.error = this.connection.error;
    this.act(now);
  }

  /** Sends `bytes` more octets of the pattern. */
  send(bytes: number, end = false): void {
    this.toSend += bytes;
    if (end) this.endsAfter = true;
    this.act(this.runtime.now);
    this.runtime.poke();
  }

  end(): void {
    this.send(0, true);
  }

  abort(): void {
    this.connection.abort(this.runtime.now);
    this.runtime.poke();
  }

  /** Fulfilled as soon as `holds`, which is asked after every event of this connection. */
  until(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve) => this.conditions.push({ holds, resolve }));
  }

  connected(): Promise<void> {
    return this.until(() => this.connection.writable > 0 || this.connection.closed);
  }

  ended(): Promise<void> {
    return this.until(() => this.connection.ended || this.connection.closed);
  }

  closed(): Promise<void> {
    return this.until(() => this.connection.closed);
  }

  /** Begins a new sum. */
  restart(): void {
    this.hash = createHash("sha256");
  }

  /** Octets that were given to `send`. */
  get written(): number {
    return this.toSend;
  }

  get sha(): string {
    return this.hash.copy().digest("hex");
  }

  private act(now: number): void {
    const { connection } = this;
    if (!this.isPaused) {
      for (let payload = connection.read(1 << 20, now); payload !== null; payload = connection.read(1 << 20, now)) {
        this.received += payload.length;
        if (this.hashes) this.hash.update(payload.toUint8Array());
      }
    }
    while (this.sent < this.toSend && !connection.closed) {
      const start = this.sent % 251;
      const length = Math.min(65536, this.toSend - this.sent);
      const taken = connection.write(new Payload(PATTERN, start, length), true, now);
      this.sent += taken;
      if (taken < length) break;
    }
    if (this.endsAfter && this.sent === this.toSend && !connection.closed) {
      this.endsAfter = false;
      connection.end(now);
    }
    for (let i = this.conditions.length - 1; i >= 0; i--) {
      const condition = this.conditions[i];
      if (condition === undefined || !condition.holds()) continue;
      this.conditions.splice(i, 1);
      condition.resolve();
    }
  }
}

/** The SHA-256 of `length` octets that both ends send, from the `start`th on. */
export function patternSha(length: number, start = 0): string {
  const hash = createHash("sha256");
  for (let at = start; at < start + length; at += 65536) hash.update(PATTERN.subarray(at % 251, (at % 251) + Math.min(65536, start + length - at)));
  return hash.digest("hex");
}

const PATTERN = Uint8Array.from({ length: 251 * 522 }, (_, i) => i % 251);
