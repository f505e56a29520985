import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";
import { once } from "node:events";
import { afterEach, expect, it, vi } from "vitest";
import { DgramSockets } from "../../src/node/udp/dgram-port.ts";
import { inquire } from "../../src/node/udp/inquiry.ts";
import type { InquiryOutcome } from "../../src/node/udp/inquiry.ts";
import type { PortListener, UdpPort } from "../../src/node/udp/port.ts";
import { IpAddress } from "../../src/wire/index.ts";

const LISTENER: PortListener = { arrived: () => {}, rejected: () => {}, erred: () => {}, batchEnd: () => {}, room: () => {} };
const LOCAL = IpAddress.from("127.0.0.1");
const open: { close(): unknown }[] = [];

afterEach(() => {
  vi.useRealTimers();
  for (const one of open.splice(0)) one.close();
});

function port(localText = "127.0.0.1"): UdpPort {
  const made = new DgramSockets(LISTENER, 65_536).open(LOCAL, 0);
  open.push(made);
  return Object.defineProperty(made, "localText", { value: localText });
}

/** Somebody's port, who does not answer; and what came to it, by port. */
async function silent(): Promise<{ readonly socket: Socket; readonly asking: number[] }> {
  const socket = createSocket("udp4");
  const asking: number[] = [];
  socket.on("message", (_, from) => asking.push(from.port));
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  open.push(socket);
  return { socket, asking };
}

it("an inquiry finds a closed port, and one that is open gives no answer", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const { socket, asking } = await silent();
  const remotePort = socket.address().port;
  let outcome: InquiryOutcome | null = null;
  inquire(port(), LOCAL, remotePort, (given) => (outcome = given));
  // One question, again and again.
  for (let count = 1; count <= 4; count++) {
    while (asking.length < count) await once(socket, "message");
    vi.advanceTimersByTime(300);
  }
  expect([new Set(asking).size, outcome]).toEqual([1, null]);
  vi.advanceTimersByTime(2000);
  expect(outcome).toBe("unanswered");
  open.splice(open.indexOf(socket), 1);
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  expect(await new Promise((resolve) => inquire(port(), LOCAL, remotePort, resolve))).toBe("closed");
});

it.each([
  ["no socket can be had at its address", "192.0.2.1", 5000],
  ["its address is none", "no address", 5000],
  ["the peer has no port", "127.0.0.1", 0],
])("an inquiry comes to nothing where %s, and throws nothing", async (_, localText, remotePort) => {
  expect(await new Promise((resolve) => inquire(port(localText), LOCAL, remotePort, resolve))).toBe("unanswered");
});

it("an inquiry that is given up tells nothing", async () => {
  const { socket } = await silent();
  const outcomes: InquiryOutcome[] = [];
  inquire(port(), LOCAL, socket.address().port, (outcome) => outcomes.push(outcome))();
  await new Promise((resolve) => setImmediate(resolve));
  expect(outcomes).toEqual([]);
});
