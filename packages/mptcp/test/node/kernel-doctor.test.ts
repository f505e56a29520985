import { fileURLToPath, pathToFileURL } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { fixScript } from "../../src/node/index.ts";
import type { DoctorReport } from "../../src/node/index.ts";
import { kernelTestObstacle, Namespace } from "./namespace.ts";

const obstacle = kernelTestObstacle();
if (obstacle !== null) console.warn(`tests of the doctor in a namespace are skipped: ${obstacle}`);

const namespaces: Namespace[] = [];

afterEach(async () => {
  for (const namespace of namespaces.splice(0)) await namespace.close();
});

const FAR = "198.18.7.9";
const FAR_6 = "fd98::9";

/** A host with two interfaces that both lead to a server far away, which is a namespace of its own; no rules. */
function twoWays(): { readonly host: Namespace; readonly server: Namespace } {
  const host = new Namespace();
  const server = new Namespace();
  namespaces.push(host, server);
  server.run("ip", "address", "add", `${FAR}/32`, "dev", "lo");
  server.run("ip", "address", "add", `${FAR_6}/128`, "dev", "lo", "nodad");
  for (const n of [1, 2]) {
    host.run("ip", "link", "add", `way${n}`, "type", "veth", "peer", "name", `way${n}`, "netns", server.name);
    for (const [namespace, last] of [[host, 2], [server, 1]] as const) {
      namespace.run("ip", "address", "add", `10.91.${n}.${last}/24`, "dev", `way${n}`);
      namespace.run("ip", "address", "add", `fd91:${n}::${last}/64`, "dev", `way${n}`, "nodad");
      namespace.run("ip", "link", "set", `way${n}`, "up");
    }
    host.run("ip", "route", "add", "default", "via", `10.91.${n}.1`, "dev", `way${n}`, "metric", String(100 * n));
    host.run("ip", "-6", "route", "add", "default", "via", `fd91:${n}::1`, "dev", `way${n}`, "metric", String(100 * n));
  }
  host.sysctl("net.ipv4.conf.all.rp_filter", 1);
  return { host, server };
}

function examine(host: Namespace): DoctorReport {
  const path = (name: string): string => fileURLToPath(new URL(`peers/${name}`, import.meta.url));
  const output = host.run(process.execPath, "--conditions=mptcp-source", "--import", pathToFileURL(path("typescript.mjs")).href, path("doctor.ts"));
  return JSON.parse(output) as DoctorReport;
}

const failed = (report: DoctorReport): readonly string[] => report.checks.filter((check) => check.state === "fail").map((check) => check.id);

/** Octets that came to the server by each interface for a transfer from `from`. */
async function taken(host: Namespace, server: Namespace, from: string): Promise<readonly number[]> {
  const octets = (): readonly number[] => [1, 2].map((n) => Number(server.run("cat", `/sys/class/net/way${n}/statistics/rx_bytes`)));
  const to = from.includes(":") ? FAR_6 : FAR;
  const [listener, client] = [server.peer(), host.peer()];
  expect(await listener.do("listen", { address: to, port: 4000, mptcp: false })).toEqual({});
  const before = octets();
  const accepted = listener.do("accept");
  expect(await client.do("connect", { address: to, port: 4000, from, mptcp: false })).toEqual({});
  await accepted;
  const received = listener.do("receive", { bytes: 1_000_000 });
  await client.do("send", { bytes: 1_000_000 });
  expect(await received).toMatchObject({ received: 1_000_000 });
  const after = octets();
  await Promise.all([listener.stop(), client.stop()]);
  return after.map((value, at) => value - (before[at] as number));
}

/** Joins that the server's kernel completes while one connection of the host's sends, at most `rounds` megabytes. */
async function joins(host: Namespace, server: Namespace, rounds: number): Promise<number> {
  const [listener, client] = [server.peer(), host.peer()];
  const before = server.counter("MPTcpExtMPJoinAckRx");
  expect(await listener.do("listen", { address: FAR, port: 4001 })).toEqual({});
  const accepted = listener.do("accept");
  expect(await client.do("connect", { address: FAR, port: 4001 })).toEqual({});
  await accepted;
  let joined = 0;
  // The DATA_ACK of the first data shows the client that it may join.
  for (let round = 0; round < rounds && joined === 0; round++) {
    const received = listener.do("receive", { bytes: 1_000_000 });
    await client.do("send", { bytes: 1_000_000 });
    expect(await received).toMatchObject({ received: 1_000_000 });
    joined = server.counter("MPTcpExtMPJoinAckRx") - before;
  }
  await Promise.all([listener.stop(), client.stop()]);
  return joined;
}

describe.skipIf(obstacle !== null)("the doctor on a host with two ways out and no rules", () => {
  it("says what to do, and once that is done every address takes its own interface", async () => {
    const { host, server } = twoWays();
    const before = examine(host);
    expect(before.fit).toBe(false);
    expect(failed(before)).toEqual(["routing.source.10.91.2.2", "routing.source.fd91:2::2", "routing.rp_filter.way1", "routing.rp_filter.way2"]);
    // As long as nothing is done the second address is worth nothing: on the first interface, or, with strict rp_filter, nowhere.
    host.sysctl("net.ipv4.conf.all.rp_filter", 0);
    const [first, second] = await taken(host, server, "10.91.2.2");
    expect(first).toBeGreaterThan(1_000_000);
    expect(second).toBeLessThan(100_000);
    host.sysctl("net.ipv4.conf.all.rp_filter", 1);

    expect(await joins(host, server, 20)).toBe(0);
    host.run("sh", "-e", "-c", fixScript(before));
    const after = examine(host);
    expect(failed(after)).toEqual([]);
    expect(after.fit).toBe(true);
    expect(after.checks.find((check) => check.id === "kernel.endpoints")?.state).toBe("ok");
    for (const from of ["10.91.2.2", "fd91:2::2"]) {
      const [one, two] = await taken(host, server, from);
      expect(one).toBeLessThan(100_000);
      expect(two).toBeGreaterThan(1_000_000);
    }
    const [one] = await taken(host, server, "10.91.1.2");
    expect(one).toBeGreaterThan(1_000_000);
    // And the kernel's own Multipath TCP has its second path.
    expect(await joins(host, server, 1000)).toBeGreaterThan(0);
  });

  it("is content with strict rp_filter once the routes are right, and names only what is missing", async () => {
    const { host, server } = twoWays();
    const rules = examine(host).checks.filter((check) => check.id.startsWith("routing.source.")).flatMap((check) => check.mends);
    host.run("sh", "-c", rules.find((command) => command.startsWith("ip rule add")) ?? "false");
    const half = examine(host).checks.find((check) => check.id === "routing.source.10.91.2.2");
    expect(half?.state).toBe("fail");
    expect(half?.mends).toEqual(rules.filter((command) => command.startsWith("ip route add")));
    for (const command of rules.filter((line) => !line.startsWith("ip rule add"))) host.run("sh", "-c", command);
    const after = examine(host);
    expect(failed(after)).toEqual([]);
    expect(after.checks.find((check) => check.id === "routing.rp_filter.way2")).toMatchObject({ state: "ok", found: expect.stringContaining("strict") as string });
    const [, two] = await taken(host, server, "10.91.2.2");
    expect(two).toBeGreaterThan(1_000_000);
  });
});
