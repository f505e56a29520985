import type { Duplex } from "node:stream";
import type { DecisionEvent } from "../../core/index.ts";
import { isMethod } from "./commands.ts";
import { LineTooLong, linesOf } from "./lines.ts";
import { Outbox } from "./outbox.ts";
import { ControlFailure, ID, METHODS, SUBSCRIBABLE } from "./protocol.ts";
import type { ConnectionReference, ControlErrorCode, ControlEvent, ControlEventOf, ControlHello, ControlMethod, ControlParams } from "./protocol.ts";
import { wallClock } from "./state.ts";

/** What a session needs of the control around it. */
export interface SessionOwner {
  readonly hello: ControlHello;
  /** @throws ControlFailure when it is refused */
  run(method: ControlMethod, params: unknown): Promise<unknown>;
  /** The number of the connection that a request names; null when it names none. @throws ControlFailure */
  numberOf(reference: ConnectionReference): number | null;
  /** A session wants other events. */
  subscriptionChanged(): void;
}

/** What a client wants to hear of. */
interface Subscription {
  readonly events: ReadonlySet<ControlEvent["event"]>;
  /** Kinds of the decision log; null: none, "most": all but what every segment brings. */
  readonly decisions: ReadonlySet<string> | "most" | null;
  /** Null: every connection. */
  readonly connection: number | null;
}

/** One client of a control socket: reads requests and answers them one after the other, and tells events in between. */
export class ControlSession {
  private readonly stream: Duplex;
  private readonly owner: SessionOwner;
  private readonly outbox: Outbox;
  private subscription: Subscription | null = null;

  constructor(stream: Duplex, owner: SessionOwner) {
    this.stream = stream;
    this.owner = owner;
    this.outbox = new Outbox(stream, (count) => JSON.stringify({ event: "lost", atMicroseconds: wallClock(), count } satisfies ControlEventOf<"lost">));
    // It ends the reading, which is where it is heard of.
    stream.on("error", () => {});
  }

  /** Whether it wants to hear of anything; and of what every segment brings. */
  get listens(): boolean {
    return this.subscription !== null;
  }
  get listensPerSegment(): boolean {
    const decisions = this.subscription?.decisions ?? null;
    return decisions !== null && decisions !== "most" && decisions.has("schedule");
  }

  /** Serves the client until it leaves. Never fails. */
  async serve(): Promise<void> {
    this.outbox.answer(JSON.stringify({ hello: this.owner.hello }));
    try {
      for await (const line of linesOf(this.stream.iterator({ destroyOnReturn: false }), LONGEST_LINE)) {
        await this.request(line);
        await this.outbox.room();
        // One request a turn: others are not to wait for somebody who asks without end.
        await new Promise((resolve) => setImmediate(resolve));
      }
    } catch (error) {
      // What follows cannot be told from what went before: this is the end. All else that can be thrown here is that the client is gone.
      if (error instanceof LineTooLong) this.fail(null, "too-long", `a line has at most ${LONGEST_LINE} octets`);
    }
    this.subscription = null;
    this.owner.subscriptionChanged();
    await this.outbox.empty();
    this.stream.end(() => this.stream.destroy());
  }

  /** Ends it from this side. */
  end(): void {
    this.stream.destroy();
  }

  // ---- events

  /** @param line gives the event as JSON, made once for all clients */
  onEvent(event: ControlEvent, line: () => string): void {
    const { subscription } = this;
    if (subscription === null || !subscription.events.has(event.event)) return;
    if (subscription.connection !== null && (!("connection" in event) || event.connection !== subscription.connection)) return;
    this.outbox.event(line());
  }

  wantsDecision({ connection, kind }: DecisionEvent): boolean {
    const { subscription } = this;
    if (subscription === null || subscription.decisions === null) return false;
    if (subscription.connection !== null && subscription.connection !== connection) return false;
    return subscription.decisions === "most" ? kind !== "schedule" : subscription.decisions.has(kind);
  }

  onDecision(line: string): void {
    this.outbox.event(line);
  }

  // ---- requests

  private async request(line: string): Promise<void> {
    let id: number | string | null = null;
    try {
      const request = parse(line);
      if (ID.problem(request["id"], "id") === null) id = request["id"] as number | string;
      const { method, params } = checked(request);
      const result = await this.answer(method, params);
      this.outbox.answer(JSON.stringify({ id, result }));
    } catch (error) {
      if (error instanceof ControlFailure) this.fail(id, error.code, error.message);
      else this.fail(id, "internal", error instanceof Error ? error.message : String(error));
    }
  }

  private answer(method: ControlMethod, params: unknown): unknown {
    if (method === "subscribe") return this.subscribe(params as ControlParams<"subscribe">);
    if (method === "unsubscribe") return this.listenTo(null);
    return this.owner.run(method, params);
  }

  private subscribe(params: ControlParams<"subscribe">): Record<never, never> {
    const { decisions, events } = params;
    return this.listenTo({
      events: new Set(events ?? (decisions === undefined ? SUBSCRIBABLE : [])),
      decisions: decisions === undefined ? null : decisions.length === 0 ? "most" : new Set(decisions),
      connection: this.owner.numberOf(params),
    });
  }

  private listenTo(subscription: Subscription | null): Record<never, never> {
    this.subscription = subscription;
    this.owner.subscriptionChanged();
    return {};
  }

  private fail(id: number | string | null, code: ControlErrorCode, message: string): void {
    this.outbox.answer(JSON.stringify({ id, error: { code, message: message.slice(0, 1024) } }));
  }
}

/** A request that is an object; its fields are looked up by own names alone, so that `__proto__` is one like any other. */
function parse(line: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new ControlFailure("invalid-json", "the line is no JSON");
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>;
  throw new ControlFailure("invalid-request", 'a request is an object: {"id":1,"method":"status"}');
}

/** @throws ControlFailure invalid-request, unknown-method, invalid-params */
function checked(request: Readonly<Record<string, unknown>>): { readonly method: ControlMethod; readonly params: unknown } {
  const unknown = Object.keys(request).find((key) => key !== "id" && key !== "method" && key !== "params");
  if (unknown !== undefined) throw new ControlFailure("invalid-request", `a request has id, method and params, not ${JSON.stringify(unknown.slice(0, 40))}`);
  const wrong = ID.problem(Object.hasOwn(request, "id") ? request["id"] : undefined, "id");
  if (wrong !== null) throw new ControlFailure("invalid-request", wrong);
  const method = Object.hasOwn(request, "method") ? request["method"] : undefined;
  if (typeof method !== "string") throw new ControlFailure("invalid-request", "method is text");
  if (!isMethod(method)) throw new ControlFailure("unknown-method", `there is no method ${JSON.stringify(method.slice(0, 40))}; there are ${Object.keys(METHODS).join(", ")}`);
  const params = Object.hasOwn(request, "params") ? request["params"] : {};
  const problem = METHODS[method].params.problem(params, "params");
  if (problem !== null) throw new ControlFailure("invalid-params", problem);
  return { method, params };
}

/** Octets of a request at the most. */
const LONGEST_LINE = 65_536;
