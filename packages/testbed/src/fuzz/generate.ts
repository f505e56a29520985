import { SeededRandom } from "mptcp";
import { CALLS, PACKETS, type Move } from "./moves.ts";
import { opening } from "./opening.ts";
import { Peer, type Setting, type State } from "./peer.ts";

/** Something done to a stack. */
export interface FuzzInput {
  /** When, ms since the beginning. */
  readonly at: number;
  /** A line without its time. */
  readonly text: string;
  /** What it is. */
  readonly tag: string;
  /** The state that the peer believed the connection to be in before it. */
  readonly state: State;
}

/** A random run. */
export interface FuzzCase {
  readonly seed: number;
  /** Options of the script, and shell lines. */
  readonly head: readonly string[];
  readonly inputs: readonly FuzzInput[];
  /** For how long after the last input the stack is listened to, ms. */
  readonly tail: number;
}

/** Waits between inputs, ms: their sums are not close to Linux's timers, for as long as they are few. */
const WAITS = [11, 11, 11, 17, 17, 23, 57, 103] as const;
const TAILS = [60, 60, 60, 350, 350, 1250] as const;

/** The run of a seed, the same each time. */
export function generateCase(seed: number): FuzzCase {
  const random = new SeededRandom(seed, "fuzz");
  const below = (bound: number): number => Math.floor((random.uint32() / 2 ** 32) * bound);
  const chance = (percent: number): boolean => below(100) < percent;
  const multipath = chance(85);
  const setting: Setting = {
    role: chance(65) ? "server" : "client",
    multipath,
    peerMultipath: multipath ? chance(90) : chance(40),
    family: chance(10) ? 6 : 4,
    timestamps: chance(45),
    sack: chance(80),
    checksum: multipath && chance(15),
  };
  const peer = new Peer(random, setting);
  const head = ["--tolerance_usecs=20000"];
  if (setting.family === 6) head.push("--ip_version=ipv6");
  if (setting.checksum) head.push("`sysctl -q net.mptcp.checksum_enabled=1`");
  if (multipath && chance(40)) head.push("`ip mptcp limits set subflows 4 add_addr_accepted 2`");
  return { seed, head, inputs: new Timeline(peer).inputs(), tail: TAILS[below(TAILS.length)]! };
}

/** Gives inputs their times. */
class Timeline {
  readonly #peer: Peer;
  readonly #inputs: FuzzInput[] = [];
  #at = 0;

  constructor(peer: Peer) {
    this.#peer = peer;
  }

  inputs(): readonly FuzzInput[] {
    const peer = this.#peer;
    for (const { tag, text } of opening(peer)) this.#add(tag, text, "opening");
    for (let left = 2 + peer.below(8); left > 0; left--) this.#move();
    return this.#inputs;
  }

  #move(): void {
    const peer = this.#peer;
    const table: Readonly<Record<string, Move>> = peer.chance(0.68) ? PACKETS : CALLS;
    // What makes a connection go on is as likely as all that disturbs it.
    const tag = peer.chance(0.35) ? peer.pick(USUAL) : peer.pick(Object.keys(table));
    const { state } = peer;
    peer.clock = 1000 + this.#at;
    const lines = (PACKETS[tag] ?? CALLS[tag]!)(peer);
    for (const line of typeof lines === "string" ? [lines] : lines) this.#add(tag, line, state);
  }

  #add(tag: string, text: string, state: State): void {
    this.#at += this.#inputs.length < 2 ? 2 : this.#peer.pick(WAITS);
    this.#inputs.push({ at: this.#at, text, tag, state });
  }
}

const USUAL = ["data", "ACK", "write", "read", "poll", "MP_JOIN", "MP_JOIN as backup", "DATA_FIN", "shut writing", "close", "FIN"] as const;

/** The inputs as a script. */
export function scriptText({ head, inputs }: Pick<FuzzCase, "head" | "inputs">): string {
  return [...head, ...inputs.map(({ at, text }) => `${(at / 1000).toFixed(3)} ${text}`)].map((line) => `${line}\n`).join("");
}
