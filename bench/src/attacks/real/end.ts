import { createStack, tunLink } from "mptcp/node";
import type { Socket, Stack, TunLink } from "mptcp/node";
import { insideOfHost } from "../../fuzz/connections/inside.ts";
import { answerLines } from "../../kernel/answer-lines.ts";
import type { Actions } from "../../kernel/answer-lines.ts";

/**
 * A host of the engine behind TUN devices, in a process of its own: the attacked server, or its friends. Told by lines of JSON on standard input what to do,
 * answers each with a line.
 */
interface Message {
  readonly do: string;
  readonly namespace?: string;
  readonly devices?: string;
  readonly memory?: number;
  readonly count?: number;
  readonly multipath?: boolean;
  readonly address?: string;
  readonly port?: number;
}

let stack: Stack | null = null;
let sockets: Socket[] = [];
let received = 0;
/** Packets from addresses that nobody has. */
let strangers = 0;

const actions: Actions<Message> = {
  /** Opens the devices `10.N.0.2`, for each N that is named. */
  async links({ namespace = "", devices = "", memory = 0 }) {
    const names = devices.split(",");
    const links = await Promise.all(names.map((n) => tunLink({ name: `tun${n}`, host: `10.${n}.0.2`, kernel: `10.${n}.0.1/24`, namespace: `/run/netns/${namespace}` })));
    for (const link of links) watch(link);
    stack = createStack({ links, ...(memory > 0 ? { memory } : {}) });
    return {};
  },
  /** Takes whatever comes. */
  async serve({ port = 0 }) {
    const server = theStack().createServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => {});
      socket.on("close", () => (sockets = sockets.filter((other) => other !== socket)));
      socket.on("data", (chunk: Uint8Array) => (received += chunk.length));
    });
    await new Promise<void>((resolve) => server.listen(port, resolve));
    return {};
  },
  /** Opens connections, and sends on each as fast as it goes. */
  async dial({ address = "", count = 0, multipath = true, port = 0 }) {
    const block = Buffer.alloc(65_536);
    for (let n = 0; n < count; n++) {
      const socket = theStack().connect({ host: address, port, multipath });
      sockets.push(socket);
      socket.on("error", () => {});
      const fill = (): void => {
        while (!socket.destroyed && socket.write(block)) continue;
      };
      socket.on("connect", fill).on("drain", fill);
    }
    await new Promise<void>((resolve) => {
      const look = setInterval(() => {
        if (sockets.some(({ connecting }) => connecting)) return;
        clearInterval(look);
        resolve();
      }, 50);
    });
    return {};
  },
  /** What has come so far, and what is there. */
  async look() {
    const { host } = theStack().runtime;
    const { heapUsed, rss } = process.memoryUsage();
    const { system, user } = process.cpuUsage();
    const { held } = insideOfHost(host).memory;
    return { received, strangers, at: performance.now(), rss, heap: heapUsed, held, open: sockets.length, cpu: (system + user) / 1e6, ...host.usage, multipath: sockets.filter((socket) => socket.mptcp.info().subflows.filter(({ established }) => established).length > 1).length };
  },
  /** The token of one connection. */
  async token({ count: which = 0 }) {
    return { token: sockets[which % Math.max(1, sockets.length)]?.mptcp.info().token ?? 0 };
  },
};

/** Has a link count what comes from strangers. */
function watch(link: TunLink): void {
  const start = link.start.bind(link);
  link.start = (handler): void =>
    start({
      connections: handler.connections,
      receive: (packet) => {
        // 198.18.0.0/15
        if (packet.source.family === 4 && packet.source.w3 >>> 17 === 0xc612 >>> 1) strangers++;
        handler.receive(packet);
      },
      batchEnd: () => handler.batchEnd(),
      room: () => handler.room(),
      failed: (error) => handler.failed(error),
    });
}

function theStack(): Stack {
  if (stack === null) throw new Error("open links first");
  return stack;
}

answerLines(actions, () => void stack?.close());
