import type { StreamConnection } from "../tcp/index.ts";
import { STREAM_EVENT } from "../tcp/index.ts";
import type { ConnectionHandler, Runtime } from "./runtime.ts";

/**
 * A connection whose socket is gone: what was written is delivered first, and the process lives so long. Data that still arrives has nobody to
 * read it, and is answered by breaking the connection (RFC 1122 §4.2.2.13). A peer that never closes its side, or is gone, is given up by the engine.
 */
export class Lingerer implements ConnectionHandler {
  private readonly runtime: Runtime;
  private readonly connection: StreamConnection;
  private isReferencing = true;

  private constructor(runtime: Runtime, connection: StreamConnection) {
    this.runtime = runtime;
    this.connection = connection;
  }

  /** Looks after `connection` from now on. Takes over the caller's reference to the runtime. */
  static take(runtime: Runtime, connection: StreamConnection): void {
    if (connection.closed) {
      runtime.unref();
      return;
    }
    const lingerer = new Lingerer(runtime, connection);
    runtime.attach(connection, lingerer);
    lingerer.look(runtime.now);
  }

  onEvents(events: number, now: number): void {
    if ((events & STREAM_EVENT.drained) !== 0) this.dereference();
    this.look(now);
  }

  private look(now: number): void {
    const { connection } = this;
    if (!connection.closed && connection.readable > 0) {
      connection.abort(now);
      this.runtime.poke();
    }
    if (connection.closed) this.dereference();
  }

  private dereference(): void {
    if (!this.isReferencing) return;
    this.isReferencing = false;
    this.runtime.unref();
  }
}
