import type { Counters, RandomSource } from "../../core/index.ts";
import { FastOpenClient, FastOpenServer } from "../../tcp/index.ts";
import type { FastOpenDecision } from "../../tcp/index.ts";
import type { IpAddress, Packet, TcpSegment } from "../../wire/index.ts";
import type { Listener } from "../listener.ts";
import type { FastOpenConnect } from "../options.ts";
import { CookieKeys, hmacCookie } from "./cookie-keys.ts";
import type { CookieHash } from "./cookie-keys.ts";
import { CookieMemory } from "./cookie-memory.ts";

/** Fast Open of a host, in both roles. */
export class FastOpen {
  readonly memory: CookieMemory;
  private readonly random: RandomSource;
  private readonly hash: CookieHash;
  /** Made when the first cookie is asked for. */
  private keys: CookieKeys | null = null;

  constructor(counters: Counters, random: RandomSource, hash: CookieHash = hmacCookie) {
    this.memory = new CookieMemory(counters);
    this.random = random;
    this.hash = hash;
  }

  /** Other keys, for all listeners that have none of their own, see {@link CookieKeys.given}; none: such that are drawn, and change. */
  setKeys(keys: readonly Uint8Array[]): void {
    this.keys = keys.length === 0 ? null : CookieKeys.given(this.hash, keys);
  }

  /** Keys for one listener alone. */
  keysOf(keys: readonly Uint8Array[]): CookieKeys {
    return CookieKeys.given(this.hash, keys);
  }

  /** How a connection from here begins; null: as any other. */
  clientFor(option: boolean | FastOpenConnect | undefined, local: IpAddress, remote: IpAddress, now: number): FastOpenClient | null {
    if (option === undefined || option === false) return null;
    const { cookies = "required", waits = false } = option === true ? {} : option;
    const start = this.memory.startFor(local, remote, now);
    if (start === null) return null;
    return new FastOpenClient({ ...start, cookie: cookies === "none" ? NO_COOKIE : start.cookie, patience: waits === true ? Number.POSITIVE_INFINITY : Number(waits) });
  }

  /** What a listener does with a SYN; null: nothing, it is one as any other. */
  decide({ fastOpen, fastOpenKeys }: Listener, packet: Packet, syn: TcpSegment, now: number): FastOpenDecision | null {
    if (fastOpen === null) return null;
    return fastOpen.decide(packet, syn, fastOpenKeys ?? (this.keys ??= CookieKeys.drawn(this.hash, this.random, now)), now);
  }

  /** The listener's side of a connection. */
  serverFor(decision: FastOpenDecision): FastOpenServer {
    return new FastOpenServer(decision);
  }
}

const NO_COOKIE = new Uint8Array(0);
