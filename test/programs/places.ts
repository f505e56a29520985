import { kernelMptcp } from "../../packages/mptcp/src/node/index.ts";
import { kernelTestObstacle, Namespace } from "../../packages/mptcp/test/node/namespace.ts";
import { fileURLToPath } from "node:url";
import { build } from "../shared/build.ts";

const ROOT = new URL("../../", import.meta.url);
// What is compiled is loaded in half the time, by some sixty processes.
build();

/** What a process is started with. */
export interface Start {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** Where a program and its server run, and what is between them. */
export interface Place {
  /** Where the program finds its server. */
  readonly host: string;
  /** Where a server listens that speaks plain TCP alone. */
  readonly plainHost: string;
  /** Whether servers written in C speak Multipath TCP themselves. */
  readonly isNative: boolean;
  /** A program or server of the folder `programs`. */
  program(path: string, words: readonly (string | number)[]): Start;
  server(path: string, words: readonly (string | number)[]): Start;
  /** A server written in C; `isPlain` where it shall not speak Multipath TCP. */
  foreign(command: readonly string[], isPlain: boolean): Start;
  /** Counters of the program's host and of the server's, where `logs` is what their processes wrote to standard error. */
  counters(logs: { readonly program: string; readonly server: string }): readonly Counters[];
  close(): Promise<void>;
}

export type Counters = Readonly<Record<string, number>>;

/** Addresses of this machine that no other test uses: `place` is the program's number. */
function loopback(place: number, number: number): string {
  const { pid } = process;
  return `127.${64 + ((pid >> 8) & 63)}.${pid & 255}.${place * 8 + number}`;
}

const path = (name: string): string => fileURLToPath(new URL(name, ROOT));

function node(script: string, words: readonly (string | number)[], isRegistered: boolean): string[] {
  return [process.execPath, ...(isRegistered ? ["--import", "mptcp/register"] : []), path(`programs/${script}`), ...words.map(String)];
}

/** Nobody hears of Multipath TCP. */
export class PlainPlace implements Place {
  readonly isNative = true;
  readonly host: string;

  constructor(place: number) {
    this.host = loopback(place, 1);
  }

  get plainHost(): string {
    return this.host;
  }

  program(script: string, words: readonly (string | number)[]): Start {
    return { command: node(script, words, false), environment: {} };
  }

  server(script: string, words: readonly (string | number)[]): Start {
    return this.program(script, words);
  }

  foreign(command: readonly string[]): Start {
    return { command, environment: {} };
  }

  counters(): readonly Counters[] {
    return [];
  }

  async close(): Promise<void> {}
}

/** This library's engine, over two links at each end. */
export class UserspacePlace implements Place {
  readonly isNative = false;
  readonly plainHost: string;
  private readonly addresses: readonly string[];

  constructor(place: number) {
    this.plainHost = loopback(place, 1);
    this.addresses = [2, 3, 4, 5].map((number) => loopback(place, number));
  }

  get host(): string {
    return this.addresses[0] as string;
  }

  /** Those of the program's links. */
  get programAddresses(): readonly string[] {
    return this.addresses.slice(2);
  }

  program(script: string, words: readonly (string | number)[]): Start {
    return this.registered(script, words, this.programAddresses);
  }

  server(script: string, words: readonly (string | number)[]): Start {
    return this.registered(script, words, this.addresses.slice(0, 2));
  }

  private registered(script: string, words: readonly (string | number)[], links: readonly string[]): Start {
    return { command: node(script, words, true), environment: { MPTCP_VIA: "userspace", MPTCP_UDP: links.join(" "), MPTCP_EXCEPT: this.plainHost, MPTCP_LOG: "counters" } };
  }

  foreign(command: readonly string[]): Start {
    return { command, environment: {} };
  }

  counters({ program, server }: { readonly program: string; readonly server: string }): readonly Counters[] {
    return [program, server].map((log) => JSON.parse(/^mptcp: (\{.*\})$/m.exec(log)?.[1] ?? "{}") as Counters);
  }

  async close(): Promise<void> {}
}

/** The kernel's, between two namespaces with two cables. */
export class KernelPlace implements Place {
  readonly isNative = true;
  readonly host = "10.1.0.1";
  private readonly there = new Namespace();
  private readonly here = new Namespace();

  constructor() {
    const { there, here } = this;
    for (const cable of [1, 2]) {
      there.run("ip", "link", "add", `path${cable}`, "type", "veth", "peer", "name", `path${cable}`, "netns", here.name);
      [there, here].forEach((namespace, i) => {
        namespace.run("ip", "address", "add", `10.${cable}.0.${i + 1}/24`, "dev", `path${cable}`);
        namespace.run("ip", "link", "set", `path${cable}`, "up");
      });
    }
    for (const namespace of [there, here]) namespace.limits(4, 4);
    here.endpoint("10.2.0.2", "dev", "path2", "subflow");
  }

  get plainHost(): string {
    return "127.0.0.1";
  }

  program(script: string, words: readonly (string | number)[]): Start {
    return this.registered(this.here, script, words);
  }

  server(script: string, words: readonly (string | number)[]): Start {
    return this.registered(this.there, script, words);
  }

  private registered(namespace: Namespace, script: string, words: readonly (string | number)[]): Start {
    return { command: [...inside(namespace), ...node(script, words, true)], environment: { MPTCP_VIA: "kernel" } };
  }

  foreign(command: readonly string[], isPlain: boolean): Start {
    return { command: [...inside(this.there), ...(isPlain ? [] : ["mptcpize", "run"]), ...command], environment: {} };
  }

  counters(): readonly Counters[] {
    return [this.here, this.there].map((namespace) => Object.fromEntries(namespace.counters()));
  }

  async close(): Promise<void> {
    await this.here.close();
    await this.there.close();
  }
}

function inside(namespace: Namespace): string[] {
  return ["ip", "netns", "exec", namespace.name];
}

/** Why nothing can be run over the kernel's Multipath TCP here; null when it can. */
export function kernelObstacle(): string | null {
  const status = kernelMptcp();
  return status.available ? kernelTestObstacle() : status.reason;
}
