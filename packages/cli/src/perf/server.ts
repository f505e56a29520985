import { randomBytes } from "node:crypto";
import type { AnySocket } from "mptcp/node";
import { EXIT, exitOf } from "../io.ts";
import type { Io, Signal } from "../io.ts";
import type { Network } from "../network.ts";
import { endpointText } from "../endpoint-text.ts";
import { explain } from "../remedies.ts";
import { Channel, firstLine, Late } from "./channel.ts";
import { Malformed } from "./check.ts";
import { directionsOf, LONGEST_REQUEST, OtherVersion, PROTOCOL, readHello, readWord, VERSION } from "./protocol.ts";
import type { EndFigures, Hello, Test } from "./protocol.ts";
import { describeServed, testText } from "./report.ts";
import { TestRun } from "./test-run.ts";

export interface PerfServerFlags {
  /** End after one test. */
  readonly oneOff: boolean;
  readonly json: boolean;
}

/** A test that a server is at. */
interface Current {
  readonly key: string;
  /** Its connections, by number; those that are not there yet are missing. */
  readonly sockets: (AnySocket | undefined)[];
  /** Hears that one more is there. */
  arrived: () => void;
}

/** Serves test after test, one at a time, until it is asked to end. */
export class PerfServer {
  private readonly network: Network;
  private readonly flags: PerfServerFlags;
  private readonly io: Io;
  private readonly open = new Set<AnySocket>();
  /** Connections whose first line has not come. */
  private unknown = 0;
  private current: Current | null = null;
  private tests = 0;
  private onServed: ((isGood: boolean) => void) | null = null;
  private stopped: Signal | null = null;

  constructor(network: Network, flags: PerfServerFlags, io: Io) {
    this.network = network;
    this.flags = flags;
    this.io = io;
  }

  /** @returns the exit code */
  async serve(port: number, stopped: Promise<Signal>): Promise<number> {
    const served = new Promise<boolean>((resolve) => {
      if (this.flags.oneOff) this.onServed = resolve;
    });
    const where = await this.network.listen(port, (socket) => this.take(socket));
    this.io.stderr.write(`listening on ${where}\n`);
    const outcome = await Promise.race([served, stopped]);
    if (typeof outcome === "boolean") {
      await this.network.settled();
      return outcome ? EXIT.ok : EXIT.failed;
    }
    this.stopped = outcome;
    for (const socket of this.open) socket.resetAndDestroy();
    return exitOf(outcome);
  }

  private take(socket: AnySocket): void {
    this.open.add(socket);
    socket.on("error", () => {}).once("close", () => this.open.delete(socket));
    socket.setNoDelay(true);
    if (this.unknown >= MOST_UNKNOWN) {
      socket.resetAndDestroy();
      return;
    }
    this.unknown++;
    const name = endpointText(socket.remoteAddress ?? "?", socket.remotePort ?? 0);
    firstLine(socket, LONGEST_REQUEST, SECONDS_FOR_HELLO)
      .finally(() => this.unknown--)
      .then((line) => this.greet(readHello(line), socket, name))
      .catch((error: unknown) => {
        if (this.stopped !== null) return;
        if (error instanceof OtherVersion) refuse(socket, error.message);
        else socket.resetAndDestroy();
        const why = error instanceof Malformed || error instanceof Late || error instanceof OtherVersion ? error.message : explain(error);
        this.io.stderr.write(`${name} is no client of mptcp perf: ${why}\n`);
      });
  }

  private greet(hello: Hello, socket: AnySocket, name: string): void {
    const { current } = this;
    if (hello.kind === "stream") {
      // Whoever has not the key, or comes twice, has no part in the test.
      if (current === null || hello.key !== current.key || current.sockets[hello.stream] !== undefined) socket.resetAndDestroy();
      else {
        current.sockets[hello.stream] = socket;
        current.arrived();
      }
      return;
    }
    if (current !== null) {
      refuse(socket, "busy: it is at the test of another client; try again later");
      this.io.stderr.write(`${name} turned away: busy\n`);
      return;
    }
    const test: Current = { key: randomBytes(16).toString("hex"), sockets: [], arrived: () => {} };
    this.current = test;
    const number = ++this.tests;
    void this.run(hello.test, test, new Channel(socket, LONGEST_REQUEST))
      .then((figures) => this.told(number, name, hello.test, figures, null))
      .catch((error: unknown) => this.told(number, name, hello.test, null, error instanceof Error ? explain(error) : String(error)))
      .finally(() => {
        this.current = null;
        for (const stream of test.sockets) if (stream !== undefined && !stream.destroyed) stream.resetAndDestroy();
        socket.destroySoon();
      });
  }

  /** @throws why the test came to nothing */
  private async run(test: Test, current: Current, channel: Channel): Promise<EndFigures> {
    channel.send({ protocol: PROTOCOL, version: VERSION, kind: "accepted", key: current.key });
    // What the client says meanwhile is that it is done, or has failed.
    const done = this.wordOf(channel, test);
    done.catch(() => {});
    const count = directionsOf(test).length * test.streams;
    await Promise.race([this.arrivalOf(current, count), done.then(() => Promise.reject(new Malformed("it is done before it has begun")))]);
    const run = new TestRun(test, "server", current.sockets as AnySocket[], () => 0, () => this.io.clock(), () => {});
    try {
      channel.send({ kind: "start" });
      await soon(Promise.all([run.done, done]), test.timeMilliseconds === null ? LONGEST_WAIT : test.timeMilliseconds / 1000 + SECONDS_FOR_END);
      run.finish();
      const figures = run.figures(this.network.via);
      channel.send({ kind: "result", figures });
      return figures;
    } catch (error) {
      if (!(error instanceof Error && "isTheirs" in error)) channel.send({ kind: "failed", message: error instanceof Error ? error.message.slice(0, 500) : "" });
      throw error;
    } finally {
      run.close();
    }
  }

  /** Until the client is done. @throws what it says, or that it says nothing any more */
  private async wordOf(channel: Channel, test: Test): Promise<void> {
    const longest = test.timeMilliseconds === null ? LONGEST_WAIT : test.timeMilliseconds / 1000 + SECONDS_FOR_STREAMS + SECONDS_FOR_END;
    const word = readWord(await channel.next(longest));
    if (word.kind === "failed") throw Object.assign(new Error(`the client says: ${word.message}`), { isTheirs: true });
    if (word.kind !== "done") throw new Malformed("it says what only a server says");
  }

  private async arrivalOf(current: Current, count: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`its connections have not all come within ${SECONDS_FOR_STREAMS} s`)), SECONDS_FOR_STREAMS * 1000).unref();
      current.arrived = () => {
        if (current.sockets.length > count) reject(new Malformed("it has more connections than it asked for"));
        else if (current.sockets.length === count && !current.sockets.includes(undefined)) resolve();
      };
    }).finally(() => clearTimeout(timer));
  }

  private told(number: number, name: string, test: Test, figures: EndFigures | null, error: string | null): void {
    if (this.stopped !== null) return;
    if (this.flags.json) this.io.stdout.write(`${JSON.stringify({ test: number, peer: name, asked: test, error, server: figures })}\n`);
    else this.io.stdout.write(`test ${number} of ${name}, ${testText(test)}: ${error ?? describeServed(figures as EndFigures)}\n`);
    this.onServed?.(error === null);
  }
}

function refuse(socket: AnySocket, message: string): void {
  socket.end(`${JSON.stringify({ protocol: PROTOCOL, version: VERSION, kind: "refused", message })}\n`);
  socket.resume();
  setTimeout(() => socket.destroy(), SECONDS_FOR_END * 1000).unref();
}

/** @throws Late when `promise` is not fulfilled in time: whoever vanished without a word is not waited for */
async function soon(promise: Promise<unknown>, seconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Late(seconds)), Math.min(seconds, LONGEST_WAIT) * 1000);
  });
  await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const SECONDS_FOR_HELLO = 10;
const SECONDS_FOR_STREAMS = 20;
const SECONDS_FOR_END = 15;
/** Of a test of bytes, which ends when nothing moves any more, s. */
const LONGEST_WAIT = 86_400;
/** Connections at a time that have not said what they want. */
const MOST_UNKNOWN = 256;
