import { MptcpError } from "../../core/index.ts";
import { Poller } from "../udp/index.ts";
import { NetlinkNetwork } from "./netlink-network.ts";
import { NetlinkSocket, netlinkSystemCalls } from "./netlink-socket.ts";
import type { NetlinkSystemCalls } from "./netlink-socket.ts";
import { isSameState } from "./network-state.ts";
import type { NetworkState } from "./network-state.ts";
import { readPolledNetwork } from "./polled-network.ts";

export interface NetworkWatcherOptions {
  /** `rtnetlink` takes Linux and the optional dependency koffi, `polling` nothing; the first that is to be had unless given. */
  readonly source?: "rtnetlink" | "polling";
  /** Milliseconds between looks where nobody tells of changes; 1000 unless given. */
  readonly interval?: number;
}

/**
 * Knows the devices of this machine with their addresses and default routes, and tells when something of that changes: at once by rtnetlink, where that can be had,
 * and else by looking once a second. It takes no privileges, and keeps no process alive unless it is asked to.
 *
 * Two ways of knowing differ in what they see. By looking, devices without an address or without a carrier are not there, addresses are neither tentative nor
 * deprecated, and MTUs and default routes are known on Linux alone.
 */
export class NetworkWatcher {
  readonly source: "rtnetlink" | "polling";
  private readonly listeners = new Set<(state: NetworkState) => void>();
  private readonly network: NetlinkNetwork | null;
  private readonly socket: NetlinkSocket | null = null;
  private readonly poller: Poller | null = null;
  private known: NetworkState;
  private timer: NodeJS.Timeout | null = null;
  private lastRead = 0;
  private isClosed = false;

  /** @throws MptcpError ERR_MPTCP_PLATFORM when rtnetlink is asked for and cannot be had; with the system's code when its socket cannot */
  constructor(options: NetworkWatcherOptions = {}) {
    const opened = options.source === "polling" ? null : openNetlink(options.source === "rtnetlink");
    if (opened === null) {
      this.source = "polling";
      this.network = null;
      this.known = readPolledNetwork();
      this.timer = setInterval(this.look, options.interval ?? POLLING_INTERVAL).unref();
      return;
    }
    const { socket, calls } = opened;
    this.source = "rtnetlink";
    this.socket = socket;
    this.network = new NetlinkNetwork(socket);
    this.poller = new Poller(calls, () => this.onEvents());
    this.poller.add({ fd: socket.fd, onReady: () => this.network?.takeEvents() });
    this.known = { devices: [], isWhole: true };
    this.look();
  }

  /** How things are, as far as has been heard. */
  get state(): NetworkState {
    return this.known;
  }

  /** Calls `listener` when the state has become another. @returns the end of that */
  onChange(listener: (state: NetworkState) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** From now on it keeps the process alive. */
  ref(): void {
    if (this.poller === null) this.timer?.ref();
    else this.poller.ref();
  }

  /** It no longer does. */
  unref(): void {
    if (this.poller === null) this.timer?.unref();
    else this.poller.unref();
  }

  /** Nobody is told any more. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.listeners.clear();
    if (this.timer !== null) clearTimeout(this.timer);
    await this.poller?.close();
    this.socket?.close();
  }

  /** The end of a wake-up. When a thousand things change in a row not every one of them is worth a look. */
  private onEvents(): void {
    if (this.isClosed || this.network?.isChanged !== true || this.timer !== null) return;
    const wait = this.lastRead + SHORTEST_INTERVAL - Date.now();
    if (wait > 0 && wait <= SHORTEST_INTERVAL) this.lookIn(wait);
    else this.look();
  }

  private lookIn(milliseconds: number): void {
    this.timer = setTimeout(() => {
      this.timer = null;
      this.look();
    }, milliseconds).unref();
  }

  private readonly look = (): void => {
    const { network } = this;
    this.lastRead = Date.now();
    const state = network === null ? readPolledNetwork() : network.read();
    // What could not be had is asked for again.
    if (network?.isChanged === true) this.lookIn(RETRY_INTERVAL);
    if (isSameState(state, this.known)) return;
    this.known = state;
    for (const listener of Array.from(this.listeners)) listener(state);
  };
}

/** Null where it cannot be had: a sandbox may forbid it, too. @param isRequired throw then */
function openNetlink(isRequired: boolean): { readonly socket: NetlinkSocket; readonly calls: NetlinkSystemCalls } | null {
  const calls = netlinkSystemCalls();
  if (calls === null) {
    if (isRequired) throw new MptcpError("ERR_MPTCP_PLATFORM", "rtnetlink needs Linux on a little-endian machine of 64 bits, and the optional dependency koffi: npm install koffi@3");
    return null;
  }
  try {
    return { socket: new NetlinkSocket(calls), calls };
  } catch (error) {
    if (isRequired || !(error instanceof MptcpError)) throw error;
    return null;
  }
}

/** ms */
const POLLING_INTERVAL = 1000;
const SHORTEST_INTERVAL = 20;
const RETRY_INTERVAL = 200;
