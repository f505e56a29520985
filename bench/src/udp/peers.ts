import type { ChildProcess } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { STREAM_EVENT } from "mptcp";
import type { StreamConnection } from "mptcp";
import { createStack, Runtime, UdpLink } from "mptcp/node";
import type { ConnectionHandler } from "mptcp/node";
import { IpAddress, Payload } from "mptcp/wire";
import { rawReceiver, rawSender } from "./raw.ts";

// The two processes of the bench of UDP links: run as `peers.js role order`, with an IPC channel to who measures.

/** "engine": the runtime, without sockets. */
export type Mode = "raw" | "dgram" | "engine" | "sockets";

/** What two processes are to do. */
export interface Order {
  readonly mode: Mode;
  readonly bytes: number;
  readonly links?: number;
  readonly multipath?: boolean;
  readonly batch?: boolean;
  readonly receiveBuffer?: number;
  readonly key?: string;
}

/** One transfer; CPU time of user and kernel, seconds. */
export interface Measurement {
  /** That arrived. */
  readonly bytes: number;
  readonly seconds: number;
  readonly senderCpu: number;
  readonly receiverCpu: number;
}

/** What a process tells: its port when it is ready, or how it ended. */
type Report = { readonly port: number } | { readonly bytes: number; readonly seconds: number; readonly cpu: number };

/** Starts a receiver and a sender and waits for both. */
export async function measure(start: (role: "sender" | "receiver") => ChildProcess, order: Order): Promise<Measurement> {
  const receiver = start("receiver");
  const [{ port }] = (await message(receiver)) as [{ port: number }];
  const received = message(receiver);
  const sender = start("sender");
  sender.send({ port });
  const sent = message(sender);
  const [into] = (await received) as [{ bytes: number; seconds: number; cpu: number }];
  // A sender that is told nothing by its peer, in the raw modes, has a set amount to send.
  const [out] = (await sent) as [{ cpu: number }];
  if (order.mode !== "raw" && order.mode !== "dgram" && into.bytes !== order.bytes) throw new Error(`${into.bytes} of ${order.bytes} bytes arrived`);
  return { bytes: into.bytes, seconds: into.seconds, senderCpu: out.cpu, receiverCpu: into.cpu };
}

function message(child: ChildProcess): Promise<unknown[]> {
  const ended = once(child, "exit").then(([code, signal]) => Promise.reject(new Error(`a process ended with ${code ?? signal}`)));
  ended.catch(() => {});
  return Promise.race([once(child, "message", { signal: AbortSignal.timeout(LONGEST) }), ended]);
}

/** From the first byte to the last, and what that cost this process. */
class Meter {
  bytes = 0;
  private startedAt = 0n;
  private lastAt = 0n;
  private cpu = process.cpuUsage();

  start(): void {
    this.startedAt = process.hrtime.bigint();
    this.lastAt = this.startedAt;
    this.cpu = process.cpuUsage();
  }

  add(bytes: number): void {
    if (this.bytes === 0) this.start();
    this.bytes += bytes;
    this.lastAt = process.hrtime.bigint();
  }

  report(): void {
    const { user, system } = process.cpuUsage(this.cpu);
    tell({ bytes: this.bytes, seconds: Number(this.lastAt - this.startedAt) / 1e9, cpu: (user + system) / 1e6 });
  }
}

function tell(report: Report): void {
  process.send?.(report);
}

async function portOfPeer(): Promise<number> {
  const [{ port }] = (await once(process, "message")) as [{ port: number }];
  return port;
}

function links(order: Order): UdpLink[] {
  const { batch, receiveBuffer, key } = order;
  return ADDRESSES.slice(0, order.links ?? 1).map(
    (address) => new UdpLink({ addresses: [address], ...(batch === undefined ? {} : { batch }), ...(receiveBuffer === undefined ? {} : { receiveBuffer }), ...(key === undefined ? {} : { key }) }),
  );
}

// ---- the engine

class Reader implements ConnectionHandler {
  private readonly runtime: Runtime;
  private readonly connection: StreamConnection;
  private readonly meter = new Meter();
  private hasEnded = false;

  constructor(runtime: Runtime, connection: StreamConnection) {
    this.runtime = runtime;
    this.connection = connection;
  }

  onEvents(_events: number, now: number): void {
    const { connection, meter } = this;
    for (let payload = connection.read(READ, now); payload !== null; payload = connection.read(READ, now)) meter.add(payload.length);
    if (connection.ended && !this.hasEnded) {
      this.hasEnded = true;
      meter.report();
      connection.end(now);
    }
    this.runtime.poke();
  }
}

function engineReceiver(order: Order): void {
  const runtime = new Runtime();
  runtime.ref();
  for (const link of links(order)) runtime.addLink(link);
  const port = 20_000 + (process.pid % 10_000);
  runtime.listen(port, {}, (connection) => new Reader(runtime, connection));
  tell({ port });
}

class Writer implements ConnectionHandler {
  private readonly runtime: Runtime;
  private readonly order: Order;
  private readonly meter = new Meter();
  private readonly piece = Payload.of(new Uint8Array(PIECE).fill(7));
  private left: number;
  private hasStarted = false;
  private connection: StreamConnection | null = null;

  constructor(runtime: Runtime, order: Order) {
    this.runtime = runtime;
    this.order = order;
    this.left = order.bytes;
  }

  bind(connection: StreamConnection): void {
    this.connection = connection;
  }

  onEvents(events: number, now: number): void {
    const { connection, meter } = this;
    if (connection === null) return;
    if (connection.error !== null) throw new Error(connection.error);
    if ((events & STREAM_EVENT.drained) !== 0 && this.hasStarted) meter.report();
    if (!this.hasStarted && !this.isReady()) return;
    if (!this.hasStarted) meter.start();
    this.hasStarted = true;
    while (this.left > 0) {
      const taken = connection.write(this.piece.slice(0, Math.min(PIECE, this.left)), true, now);
      if (taken === 0) break;
      this.left -= taken;
      if (this.left === 0) connection.end(now);
    }
    this.runtime.poke();
  }

  /** With several links, once all subflows that there will be are there. */
  private isReady(): boolean {
    const { connection, order } = this;
    if (connection === null) return false;
    const wanted = order.multipath === false ? 1 : (order.links ?? 1) ** 2;
    if (wanted === 1) return true;
    const { subflows } = connection as unknown as { readonly subflows: readonly { readonly established: boolean }[] };
    return subflows.filter((subflow) => subflow.established).length >= wanted;
  }
}

async function engineSender(order: Order): Promise<void> {
  const runtime = new Runtime();
  runtime.ref();
  for (const link of links(order)) runtime.addLink(link);
  const writer = new Writer(runtime, order);
  const multipath = order.multipath ?? true;
  writer.bind(runtime.connect(IpAddress.from("127.0.0.1"), await portOfPeer(), { multipath, localAddress: IpAddress.from("127.0.0.1") }, writer));
}

// ---- sockets

function socketReceiver(order: Order): void {
  const stack = createStack({ links: links(order) });
  const meter = new Meter();
  const server = stack.createServer((socket) => {
    socket.on("data", (chunk: Uint8Array) => meter.add(chunk.length));
    socket.on("end", () => meter.report());
  });
  server.listen(0, () => tell({ port: (server.address() as AddressInfo).port }));
}

async function socketSender(order: Order): Promise<void> {
  const stack = createStack({ links: links(order) });
  const socket = stack.connect({ port: await portOfPeer(), host: "127.0.0.1" });
  await once(socket, "connect");
  const wanted = (order.links ?? 1) ** 2;
  while (socket.mptcp.info().subflows.filter((subflow) => subflow.established).length < wanted) await once(socket, "subflowUp");
  const meter = new Meter();
  meter.start();
  const piece = Buffer.alloc(PIECE, 7);
  for (let left = order.bytes; left > 0; left -= PIECE) {
    if (!socket.write(left < PIECE ? piece.subarray(0, left) : piece)) await once(socket, "drain");
  }
  socket.end();
  socket.resume();
  await once(socket, "close");
  meter.report();
}

// ---- node:dgram

function dgramReceiver(): void {
  const socket = createSocket("udp4");
  const meter = new Meter();
  socket.on("message", (bytes) => {
    if (bytes.length > 1) meter.add(bytes.length);
    else {
      socket.close();
      meter.report();
    }
  });
  socket.bind(0, "127.0.0.1", () => tell({ port: socket.address().port }));
}

async function dgramSender(order: Order): Promise<void> {
  const socket = createSocket("udp4");
  const port = await portOfPeer();
  const meter = new Meter();
  const bytes = Buffer.alloc(DATAGRAM, 7);
  let left = order.bytes;
  await new Promise<void>((resolve) => {
    const more = (): void => {
      for (let i = 0; i < 32 && left > 0; i++, left -= DATAGRAM) socket.send(bytes, port, "127.0.0.1");
      if (left > 0) setImmediate(more);
      else resolve();
    };
    socket.connect(port, "127.0.0.1", () => {
      socket.disconnect();
      meter.start();
      more();
    });
  });
  meter.report();
  const last = setInterval(() => socket.send(Buffer.alloc(1), port, "127.0.0.1"), 50);
  process.once("disconnect", () => clearInterval(last));
}

/** What takes longer hangs, ms. */
const LONGEST = 120_000;
const ADDRESSES = ["127.0.0.1", "127.0.0.2"];
const PIECE = 1 << 20;
const READ = 1 << 20;
/** What an IPv4 packet of 1500 octets leaves. */
const DATAGRAM = 1472;

const [, , role, text] = process.argv;
if (process.send !== undefined && role !== undefined && text !== undefined) {
  const order = JSON.parse(text) as Order;
  const roles = {
    raw: { receiver: () => rawReceiver(tell), sender: async () => rawSender(await portOfPeer(), order.bytes, tell) },
    dgram: { receiver: dgramReceiver, sender: () => dgramSender(order) },
    engine: { receiver: () => engineReceiver(order), sender: () => engineSender(order) },
    sockets: { receiver: () => socketReceiver(order), sender: () => socketSender(order) },
  } as const;
  await roles[order.mode][role === "sender" ? "sender" : "receiver"]();
}
