import { Shell, type ShellWorld } from "../../../src/drill/shell/index.ts";
import type { CommandOutcome } from "../../../src/drill/system/index.ts";

/** A stack that has sysctls and counters, and writes down what it was told. */
export class FakeWorld implements ShellWorld {
  readonly calls: string[] = [];
  readonly sysctls = new Map([["net.ipv4.tcp_sack", "1"], ["net.ipv4.tcp_rmem", "4096\t131072\t6291456"], ["net.mptcp.enabled", "0"]]);
  readonly files: Map<string, string>;
  readonly environment = new Map([["OPT_LOCAL_IP", "192.168.0.1"], ["OPT_IP_VERSION", "ipv4"], ["OPT_NETMASK_IP", "255.255.0.0"], ["OPT_LOCAL_DEV", "tun0"]]);
  slept = 0;

  constructor(files: Readonly<Record<string, string>> = {}) {
    this.files = new Map(Object.entries(files));
  }

  readFile = (path: string): string | null => this.files.get(path) ?? null;

  sleep(nanoseconds: number): void {
    this.slept += nanoseconds;
  }

  command(words: readonly string[]): CommandOutcome {
    this.calls.push(words.join(" "));
    const [name, ...rest] = words;
    if (name === "sysctl") return this.#sysctl(rest);
    if (name === "nstat") return this.#nstat(rest);
    if (name === "ss") return { status: 0, output: 'ESTAB 0 0 192.168.0.1:8080 192.0.2.1:4000\n\t subflows:1 subflows_total:2\n', errors: "" };
    return { status: 0, output: "", errors: "" };
  }

  #sysctl(words: readonly string[]): CommandOutcome {
    for (const word of words.filter((each) => !each.startsWith("-"))) {
      const [key = "", value] = word.split("=");
      const name = key.replaceAll("/", ".");
      if (!this.sysctls.has(name)) return { status: 255, output: "", errors: `there is no sysctl ${name}\n` };
      if (value === undefined) return { status: 0, output: `${words.includes("-n") ? "" : `${name} = `}${this.sysctls.get(name)}\n`, errors: "" };
      this.sysctls.set(name, value);
    }
    return { status: 0, output: "", errors: "" };
  }

  #nstat(words: readonly string[]): CommandOutcome {
    if (words.some((word) => word.includes("j"))) return { status: 0, output: '{"kernel":{"MPTcpExtMPCapableSYNRX":1,"TcpExtBeyondWindow":0}}\n', errors: "" };
    return { status: 0, output: "#kernel\nTcpExtBeyondWindow              3                  0.0\nMPTcpExtMPCapableSYNRX          1                  0.0\n", errors: "" };
  }
}

/** What a line writes; its status and errors, if there are any, behind it. */
export function shown(text: string, world = new FakeWorld()): string {
  const { status, output, errors } = new Shell(world).run(text);
  return output + (errors === "" ? "" : `[${errors.trimEnd()}]`) + (status === 0 ? "" : `(${status})`);
}
