import { spawnSync } from "node:child_process";
import { COMMANDS, nstat } from "mptcp/drill";
import type { CommandOutcome } from "mptcp/drill";
import { readCounters } from "./counters.ts";
import type { Namespace } from "../system/namespace.ts";
import type { Promptness } from "../system/promptness.ts";
import type { Sysctl } from "../system/sysctl.ts";

/** The commands of shell lines, in a namespace: what of this machine's own programs keeps to the namespace, without a shell; nstat and sysctl without a process. */
export class Commands {
  private readonly namespace: Namespace;
  private readonly sysctl: Sysctl;
  private readonly promptness: Promptness;
  /** Counters as nstat showed them last. */
  private readonly history = new Map<string, number>();

  constructor(namespace: Namespace, sysctl: Sysctl, promptness: Promptness) {
    this.namespace = namespace;
    this.sysctl = sysctl;
    this.promptness = promptness;
  }

  run(words: readonly string[]): CommandOutcome {
    const [name = "", ...rest] = words;
    if (!COMMANDS.some((command) => command === name)) return { status: 127, output: "", errors: `${name}: no command of packet scripts\n` };
    if (name === "sysctl") return this.sysctl.run(rest);
    // A script asks for counters in the middle of what is timed, where it takes long to start a process.
    if (name === "nstat") return nstat(rest, this.namespace.inside(readCounters), this.history);
    const refused = REFUSED[name]?.(rest);
    if (refused !== undefined && refused !== null) return { status: 1, output: "", errors: `${name}: ${refused} is not carried out here\n` };
    const environment = { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin:/usr/bin:/bin`, LC_ALL: "C" };
    const run = () => spawnSync(name, rest, { env: environment, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], timeout: LONGEST, maxBuffer: MOST_OUTPUT });
    const { status, stdout, stderr, error } = this.namespace.inside(() => this.promptness.share(run));
    if (error !== undefined) return { status: 127, output: stdout ?? "", errors: `${stderr ?? ""}${name}: ${error.message}\n` };
    return { status: status ?? 128, output: stdout, errors: stderr };
  }
}

/** A word by which a command would leave the namespace, run something else, or read or write files; null: there is none. */
type Check = (words: readonly string[]) => string | null;

/** An option by any of the beginnings of its name, where the program takes such. */
const isOption = (word: string, names: readonly string[]): boolean => {
  const [name = ""] = word.replace(/^--/, "").split("=");
  return name !== "" && names.some((one) => one.startsWith(name));
};

/**
 * `ip` and `tc` take the beginning of a name for the name. Options stand before the object.
 * @param objects those that are of the namespace
 * @param words words that lead out of it wherever they stand
 */
const iproute2 =
  (objects: readonly string[], leading: readonly string[]): Check =>
  (words) => {
    const at = words.findIndex((word, index) => !word.startsWith("-") && !TAKES_ONE.includes(words[index - 1] ?? ""));
    const options = at < 0 ? words : words.slice(0, at);
    const bad = options.find((word) => word.startsWith("-") && !OPTIONS.test(word));
    if (bad !== undefined) return bad;
    const object = words[at];
    if (object !== undefined && !objects.some((one) => one.startsWith(object))) return object;
    return words.slice(at + 1).find((word) => leading.includes(word)) ?? null;
  };

/** Options of ethtool that change what a device of the namespace does for the stack. */
const FEATURES: readonly string[] = ["-K", "--features", "--offload"];

/** Options that only say how to show things. */
const OPTIONS = /^-{1,2}(4|6|0|s|stats|statistics|d|details|j|json|p|pretty|o|oneline|br|brief|r|resolve|N|Numeric|c|color|iec|i|human|h|f|family)$/;
/** `-f inet6`. */
const TAKES_ONE: readonly string[] = ["-f", "-family", "--family"];

const REFUSED: Readonly<Record<string, Check>> = {
  ip: iproute2(
    ["address", "link", "route", "rule", "neighbour", "neighbor", "mptcp", "tcp_metrics", "tcpmetrics", "maddress", "mroute", "nexthop", "token"],
    ["netns", "link-netns", "link-netnsid", "link-nsid", "xdp", "xdpgeneric", "xdpdrv", "xdpoffload", "bpf", "encap", "vf"],
  ),
  tc: iproute2(["qdisc", "class", "filter"], ["bpf", "object", "obj", "exec", "ematch", "xt", "ipt"]),
  ethtool: (words) => (FEATURES.includes(words[0] ?? "") ? null : (words[0] ?? "nothing")),
  ss: (words) => words.find((word) => word.startsWith("-") && (/^-\w*[NDF]/.test(word) || (word.startsWith("--") && isOption(word, ["net", "diag", "filter"])))) ?? null,
};

/** ms. */
const LONGEST = 10_000;
const MOST_OUTPUT = 1 << 22;
