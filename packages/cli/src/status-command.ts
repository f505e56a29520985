import { InvalidArgumentError } from "commander";
import type { Command } from "commander";
import { connectControl } from "mptcp/node";
import type { ControlClient, ControlStatus } from "mptcp/node";
import { controlsOf, NoProcess } from "./control-target.ts";
import { addHelp } from "./help.ts";
import { EXIT, exitOf } from "./io.ts";
import type { Io, Signal } from "./io.ts";
import { MeasuredRates, processText } from "./status-text.ts";

/** The flags of `mptcp status`. */
export interface StatusFlags {
  readonly json: boolean;
  readonly counters: boolean;
  /** Seconds between two looks; null: once. */
  readonly watch: number | null;
}

/** Adds `mptcp status` to the program; `done` gets its exit code. */
export function registerStatus(program: Command, io: Io, done: (code: number) => void): void {
  addHelp(program.command("status"), HELP)
    .argument("[process]", "number of a process, or path of its control socket (without: every process of yours)")
    .description("show connections of running processes, their subflows, and what decides in them")
    .option("--json", "print it as JSON, an object a process")
    .option("--counters", "the host's counters too, by the names of the kernel's MIB (nstat)")
    .option("--watch [seconds]", "again and again, every second unless told otherwise", parsePeriod)
    .action(async (target: string | undefined, { watch, ...flags }: { json: boolean; counters: boolean; watch?: number | true }) => {
      done(await statusCommand(target, { ...flags, watch: watch === true ? 1 : (watch ?? null) }, io));
    });
}

/** `mptcp status`. @returns 0 when there was a process to tell of, 1 when there was none */
export async function statusCommand(target: string | undefined, flags: StatusFlags, io: Io): Promise<number> {
  const clients: ControlClient[] = [];
  try {
    const found = await controlsOf(target);
    for (const outcome of await Promise.allSettled(found.map(({ path }) => connectControl(path)))) {
      if (outcome.status === "fulfilled") clients.push(outcome.value);
      else io.stderr.write(`${outcome.reason instanceof Error ? outcome.reason.message : String(outcome.reason)}\n`);
    }
    if (clients.length === 0) return EXIT.failed;
    return await (flags.watch === null ? show(clients, flags, io) : keepShowing(clients, flags.watch, flags, io));
  } catch (error) {
    if (!(error instanceof NoProcess)) throw error;
    io.stderr.write(`${error.message}\n`);
    return EXIT.failed;
  } finally {
    for (const client of clients) client.close();
  }
}

/** Once; people see rates, for which it looks twice. */
async function show(clients: readonly ControlClient[], flags: StatusFlags, io: Io): Promise<number> {
  const first = await statesOf(clients, flags.counters);
  if (flags.json) {
    io.stdout.write(`${JSON.stringify(first.map(({ client, status }) => ({ ...client.hello, status })), null, 2)}\n`);
    return first.length > 0 ? EXIT.ok : EXIT.failed;
  }
  const carries = first.some(({ status }) => status.connections.length > 0);
  if (carries) await new Promise((resolve) => setTimeout(resolve, LOOK));
  const states = carries ? await statesOf(clients, flags.counters) : first;
  const before = new Map(carries ? first.map(({ client, status }) => [client, status]) : []);
  io.stdout.write(textOf(states, before, flags, io));
  return states.length > 0 ? EXIT.ok : EXIT.failed;
}

/** Until Ctrl-C, until no process is left, or until nobody reads it any more. */
async function keepShowing(clients: readonly ControlClient[], seconds: number, flags: StatusFlags, io: Io): Promise<number> {
  let before = new Map<ControlClient, ControlStatus>();
  let stop!: (signal: Signal) => void;
  const stopped = new Promise<Signal>((resolve) => (stop = resolve));
  const cancel = io.onInterrupt((signal) => stop(signal ?? "SIGINT"));
  const reader = { isThere: true };
  void io.stdout.unread?.then(() => (reader.isThere = false));
  try {
    while (reader.isThere) {
      const states = await statesOf(clients, flags.counters);
      if (states.length === 0) {
        io.stderr.write("no process is left\n");
        return EXIT.ok;
      }
      if (flags.json) for (const { client, status } of states) io.stdout.write(`${JSON.stringify({ ...client.hello, status })}\n`);
      else io.stdout.write((io.stdout.columns > 0 ? CLEAR : "") + textOf(states, before, flags, io) + (io.stdout.columns > 0 ? "" : "\n"));
      before = new Map(states.map(({ client, status }) => [client, status]));
      const outcome = await signalWithin(stopped, seconds);
      if (outcome !== null) return exitOf(outcome);
    }
    return EXIT.ok;
  } finally {
    cancel();
  }
}

interface State {
  readonly client: ControlClient;
  readonly status: ControlStatus;
}

/** Those that ended meanwhile are left out. */
async function statesOf(clients: readonly ControlClient[], counters: boolean): Promise<readonly State[]> {
  const outcomes = await Promise.allSettled(clients.map(async (client) => ({ client, status: await client.request("status", { counters }) })));
  return outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
}

function textOf(states: readonly State[], before: ReadonlyMap<ControlClient, ControlStatus>, flags: StatusFlags, io: Io): string {
  const texts = states.map(({ client, status }) => processText({ hello: client.hello, status }, new MeasuredRates(before.get(client) ?? null, status), flags.counters, io.stdout.colors));
  return texts.join("\n");
}

/** A signal, or null when the time is over. */
function signalWithin(stopped: Promise<Signal>, seconds: number): Promise<Signal | null> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(null), 1000 * seconds);
    void stopped.then((signal) => {
      clearTimeout(timer);
      resolve(signal);
    });
  });
}

function parsePeriod(text: string): number {
  const seconds = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || seconds < 0.05 || seconds > 86_400) throw new InvalidArgumentError("It takes a number of seconds, from 0.05 on.");
  return seconds;
}

/** Between the two looks that rates are measured by, ms. */
const LOOK = 250;
/** To the upper left, and away with what is there. */
const CLEAR = "\u001B[H\u001B[J";

const HELP = `
Every process of yours that has a control socket is shown: mptcp listen and mptcp connect, and programs that open one.
The first line of a connection is its own, the others are its subflows'. Rates are those of the last moments; "resent" was sent again: on the same subflow, or
where it is the connection's on another one.

Examples:
  mptcp status
  mptcp status 4242 --counters
  mptcp status /run/user/1000/mptcp/4242.sock --json \\
      | jq '.[0].status.connections[].subflows[].rttMicroseconds'
  mptcp status --watch

Exit codes: 0 there was a process to tell of, 1 there was none, 2 wrong usage, 130 interrupted while it watched.
`;
