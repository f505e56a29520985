import { setTimeout as sleep } from "node:timers/promises";
import { SECOND } from "mptcp";
import type { PortSource } from "mptcp";
import { createStack, UdpLink } from "mptcp/node";
import type { LinkDriver, LinkHandler, Server, Socket, Stack } from "mptcp/node";
import type { IpAddress, Packet } from "mptcp/wire";
import { FuzzRandom } from "../fuzz/random.ts";
import type { SoakTotals } from "./simulated.ts";

/** A link over UDP that can be cut: then it loses what it is given and what arrives. */
class CuttableLink implements LinkDriver {
  isCut = false;
  readonly name: string;
  readonly mtu: number;
  readonly segmentationLimit: number;
  readonly addresses: readonly IpAddress[];
  readonly ports: PortSource;
  private readonly link: UdpLink;

  constructor(address: string) {
    this.link = new UdpLink({ addresses: [address] });
    const { addresses, mtu, name, ports, segmentationLimit } = this.link;
    this.name = name;
    this.mtu = mtu;
    this.segmentationLimit = segmentationLimit;
    this.addresses = addresses;
    this.ports = ports;
  }

  start(handler: LinkHandler): void {
    this.link.start({
      connections: handler.connections,
      receive: (packet) => void (this.isCut || handler.receive(packet)),
      batchEnd: () => handler.batchEnd(),
      room: () => handler.room(),
      failed: (error) => handler.failed(error),
    });
  }

  send(packet: Packet): boolean {
    return this.isCut || this.link.send(packet);
  }

  flush(): void {
    this.link.flush();
  }

  ref(): void {
    this.link.ref();
  }

  unref(): void {
    this.link.unref();
  }

  close(): Promise<void> {
    return this.link.close();
  }
}

/**
 * A soak of the real runtime, over UDP on the loopback interface: clients write, a server echoes, each octet is compared; subflows become backups,
 * are closed and opened anew, and one of the two paths is cut and comes back, again and again.
 * @throws Error when something is lost, or left at the end
 */
export async function soakUdp(seed: number, milliseconds: number, tell: (totals: SoakTotals) => void): Promise<SoakTotals> {
  const links = [new CuttableLink("127.0.0.3"), new CuttableLink("127.0.0.4")];
  const tcp = { timeWait: SECOND, orphanTimeout: 5 * SECOND };
  const client = createStack({ links, tcp });
  const server = createStack({ links: [new UdpLink({ addresses: ["127.0.0.1"] }), new UdpLink({ addresses: ["127.0.0.2"] })], tcp });
  const random = new FuzzRandom();
  random.start(seed, 0);
  const totals: SoakTotals = { connections: 0, bytes: 0, cuts: 0, moves: 0 };
  try {
    const listener = await echoes(server);
    const { port } = listener.address() as { readonly port: number };
    const until = performance.now() + milliseconds;
    const open = new Set<Socket>();
    const busy = Array.from({ length: AT_ONCE }, async () => {
      while (performance.now() < until) await exchange(client, port, random, open, totals);
    });
    const disturbing = disturb(links, random, open, totals, () => performance.now() < until, tell);
    await Promise.all([...busy, disturbing]);
    listener.close();
    await forgotten(client, server);
    return totals;
  } finally {
    await Promise.all([client.close(), server.close()]);
  }
}

function echoes(stack: Stack): Promise<Server> {
  return new Promise((resolve) => {
    const listener = stack.createServer({ allowHalfOpen: true }, (socket) => {
      socket.on("error", () => socket.destroy());
      socket.pipe(socket);
    });
    listener.listen(0, "127.0.0.1", () => resolve(listener));
  });
}

/** Opens a connection, writes some, and compares what comes back; one in eight is broken off instead. */
function exchange(stack: Stack, port: number, random: FuzzRandom, open: Set<Socket>, totals: SoakTotals): Promise<void> {
  const length = 1 + random.below(random.oneIn(4) ? 2_000_000 : 50_000);
  const offset = random.below(PATTERN.length);
  const breaksOff = random.oneIn(8) ? random.below(length) : Number.POSITIVE_INFINITY;
  return new Promise((resolve, reject) => {
    const socket = stack.connect({ port, host: "127.0.0.1" });
    open.add(socket);
    let received = 0;
    socket.on("data", (chunk: Buffer) => {
      for (const octet of chunk) {
        if (octet !== PATTERN[(offset + received++) % PATTERN.length]) reject(new Error(`a wrong byte at ${received - 1}`));
      }
      if (received >= breaksOff) socket.resetAndDestroy();
    });
    socket.on("error", reject);
    socket.on("close", () => {
      open.delete(socket);
      totals.connections++;
      totals.bytes += received;
      if (received !== length && received < breaksOff) reject(new Error(`${received} of ${length} bytes came back`));
      else resolve();
    });
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) bytes[i] = PATTERN[(offset + i) % PATTERN.length] as number;
    socket.end(bytes);
  });
}

/** Cuts a path for a while, moves connections, and so on. */
async function disturb(links: readonly CuttableLink[], random: FuzzRandom, open: ReadonlySet<Socket>, totals: SoakTotals, goesOn: () => boolean, tell: (totals: SoakTotals) => void): Promise<void> {
  while (goesOn()) {
    await sleep(200 + random.below(1500));
    const link = links[random.below(links.length)] as CuttableLink;
    link.isCut = true;
    totals.cuts++;
    await sleep(100 + random.below(1500));
    link.isCut = false;
    for (const socket of [...open].slice(0, 4)) {
      const { subflows } = socket.mptcp.info();
      const subflow = subflows[random.below(Math.max(1, subflows.length))];
      if (subflow === undefined) continue;
      totals.moves++;
      if (random.oneIn(2)) socket.mptcp.setBackup(subflow.id, random.oneIn(2));
      else if (subflows.length > 1) socket.mptcp.removeSubflow(subflow.id);
    }
    tell(totals);
  }
}

/** Waits until the hosts hold nothing more. @throws Error when they do for too long */
async function forgotten(client: Stack, server: Stack): Promise<void> {
  const until = performance.now() + LONGEST_WAIT;
  const usage = (): string => JSON.stringify([client.runtime.host.usage, server.runtime.host.usage]);
  while (/:[1-9]/.test(usage())) {
    if (performance.now() > until) throw new Error(`left: ${usage()}`);
    await sleep(100);
  }
}

const AT_ONCE = 6;
/** ms */
const LONGEST_WAIT = 30_000;
/** No part of it is like another. */
const PATTERN = ((): Uint8Array => {
  const random = new FuzzRandom();
  random.start(7, 7);
  return random.octets(65_521);
})();
