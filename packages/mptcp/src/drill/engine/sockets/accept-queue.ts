import type { Listener } from "../../../host/index.ts";
import type { StreamConnection } from "../../../tcp/index.ts";

/** The connections that wait to be accepted, of which a poll has to know whether there is one. */
export class AcceptQueue {
  private readonly listener: Listener;
  private first: StreamConnection | null = null;

  constructor(listener: Listener) {
    this.listener = listener;
  }

  get isEmpty(): boolean {
    this.first ??= this.listener.accept();
    return this.first === null;
  }

  take(): StreamConnection | null {
    const { first } = this;
    this.first = null;
    return first ?? this.listener.accept();
  }

  /** Those that nobody accepted are reset. */
  close(now: number): void {
    this.first?.abort(now);
    this.listener.close(now);
  }
}
