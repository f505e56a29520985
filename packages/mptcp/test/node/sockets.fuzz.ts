import type { LookupAddress } from "node:dns";
import type { Server, Socket } from "node:net";
import type * as net from "node:net";
import { inspect } from "node:util";
import * as fc from "fast-check";
import type { SocketMptcp } from "../../src/node/index.ts";
import { turns } from "./sockets.bench.ts";

/** What the calls of one run are made on. */
export interface Ground {
  readonly connect: typeof net.connect;
  readonly createServer: typeof net.createServer;
  /** Where servers can be reached. */
  readonly host: string;
  /** Where nobody answers. */
  readonly deadHost: string;
  /** Things that happen to the hosts and not to a socket, by their names; after one of them peers may be out of reach. */
  readonly mishaps: Readonly<Record<string, () => void>>;
  /** Whether nothing keeps the process alive. */
  isReleased(): boolean;
  close(): Promise<void>;
}

/** What an application does: to one of its sockets, to its server, or to a host. */
export interface Call {
  readonly what: string;
  /** Which socket; those that are not there, not yet for one, are left out. */
  readonly who: number;
  readonly amount: number;
}

/** One thing that an application does in a turn of the event loop. */
export type Step =
  | { readonly kind: "connect"; readonly how: string; readonly options: Partial<net.SocketConstructorOpts & { readonly multipath: boolean | "required"; readonly noDelay: boolean; readonly highWaterMark: number; readonly timeout: number }> }
  | ({ readonly kind: "call" } & Call)
  /** Calls again and again, a few times, from inside a listener. */
  | ({ readonly kind: "listen"; readonly to: number; readonly event: string; readonly times: number } & Call)
  | { readonly kind: "turns"; readonly count: number };

/** What an application does in its life. */
export interface Program {
  readonly server: { readonly allowHalfOpen: boolean; readonly pauseOnConnect: boolean; readonly multipath: boolean | "required" };
  /** What it does in the listener of `connection`, with the socket it is given. */
  readonly onConnection: readonly Call[];
  readonly steps: readonly Step[];
}

/** What applications throw in their listeners. */
export class ListenerError extends Error {}

const beyond = (socket: Socket): SocketMptcp | undefined => (socket as Socket & { readonly mptcp?: SocketMptcp }).mptcp;
/** Not for `ready`, `end` and others: Node's own streams stop where these throw. */
const MAY_THROW: ReadonlySet<string> = new Set(["close", "connection", "data", "subflowUp", "timeout"]);

/** Calls on a socket, which are allowed at any time. */
const SOCKET_CALLS: Readonly<Record<string, (socket: Socket, amount: number) => unknown>> = {
  write: (socket, amount) => socket.write(Buffer.alloc(amount)),
  writeMuch: (socket, amount) => socket.write(Buffer.alloc(100 * amount)),
  end: (socket) => socket.end(),
  endWith: (socket, amount) => socket.end(Buffer.alloc(amount)),
  destroy: (socket) => socket.destroy(),
  destroyWith: (socket) => socket.destroy(new Error("of the application")),
  destroySoon: (socket) => socket.destroySoon(),
  resetAndDestroy: (socket) => socket.resetAndDestroy(),
  pause: (socket) => socket.pause(),
  resume: (socket) => socket.resume(),
  read: (socket) => socket.read() as unknown,
  readable: (socket) => socket.on("readable", () => socket.read() as unknown),
  setEncoding: (socket) => socket.setEncoding("latin1"),
  setTimeout: (socket, amount) => socket.setTimeout(amount % 8),
  setNoDelay: (socket, amount) => socket.setNoDelay(amount % 2 === 0),
  setKeepAlive: (socket, amount) => socket.setKeepAlive(amount % 2 === 0, amount),
  cork: (socket) => socket.cork(),
  uncork: (socket) => socket.uncork(),
  ref: (socket) => socket.ref(),
  unref: (socket) => socket.unref(),
  echo: (socket) => socket.pipe(socket),
  unpipe: (socket) => socket.unpipe(),
  look: (socket) => [inspect(socket), socket.address(), socket.remoteAddress, socket.localPort, socket.readyState, socket.pending, socket.bytesWritten, socket.bufferSize],
  info: (socket) => beyond(socket)?.info(),
  addAddress: (socket) => beyond(socket)?.addAddress("10.0.1.1", "10.0.1.2"),
  removeAddress: (socket, amount) => beyond(socket)?.removeAddress(`10.0.${amount % 2}.1`, `10.0.${amount % 2}.2`),
  removeSubflow: (socket, amount) => beyond(socket)?.removeSubflow(1 + (amount % 2)),
  setBackup: (socket, amount) => beyond(socket)?.setBackup(1 + (amount % 2), amount % 3 === 0),
};

const MOVING = ["write", "write", "writeMuch", "end", "endWith", "pause", "resume", "cork", "echo"];
const ENDING = ["destroy", "destroy", "destroyWith", "destroySoon", "resetAndDestroy", "end", "connectAgain", "connectAgain"];

/**
 * After these there may be no path: what was written before a socket was destroyed is kept a while for its peer, and keeps the process. With addresses chosen by hand, packets go by one link
 * and come by the other, and a RST that answers a late packet overtakes MP_FASTCLOSE.
 */
const CUTS: ReadonlySet<string> = new Set(["addAddress", "removeAddress", "removeSubflow"]);

const SERVER_CALLS: Readonly<Record<string, (server: Server) => unknown>> = {
  serverClose: (server) => server.close(),
  serverAddress: (server) => server.address(),
  serverConnections: (server) => server.getConnections(() => {}),
  serverUnref: (server) => server.unref(),
  serverRef: (server) => server.ref(),
  serverLimit: (server) => (server.maxConnections = 1),
};

const SOCKET_EVENTS = ["close", "connect", "connectionAttempt", "connectionAttemptFailed", "connectionAttemptTimeout", "data", "drain", "end", "error", "fallback", "finish", "lookup", "pause", "ready", "resume", "subflowDown", "subflowUp", "timeout"];
const CONNECTS = ["literal", "literal", "literal", "literal", "literal", "literal", "refused", "name", "syncName", "noName", "emptyName", "families", "dead", "deadFirst", "aborted"];

const sometimes = <T>(value: T): fc.Arbitrary<T | undefined> => fc.option(fc.constant(value), { nil: undefined, freq: 4 });
const amounts = fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 0, max: 20 }) }, fc.integer({ min: 1000, max: 30_000 }));

/** Programs; `mishaps` are those of the ground. */
export function programs(mishaps: readonly string[]): fc.Arbitrary<Program> {
  // Much of what goes wrong takes several calls on one socket.
  const who = fc.constantFrom(0, 0, 0, 1, 1, 2, 3);
  const one = (weight: number, ...names: readonly string[]): fc.WeightedArbitrary<Call> => ({ weight, arbitrary: fc.record({ what: fc.constantFrom(...names), who, amount: amounts }) });
  const any = [one(3, ...Object.keys(SOCKET_CALLS)), one(1, ...Object.keys(SERVER_CALLS), "serverListen", ...mishaps)];
  // Who destroys a socket at once learns little; in a listener it is another matter.
  const direct = fc.oneof(one(6, ...MOVING), one(1, ...ENDING), ...any).map((given) => ({ kind: "call" as const, ...given }));
  const inside = fc.oneof(one(2, ...MOVING), one(6, ...ENDING), one(1, "throw"), ...any);
  const listen = (...events: readonly string[]): fc.Arbitrary<Step> =>
    fc
      .record({
        to: who,
        isOwn: fc.boolean(),
        event: fc.oneof({ weight: 2, arbitrary: fc.constantFrom(...events) }, { weight: 1, arbitrary: fc.constantFrom(...SOCKET_EVENTS) }),
        times: fc.integer({ min: 1, max: 3 }),
        given: inside,
      })
      .map(({ given, isOwn, ...rest }) => ({ kind: "listen" as const, ...rest, ...given, ...(isOwn ? { who: rest.to } : {}) }));
  const connect = fc.record({ kind: fc.constant("connect" as const), how: fc.constantFrom(...CONNECTS), options: connectOptions() });
  const pause = fc.record({ kind: fc.constant("turns" as const), count: fc.integer({ min: 1, max: 6 }) });
  const step = (listening: fc.Arbitrary<Step>): fc.Arbitrary<Step> => fc.oneof({ weight: 1, arbitrary: connect }, { weight: 4, arbitrary: direct }, { weight: 4, arbitrary: listening });
  const atOnce = step(listen("connect", "connect", "ready"));
  const later = fc.oneof({ weight: 1, arbitrary: pause }, { weight: 2, arbitrary: step(listen("data", "end", "error", "close")) });
  return fc.record({
    server: fc.record({ allowHalfOpen: fc.boolean(), pauseOnConnect: fc.boolean(), multipath: fc.constantFrom(true, true, false, "required" as const) }),
    onConnection: fc.array(inside, { maxLength: 3 }),
    steps: fc
      .tuple(connect, fc.array(atOnce, { maxLength: 8 }), fc.array(later, { maxLength: 16 }))
      .map(([first, others, rest]) => [first, ...others, ...rest]),
  });
}

function connectOptions(): fc.Arbitrary<Extract<Step, { kind: "connect" }>["options"]> {
  const choices = { allowHalfOpen: sometimes(true), noDelay: sometimes(true), highWaterMark: sometimes(100), timeout: sometimes(3), multipath: sometimes<boolean | "required">(false) };
  return fc.record(choices).map((drawn) => Object.fromEntries(Object.entries(drawn).filter(([, value]) => value !== undefined)));
}

/** A program at work. */
export class Run {
  /** What a call threw at the application. */
  readonly refused: unknown[] = [];
  /** Exceptions of the application's own listeners. */
  thrown = 0;
  /** Events that came in an order in which Node's never do. */
  readonly disorder: string[] = [];
  private readonly orders = new Map<Socket, EventOrder>();
  private readonly ground: Ground;
  private readonly server: Server;
  private readonly sockets: Socket[] = [];
  /** Connections of each socket, and how often it said that it is closed. */
  private readonly lives = new Map<Socket, { connects: number; closes: number }>();
  private port = 0;
  private isCutOff = false;
  private isOver = false;

  constructor(ground: Ground, program: Program) {
    this.ground = ground;
    this.server = ground.createServer(program.server as net.ServerOpts);
    this.server.on("error", () => {});
    this.server.on("connection", (socket) => {
      this.take(socket, true);
      // It came before the server was closed, and is told in the turn after.
      if (this.isOver) socket.destroy();
      for (const call of program.onConnection) this.call(call, socket, "connection");
    });
  }

  async begin(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.server.listen(0, this.ground.host, resolve);
    });
    this.port = (this.server.address() as net.AddressInfo).port;
  }

  async step(step: Step): Promise<void> {
    if (step.kind === "connect") this.connect(step);
    else if (step.kind === "call") this.call(step, this.sockets[step.who], null);
    else if (step.kind === "listen") this.listen(step);
    else await turns(step.count);
  }

  /** Destroys and closes what is there. @returns what did not end then; null when everything did */
  async end(): Promise<string | null> {
    await turns(3);
    this.isOver = true;
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    let isServerClosed = false;
    this.server.once("close", () => (isServerClosed = true));
    // Again, since whoever has been closed before does not say so a second time unless it is asked.
    this.server.close();
    await until(() => Array.from(this.lives.values()).every(({ connects, closes }) => closes >= connects));
    await turns(3);
    for (const [socket, { connects, closes }] of this.lives) {
      if (closes !== connects) return `${closes} times closed, ${connects} times connected: ${inspect(socket)}`;
    }
    if (!(await until(() => isServerClosed))) return "the server did not close";
    if (!this.isCutOff && !(await until(() => this.ground.isReleased()))) return "the process is kept alive";
    return null;
  }

  /** How many sockets there were. */
  get count(): number {
    return this.sockets.length;
  }

  private take(socket: Socket, isAccepted: boolean): void {
    const life = { connects: 1, closes: 0 };
    this.sockets.push(socket);
    const order = new EventOrder(isAccepted);
    this.orders.set(socket, order);
    for (const event of ORDERED) {
      socket.prependListener(event, () => {
        const fault = order.after(event);
        if (fault !== null) this.disorder.push(`${fault}: ${order.history.join(" ")}`);
      });
    }
    this.lives.set(socket, life);
    socket.on("error", () => {});
    socket.on("close", () => life.closes++);
    // Who is accepted that late is destroyed as the others were: one that is paused does not hear of its peer's end.
    if (this.isOver) socket.destroy();
  }

  private connect({ how, options }: Extract<Step, { kind: "connect" }>): void {
    const { host, deadHost } = this.ground;
    const answer = (...addresses: string[]): LookupAddress[] => addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
    const found = how === "families" ? answer("::1", host) : how === "deadFirst" ? answer(deadHost, host) : how === "emptyName" ? [] : answer(host);
    const error = how === "noName" ? Object.assign(new Error("getaddrinfo ENOTFOUND no.name"), { code: "ENOTFOUND" }) : null;
    const lookup = ((_name: string, _options: unknown, callback: (error: Error | null, found: LookupAddress[]) => void) => {
      if (how === "syncName") callback(error, found);
      else setImmediate(callback, error, found);
    }) as unknown as net.LookupFunction;
    const isNamed = ["name", "syncName", "noName", "emptyName", "families", "deadFirst"].includes(how);
    const where = isNamed
      ? { host: "some.name", lookup, autoSelectFamily: how === "families" || how === "deadFirst", autoSelectFamilyAttemptTimeout: 10 }
      : { host: how === "dead" ? deadHost : host };
    const controller = new AbortController();
    const signal = how === "aborted" ? { signal: controller.signal } : {};
    const socket = this.ground.connect({ port: how === "refused" ? 9 : this.port, ...where, ...signal, ...options });
    this.take(socket, false);
    if (how === "aborted") setImmediate(() => controller.abort());
  }

  private listen({ to, event, times, ...call }: Extract<Step, { kind: "listen" }>): void {
    const socket = this.sockets[to];
    if (socket === undefined) return;
    let left = times;
    const listener = (): void => {
      if (left-- > 0) this.call(call, this.sockets[call.who] ?? socket, event);
      else socket.off(event, listener);
    };
    socket.on(event, listener);
  }

  /** `event` is what is listened to; null outside of listeners. */
  private call({ what, amount }: Call, socket: Socket | undefined, event: string | null): void {
    if (what === "throw") {
      if (event === null || !MAY_THROW.has(event)) return;
      this.thrown++;
      throw new ListenerError(`in ${event}`);
    }
    if (CUTS.has(what) || Object.hasOwn(this.ground.mishaps, what)) this.isCutOff = true;
    try {
      if (Object.hasOwn(this.ground.mishaps, what)) this.ground.mishaps[what]?.();
      else if (what === "serverListen") {
        if (!this.server.listening && !this.isOver) this.server.listen(this.port, this.ground.host);
      } else if (Object.hasOwn(SERVER_CALLS, what)) SERVER_CALLS[what]?.(this.server);
      else if (socket === undefined) return;
      else if (what === "connectAgain") this.connectAgain(socket);
      else SOCKET_CALLS[what]?.(socket, amount);
    } catch (error) {
      this.refused.push(error);
    }
  }

  private connectAgain(socket: Socket): void {
    const life = this.lives.get(socket);
    if (this.isOver || life === undefined || life.connects === MOST_LIVES) return;
    if (socket.destroyed) {
      life.connects++;
      this.orders.get(socket)?.connectAgain();
    }
    socket.connect(this.port, this.ground.host);
  }
}

const ORDERED = ["lookup", "connect", "ready", "data", "end", "finish", "error", "close"] as const;
type Ordered = (typeof ORDERED)[number];

/** What Node promises of the order of a socket's events: https://nodejs.org/docs/latest-v20.x/api/net.html, and its streams. */
class EventOrder {
  readonly history: string[] = [];
  private readonly isAccepted: boolean;
  private seen = new Set<Ordered>();
  /** A socket that was connected again before it said that it is closed, says so of both lives by and by. */
  private isMixed = false;

  constructor(isAccepted: boolean) {
    this.isAccepted = isAccepted;
  }

  connectAgain(): void {
    this.isMixed ||= !this.seen.has("close");
    this.history.push("(connect)");
    this.seen = new Set();
  }

  /** @returns what is wrong with this event here; null where nothing is */
  after(event: Ordered): string | null {
    const { seen, isAccepted, history } = this;
    history.push(event);
    const isFirst = !seen.has(event);
    seen.add(event);
    if (this.isMixed || (isAccepted && history.includes("(connect)"))) return null;
    if (seen.has("close") && !["close", "lookup"].includes(event)) return "an event after close";
    if (!isFirst && !["data", "lookup"].includes(event)) return `${event} twice`;
    if (event === "ready" && history.at(-2) !== "connect" && !seen.has("connect")) return "ready before connect";
    if (["data", "end"].includes(event) && !isAccepted && !seen.has("connect")) return `${event} before connect`;
    if (event === "lookup" && seen.has("connect")) return "lookup after connect";
    if (event === "data" && seen.has("end")) return "data after end";
    if (["data", "end", "finish", "connect"].includes(event) && seen.has("error")) return `${event} after error`;
    return null;
  }
}

/** Whether `holds` in the end: after some turns of the event loop as a rule, or when acknowledgments that are delayed have come. */
async function until(holds: () => boolean): Promise<boolean> {
  for (let turn = 0; turn < 100 && !holds(); turn++) await turns(1);
  for (let tries = 0; tries < MOST_TRIES && !holds(); tries++) await new Promise((resolve) => setTimeout(resolve, 5));
  return holds();
}

const MOST_LIVES = 4;
/** Some 5 s. */
const MOST_TRIES = 1000;
