import type { Command } from "commander";
import { SUBFLOW_END_REASONS } from "mptcp";
import { describeEvent } from "mptcp/capture";
import type { ConnectionReference, ControlClient, ControlEvent } from "mptcp/node";
import { clientOf, NoProcess, parseConnection } from "./control-target.ts";
import { addHelp } from "./help.ts";
import { EXIT, exitOf } from "./io.ts";
import type { Colors, Io, Signal } from "./io.ts";
import { endpointLines, pairText } from "./status-text.ts";

/** The flags of `mptcp monitor`. */
export interface MonitorFlags {
  readonly json: boolean;
  readonly decisions: boolean;
  readonly connection?: ConnectionReference;
}

/** Adds `mptcp monitor` to the program; `done` gets its exit code. */
export function registerMonitor(program: Command, io: Io, done: (code: number) => void): void {
  addHelp(program.command("monitor"), HELP)
    .argument("[process]", "number of a process, or path of its control socket (without: the one that there is)")
    .description("print what happens to the connections and subflows of a running process, a line an event")
    .option("--json", "print events as JSON, as they come over the control socket")
    .option("--decisions", "the decision log too: retransmissions, reinjections, windows, states of TCP, ...")
    .option("--connection <token>", "of one connection alone: its number, or its token", parseConnection)
    .action(async (target: string | undefined, flags: MonitorFlags) => done(await monitorCommand(target, flags, io)));
}

/** `mptcp monitor`. @returns 0 when the process, or who read what it tells, ended, 1 when there is none, 130 and 143 when it was interrupted */
export async function monitorCommand(target: string | undefined, flags: MonitorFlags, io: Io): Promise<number> {
  let client: ControlClient | null = null;
  let stop!: (signal: Signal) => void;
  const stopped = new Promise<Signal>((resolve) => (stop = resolve));
  const cancel = io.onInterrupt((signal) => stop(signal ?? "SIGINT"));
  try {
    client = await clientOf(target);
    const { colors } = io.stdout;
    client.onEvent = (event) => io.stdout.write(flags.json ? `${JSON.stringify(event)}\n` : `${eventText(event, colors)}\n`);
    const { connection = {} } = flags;
    await client.request("subscribe", flags.decisions ? { ...connection, events: [...EVENTS], decisions: [] } : connection);
    const { pid, title } = client.hello;
    io.stderr.write(`monitoring process ${pid}, ${title}\n`);
    const { unread = new Promise<never>(() => {}) } = io.stdout;
    const outcome = await Promise.race([stopped, client.closed.then(() => null), unread.then(() => "unread" as const)]);
    if (outcome === "unread") return EXIT.ok;
    if (outcome !== null) return exitOf(outcome);
    io.stderr.write(`${await isGone(pid) ? `process ${pid} has ended` : `process ${pid} has closed its control socket`}\n`);
    return EXIT.ok;
  } catch (error) {
    io.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    if (error instanceof NoProcess || (error instanceof Error && "code" in error)) return EXIT.failed;
    throw error;
  } finally {
    cancel();
    client?.close();
  }
}

/** An event as a line for people. */
export function eventText(event: ControlEvent, colors: Colors): string {
  const time = colors.dim(timeText(event.atMicroseconds));
  if (event.event === "lost") return `${time} ${colors.yellow(`${event.count} events were not told, since this was too slow`)}`;
  if (event.event === "decision") {
    const text = describeEvent(event.decision as unknown as Parameters<typeof describeEvent>[0]);
    return `${time} ${colors.dim("decision".padEnd(KIND))} ${whereOf(event, decidedOn(event.decision))} ${text.slice(text.indexOf(": ") + 2)}`;
  }
  if (event.event === "endpoint-added" || event.event === "endpoint-removed") {
    const what = event.event === "endpoint-removed" ? event.address : (endpointLines([event.endpoint])[0] ?? "");
    return `${time} ${colors.bold(event.event.padEnd(KIND))} ${what}`;
  }
  const where = whereOf(event, "subflow" in event ? event.subflow : null);
  return `${time} ${colors.bold(event.event.padEnd(KIND))} ${where} ${detailOf(event)}`.trimEnd();
}

function detailOf(event: Exclude<ControlEvent, { readonly event: "lost" | "decision" | "endpoint-added" | "endpoint-removed" }>): string {
  switch (event.event) {
    case "created":
      return words(`token ${event.token ?? "-"}`, pairText(event), event.initiator ? "client" : "server", !event.multipath && "regular TCP");
    case "established":
      return "the peer has our key: subflows may be added";
    case "closed":
      return event.reason;
    case "fallback":
      return event.reason;
    case "announced":
      return words(`id ${event.addressId} ${event.address}`, event.port !== null && `port ${event.port}`);
    case "removed":
      return `id ${event.addressId}`;
    case "sub-established":
      return words(pairText(event), event.backup && "backup", event.initiator ? "opened" : "accepted");
    case "sub-closed":
      return words(pairText(event), event.backup && "backup", reasonText(event.reason));
    case "sub-priority":
      return words(pairText(event), event.backup ? "backup" : "no backup any more", event.by === "local" ? "said here" : "said by the peer");
  }
}

function words(...given: readonly (string | false)[]): string {
  return given.filter((word) => word !== false && word !== "").join(" ");
}

function reasonText(reason: string): string {
  const known: Readonly<Record<string, { readonly text: string }>> = SUBFLOW_END_REASONS;
  return Object.hasOwn(known, reason) ? `${reason}: ${known[reason]?.text ?? ""}` : reason;
}

function whereOf({ connection }: { readonly connection: number | null }, subflow: number | null): string {
  return `#${connection ?? "-"}${subflow === null || subflow < 0 ? "" : `.${subflow}`}`.padEnd(WHERE);
}

function decidedOn(decision: Readonly<Record<string, unknown>>): number | null {
  return typeof decision["subflow"] === "number" ? decision["subflow"] : null;
}

/** "13:45:01.123456", of this place's clock. */
function timeText(microseconds: number): string {
  const date = new Date(Math.floor(microseconds / 1000));
  const parts = [date.getHours(), date.getMinutes(), date.getSeconds()].map((value) => String(value).padStart(2, "0"));
  return `${parts.join(":")}.${String(microseconds % 1_000_000).padStart(6, "0")}`;
}

/** Whether a process is gone, for which it has a moment. */
async function isGone(pid: number): Promise<boolean> {
  for (let tries = 0; tries < 20; tries++) {
    try {
      process.kill(pid, 0);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === "ESRCH";
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}

const EVENTS = ["created", "established", "closed", "announced", "removed", "sub-established", "sub-closed", "sub-priority", "fallback", "endpoint-added", "endpoint-removed"] as const;
/** Widths of columns. */
const KIND = 16;
const WHERE = 5;

const HELP = `
Events have the names of the kernel's (ip mptcp monitor): created, established, closed, announced, removed, sub-established, sub-closed,
sub-priority; and fallback, endpoint-added, endpoint-removed. #2.3 is subflow 3 of connection 2.

Examples:
  mptcp monitor
  mptcp monitor 4242 --decisions
  mptcp monitor --connection 5fc00a83 --json \\
      | jq -c 'select(.event == "sub-closed")'

Exit codes: 0 the process has ended, 1 there is none, or several to choose from, 2 wrong usage, 130 interrupted (Ctrl-C).
`;
