import { once } from "node:events";
import type { AddressInfo, Server, Socket } from "node:net";
import type * as net from "node:net";

/** What is compared: `node:net`, or something that claims to look like it. */
export interface SocketsUnderTest {
  readonly connect: typeof net.connect;
  readonly createServer: typeof net.createServer;
  /** Where servers can be reached. */
  readonly host: string;
  /** The address that clients connect from; that of servers unless given. */
  readonly localHost?: string;
  close(): Promise<void>;
}

/** Servers and pairs of sockets for a test; what it leaves open is destroyed. */
export class SocketBench {
  private readonly sut: () => SocketsUnderTest;
  private readonly open: { destroy?(): unknown; close?(): unknown }[] = [];

  constructor(sut: () => SocketsUnderTest) {
    this.sut = sut;
  }

  async serve(onConnection: (socket: Socket) => void = () => {}, options: net.ServerOpts = {}): Promise<{ server: Server; port: number }> {
    const server = this.sut().createServer(options, onConnection);
    server.on("connection", (socket: Socket) => this.open.push(socket));
    this.open.push(server);
    server.listen(0, this.sut().host);
    await once(server, "listening");
    return { server, port: (server.address() as AddressInfo).port };
  }

  connect(port: number, options: Partial<net.TcpNetConnectOpts> = {}): Socket {
    const socket = this.sut().connect({ port, host: this.sut().host, ...options });
    this.open.push(socket);
    return socket;
  }

  /** A pair of connected sockets; the server takes no more. */
  async pair(serverOptions: net.ServerOpts = {}, clientOptions: Partial<net.TcpNetConnectOpts> = {}): Promise<{ client: Socket; server: Socket }> {
    const { server, port } = await this.serve(() => {}, serverOptions);
    const accepted = once(server, "connection") as Promise<[Socket]>;
    const client = this.connect(port, clientOptions);
    const [[socket]] = await Promise.all([accepted, once(client, "connect")]);
    server.close();
    return { client, server: socket };
  }

  /** Ends what the test left open. */
  cleanUp(): void {
    for (const one of this.open) {
      if (one.destroy === undefined) one.close?.();
      else {
        (one as Socket).on("error", () => {});
        one.destroy();
      }
    }
    this.open.length = 0;
  }
}

/** All that arrives until the end. */
export async function text(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await new Promise((resolve) => {
    socket.once("end", resolve);
  });
  return Buffer.concat(chunks).toString();
}

/** Resolves to `hadError` when the socket is closed. */
export async function closed(socket: Socket): Promise<boolean> {
  if (socket.closed) return socket.errored !== null;
  return new Promise((resolve) => {
    socket.once("close", resolve);
  });
}

/** The next event of a name, also where an `error` comes first. */
export function event<T extends unknown[]>(emitter: NodeJS.EventEmitter, name: string): Promise<T> {
  return new Promise((resolve) => {
    emitter.once(name, (...values: T) => resolve(values));
  });
}

/** Some turns of the event loop, in which nothing should happen. */
export async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** What becomes an uncaught exception of the process, or a rejection that nobody handles, while `act` runs. */
export async function uncaught(act: () => Promise<void>): Promise<unknown[]> {
  const thrown: unknown[] = [];
  const names = ["uncaughtException", "unhandledRejection"] as const;
  const others = names.map((name) => process.rawListeners(name as "uncaughtException"));
  const onThrown = (error: unknown): void => void thrown.push(error);
  for (const name of names) process.removeAllListeners(name).on(name, onThrown);
  try {
    await act();
    await turns(2);
  } finally {
    names.forEach((name, at) => {
      process.off(name, onThrown);
      for (const other of others[at] ?? []) process.on(name as "uncaughtException", other as NodeJS.UncaughtExceptionListener);
    });
  }
  return thrown;
}
