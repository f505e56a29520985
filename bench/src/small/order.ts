/**
 * Whose sockets: those of `node:net`, of this library over one UDP link, of the kernel's Multipath TCP, or of this library as another checkout of the project has it.
 */
export type Way = "net" | "udp" | "kernel" | "other";

/** "echo": requests and answers of equal length, one at a time, on one connection. "web": autocannon asks a server of fastify, ten connections at a time. */
export type Work = "echo" | "web";

/** What two processes are to do. */
export interface Order {
  readonly work: Work;
  readonly way: Way;
  /** Requests of an echo that are measured. */
  readonly requests: number;
  /** Octets of a request of an echo, and of its answer. */
  readonly octets: number;
  /** For which the web is measured. */
  readonly seconds: number;
  /** Where the library's `mptcp/node` is, a URL. */
  readonly library: string;
}

/** What a client measured. */
export interface ClientReport {
  readonly requests: number;
  readonly seconds: number;
  /** Microseconds from a request to its answer: the median, and what 99 of 100 stay below. */
  readonly median: number;
  readonly p99: number;
  /** Processor time of user and kernel, µs. */
  readonly cpu: number;
}

/** Processor time of this process so far, user and kernel, µs. */
export function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** What a process of the bench was started with. */
export function orderOf(text: string | undefined): Order {
  if (text === undefined || process.send === undefined) throw new Error("started by main.js alone");
  return JSON.parse(text) as Order;
}

/** Sockets and servers of one way. */
export interface Sockets {
  readonly connect: (port: number, host: string) => import("node:net").Socket;
  readonly createServer: (onSocket: (socket: import("node:net").Socket) => void) => import("node:net").Server;
}

/** The library is loaded where it is measured alone. */
export async function socketsOf({ way, library }: Order): Promise<Sockets> {
  const options = { noDelay: true };
  // What runs on the kernel's Multipath TCP has it beneath node:net, by mptcp/register.
  if (way === "net" || way === "kernel") {
    const net = await import("node:net");
    return { connect: (port, host) => net.connect({ ...options, port, host }), createServer: (onSocket) => net.createServer(options, onSocket) };
  }
  const { createStack, UdpLink } = (await import(library)) as typeof import("mptcp/node");
  const stack = createStack({ links: [new UdpLink({ addresses: [HOST] })] });
  return {
    connect: (port, host) => stack.connect({ ...options, port, host }),
    createServer: (onSocket) => stack.createServer(options, onSocket),
  };
}

export const HOST = "127.0.0.1";
