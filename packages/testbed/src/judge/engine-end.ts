import type { StreamConnection } from "mptcp";
import { BaseApplication, virtualSource } from "mptcp/sim";
import type { ApplicationHost, SimHost } from "mptcp/sim";
import { Payload } from "mptcp/wire";
import type { IpAddress } from "mptcp/wire";
import type { FlowResult } from "./condition.ts";
import { AnswerCounter, PORT, requestOf, RequestReader } from "./ends.ts";
import type { ClientEnd, KeptFlow, OpenFlow, Request } from "./ends.ts";

/** Serves flows from a host of the simulation. */
export function serveByEngine(host: SimHost): void {
  host.listen(PORT, () => new Serving());
}

/** Answers requests on one connection, one after the other. */
class Serving extends BaseApplication {
  private readonly requests = new RequestReader();
  private request: Request | null = null;
  /** Octets written when the request came. */
  private before = 0;

  protected act(now: number): void {
    this.readAll(now);
    const { request, connection } = this;
    if (request === null || connection.closed) return;
    const left = this.before + request.octets - this.bytesWritten;
    // As much as there is room for: the connection calls again only where something was refused.
    if (left > 0) this.writeFrom(virtualSource, left, now);
    if (this.bytesWritten < this.before + request.octets) return;
    if (request.keep) this.request = null;
    else this.end(now);
  }

  protected override onPayload(payload: Payload): void {
    this.before = this.bytesWritten;
    this.request = this.requests.take(payload.toUint8Array());
  }
}

/** Clients on a host of the simulation. */
export class EngineClient implements ClientEnd {
  private readonly host: SimHost;
  private readonly server: IpAddress;
  private readonly multipath: boolean;

  constructor(host: SimHost, server: IpAddress, multipath: boolean) {
    this.host = host;
    this.server = server;
    this.multipath = multipath;
  }

  open(octets: number, done: (result: FlowResult) => void): OpenFlow {
    return this.connect(new Fetching(octets, done));
  }

  keep(octets: number, done: (result: FlowResult) => void): KeptFlow {
    return this.connect(new Asking(octets, done));
  }

  private connect<T extends Client>(flow: T): T {
    this.host.connect(this.server, PORT, flow, { multipath: this.multipath });
    return flow;
  }
}

abstract class Client extends BaseApplication implements OpenFlow {
  private unsent: Uint8Array = new Uint8Array();

  get octets(): number {
    return this.bytesRead;
  }

  abort(): void {
    this.connection.abort(this.host.queue.now);
    this.host.poke();
  }

  /** Sends a request, now or once the connection is open. */
  protected request(octets: number, keep: boolean, now: number): void {
    this.unsent = requestOf(octets, keep);
    this.act(now);
  }

  protected act(now: number): void {
    const { unsent } = this;
    if (unsent.length > 0 && this.writeFrom(() => Payload.of(unsent), unsent.length, now) > 0) this.unsent = new Uint8Array();
    this.readAll(now);
  }
}

class Fetching extends Client {
  private readonly wanted: number;
  private readonly done: (result: FlowResult) => void;
  private isDone = false;

  constructor(wanted: number, done: (result: FlowResult) => void) {
    super();
    this.wanted = wanted;
    this.done = done;
    this.onClosed = () => this.finish(null);
  }

  override start(connection: StreamConnection, host: ApplicationHost): void {
    super.start(connection, host);
    this.request(this.wanted, false, host.queue.now);
  }

  protected override onEnd(now: number): void {
    this.end(now);
    this.finish(now);
  }

  private finish(at: number | null): void {
    if (this.isDone) return;
    this.isDone = true;
    this.done({ startedAt: this.startedAt, endedAt: at, octets: this.bytesRead });
  }
}

class Asking extends Client implements KeptFlow {
  private readonly wanted: number;
  private readonly counter: AnswerCounter;

  constructor(wanted: number, done: (result: FlowResult) => void) {
    super();
    this.wanted = wanted;
    this.counter = new AnswerCounter(wanted, done);
  }

  ask(): void {
    const { now } = this.host.queue;
    this.counter.asked(now);
    this.request(this.wanted, true, now);
    this.host.poke();
  }

  protected override onPayload(_payload: Payload, now: number): void {
    this.counter.came(this.bytesRead, now);
  }
}
