import { Duplex } from "node:stream";
import { Ajv } from "ajv";
import type { ValidateFunction } from "ajv";
import { expect } from "vitest";
import { ControlCore, controlSchema } from "../../src/node/control/index.ts";
import type { ControlEvent, ControlMethod, ControlOptions, ControlParams, ControlResult } from "../../src/node/control/index.ts";
import { createStack } from "../../src/node/index.ts";
import type { Socket, Stack, StackOptions } from "../../src/node/index.ts";
import { MemoryLink } from "./memory-link.ts";

const ajv = new Ajv({ strict: true, strictTypes: false, allErrors: false });
const schema = controlSchema() as { readonly $id: string };
ajv.addSchema(schema);
const anyMessage = compiled("");

function compiled(part: string): ValidateFunction {
  return ajv.compile({ $ref: `${schema.$id}#${part}` });
}

/** What a server sent, or a client does, has to be of the form that the schema says. */
export function expectMessage(message: unknown): void {
  if (!anyMessage(message)) expect.fail(`${JSON.stringify(message)}: ${ajv.errorsText(anyMessage.errors)}`);
}

/** Validators of answers, by method. */
const results = new Map<string, ValidateFunction>();

export function expectResult(method: string, result: unknown): void {
  const validate = results.get(method) ?? compiled(`/definitions/result.${method}`);
  results.set(method, validate);
  if (!validate(result)) expect.fail(`result of ${method}: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(result)}`);
}

/** Whether a message is one of the protocol's. */
export function isMessage(message: unknown): boolean {
  return anyMessage(message);
}

/** Two ends of a pipe in memory. */
export function pipe(): [Duplex, Duplex] {
  const ends: Duplex[] = [];
  const waiting: (null | (() => void))[] = [null, null];
  const make = (self: number): Duplex =>
    new Duplex({
      allowHalfOpen: true,
      read(): void {
        const resume = waiting[1 - self] ?? null;
        waiting[1 - self] = null;
        resume?.();
      },
      // What is not read yet holds up who writes, as in a system's buffer.
      write(chunk: Buffer, _encoding, done): void {
        const other = ends[1 - self] as Duplex;
        if (other.destroyed || other.push(chunk)) done();
        else waiting[self] = done;
      },
      final(done): void {
        (ends[1 - self] as Duplex).push(null);
        done();
      },
    });
  ends.push(make(0), make(1));
  return ends as [Duplex, Duplex];
}

/** A client at the other end of a pipe: everything that it hears is checked against the schema. */
export class Speaker {
  readonly messages: Record<string, unknown>[] = [];
  readonly stream: Duplex;
  readonly served: Promise<void>;
  private partial = "";
  private readonly waits: { readonly holds: () => boolean; readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];
  private lastId = 0;

  constructor(core: ControlCore) {
    const [ours, theirs] = pipe();
    this.stream = ours;
    this.served = core.serve(theirs);
    this.listen();
  }

  private listen(): void {
    this.stream.setEncoding("utf8").on("data", (text: string) => {
      const lines = (this.partial + text).split("\n");
      this.partial = lines.pop() ?? "";
      try {
        for (const line of lines) {
          const message = JSON.parse(line) as Record<string, unknown>;
          expectMessage(message);
          this.messages.push(message);
        }
      } catch (error) {
        for (const { reject } of this.waits.splice(0)) reject(error);
        this.stream.destroy();
      }
      for (const wait of this.waits.slice()) {
        if (!wait.holds()) continue;
        this.waits.splice(this.waits.indexOf(wait), 1);
        wait.resolve();
      }
    });
  }

  until(holds: () => boolean): Promise<void> {
    return holds() ? Promise.resolve() : new Promise((resolve, reject) => this.waits.push({ holds, resolve, reject }));
  }

  /** Sends a line as it is. */
  say(line: string): void {
    this.stream.write(`${line}\n`);
  }

  /** The answer to a line, whatever it is. */
  async answerTo(line: string): Promise<Record<string, unknown>> {
    const before = this.messages.length;
    this.say(line);
    const next = (): Record<string, unknown> | undefined => this.messages.slice(before).find((message) => "id" in message);
    await this.until(() => next() !== undefined);
    return next() as Record<string, unknown>;
  }

  async ask<M extends ControlMethod>(method: M, params: ControlParams<M>): Promise<ControlResult<M>> {
    const id = `request ${++this.lastId}`;
    const request = { id, method, params };
    expectMessage(request);
    this.say(JSON.stringify(request));
    const find = (): Record<string, unknown> | undefined => this.messages.find((message) => message["id"] === id);
    await this.until(() => find() !== undefined);
    const answer = find() as Record<string, unknown>;
    if ("error" in answer) throw Object.assign(new Error(JSON.stringify(answer["error"])), answer["error"]);
    expectResult(method, answer["result"]);
    return answer["result"] as ControlResult<M>;
  }

  /** Why a request is refused. */
  async refusal<M extends ControlMethod>(method: M, params: ControlParams<M>): Promise<{ readonly code: string; readonly message: string }> {
    const answer = await this.answerTo(JSON.stringify({ id: ++this.lastId, method, params }));
    return answer["error"] as { readonly code: string; readonly message: string };
  }

  get events(): readonly ControlEvent[] {
    return this.messages.filter((message) => "event" in message) as unknown as readonly ControlEvent[];
  }

  kinds(): readonly string[] {
    return this.events.map((event) => event.event);
  }
}

/** Two hosts with two cables between them, a connection that was opened on the first one, and a control at the client. */
export class Lab {
  readonly client: Stack;
  readonly server: Stack;
  readonly links: readonly MemoryLink[];
  readonly core: ControlCore;
  private readonly speakers: Speaker[] = [];

  constructor(options: Omit<StackOptions, "links"> = {}, control: ControlOptions = {}) {
    const cables = [MemoryLink.pair("10.0.0.1", "10.0.0.2"), MemoryLink.pair("10.1.0.1", "10.1.0.2")];
    this.links = cables.map(([left]) => left);
    this.client = createStack({ name: "client", ...options, links: this.links });
    this.server = createStack({ name: "server", links: cables.map(([, right]) => right) });
    this.core = new ControlCore(this.client.runtime, { title: "lab", ...control });
  }

  speaker(): Speaker {
    const speaker = new Speaker(this.core);
    this.speakers.push(speaker);
    return speaker;
  }

  /** Opens a connection to a server that sends back what comes, and waits for its `subflows`. */
  async connect(subflows = 2, port = 80): Promise<Socket> {
    const server = this.server.createServer((socket) => socket.on("error", () => {}).pipe(socket));
    await new Promise<void>((resolve) => server.listen(port, () => resolve()));
    const socket = this.client.connect(port, "10.0.0.2");
    socket.on("error", () => {});
    socket.write("hello");
    await new Promise((resolve) => socket.once("data", resolve));
    socket.resume();
    while (socket.mptcp.subflows.length < subflows) await new Promise((resolve) => setImmediate(resolve));
    return socket;
  }

  async close(): Promise<void> {
    for (const speaker of this.speakers) speaker.stream.destroy();
    this.core.end();
    await Promise.all([this.client.close(), this.server.close()]);
  }
}
