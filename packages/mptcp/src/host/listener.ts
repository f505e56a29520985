import type { Counters } from "../core/index.ts";
import { LIMITS, SECOND } from "../core/index.ts";
import type { MptcpConfig } from "../mptcp/index.ts";
import { TcpSocket } from "../tcp/index.ts";
import type { StreamConnection, StreamSettings, TcpConfig } from "../tcp/index.ts";
import type { IpAddress } from "../wire/index.ts";
import type { CookieKeys, FastOpenListen } from "./fast-open/index.ts";
import { FastOpenAdmission } from "./fast-open/index.ts";
import type { Defaults, ListenOptions } from "./options.ts";
import { withProfile } from "./profiles.ts";

/** A port open for connections. Made by `Host.listen`. */
export class Listener {
  readonly port: number;
  /** Null: every address of the host. */
  readonly address: IpAddress | null;
  readonly options: ListenOptions;
  private tcpConfig: TcpConfig;
  /** What {@link Listener.configure} said. */
  private changed: Partial<StreamSettings> = {};
  private mptcpConfig: MptcpConfig;
  private acceptsMultipath: boolean;
  private mostWaiting: number;
  /** Takes Fast Open; null: does not. */
  private admission: FastOpenAdmission | null;
  private cookieKeys: CookieKeys | null = null;
  private readonly counters: Counters;
  private handshakes = 0;
  /** When the last SYN cookie was sent, ns. */
  private cookieSentAt = Number.NEGATIVE_INFINITY;
  private readonly established: StreamConnection[] = [];
  private readonly closing: (listener: Listener, now: number) => void;

  constructor(port: number, options: ListenOptions, defaults: Defaults, counters: Counters, closing: (listener: Listener, now: number) => void) {
    this.port = port;
    this.address = options.address ?? null;
    this.options = options;
    this.tcpConfig = withProfile(defaults.tcp, options.profile, "tcp", options.tcp);
    this.mptcpConfig = withProfile(defaults.mptcp, options.profile, "mptcp", options.mptcp);
    this.acceptsMultipath = options.multipath ?? defaults.multipath;
    this.mostWaiting = options.backlog ?? LIMITS.backlog.default;
    this.counters = counters;
    this.admission = admissionOf(options.fastOpen ?? defaults.fastOpen, counters);
    this.closing = closing;
  }

  /** Whether it listens on `address`, when that is one of the host. */
  covers(address: IpAddress): boolean {
    const { family } = this.options;
    return this.address === null ? family === undefined || address.family === family : this.address.equals(address);
  }

  /** Whether another one may not be there beside it: there may be an address on which both listen. */
  excludes({ address, family }: ListenOptions): boolean {
    if (address !== undefined) return this.covers(address);
    if (this.address !== null) return family === undefined || this.address.family === family;
    return family === undefined || this.options.family === undefined || this.options.family === family;
  }

  /** Parameters of its connections: the host's, with what the options change. One object for all, since there may be many. */
  get tcp(): TcpConfig {
    return this.tcpConfig;
  }
  get mptcp(): MptcpConfig {
    return this.mptcpConfig;
  }

  /** Whether Multipath TCP is accepted. */
  get multipath(): boolean {
    return this.acceptsMultipath;
  }

  /** Connections half open or waiting to be accepted that there may be, see {@link Listener.setBacklog}. */
  get backlog(): number {
    return this.mostWaiting;
  }

  /** Other connections may be half open or wait, as many as that, from now on; those that there are stay. listen(2) once more */
  setBacklog(backlog: number): void {
    this.mostWaiting = backlog;
  }

  /** Which SYNs are taken with their data; null: none. */
  get fastOpen(): FastOpenAdmission | null {
    return this.admission;
  }
  /** Its own keys; null: those of the host. */
  get fastOpenKeys(): CookieKeys | null {
    return this.cookieKeys;
  }

  /** Connections to come have other parameters, which go before those that it was made with. What a program sets of a socket that listens */
  configure(change: Partial<StreamSettings>): void {
    this.changed = { ...this.changed, ...change };
    this.tcpConfig = { ...this.tcpConfig, ...change };
  }

  /** Takes SYNs with data from now on, see {@link ListenOptions.fastOpen}, or not any more. */
  setFastOpen(option: boolean | FastOpenListen): void {
    this.admission = admissionOf(option, this.counters);
  }

  /** See `Host.setFastOpenKeys`; null: the host's. */
  setFastOpenKeys(keys: CookieKeys | null): void {
    this.cookieKeys = keys;
  }

  /** Whether a connection waits to be accepted: poll(2)'s POLLIN. */
  get isReady(): boolean {
    return this.established.length > 0;
  }

  /** The connections that wait to be accepted, the oldest first; they stay where they are. */
  get waiting(): readonly StreamConnection[] {
    return this.established.slice();
  }

  /** Connections whose handshake is not over yet. */
  get halfOpen(): number {
    return this.handshakes;
  }

  /** Whether one more SYN may be remembered. */
  get hasRoom(): boolean {
    const { halfOpen = LIMITS.halfOpen.default } = this.options;
    return this.handshakes < halfOpen && this.handshakes + this.established.length < this.mostWaiting;
  }

  /** Whether the application is so far behind with `accept` that no connection can be taken. */
  get isFull(): boolean {
    return this.established.length >= this.mostWaiting;
  }

  /** The next connection whose handshake completed, or null. */
  accept(): StreamConnection | null {
    const connection = this.established.shift() ?? null;
    if (connection instanceof TcpSocket) connection.waitForAccept(false);
    return connection;
  }

  /** Stops listening; connections not accepted yet are reset, half-open ones too. */
  close(now: number): void {
    this.closing(this, now);
    for (let connection = this.accept(); connection !== null; connection = this.accept()) connection.abort(now);
  }

  // ---- the host's calls

  /** Connections to come have other parameters where the options say nothing. */
  onDefaults(defaults: Defaults): void {
    const { mptcp, multipath, profile, tcp } = this.options;
    this.tcpConfig = { ...withProfile(defaults.tcp, profile, "tcp", tcp), ...this.changed };
    this.mptcpConfig = withProfile(defaults.mptcp, profile, "mptcp", mptcp);
    this.acceptsMultipath = multipath ?? defaults.multipath;
    if (this.options.fastOpen === undefined && defaults.fastOpen !== (this.admission !== null)) this.setFastOpen(defaults.fastOpen);
  }

  onHandshakeBegun(): void {
    this.handshakes++;
  }

  onHandshakeOver(): void {
    this.handshakes--;
  }

  onCookieSent(now: number): void {
    this.cookieSentAt = now;
  }

  /** Whether an ACK may bring a SYN cookie back that is still good. */
  expectsCookies(now: number): boolean {
    return now - this.cookieSentAt <= COOKIE_LIFETIME;
  }

  /** A handshake completed. */
  deliver(connection: StreamConnection): void {
    if (connection instanceof TcpSocket) connection.waitForAccept(true);
    this.established.push(connection);
  }
}

function admissionOf(option: boolean | FastOpenListen, counters: Counters): FastOpenAdmission | null {
  return option === false ? null : new FastOpenAdmission(option === true ? {} : option, counters);
}

/** Longer than any cookie is good for, ns. */
const COOKIE_LIFETIME = 120 * SECOND;
