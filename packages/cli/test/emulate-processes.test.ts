import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { KernelPeer, kernelTestObstacle } from "../../mptcp/test/node/namespace.ts";
import { dissect, HAS_TSHARK } from "../../../test/captures/tshark.ts";
import { Command } from "./processes.ts";

const obstacle = kernelTestObstacle() ?? (spawnSync("ping", ["-V"]).error === undefined ? null : "there is no ping");
if (obstacle !== null) process.stderr.write(`tests of mptcp emulate are skipped: ${obstacle}\n`);
const folder = mkdtempSync(join(tmpdir(), "mptcp-emulate-"));
afterEach(() => Command.stopAll());
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let emulations = 0;

/** An emulation with namespaces of names that nobody else has. */
class Emulated {
  readonly prefix = `emu${process.pid}-${++emulations}-`;
  readonly command: Command;
  private readonly scenario: string;

  constructor(path: string, ...flags: readonly string[]) {
    this.scenario = basename(path, ".yaml");
    this.command = new Command(["emulate", path, "--prefix", this.prefix, ...flags], { stdin: "pipe" });
  }

  /** By which mptcp change finds it. */
  get name(): string {
    return `${this.scenario}-${this.command.pid}`;
  }

  async isReady(): Promise<this> {
    await this.command.until(() => this.shown.includes("  try "));
    return this;
  }

  /** What it says for people: with --json that is not standard output. */
  get shown(): string {
    return Buffer.concat(this.command.output).toString() + this.command.stderr;
  }

  in(host: string, ...words: readonly string[]): string {
    return execFileSync("ip", ["netns", "exec", `${this.prefix}${host}`, ...words], { encoding: "utf8" });
  }

  /** @param patience seconds that answers are waited for */
  ping(count: number, from: string, patience = 10): { readonly received: number; readonly time: number } {
    const { stdout } = spawnSync("ip", ["netns", "exec", `${this.prefix}client`, "ping", "-n", "-i", "0.2", "-c", String(count), "-W", String(patience), "-I", from, "10.0.0.1"], { encoding: "utf8" });
    return { received: Number(/(\d+) received/.exec(stdout)?.[1]), time: Number(/= ([\d.]+)\//.exec(stdout)?.[1] ?? Number.NaN) };
  }

  async end(): Promise<void> {
    this.command.signal("SIGINT");
    expect(await this.command.code).toBe(130);
    expect(execFileSync("ip", ["netns", "list"], { encoding: "utf8" })).not.toContain(this.prefix);
  }
}

function scenario(name: string, text: string): string {
  const path = join(folder, `${name}.yaml`);
  writeFileSync(path, `name: ${name}\n${text}\nworkload: { bulk: { bytes: 1 MB } }\n`);
  return path;
}

describe.skipIf(obstacle !== null)("mptcp emulate", () => {
  test("carries the kernel's Multipath TCP over two paths, and lives through the loss of one by mptcp change", async () => {
    const it = await new Emulated("two-paths", "--json").isReady();
    const [server, client] = ["server", "client"].map((host) => new KernelPeer(`${it.prefix}${host}`)) as [KernelPeer, KernelPeer];
    expect(await server.do("listen", { address: "10.0.0.1", port: 4000 })).toEqual({});
    const accepted = server.do("accept");
    expect(await client.do("connect", { address: "10.0.0.1", port: 4000 })).toEqual({});
    expect(await accepted).not.toHaveProperty("error");
    const received = server.do("receive", { bytes: 3_000_000 });
    await client.do("send", { bytes: 1_500_000 });
    const changed = new Command(["change", "left", "state=down", "--emulation", it.name]);
    expect([await changed.code, changed.stderr]).toEqual([0, ""]);
    await client.do("send", { bytes: 1_500_000 });
    expect(await received).toMatchObject({ received: 3_000_000 });
    await it.command.until(() => it.shown.includes("left: down"));
    const last = JSON.parse(Buffer.concat(it.command.output).toString().trim().split("\n").at(-1) as string) as { links: { name: string; up: { bytes: number; isUp: boolean } }[] };
    const [left, right] = ["left", "right"].map((name) => last.links.find((link) => link.name === name)!.up) as [{ bytes: number; isUp: boolean }, { bytes: number; isUp: boolean }];
    expect(left.bytes).toBeGreaterThan(10_000);
    expect(right.bytes).toBeGreaterThan(1_500_000);
    expect([left.isUp, right.isUp]).toEqual([false, true]);
    for (const peer of [server, client]) await peer.stop();
    await it.end();
  });

  test("delays ping as the paths do, over IPv4, and takes changes of rate, loss and address", async () => {
    const path = scenario("emulated", "paths:\n  - { name: near, rate: 50 Mb/s, rtt: 60 ms }\n  - { name: far, rtt: 200 ms }");
    const it = await new Emulated(path, ...(HAS_TSHARK ? ["--pcap", join(folder, "ping.pcapng")] : [])).isReady();
    const near = it.ping(3, "10.0.1.2");
    expect(near.received).toBe(3);
    expect(near.time).toBeGreaterThanOrEqual(60);
    const far = it.ping(2, "10.0.2.2");
    expect(far.received).toBe(2);
    expect(far.time).toBeGreaterThanOrEqual(200);
    const change = async (...words: readonly string[]): Promise<[number, string]> => {
      const command = new Command(["change", ...words, "--emulation", it.name]);
      return [await command.code, command.stderr];
    };
    expect(await change("near", "loss=100%")).toEqual([0, ""]);
    expect(it.ping(2, "10.0.1.2", 1).received).toBe(0);
    expect(await change("near", "loss=0", "rtt=10ms")).toEqual([0, ""]);
    expect(it.ping(2, "10.0.1.2").received).toBe(2);
    expect(await change("client.far", "address=removed")).toEqual([0, ""]);
    expect(it.in("client", "ip", "-br", "address", "show", "far")).not.toContain("10.0.2.2");
    expect((await change("fare", "state=down"))[1]).toMatch(/did you mean .*"far"/);
    expect((await change("far", "stat=down"))[1]).toMatch(/did you mean .*"state"/);
    expect((await change("far", "rate"))[1]).toContain("write it as key=value");
    await it.end();
    if (!HAS_TSHARK) return;
    const rows = await dissect(readFileSync(join(folder, "ping.pcapng")), ["icmp.checksum.status", "ip.checksum.status", "frame.interface_name"]);
    expect(new Set(rows.map((row) => row["frame.interface_name"]))).toEqual(new Set(["client.near", "client.far", "server.core"]));
    for (const row of rows) expect([row["icmp.checksum.status"], row["ip.checksum.status"]]).toEqual(["1", "1"]);
  });

  test("has super-segments cross whole where nothing on the way limits packets, and TCP and UDP arrive unharmed", async () => {
    const path = scenario("transparent", "paths:\n  - { name: near, rtt: 2 ms }");
    for (const flags of [[], ["--super-segments", "never"]]) {
      const it = await new Emulated(path, ...flags).isReady();
      expect(it.shown.includes("super-segments cross whole")).toBe(flags.length === 0);
      const [server, client] = ["server", "client"].map((host) => new KernelPeer(`${it.prefix}${host}`)) as [KernelPeer, KernelPeer];
      await server.do("listen", { address: "10.0.0.1", port: 4000 });
      const accepted = server.do("accept");
      expect(await client.do("connect", { address: "10.0.0.1", port: 4000 })).toEqual({});
      await accepted;
      const received = server.do("receive", { bytes: 20_000_000 });
      const { sha } = await client.do("send", { bytes: 20_000_000 });
      await client.do("shutdown");
      expect(await received).toMatchObject({ received: 20_000_000, sha });
      for (const peer of [server, client]) await peer.stop();
      await it.end();
    }
  });

  test("ends by --for, and puts devices into a namespace that is there, which it leaves as it was", async () => {
    const name = `emu${process.pid}-own`;
    execFileSync("ip", ["netns", "add", name]);
    try {
      const before = execFileSync("ip", ["-n", name, "rule"], { encoding: "utf8" });
      const it = await new Emulated("two-paths", "--netns", `client=${name}`, "--for", "2").isReady();
      expect(execFileSync("ip", ["-n", name, "-br", "link"], { encoding: "utf8" })).toMatch(/left[^]*right/);
      expect(await it.command.code).toBe(0);
      expect(execFileSync("ip", ["-n", name, "-br", "link"], { encoding: "utf8" })).not.toMatch(/left|right/);
      expect(execFileSync("ip", ["-n", name, "rule"], { encoding: "utf8" })).toBe(before);
      expect(execFileSync("ip", ["-n", name, "mptcp", "endpoint"], { encoding: "utf8" })).toBe("");
      expect(existsSync(`/var/run/netns/${it.prefix}server`)).toBe(false);
    } finally {
      execFileSync("ip", ["netns", "delete", name]);
    }
  });

  test("says what is wrong: a scenario, a host, a namespace that is taken, and for mptcp change that nothing runs", async () => {
    const refused = async (args: readonly string[], code = 2): Promise<string> => {
      const command = new Command(args);
      expect(await command.code).toBe(code);
      return command.stderr;
    };
    expect(await refused(["emulate", "two-path"])).toContain('did you mean "two-paths"');
    expect(await refused(["emulate", "two-paths", "--netns", "cleint=x"])).toContain("there are client, server");
    expect(await refused(["emulate", "two-paths", "--netns", "client=not-there-at-all"])).toContain("not-there-at-all");
    expect(await refused(["emulate", "two-paths", "--set", "paths.left.rate=fast"])).toContain("rate");
    expect(await refused(["change", "left", "state=down", "--emulation", "of-nothing"], 1)).toContain("no emulation of of-nothing runs");
    const name = `emu${process.pid}-taken-client`;
    execFileSync("ip", ["netns", "add", name]);
    try {
      const told = await refused(["emulate", "two-paths", "--prefix", `emu${process.pid}-taken-`]);
      expect(told).toContain(`ip netns delete ${name}`);
      expect(existsSync(`/var/run/netns/emu${process.pid}-taken-server`)).toBe(false);
    } finally {
      execFileSync("ip", ["netns", "delete", name]);
    }
  });
});
