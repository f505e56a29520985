import { Ground } from "./ground.ts";
import type { Worker } from "./ground.ts";

/** One transfer: what went over in how long, and the processor time of the end that is measured. */
export interface Transfer {
  /** Gbit/s */
  readonly rate: number;
  /** Seconds of processor time for each 10^9 octets, of the process that is measured; NaN where the kernel does the work. */
  readonly cpuPerGigabyte: number;
}

/** From the kernel's end to the other (in), or back (out). */
export type Direction = "in" | "out";

export interface BulkOptions {
  readonly paths: number;
  readonly bytes: number;
}

/** A transfer between the engine, behind TUN devices, and the kernel. */
export async function engineBulk(direction: Direction, options: BulkOptions): Promise<Transfer> {
  const ground = new Ground();
  try {
    const namespace = ground.namespace();
    const engine = ground.nodeEnd("node-end.js");
    await engine.tell("links", { namespace, paths: options.paths });
    await engine.tell("listen", { port: PORT });
    const kernel = ground.kernelEnd(namespace);
    await connect(kernel, engine);
    await warmUp(direction, kernel, engine);
    ground.assertMultipath(namespace, 1, options.paths - 1);
    return await measure(direction, kernel, engine, options.bytes);
  } finally {
    await ground.close();
  }
}

/** The same between two kernels over veth. */
export async function kernelBulk(direction: Direction, options: BulkOptions): Promise<Transfer> {
  const ground = new Ground();
  try {
    const [left, right] = [ground.namespace(), ground.namespace()];
    ground.cable(left, right, options.paths);
    for (let n = 2; n <= options.paths; n++) ground.run(right, "ip", "mptcp", "endpoint", "add", `10.${n}.0.2`, "signal");
    const other = ground.kernelEnd(right);
    await other.tell("listen", { port: PORT });
    const kernel = ground.kernelEnd(left);
    await connect(kernel, other);
    await warmUp(direction, kernel, other);
    ground.assertMultipath(left, 1, options.paths - 1);
    return await measure(direction, kernel, other, options.bytes);
  } finally {
    await ground.close();
  }
}

async function connect(kernel: Worker, other: Worker): Promise<void> {
  const accepted = other.tell("accept");
  await kernel.tell("connect", { address: "10.1.0.2", port: PORT });
  await accepted;
}

/** Past slow start, with the other subflows there and the compiler done: that takes some 2 GB. */
async function warmUp(direction: Direction, kernel: Worker, other: Worker): Promise<void> {
  for (let i = 0; i < WARM_UP_ROUNDS; i++) await transfer(direction, kernel, other, WARM_UP);
}

async function measure(direction: Direction, kernel: Worker, other: Worker, bytes: number): Promise<Transfer> {
  const before = await other.tell("cpu");
  const { seconds = NaN, counted = bytes } = await transfer(direction, kernel, other, bytes);
  const after = await other.tell("cpu");
  return { rate: (counted * 8) / seconds / 1e9, cpuPerGigabyte: ((after["cpu"] ?? NaN) - (before["cpu"] ?? NaN)) / (bytes / 1e9) };
}

async function transfer(direction: Direction, kernel: Worker, other: Worker, bytes: number): Promise<Readonly<Record<string, number>>> {
  if (direction === "in") {
    const taken = other.tell("receive", { bytes });
    const given = await kernel.tell("send", { bytes });
    await taken;
    return given;
  }
  const given = other.tell("send", { bytes });
  const taken = await kernel.tell("receive", { bytes });
  await given;
  return taken;
}

const PORT = 4000;
const WARM_UP = 1e9;
const WARM_UP_ROUNDS = 3;
