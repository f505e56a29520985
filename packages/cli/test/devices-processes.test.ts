import { createHash } from "node:crypto";
import type { Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { kernelTestObstacle } from "../../mptcp/test/node/namespace.ts";
import type { TransferSummary } from "../src/transfer-summary.ts";
import { Laptop, SERVER_4, SERVER_6 } from "./laptop.ts";
import { Command } from "./processes.ts";
import type { CommandOptions } from "./processes.ts";

const obstacle = kernelTestObstacle();
if (obstacle !== null) console.warn(`links by device are not tested: ${obstacle}`);

const laptops: Laptop[] = [];

afterEach(async () => {
  await Command.stopAll();
  for (const laptop of laptops.splice(0)) await laptop.close();
});

function laptopWith(names: readonly string[], rate: number | null = null): Laptop {
  const laptop = new Laptop(names, rate);
  laptops.push(laptop);
  return laptop;
}

async function listen(laptop: Laptop, ...args: string[]): Promise<Command> {
  const server = new Command(["listen", "5001", "--udp", `local=${SERVER_4}`, "--udp", `local=${SERVER_6}`, "--json", ...args], { namespace: laptop.server.name, unprivileged: true });
  await server.says("listening on");
  return server;
}

function connect(laptop: Laptop, ...args: readonly (string | CommandOptions)[]): Command {
  const options = args.find((arg) => typeof arg !== "string");
  return new Command(["connect", SERVER_4, "5001", "--json", "--verbose", ...args.filter((arg) => typeof arg === "string")], { namespace: laptop.host.name, unprivileged: true, ...options });
}

/** Octets that were sent by the n-th device's addresses. */
function sentBy({ subflows }: TransferSummary, n: number): number {
  return subflows.filter(({ localAddress }) => localAddress?.startsWith(`10.91.${n}.`) === true || localAddress?.startsWith(`fd91:${n}:`) === true).reduce((sum, { bytesSent }) => sum + bytesSent, 0);
}

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    if (tries > 2000) throw new Error(`${holds.toString()} did not come true`);
    await sleep(25);
  }
}

/** Until so many octets more have come to the server by a device. */
async function arrivesBy({ server }: Laptop, name: string, octets: number): Promise<void> {
  const arrived = (): number => Number(server.run("cat", `/sys/class/net/${name}/statistics/rx_bytes`));
  const before = arrived();
  await until(() => arrived() >= before + octets);
}

/** Gives a command something to send until `meanwhile` is over. @returns the digest of what it was */
async function feeding({ input }: Command, meanwhile: () => Promise<void>): Promise<string> {
  const hash = createHash("sha256");
  let pieces = 0;
  const timer = setInterval(() => {
    if ((input as Writable).writableLength > 1_000_000) return;
    const piece = Buffer.alloc(250_000, `piece ${pieces++}, `);
    hash.update(piece);
    input.write(piece);
  }, 10);
  try {
    await meanwhile();
  } finally {
    clearInterval(timer);
    input.end();
  }
  return hash.digest("hex");
}

/** The octets that `--source` sends. */
function sourceSha(bytes: number): string {
  const block = Buffer.alloc(65536, "multipath ");
  const hash = createHash("sha256");
  for (let left = bytes; left > 0; left -= block.length) hash.update(left < block.length ? block.subarray(0, left) : block);
  return hash.digest("hex");
}

const sha = (command: Command): string => command.output.reduce((hash, chunk) => hash.update(chunk), createHash("sha256")).digest("hex");

describe.skipIf(obstacle !== null)("mptcp on devices", () => {
  it("in backup mode sends less than 2 % by the backup while the preferred device works", async () => {
    const laptop = laptopWith(["wlan0", "wwan0"], 50);
    const bytes = 14_000_000;
    const server = await listen(laptop);
    const client = connect(laptop, "--udp", "dev=wlan0", "--udp", "dev=ww*,backup", "--source", String(bytes));
    await until(() => server.outputLength > 1_000_000);
    // What happens to the backup meanwhile is no reason to use it.
    for (const change of [() => laptop.address("wwan0", 4), () => laptop.carrier("wwan0", false), () => laptop.carrier("wwan0", true), () => laptop.address("wlan0", 6)]) {
      change();
      await sleep(200);
    }
    expect([await client.code, await server.code]).toEqual([0, 0]);
    expect(sha(server)).toBe(sourceSha(bytes));
    const [preferred, backup] = [sentBy(client.summary, 1), sentBy(client.summary, 2)];
    expect(client.summary.subflows.some(({ localAddress, backup: isBackup }) => isBackup && localAddress?.startsWith("10.91.2.") === true)).toBe(true);
    expect(backup / (preferred + backup)).toBeLessThan(0.02);
  });

  it("moves on by the backup when the preferred device is up but dead, and back to it when that works again", async () => {
    const laptop = laptopWith(["wlan0", "wwan0"], 50);
    const server = await listen(laptop);
    const client = connect(laptop, { stdin: "pipe" }, "--udp", "dev=wlan0", "--udp", "dev=wwan0,backup");
    const octets = await feeding(client, async () => {
      await arrivesBy(laptop, "wlan0", 3_000_000);
      laptop.dead("wlan0", true);
      await arrivesBy(laptop, "wwan0", 3_000_000);
      laptop.dead("wlan0", false);
      await arrivesBy(laptop, "wlan0", 2_000_000);
    });
    expect([await client.code, await server.code]).toEqual([0, 0]);
    expect(sha(server)).toBe(octets);
    expect(client.stderr).not.toMatch(/^wlan0: it/m);
  });

  it("goes on by another device with other addresses after all were gone for a while, one path at a time", async () => {
    const laptop = laptopWith(["wlan0", "eth0"], 50);
    const bytes = 7_000_000;
    laptop.unplug("eth0");
    const server = await listen(laptop);
    const client = connect(laptop, "--udp", "dev=wlan0", "--udp", "dev=eth0", "--mode", "single-path", "--source", String(bytes));
    await client.says("eth0: there is no such device");
    await until(() => server.outputLength > 2_000_000);
    laptop.unplug("wlan0");
    await sleep(1000);
    laptop.plug("eth0");
    expect([await client.code, await server.code]).toEqual([0, 0]);
    expect(sha(server)).toBe(sourceSha(bytes));
    expect(sentBy(client.summary, 1)).toBeGreaterThan(1_000_000);
    expect(sentBy(client.summary, 2)).toBeGreaterThan(1_000_000);
    expect(client.summary.counters.MPTcpExtMPJoinSynTx).toBe(1);
  });

  it("gives up once all devices have been gone for as long as --patience says", async () => {
    const laptop = laptopWith(["wlan0"], 50);
    const server = await listen(laptop);
    const client = connect(laptop, "--udp", "dev=wlan0", "--patience", "0.5", "--source", "50000000");
    await until(() => server.outputLength > 500_000);
    laptop.down("wlan0");
    expect(await client.code).toBe(1);
    expect(client.summary.error).toContain("ETIMEDOUT");
  });

  it("connects by another device where the preferred one is up but dead, and prefers it once it works", async () => {
    const laptop = laptopWith(["wlan0", "wwan0"], 50);
    laptop.dead("wlan0", true);
    const server = await listen(laptop);
    const client = connect(laptop, { stdin: "pipe" }, "--udp", "dev=wlan0", "--udp", "dev=wwan0,backup");
    const octets = await feeding(client, async () => {
      await arrivesBy(laptop, "wwan0", 1_000_000);
      laptop.dead("wlan0", false);
      await arrivesBy(laptop, "wlan0", 2_000_000);
    });
    expect([await client.code, await server.code]).toEqual([0, 0]);
    expect(sha(server)).toBe(octets);
    expect(client.summary.subflows.filter(({ localAddress }) => localAddress?.startsWith("10.91.2.") === true).every(({ backup }) => backup)).toBe(true);
  });

  it("waits for a device that is not there yet, and listens on one that comes", async () => {
    const laptop = laptopWith(["wlan0"]);
    laptop.unplug("wlan0");
    const none = connect(laptop, "--udp", "dev=wlan0", "--source", "1000");
    expect(await none.code).toBe(1);
    expect(none.stderr).toContain("wlan0: there is no such device; it is used when that changes");
    expect(none.stderr).toContain("EADDRNOTAVAIL");

    const listener = new Command(["listen", "5002", "--udp", "dev=wlan0", "--discard", "--json", "--verbose"], { namespace: laptop.host.name, unprivileged: true });
    await listener.says("listening on wlan0");
    await listen(laptop, "--discard");
    const client = connect(laptop, "--udp", "dev=any", "--wait", "30", "--source", "1000");
    await client.says("waiting for");
    laptop.plug("wlan0");
    expect(await client.code).toBe(0);
    await listener.says("wlan0: 10.91.1.");
    const address = /^wlan0: ([\d.]+)/m.exec(listener.stderr)?.[1] ?? "";
    const peer = new Command(["connect", address, "5002", "--udp", `local=${SERVER_4}`, "--source", "1000"], { namespace: laptop.server.name, unprivileged: true });
    expect([await peer.code, await listener.code]).toEqual([0, 0]);
  });

  it("leaves by the device of each address although the host's routes lead by another", async () => {
    const laptop = laptopWith(["wlan0", "eth0"]);
    // Of two default routes the one by wlan0 has the lower metric: by the routes alone what has the source of eth0 would take that, too.
    const received = (name: string): number => Number(laptop.server.run("cat", `/sys/class/net/${name}/statistics/rx_bytes`));
    const before = received("eth0");
    const server = await listen(laptop);
    const client = connect(laptop, "--udp", "dev=eth0", "--source", "5000000");
    expect([await client.code, await server.code]).toEqual([0, 0]);
    expect(received("eth0") - before).toBeGreaterThan(5_000_000);
  });

  it("looks once a second without koffi, and follows all the same", async () => {
    const laptop = laptopWith(["wlan0"], 50);
    const bytes = 5_000_000;
    const server = await listen(laptop);
    const args = ["connect", SERVER_4, "5001", "--json", "--verbose", "--udp", "dev=any", "--source", String(bytes)];
    const client = new Command(args, { namespace: laptop.host.name, unprivileged: true, withoutKoffi: true });
    await client.says("follows this host's routes");
    await until(() => server.outputLength > 1_000_000);
    laptop.address("wlan0", 4);
    laptop.address("wlan0", 6);
    expect([await client.code, await server.code]).toEqual([0, 0]);
    expect(sha(server)).toBe(sourceSha(bytes));
    expect(client.summary.subflows.some(({ down }) => down === "address_removed")).toBe(true);
  });
});

describe("two processes without privileges, by device,", () => {
  it("speak over the loopback device", async () => {
    const server = new Command(["listen", "5031", "--udp", "dev=lo", "--discard", "--json"], { unprivileged: true });
    await server.says("listening on lo (127.0.0.1:5031");
    const client = new Command(["connect", "127.0.0.1", "5031", "--udp", "dev=lo", "--source", "1000000", "--json"], { unprivileged: true });
    expect([await client.code, await server.code]).toEqual([0, 0]);
    expect(server.summary.bytesRead).toBe(1_000_000);
  });
});
