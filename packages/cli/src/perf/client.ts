import { once } from "node:events";
import type { AnySocket } from "mptcp/node";
import { dial } from "../dial.ts";
import { endpointText } from "../endpoint-text.ts";
import { EXIT, exitOf } from "../io.ts";
import type { Io, Signal } from "../io.ts";
import type { Network } from "../network.ts";
import { explain } from "../remedies.ts";
import { Channel, Gone, Late } from "./channel.ts";
import { Malformed } from "./check.ts";
import { directionsOf, LONGEST_RESULT, OtherVersion, PROTOCOL, readAnswer, readWord, VERSION } from "./protocol.ts";
import type { EndFigures, Test } from "./protocol.ts";
import { Report } from "./report.ts";
import { TestRun } from "./test-run.ts";

export interface PerfClientFlags {
  readonly json: boolean;
  /** Seconds to try again while nobody listens there; 0: not at all. */
  readonly wait: number;
}

/** Runs one test with a server and tells its result. @returns the exit code */
export async function perfClient(host: string, port: number, test: Test, flags: PerfClientFlags, network: Network, io: Io, stopped: Promise<Signal>): Promise<number> {
  const client = new PerfClient(host, port, test, flags, network, io);
  let signal: Signal | null = null;
  const interrupted = stopped.then((asked) => void (signal = asked));
  const outcome = await Promise.race([client.run(stopped).then(() => null, (error: unknown) => client.explain(error)), interrupted.then(() => "interrupted")]);
  client.end(signal === null ? outcome : "interrupted");
  if (signal !== null) return exitOf(signal);
  return outcome === null ? EXIT.ok : EXIT.failed;
}

class PerfClient {
  private readonly peer: string;
  private readonly host: string;
  private readonly port: number;
  private readonly test: Test;
  private readonly flags: PerfClientFlags;
  private readonly network: Network;
  private readonly io: Io;
  private readonly report: Report;
  private readonly sockets: AnySocket[] = [];
  private channel: Channel | null = null;
  private testRun: TestRun | null = null;
  private server: EndFigures | null = null;
  /** Whether the peer has shown that it is a server of this protocol. */
  private isKnown = false;

  constructor(host: string, port: number, test: Test, flags: PerfClientFlags, network: Network, io: Io) {
    this.peer = endpointText(host, port);
    this.host = host;
    this.port = port;
    this.test = test;
    this.flags = flags;
    this.network = network;
    this.io = io;
    this.report = new Report(test, flags.json, io);
  }

  /** @throws why it came to nothing */
  async run(stopped: Promise<Signal>): Promise<void> {
    const control = await dial(this.network, this.host, this.port, this.flags.wait, this.io, stopped);
    if (typeof control === "string") return;
    control.setNoDelay(true);
    const channel = new Channel(control, LONGEST_RESULT);
    this.channel = channel;
    channel.send({ protocol: PROTOCOL, version: VERSION, kind: "test", test: this.test });
    const answer = readAnswer(await channel.next(SECONDS_FOR_ANSWER));
    this.isKnown = true;
    if (answer.kind === "refused") throw new Refusal(answer.message);
    const headers: number[] = [];
    const count = directionsOf(this.test).length * this.test.streams;
    await Promise.all(Array.from({ length: count }, (_, stream) => this.openStream(answer.key, stream, headers)));
    await this.expect(channel, "start", SECONDS_FOR_ANSWER + SECONDS_FOR_END);
    this.report.begin(this.peer, this.network.via, this.sockets);
    const run = new TestRun(this.test, "client", this.sockets, (stream) => headers[stream] ?? 0, () => this.io.clock(), (direction, figures) => this.report.interval(direction, figures));
    this.testRun = run;
    // What the server says before its result is that it has failed.
    const result = this.resultOf(channel);
    result.catch(() => {});
    await Promise.race([run.done, result.then(() => Promise.reject(new Malformed("it has a result before the test is over")))]);
    if (this.test.timeMilliseconds !== null) run.finish();
    channel.send({ kind: "done" });
    this.server = await result;
    run.finish();
  }

  /** Closes everything, and prints what there is. @param error null when all went well */
  end(error: string | null): void {
    if (error !== null) this.channel?.send({ kind: "failed", message: error.slice(0, 500).replaceAll(/[^\u0020-\u007E]/g, "?") });
    this.testRun?.finish();
    const own = this.testRun?.figures(this.network.via) ?? null;
    this.testRun?.close();
    for (const socket of this.sockets) if (!socket.destroyed) socket.resetAndDestroy();
    this.report.end(own, this.server, error);
  }

  /** An error as a line for people. */
  explain(error: unknown): string {
    if (error instanceof Refusal) return `${this.peer} refuses: ${error.message}`;
    if (error instanceof OtherVersion) return `${this.peer}: ${error.message}`;
    const isOfPeer = error instanceof Malformed || error instanceof Gone || error instanceof Late;
    if (!isOfPeer) return explain(error);
    return this.isKnown ? `${this.peer}: ${error.message}` : `${this.peer} is no server of mptcp perf (mptcp perf --server): ${error.message}`;
  }

  private async openStream(key: string, stream: number, headers: number[]): Promise<void> {
    const socket = this.network.connect(this.host, this.port);
    this.sockets[stream] = socket;
    // Until the test runs, which hears of it by itself.
    socket.on("error", () => {});
    await once(socket, "connect");
    const header = `${JSON.stringify({ protocol: PROTOCOL, version: VERSION, kind: "stream", key, stream })}\n`;
    headers[stream] = header.length;
    socket.write(header);
  }

  private async resultOf(channel: Channel): Promise<EndFigures> {
    const { timeMilliseconds } = this.test;
    const longest = timeMilliseconds === null ? LONGEST_WAIT : timeMilliseconds / 1000 + SECONDS_FOR_END;
    const word = readWord(await channel.next(longest));
    if (word.kind === "failed") throw new Refusal(word.message);
    if (word.kind !== "result") throw new Malformed(`it says ${word.kind} where a result is due`);
    for (const direction of directionsOf(this.test)) if (word.figures[direction] === null) throw new Malformed("its result lacks a direction");
    return word.figures;
  }

  private async expect(channel: Channel, kind: "start", seconds: number): Promise<void> {
    const word = readWord(await channel.next(seconds));
    if (word.kind === "failed") throw new Refusal(word.message);
    if (word.kind !== kind) throw new Malformed(`it says ${word.kind} where ${kind} is due`);
  }
}

/** The server says that it will not, or cannot. */
class Refusal extends Error {}

const SECONDS_FOR_ANSWER = 10;
const SECONDS_FOR_END = 15;
/** Of a test of bytes, which ends when nothing moves any more, s. */
const LONGEST_WAIT = 86_400;
