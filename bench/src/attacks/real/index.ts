import { setTimeout as sleep } from "node:timers/promises";
import { Ground } from "../../kernel/ground.ts";
import type { Worker } from "../../kernel/ground.ts";

/** How friends' connections stand under a flood in real time. */
export interface RealResult {
  readonly flood: string;
  readonly transport: "mptcp" | "tcp";
  /** Packets a second that the attacker sent, and that reached the attacked host. */
  readonly sent: number;
  readonly reached: number;
  /** What friends' connections moved, Mbit/s, without the flood and under it. */
  readonly before: number;
  readonly during: number;
  /** Friends' connections that ended, or were refused. */
  readonly lost: number;
  /** Octets: in the buffers of the attacked host and of its process at the most. */
  readonly held: number;
  readonly resident: number;
  readonly heap: number;
}

export interface RealOptions {
  /** Packets in a second. */
  readonly rate: number;
  readonly seconds: number;
  /** Friends' connections. */
  readonly count: number;
  /** Limit of the attacked host's memory, octets. */
  readonly memory: number;
}

/** Floods in real time: `tcp` and `capable` are SYNs, `join` MP_JOINs with known tokens, `stranger` with unknown ones. */
export const REAL_FLOODS = ["tcp", "capable", "join", "stranger"] as const;

/**
 * Floods an engine behind a TUN device by way of this machine's kernel, while connections of another process send as fast as they can: over Multipath TCP
 * with two subflows each, and over plain TCP. Each flood comes between two times without one.
 */
export async function playReal(options: RealOptions, tell: (result: RealResult) => void): Promise<RealResult[]> {
  const results: RealResult[] = [];
  for (const transport of ["mptcp", "tcp"] as const) {
    const ground = new Ground();
    try {
      const stage = await Stage.set(ground, options, transport);
      for (const flood of REAL_FLOODS) {
        if (transport === "tcp" && flood === "join") continue;
        const result = await stage.flood(flood);
        results.push(result);
        tell(result);
      }
    } finally {
      await ground.close();
    }
  }
  return results;
}

/** An attacked server, its friends, and an attacker, each a process behind devices of one namespace, between which the kernel forwards. */
class Stage {
  private readonly options: RealOptions;
  private readonly transport: "mptcp" | "tcp";
  private readonly server: Worker;
  private readonly attacker: Worker;

  private constructor(options: RealOptions, transport: "mptcp" | "tcp", server: Worker, attacker: Worker) {
    this.options = options;
    this.transport = transport;
    this.server = server;
    this.attacker = attacker;
  }

  static async set(ground: Ground, options: RealOptions, transport: "mptcp" | "tcp"): Promise<Stage> {
    const name = ground.namespace();
    ground.run(name, "sysctl", "-qw", "net.ipv4.ip_forward=1");
    // Answers to addresses that nobody has go nowhere.
    ground.run(name, "ip", "route", "add", "blackhole", "198.18.0.0/15");
    const server = ground.nodeEnd("../attacks/real/end.js");
    const friends = ground.nodeEnd("../attacks/real/end.js");
    const attacker = ground.nodeEnd("../attacks/real/flooder.js");
    await server.tell("links", { namespace: name, devices: "1", memory: options.memory });
    await friends.tell("links", { namespace: name, devices: transport === "mptcp" ? "2,3" : "2" });
    await attacker.tell("links", { namespace: name, device: 9 });
    await server.tell("serve", { port: PORT });
    await friends.tell("dial", { address: SERVER, port: PORT, count: options.count, multipath: transport === "mptcp" });
    // Until the compiler is done.
    await sleep(WARM_UP);
    const { multipath = 0, open = 0 } = await server.tell("look");
    if (open !== options.count || (transport === "mptcp" && multipath !== options.count)) throw new Error(`${open} connections, ${multipath} of them with several subflows`);
    return new Stage(options, transport, server, attacker);
  }

  async flood(kind: string): Promise<RealResult> {
    const { seconds, rate, count } = this.options;
    const tokens: number[] = [];
    for (let n = 0; n < count; n++) tokens.push((await this.server.tell("token", { count: n }))["token"] ?? 0);
    const quiet = [await this.moved(() => sleep(1000 * seconds))];
    let sent = 0;
    const during = await this.moved(async () => {
      const answer = await this.attacker.tell("flood", { address: SERVER, port: PORT, kind, rate, seconds, tokens: tokens.join(",") });
      sent = (1000 * (answer["sent"] ?? 0)) / (answer["milliseconds"] ?? NaN);
    });
    await sleep(REST);
    quiet.push(await this.moved(() => sleep(1000 * seconds)));
    const { open = 0 } = await this.server.tell("look");
    const before = quiet.reduce((sum, { rate: quietly }) => sum + quietly, 0) / quiet.length;
    return { flood: kind, transport: this.transport, sent, reached: during.reached, before, during: during.rate, lost: count - open, held: during.held, resident: during.resident, heap: during.heap };
  }

  /** What friends move while something goes on, and what the attacked host holds. */
  private async moved(action: () => Promise<unknown>): Promise<{ readonly rate: number; readonly reached: number; readonly held: number; readonly resident: number; readonly heap: number }> {
    const before = await this.server.tell("look");
    await action();
    const after = await this.server.tell("look");
    const passed = ((after["at"] ?? NaN) - (before["at"] ?? NaN)) / 1000;
    const gained = (name: string): number => ((after[name] ?? NaN) - (before[name] ?? NaN)) / passed;
    return { rate: (8 * gained("received")) / 1e6, reached: gained("strangers"), held: after["held"] ?? NaN, resident: after["rss"] ?? NaN, heap: after["heap"] ?? NaN };
  }
}

const SERVER = "10.1.0.2";
const PORT = 4000;
/** ms: until slow start is over and the compiler is done; and until what a flood left is worked off. */
const WARM_UP = 5000;
const REST = 1000;
