import { InvalidArgumentError } from "commander";
import type { Command } from "commander";
import { probe } from "mptcp/node";
import type { ProbeOptions, ProbeReport, ProbeState, ProbeTarget } from "mptcp/node";
import { addHelp } from "./help.ts";
import { EXIT, exitOf } from "./io.ts";
import type { Colors, Io, Signal } from "./io.ts";
import { parseTun, parseUdp } from "./link-options.ts";
import type { LinkOption } from "./link-options.ts";
import { deviceOptions, openLinks, UsageProblem } from "./open-links.ts";
import { explain } from "./remedies.ts";
import { parsePort } from "./numbers.ts";

/** The flags of `mptcp probe`. */
export interface ProbeFlags {
  readonly udp: readonly LinkOption[];
  readonly tun: readonly LinkOption[];
  /** Text to send; "" for none. */
  readonly send: string;
  /** Longest wait for one answer, ms. */
  readonly timeout: number;
  readonly json: boolean;
}

/** Adds `mptcp probe` to the program; `done` gets its exit code. */
export function registerProbe(program: Command, io: Io, done: (code: number) => void): void {
  addHelp(program.command("probe"), HELP)
    .argument("<host>", "address or name of the peer; of a name, every address is tried")
    .argument("<port>", "its port", parsePort)
    .description("find out whether a peer speaks Multipath TCP, and what the path does to the options")
    .option("--udp <link>", "local=ADDR[:PORT][,mtu=N]: a link over UDP, to a peer that speaks TCP in UDP; may be repeated", (text: string, all?: readonly LinkOption[]) => parseUdp(text, all ?? []))
    .option("--tun <link>", "name=NAME,host=ADDR,kernel=ADDR/LEN[,mtu=N]: a link over a TUN device (root); may be repeated", (text: string, all?: readonly LinkOption[]) => parseTun(text, all ?? []))
    .option("--send <text>", "text to send, with \\r, \\n and \\t as in C", unescape)
    .option("--timeout <seconds>", "longest wait for one answer (default: 5)", parseSeconds)
    .option("--json", "print the report as JSON")
    .action(async (host: string, port: number, flags: Partial<ProbeFlags>) => done(await probeCommand(host, port, { ...DEFAULTS, ...flags }, io)));
}

/**
 * `mptcp probe HOST PORT`.
 * @returns 0 when the peer speaks Multipath TCP at one of its addresses at least, 1 when it does not, 2 when this host cannot ask, 3 when the peer
 * cannot be reached
 */
export async function probeCommand(host: string, port: number, flags: ProbeFlags, io: Io): Promise<number> {
  const interruption = new AbortController();
  let signal: Signal = "SIGINT";
  const cancel = io.onInterrupt((by) => {
    signal = by ?? "SIGINT";
    interruption.abort();
  });
  try {
    if (deviceOptions([...flags.udp, ...flags.tun]).length > 0) throw new UsageProblem("--udp dev= is for listen and connect: a probe leaves from an address, --udp local=ADDRESS");
    const links = (await openLinks([...flags.udp, ...flags.tun], [])).map(({ driver, address }) => ({ driver, addresses: [address] }));
    const options: ProbeOptions = { host, port, send: flags.send, timeout: flags.timeout, signal: interruption.signal, links };
    const report = await probe(options);
    io.stdout.write(flags.json ? `${JSON.stringify(report, null, 2)}\n` : describe(report, io.stdout.colors));
    if (!report.reachable) return EXIT_UNREACHABLE;
    return report.multipath ? EXIT.ok : EXIT.failed;
  } catch (error) {
    if (interruption.signal.aborted) return exitOf(signal);
    const code = (error as NodeJS.ErrnoException).code ?? "";
    io.stderr.write(`${explain(error)}\n`);
    // A name without an address is a peer that cannot be reached; all else is this host's, or the command line's.
    return !(error instanceof UsageProblem) && (code === "ENOTFOUND" || code === "EAI_AGAIN") ? EXIT_UNREACHABLE : EXIT.usage;
  } finally {
    cancel();
  }
}

function describe(report: ProbeReport, colors: Colors): string {
  const lines = [`${report.host} port ${report.port}, asked by ${report.via === "kernel" ? "the kernel's Multipath TCP" : "this library's engine"}`];
  for (const target of report.targets) lines.push("", ...describeTarget(target, colors));
  return `${lines.join("\n")}\n`;
}

function describeTarget(target: ProbeTarget, colors: Colors): readonly string[] {
  const paint = target.outcome === "multipath" ? colors.green : target.outcome === "tcp" ? colors.yellow : colors.red;
  const lines = [`${colors.bold(target.address)}  ${paint(target.summary)}`];
  for (const { state, did, came, verdict } of target.rows) {
    const shade: Readonly<Record<ProbeState, (text: string) => string>> = { ok: colors.green, note: colors.cyan, warn: colors.yellow, fail: colors.red, unknown: colors.dim };
    lines.push(`  ${shade[state](state.padEnd(8))}${did}`, `          came: ${came}`, `          ${colors.dim(verdict)}`);
  }
  return lines;
}

function unescape(text: string): string {
  return text.replaceAll(/\\([rnt\\])/g, (_, letter: string) => ESCAPES[letter] ?? letter);
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (text.trim() === "" || !(seconds > 0 && seconds <= 3600)) throw new InvalidArgumentError("It is a number of seconds up to 3600.");
  return Math.ceil(seconds * 1000);
}

const ESCAPES: Readonly<Record<string, string>> = { r: "\r", n: "\n", t: "\t", "\\": "\\" };

/** Nobody answers. */
const EXIT_UNREACHABLE = 3;

/** What an option is that is not given. */
const DEFAULTS: ProbeFlags = { udp: [], tun: [], send: "", timeout: 5000, json: false };

const HELP = `
With links, this program's own engine opens the connections and sees every packet: a second link of the same family tries a second subflow. Without
links the kernel's Multipath TCP is asked, which tells what became of its connections; its counters are those of the whole network namespace.

  mptcp probe example.org 443
  mptcp probe 192.0.2.7 80 --tun name=mp0,host=10.1.0.2,kernel=10.1.0.1/24 \\
      --send 'HEAD / HTTP/1.0\\r\\n\\r\\n'
  mptcp probe 127.0.0.1 5000 --udp local=127.0.0.3 --udp local=127.0.0.4

Exit codes: 0 the peer speaks Multipath TCP (at one of its addresses at least), 1 it does not, 2 wrong usage, or this host cannot
ask, 3 the peer cannot be reached, 130 interrupted.
`;
