import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import type { StudyReport } from "@mptcp/testbed/study";
import { kernelTestObstacle, Namespace } from "../../mptcp/test/node/namespace.ts";
import { Command } from "./processes.ts";

const obstacle = kernelTestObstacle();
if (obstacle !== null) console.warn(`tests of mptcp study over devices are skipped: ${obstacle}`);

const folder = mkdtempSync(join(tmpdir(), "mptcp-study-tun-"));
const namespaces: Namespace[] = [];
afterEach(async () => {
  await Command.stopAll();
  for (const namespace of namespaces.splice(0)) await namespace.close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const NEAR = "name=near,host=10.77.1.2,kernel=10.77.1.1/24";
const FAR = "name=far,host=10.77.2.2,kernel=10.77.2.1/24";

async function study(near: string, far: string, ports: string): Promise<{ readonly code: number; readonly report: StudyReport; readonly server: Command }> {
  const server = new Command(["study", "--server", "--tun", FAR], { namespace: far });
  await server.says("serving studies on 10.77.2.2");
  const client = new Command(["study", "10.77.2.2", "--tun", NEAR, "--ports", ports, "--wait", "0.2", "--json"], { namespace: near });
  const code = await client.code;
  return { code, report: JSON.parse(client.text) as StudyReport, server };
}

const found = ({ ports }: StudyReport): unknown => Object.fromEntries(ports.map(({ port, boxes }) => [port, boxes.map(({ kind }) => kind).toSorted()]));

describe.skipIf(obstacle !== null)("mptcp study over two devices", () => {
  it("finds nothing where the kernel forwards between them and nothing else is there", async () => {
    const namespace = new Namespace();
    namespaces.push(namespace);
    namespace.sysctl("net.ipv4.ip_forward", 1);
    const { code, report, server } = await study(namespace.name, namespace.name, "34343,443,80");
    expect(report).toMatchObject({ client: "10.77.1.2", seenAs: "10.77.1.2", server: "10.77.2.2", problem: null });
    expect(found(report)).toEqual({ 34343: [], 443: [], 80: [] });
    expect(code).toBe(0);
    server.signal("SIGINT");
    expect(await server.code).toBe(130);
  });

  it("names the boxes of an emulated network between them", async () => {
    const prefix = `study${process.pid}-`;
    const path = join(folder, "boxes.yaml");
    const boxes = "{ isn-randomiser: { } }, { option-stripper: { options: [unknown], segments: [syn, syn-ack] } }, { stateful-firewall: { acks: drop } }, { mss-clamp: { size: 1200 } }";
    // A link without routers carries whatever addresses the packets have.
    const hosts = "hosts: [{ name: client, interfaces: [{ name: way }] }, { name: server, interfaces: [{ name: eth }] }]";
    writeFileSync(path, `name: boxes\ntopology:\n  ${hosts}\n  links: [{ name: cable, ends: [client.way, server.eth], rate: 50 Mb/s, rtt: 20 ms, middleboxes: [${boxes}] }]\nworkload: { bulk: { bytes: 1 MB } }\n`);
    const emulation = new Command(["emulate", path, "--prefix", prefix], { stdin: "pipe" });
    await emulation.until(() => emulation.text.includes("  try "));
    const inside = (host: string, command: string): string => execFileSync("ip", ["netns", "exec", `${prefix}${host}`, "sh", "-c", command], { encoding: "utf8" });
    for (const host of ["client", "server"]) inside(host, "sysctl -q -w net.ipv4.ip_forward=1 && ip rule add to 10.77.0.0/16 lookup main priority 10");
    inside("client", "ip route add 10.77.2.0/24 dev way");
    inside("server", "ip route add 10.77.1.0/24 dev eth");
    const { code, report } = await study(`${prefix}client`, `${prefix}server`, "34343");
    expect(report.problem).toBeNull();
    expect(found(report)).toEqual({ 34343: ["isn-randomiser", "mss-clamp", "option-stripper", "stateful-firewall"] });
    expect(code).toBe(1);
    emulation.signal("SIGINT");
    expect(await emulation.code).toBe(130);
  });

  it("ends at once when it is interrupted", async () => {
    const namespace = new Namespace();
    namespaces.push(namespace);
    const client = new Command(["study", "10.77.2.2", "--tun", NEAR], { namespace: namespace.name });
    await client.says("studying the way");
    client.signal("SIGINT");
    expect(await client.code).toBe(130);
  });
});
