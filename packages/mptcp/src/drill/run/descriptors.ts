import { CONSTANTS, type Call, type CallResult, type SocketAddress, type Target } from "../system/index.ts";
import type { Flow } from "./flow.ts";
import type { Ports } from "./flows.ts";

/** What a script's socket is, as its calls say. */
interface Socket {
  readonly isDatagram: boolean;
  bound: SocketAddress | null;
  peer: SocketAddress | null;
  listening: boolean;
}

/** What is added to a descriptor that the script has and the stack has not, so that it is none there either. */
const UNKNOWN = 100_000;
/** The lowest bits of a type of sockets (the others are flags). */
const TYPE = 0xf;

/** Descriptors of a script, and those of the stack. */
export class Descriptors implements Ports {
  /** The descriptor that assertions are about unless a flow has one: the last that came into being. */
  last: number | null = null;
  readonly #live = new Map<number, number>();
  readonly #sockets = new Map<number, Socket>();
  readonly #bindPort: number;

  constructor(bindPort: number) {
    this.#bindPort = bindPort;
  }

  has(script: number): boolean {
    return this.#live.has(script);
  }

  /** The stack's descriptor. */
  liveOf(script: number): number {
    return this.#live.get(script) ?? (script < 0 ? script : UNKNOWN + script);
  }

  set(script: number, live: number): void {
    this.#live.set(script, live);
  }

  /** A call with the descriptors of the stack. */
  translate(call: Call): Call {
    const map = (fd: number): number => this.liveOf(fd);
    switch (call.name) {
      case "socket":
      case "epoll_create":
      case "pipe":
      case "open":
        return call;
      case "poll":
        return { ...call, descriptors: call.descriptors.map((one) => ({ ...one, fd: map(one.fd) })) };
      case "epoll_ctl":
        return { ...call, epoll: map(call.epoll), fd: map(call.fd) };
      case "epoll_wait":
        return { ...call, epoll: map(call.epoll) };
      case "splice":
      case "sendfile":
        return { ...call, input: map(call.input), output: map(call.output) };
      default:
        return { ...call, fd: map(call.fd) };
    }
  }

  /** Descriptors of the script that a call needs. */
  needed(call: Call): number[] {
    if ("fd" in call) return [call.fd];
    if (call.name === "poll") return call.descriptors.map(({ fd }) => fd);
    return [];
  }

  /** What a call that succeeded says of the script's sockets. `made`: the descriptor that it gave, of the script's. */
  learn(call: Call, result: CallResult, made: number | null): void {
    const socket = "fd" in call ? this.#sockets.get(call.fd) : undefined;
    switch (call.name) {
      case "socket":
        if (made !== null) this.#make(made, { isDatagram: (call.type & TYPE) === CONSTANTS["SOCK_DGRAM"], bound: null, peer: null, listening: false });
        break;
      case "accept":
        if (made !== null) this.#make(made, { isDatagram: false, bound: socket?.bound ?? null, peer: result.address ?? null, listening: false });
        break;
      case "bind":
        if (socket !== undefined) socket.bound = call.address;
        break;
      case "listen":
        if (socket !== undefined) socket.listening = true;
        break;
      case "close":
        this.#live.delete(call.fd);
        this.#sockets.delete(call.fd);
        break;
      default:
    }
  }

  /** Where a call sends to, noted when it begins, since it may take long. */
  began(call: Call): void {
    const socket = "fd" in call ? this.#sockets.get(call.fd) : undefined;
    if (socket === undefined) return;
    if (call.name === "connect" || ((call.name === "sendto" || call.name === "sendmsg") && call.address !== null)) socket.peer = call.address;
  }

  #make(script: number, socket: Socket): void {
    this.#sockets.set(script, socket);
    this.last = script;
  }

  /** Those that connected to an address and a port, and belong to no flow. */
  connectedTo(flow: Flow, flows: readonly Flow[]): number | undefined {
    for (const [script, { peer, isDatagram, listening }] of [...this.#sockets].toReversed()) {
      if (peer === null || listening || isDatagram !== (flow.protocol === "udp") || peer.port !== flow.remotePort) continue;
      if (peer.address.replace(/^::ffff:(?=\d+\.)/, "") === String(flow.remote) && !flows.some(({ sockets }) => sockets.has(script))) return script;
    }
    return undefined;
  }

  listening(socket: number | undefined): number | undefined {
    const own = socket === undefined ? null : (this.#sockets.get(socket)?.bound ?? null);
    if (own !== null) return own.port;
    const found = [...this.#sockets.values()].findLast(({ listening }) => listening) ?? [...this.#sockets.values()].findLast(({ bound, isDatagram }) => bound !== null && !isDatagram);
    return found === undefined ? undefined : found.bound?.port || this.#bindPort;
  }

  datagram(): readonly [number, number] {
    const found = [...this.#sockets.values()].findLast(({ isDatagram }) => isDatagram);
    return [found?.bound?.port ?? 0, found?.peer?.port ?? 0];
  }

  /** The port of a socket that was bound to any is the one that the stack chose. */
  askPort(script: number, target: Target): void {
    const socket = this.#sockets.get(script);
    if (socket?.bound?.port !== 0) return;
    const { result } = target.begin({ name: "getsockname", fd: this.liveOf(script) });
    socket.bound = result?.address ?? socket.bound;
  }
}
