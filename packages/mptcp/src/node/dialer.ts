import { lookup as systemLookup } from "node:dns";
import type { LookupAddress } from "node:dns";
import { getDefaultAutoSelectFamily, getDefaultAutoSelectFamilyAttemptTimeout, isIP } from "node:net";
import { MptcpError } from "../core/index.ts";
import { IpAddress } from "../wire/index.ts";
import { attemptsError, codedError, connectError } from "./errors.ts";
import type { LookupFunction, SocketConnectOptions } from "./socket-options.ts";

/** What a {@link Dialer} needs of the socket it dials for. */
export interface DialerOwner {
  autoSelectFamilyAttemptedAddresses: string[];
  emit(event: string, ...values: readonly unknown[]): boolean;
  destroy(error?: Error): unknown;
  /** Whether there is an address to open a connection to `remote` from. */
  reaches(remote: IpAddress): boolean;
  /** Begins an attempt, of which {@link Dialer.attemptFailed} hears if it fails. @throws MptcpError */
  openTo(remote: IpAddress, port: number): void;
  /** Gives up the attempt that is under way. */
  abandon(): void;
}

/**
 * Finds the addresses of a peer and tries them, one after the other, as `net.Socket.connect` does: with `autoSelectFamily` by turns of both families,
 * each but the last for a limited time, else the first one alone. Errors come as events, later; after {@link Dialer.stop}, which any listener may bring
 * about, nothing does.
 */
export class Dialer {
  private readonly owner: DialerOwner;
  private readonly options: SocketConnectOptions;
  private readonly port: number;
  private readonly host: string;
  private addresses: IpAddress[] = [];
  private at = -1;
  private readonly errors: Error[] = [];
  private timer: NodeJS.Timeout | null = null;
  private isFound = false;
  private isOver = false;

  constructor(owner: DialerOwner, options: SocketConnectOptions, port: number) {
    this.owner = owner;
    this.options = options;
    this.port = port;
    this.host = options.host ?? "localhost";
  }

  start(): void {
    const literal = IpAddress.parse(this.host);
    if (literal !== null) {
      process.nextTick(() => this.tryAll([literal]));
      return;
    }
    const { hints } = this.options;
    const lookup: LookupFunction = this.options.lookup ?? systemLookup;
    lookup(this.host, { family: familyOption(this.options.family), hints: hints ?? 0, all: true }, (error, found, family) => {
      const addresses = typeof found === "string" ? [{ address: found, family: family ?? isIP(found) }] : (found ?? []);
      this.found(error ?? null, addresses);
    });
  }

  /** The attempt under way failed. */
  attemptFailed(error: Error): void {
    this.stopTimer();
    this.errors.push(error);
    const address = this.addresses[this.at];
    if (this.isOnly) {
      this.owner.destroy(error);
      return;
    }
    if (address !== undefined) this.owner.emit("connectionAttemptFailed", String(address), this.port, address.family, error);
    if (this.isOver) return;
    this.owner.abandon();
    this.next();
  }

  /** Nothing more is to be done: an attempt succeeded, or nobody wants one. */
  stop(): void {
    this.isOver = true;
    this.stopTimer();
  }

  private stopTimer(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private get isOnly(): boolean {
    return this.addresses.length === 1;
  }

  private isReachable({ address }: LookupAddress): boolean {
    const parsed = IpAddress.parse(String(address));
    return parsed !== null && this.owner.reaches(parsed);
  }

  private get selectsFamily(): boolean {
    return (this.options.autoSelectFamily ?? getDefaultAutoSelectFamily()) && this.options.localAddress === undefined;
  }

  private found(error: NodeJS.ErrnoException | null, found: readonly LookupAddress[]): void {
    const { owner, host } = this;
    if (this.isOver || this.isFound) return;
    this.isFound = true;
    if (error !== null) {
      owner.emit("lookup", error, undefined, undefined, host);
      this.giveUp(error);
      return;
    }
    const answers = this.selectsFamily ? found : [found.find((answer) => this.isReachable(answer)) ?? found[0]].filter((answer) => answer !== undefined);
    for (const { address, family } of answers) {
      owner.emit("lookup", null, address, family, host);
      if (this.isOver) return;
    }
    const addresses = answers.flatMap(({ address }) => IpAddress.parse(String(address)) ?? []);
    if (addresses.length > 0) this.tryAll(byTurns(addresses));
    else if (answers[0] === undefined) this.giveUp(codedError(Error, "ENOTFOUND", `getaddrinfo ENOTFOUND ${host}`));
    else {
      const invalid = codedError(TypeError, "ERR_INVALID_IP_ADDRESS", `Invalid IP address: ${answers[0].address}`);
      this.giveUp(Object.assign(invalid, { host, port: this.port }));
    }
  }

  private giveUp(error: Error): void {
    process.nextTick(() => {
      if (!this.isOver) this.owner.destroy(error);
    });
  }

  private tryAll(addresses: IpAddress[]): void {
    if (this.isOver) return;
    this.addresses = addresses;
    if (!this.isOnly) this.owner.autoSelectFamilyAttemptedAddresses = [];
    this.next();
  }

  private next(): void {
    const { owner, port } = this;
    const address = this.addresses[++this.at];
    if (address === undefined) {
      owner.destroy(attemptsError(this.errors));
      return;
    }
    const text = String(address);
    if (this.options.blockList?.check(text, address.family === 4 ? "ipv4" : "ipv6") === true) {
      this.attemptFailed(codedError(Error, "ERR_IP_BLOCKED", `IP(${text}) is blocked by net.BlockList`));
      return;
    }
    if (!this.isOnly) owner.autoSelectFamilyAttemptedAddresses.push(`${text}:${port}`);
    owner.emit("connectionAttempt", text, port, address.family);
    if (this.isOver) return;
    try {
      owner.openTo(address, port);
    } catch (error) {
      // What else it may be, a parameter of the engine that makes no sense, is told as an error of the socket too.
      this.attemptFailed(error instanceof MptcpError ? connectError(error.code, text, port) : (error as Error));
      return;
    }
    if (this.at === this.addresses.length - 1) return;
    const limit = Math.max(SHORTEST_ATTEMPT, this.options.autoSelectFamilyAttemptTimeout ?? getDefaultAutoSelectFamilyAttemptTimeout());
    this.timer = setTimeout(() => this.onTimeout(address), limit);
  }

  private onTimeout(address: IpAddress): void {
    const { owner, port } = this;
    this.timer = null;
    this.errors.push(connectError("ETIMEDOUT", String(address), port));
    owner.emit("connectionAttemptTimeout", String(address), port, address.family);
    if (this.isOver) return;
    owner.abandon();
    this.next();
  }
}

/** Each address once, the families by turns, beginning with that of the first (RFC 8305 §4). */
function byTurns(addresses: readonly IpAddress[]): IpAddress[] {
  const unique = addresses.filter((address, at) => addresses.findIndex((other) => other.equals(address)) === at);
  const first = unique.filter((address) => address.family === unique[0]?.family);
  const second = unique.filter((address) => address.family !== unique[0]?.family);
  return Array.from({ length: Math.max(first.length, second.length) }, (_, i) => [first[i], second[i]]).flatMap((pair) => pair.filter((address) => address !== undefined));
}

/** What `dns.lookup` is asked for. */
function familyOption(family: number | "IPv4" | "IPv6" | undefined): number | undefined {
  return family === "IPv4" ? 4 : family === "IPv6" ? 6 : family;
}

/** As `net` has it, ms. */
const SHORTEST_ATTEMPT = 10;
