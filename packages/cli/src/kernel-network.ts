import { readFileSync } from "node:fs";
import { connect, createServer } from "mptcp/node";
import type { AnyServer, AnySocket } from "mptcp/node";
import type { Network } from "./network.ts";

/** The kernel's own Multipath TCP, with the paths that `ip mptcp` gave it. It speaks TCP where a peer speaks nothing else. */
export class KernelNetwork implements Network {
  readonly via = "kernel";
  readonly followsDevices = false;
  private readonly before = multipathCounters();
  private readonly servers: AnyServer[] = [];

  connect(host: string, port: number): AnySocket {
    return connect({ via: "kernel", host, port, allowHalfOpen: true });
  }

  /** Which way it takes is the kernel's choice. */
  alternatives(): readonly string[] {
    return [];
  }

  async listen(port: number, onConnection: (connection: AnySocket) => void): Promise<string> {
    const server = createServer({ via: "kernel", allowHalfOpen: true }, onConnection);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, () => resolve());
    });
    this.servers.push(server);
    return `port ${port} of every address`;
  }

  /** `ss -M` and `ip mptcp` look at the kernel's connections, and command them. */
  openControl(): Promise<void> {
    return Promise.resolve();
  }

  counters(): Readonly<Record<string, number>> {
    const now = Array.from(multipathCounters(), ([name, value]) => [name, value - (this.before.get(name) ?? 0)] as const);
    return Object.fromEntries(now.filter(([, value]) => value !== 0));
  }

  /** The kernel goes on by itself. */
  settled(): Promise<string | null> {
    return Promise.resolve(null);
  }

  /** The kernel tells nothing by itself. */
  watch(): () => void {
    return () => {};
  }

  close(): Promise<string | null> {
    // Connections have been ended or reset by now: they are not waited for.
    for (const server of this.servers) server.close();
    return Promise.resolve(null);
  }
}

/** The group MPTcpExt of /proc/net/netstat: lines of names, each followed by one of values. */
function multipathCounters(): ReadonlyMap<string, number> {
  let text: string;
  try {
    text = readFileSync("/proc/net/netstat", "utf8");
  } catch {
    return new Map();
  }
  const [names = [], values = []] = text.split("\n").filter((line) => line.startsWith("MPTcpExt:")).map((line) => line.split(" ").slice(1));
  return new Map(names.map((name, at) => [`MPTcpExt${name}`, Number(values[at])]));
}
