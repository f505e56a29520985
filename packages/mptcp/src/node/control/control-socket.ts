import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { readFileSync } from "node:fs";
import type { Duplex } from "node:stream";
import { MptcpError } from "../../core/index.ts";
import type { DecisionEvent } from "../../core/index.ts";
import type { OwnPolicies } from "../../host/index.ts";
import type { Runtime } from "../runtime.ts";
import type { Stack } from "../stack.ts";
import { Commands } from "./commands.ts";
import type { LinkOpener } from "./endpoints.ts";
import { Herald } from "./herald.ts";
import type { Audience } from "./herald.ts";
import { defaultFolder, freePath, Place } from "./place.ts";
import { CONTROL_PROTOCOL } from "./protocol.ts";
import type { ConnectionReference, ControlEvent, ControlEventOf, ControlHello, ControlMethod } from "./protocol.ts";
import { ControlSession } from "./session.ts";
import type { SessionOwner } from "./session.ts";

export interface ControlOptions {
  /** Path of the socket; `PID.sock` in the folder of control sockets of this user unless given, see `controlFolders`. */
  readonly path?: string;
  /** What the process does, for people who choose among several. */
  readonly title?: string;
  /** Policies of one's own that may be chosen, by name: as for `Host.restore`. */
  readonly policies?: OwnPolicies;
  /** Opens a link for an address that a client adds and no link has; without it such an address is refused. */
  readonly openLink?: LinkOpener;
}

/** An open control socket. */
export interface Control {
  readonly path: string;
  /** Ends its clients, and takes the socket away. */
  close(): Promise<void>;
}

/** What there is of a control beside the socket: sessions, whatever stream they are on, and the one observer for all of them. */
export class ControlCore implements SessionOwner, Audience {
  readonly hello: ControlHello;
  private readonly runtime: Runtime;
  private readonly commands: Commands;
  private readonly sessions = new Set<ControlSession>();
  private herald: Herald | null = null;
  private stopObserving: (() => void) | null = null;

  constructor(runtime: Runtime, options: ControlOptions) {
    this.runtime = runtime;
    this.commands = new Commands(runtime, options.openLink ?? null, options.policies ?? {});
    this.hello = {
      protocol: CONTROL_PROTOCOL,
      package: "mptcp",
      version: packageVersion(),
      pid: process.pid,
      name: runtime.host.name,
      title: (options.title ?? process.title).slice(0, 256),
      startedMicroseconds: Math.round(performance.timeOrigin * 1000),
    };
  }

  /** Serves a client until it leaves. */
  async serve(stream: Duplex): Promise<void> {
    const session = new ControlSession(stream, this);
    this.sessions.add(session);
    await session.serve();
    this.sessions.delete(session);
  }

  end(): void {
    for (const session of this.sessions) session.end();
    this.stopObserving?.();
    this.stopObserving = null;
  }

  run(method: ControlMethod, params: unknown): Promise<unknown> {
    return this.commands.run(method, params);
  }

  numberOf(reference: ConnectionReference): number | null {
    return this.commands.named(reference)?.id ?? null;
  }

  subscriptionChanged(): void {
    const all = Array.from(this.sessions);
    const perSegment = all.some((session) => session.listensPerSegment);
    if (!all.some((session) => session.listens)) {
      this.stopObserving?.();
      this.stopObserving = null;
      this.herald = null;
      return;
    }
    if (this.herald?.perSegment === perSegment) return;
    this.stopObserving?.();
    this.herald = new Herald(this.runtime, this, perSegment);
    this.stopObserving = this.runtime.host.observe(this.herald);
  }

  onEvent(event: ControlEvent): void {
    const line = once(() => JSON.stringify(event));
    for (const session of this.sessions) session.onEvent(event, line);
  }

  onDecision(entry: DecisionEvent, event: () => ControlEventOf<"decision">): void {
    const line = once(() => JSON.stringify(event()));
    for (const session of this.sessions) if (session.wantsDecision(entry)) session.onDecision(line());
  }
}

/** A control on a socket of the file system. */
export class ControlSocket implements Control {
  readonly path: string;
  private readonly core: ControlCore;
  private readonly server: Server;
  private readonly place: Place;
  private readonly clients: Set<Socket>;

  private constructor(core: ControlCore, server: Server, place: Place, clients: Set<Socket>) {
    this.core = core;
    this.server = server;
    this.place = place;
    this.clients = clients;
    this.path = place.path;
  }

  /** Opens a control socket, see `openControl`. */
  static async open(target: Stack | Runtime, options: ControlOptions): Promise<ControlSocket> {
    if (process.platform === "win32") throw new MptcpError("ERR_MPTCP_PLATFORM", "control sockets are Unix sockets, which need the rights of a Unix file system");
    const core = new ControlCore("runtime" in target ? target.runtime : target, options);
    const clients = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true }, (client) => {
      client.unref();
      clients.add(client);
      client.once("close", () => clients.delete(client));
      void core.serve(client);
    });
    server.maxConnections = MOST_CLIENTS;
    const place = options.path === undefined ? await freePath(server, defaultFolder()) : await Place.take(server, options.path);
    // Whoever looks on keeps no process alive; and a client that could not be accepted is its own affair.
    server.unref().on("error", () => {});
    return new ControlSocket(core, server, place, clients);
  }

  async close(): Promise<void> {
    this.place.leave();
    this.core.end();
    const closed = new Promise<void>((resolve) => {
      this.server.close(() => resolve());
    });
    for (const client of this.clients) client.destroy();
    await closed;
  }
}

function once(make: () => string): () => string {
  let made: string | null = null;
  return () => (made ??= make());
}

function packageVersion(): string {
  const text = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { readonly version: string }).version;
}

/** Clients at once. */
const MOST_CLIENTS = 64;
