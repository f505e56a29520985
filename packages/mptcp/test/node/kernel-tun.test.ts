import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import type { LinkHandler } from "../../src/node/index.ts";
import type { TunLink } from "../../src/node/tun/index.ts";
import { tunLink } from "../../src/node/tun/index.ts";
import { IpAddress, Packet, Payload } from "../../src/wire/index.ts";
import { KernelLab } from "./kernel-lab.ts";
import { NO_CONNECTIONS } from "./memory-link.ts";
import { kernelTestObstacle, Namespace } from "./namespace.ts";

const obstacle = kernelTestObstacle();
if (obstacle !== null) console.warn(`tests against the kernel are skipped: ${obstacle}`);

const links: TunLink[] = [];
const namespaces: Namespace[] = [];

afterEach(async () => {
  for (const link of links.splice(0)) await link.close();
  for (const namespace of namespaces.splice(0)) await namespace.close();
  await KernelLab.closeAll();
});

function makeNamespace(): Namespace {
  const namespace = new Namespace();
  namespaces.push(namespace);
  return namespace;
}

class Recorder implements LinkHandler {
  readonly connections = NO_CONNECTIONS;
  readonly packets: Packet[] = [];
  readonly failures: Error[] = [];
  batches = 0;
  rooms = 0;
  private readonly waiting: (() => void)[] = [];
  receive(packet: Packet): void {
    this.packets.push(packet);
    for (const resolve of this.waiting.splice(0)) resolve();
  }
  batchEnd(): void {
    this.batches++;
  }
  room(): void {
    this.rooms++;
    for (const resolve of this.waiting.splice(0)) resolve();
  }
  failed(error: Error): void {
    this.failures.push(error);
    for (const resolve of this.waiting.splice(0)) resolve();
  }
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }
}

async function open(namespace: Namespace, n: number, extra: { offload?: boolean; multiQueue?: boolean; name?: string } = {}): Promise<{ link: TunLink; recorder: Recorder }> {
  const link = await tunLink({ name: `tun${n}`, host: `10.${n}.0.2`, kernel: `10.${n}.0.1/24`, namespace: namespace.path, ...extra });
  links.push(link);
  link.ref();
  const recorder = new Recorder();
  link.start(recorder);
  return { link, recorder };
}

function interfaces(namespace: Namespace): string[] {
  return namespace.run("ip", "-o", "link", "show", "type", "tun").split("\n").filter((line) => line !== "").map((line) => line.split(":")[1]?.trim() ?? "");
}

function descriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

/** Handles of the event loop of the kind that a device is. */
function pipes(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind.includes("Pipe")).length;
}

/** An echo request from `source` to `destination`. */
function ping(source: string, destination: string, length = 0): Packet {
  const packet = new Packet(IpAddress.from(source), IpAddress.from(destination));
  packet.icmp = { type: 8, code: 0, word: 0x00070001, body: new Uint8Array(length) };
  packet.length = 28 + length;
  return packet;
}

const replies = (recorder: Recorder): Packet[] => recorder.packets.filter((packet) => packet.icmp?.type === 0);

describe.skipIf(obstacle !== null)("a TUN link", () => {
  it.each([true, false])("carries packets both ways, offload %s", async (offload) => {
    const { link, recorder } = await open(makeNamespace(), 1, { offload });
    expect(link.segmentationLimit > 0).toBe(offload);
    expect(link.send(ping("10.1.0.2", "10.1.0.1", 1000))).toBe(true);
    await recorder.until(() => replies(recorder).length === 1);
    expect(replies(recorder)[0]).toMatchObject({ length: 1028 });
    expect(replies(recorder)[0]?.icmp?.word).toBe(0x00070001);
  });

  it("leaves neither device nor descriptor nor handle behind", async () => {
    const namespace = makeNamespace();
    // The first device loads what stays loaded.
    await (await open(namespace, 1)).link.close();
    const before = descriptors();
    const handles = pipes();
    for (let i = 0; i < 20; i++) {
      const { link } = await open(namespace, 1);
      expect(interfaces(namespace)).toEqual(["tun1"]);
      await link.close();
      await link.close();
      expect(interfaces(namespace)).toEqual([]);
    }
    expect(descriptors()).toBe(before);
    expect(pipes()).toBe(handles);
  });

  it("is not passed on to the processes that this one starts, with which it would live on", async () => {
    await open(makeNamespace(), 1);
    expect(execFileSync("/bin/ls", ["-l", "/proc/self/fd"], { encoding: "utf8" })).not.toContain("/net/tun");
  });

  it("serves several devices in one process", async () => {
    const namespace = makeNamespace();
    const all = [];
    for (let n = 1; n <= 8; n++) all.push(await open(namespace, n));
    expect(interfaces(namespace)).toHaveLength(8);
    for (let i = 0; i < 8; i++) all[i]?.link.send(ping(`10.${i + 1}.0.2`, `10.${i + 1}.0.1`));
    for (const { recorder } of all) await recorder.until(() => replies(recorder).length === 1);
    for (const { recorder } of all) expect(replies(recorder)).toHaveLength(1);
  });

  it("hands a burst over in few batches", async () => {
    const { link, recorder } = await open(makeNamespace(), 1);
    for (let i = 0; i < 100; i++) link.send(ping("10.1.0.2", "10.1.0.1"));
    await recorder.until(() => replies(recorder).length === 100);
    expect(recorder.batches).toBeLessThan(10);
  });

  it("keeps what was received although more comes", async () => {
    const lab = await KernelLab.make();
    const { peer, stream } = await lab.client();
    stream.isPaused = true;
    const sent = peer.do("send", { bytes: 60_000 });
    await sent;
    const more = peer.do("exchange", { bytes: 3_000_000 });
    stream.end();
    stream.isPaused = false;
    const answer = await more;
    await stream.ended();
    expect(stream.received).toBe(3_060_000);
    expect(answer.sent).toBe(3_000_000);
  });

  it("says so when the device goes away", async () => {
    const namespace = makeNamespace();
    const { recorder } = await open(namespace, 1);
    namespace.run("ip", "link", "delete", "tun1");
    await recorder.until(() => recorder.failures.length > 0);
    expect(recorder.failures).toHaveLength(1);
  });

  it("opens several queues of one device", async () => {
    const namespace = makeNamespace();
    const first = await open(namespace, 1, { multiQueue: true });
    const second = await open(namespace, 1, { multiQueue: true });
    expect(interfaces(namespace)).toEqual(["tun1"]);
    for (const { link } of [first, second]) link.send(ping("10.1.0.2", "10.1.0.1"));
    await Promise.race([first.recorder.until(() => replies(first.recorder).length > 0), second.recorder.until(() => replies(second.recorder).length > 0)]);
    await first.link.close();
    expect(interfaces(namespace)).toEqual(["tun1"]);
    await second.link.close();
    expect(interfaces(namespace)).toEqual([]);
  });

  it("names the remedy when the device is held by another, the name is none, or the namespace is missing", async () => {
    const namespace = makeNamespace();
    await open(namespace, 1);
    await expect(open(namespace, 1)).rejects.toMatchObject({ code: "ERR_MPTCP_TUN_BUSY" });
    await expect(open(namespace, 1, { name: "a name that is far too long" })).rejects.toMatchObject({ code: "ERR_MPTCP_TUN" });
    await expect(tunLink({ host: "10.1.0.2", namespace: "/run/netns/none-of-that-name" })).rejects.toMatchObject({ code: "ERR_MPTCP_TUN" });
    await expect(tunLink({ host: "10.1.0.2", kernel: "nonsense", namespace: namespace.path })).rejects.toMatchObject({ code: "ERR_MPTCP_TUN" });
    expect(interfaces(namespace)).toEqual(["tun1"]);
  });


  it("drops and counts what is no packet, and what the device refuses", async () => {
    const namespace = makeNamespace();
    const { link } = await open(namespace, 1);
    namespace.run("ip", "link", "set", "tun1", "down");
    const packet = ping("10.1.0.2", "10.1.0.1");
    expect(link.send(packet)).toBe(true);
    expect(link.counters.refused).toBe(1);
    packet.icmp = null;
    packet.opaque = { protocol: 17, payload: Payload.virtual(20) };
    expect(link.send(packet)).toBe(true);
    expect(link.counters.refused).toBe(2);
  });
});
