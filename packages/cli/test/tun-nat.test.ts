import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { kernelTestObstacle } from "../../mptcp/test/node/namespace.ts";
import { Laptop, SERVER_4 } from "./laptop.ts";
import { Command } from "./processes.ts";

const obstacle = kernelTestObstacle();
if (obstacle !== null) console.warn(`TUN devices behind NAT are not tested: ${obstacle}`);

const laptops: Laptop[] = [];

afterEach(async () => {
  await Command.stopAll();
  for (const laptop of laptops.splice(0)) await laptop.close();
});

/** The script of docs/devices.md. */
function script(): string {
  const text = readFileSync(new URL("../../../docs/devices.md", import.meta.url), "utf8");
  return /<!-- test: nat -->\n```sh\n([^]*?)```/.exec(text)?.[1] ?? "exit 1";
}

describe.skipIf(obstacle !== null)("TUN devices of a host that forwards and translates as docs/devices.md has it", () => {
  it("are two paths to a server that knows nothing of their addresses", async () => {
    const laptop = new Laptop(["wlan0", "eth0"], 200);
    laptops.push(laptop);
    const { host, server } = laptop;
    server.run("ip", "mptcp", "limits", "set", "subflows", "4", "add_addr_accepted", "4");
    host.sysctl("net.ipv4.conf.all.rp_filter", 1);
    host.run("sh", "-c", script(), "sh", "wlan0", "eth0");
    const bytes = 20_000_000;
    const peer = server.peer();
    expect(await peer.do("listen", { address: SERVER_4, port: 4000 })).toEqual({});
    const accepted = peer.do("accept");
    const links = ["--tun", "name=mp0,host=10.1.0.2,kernel=10.1.0.1/24", "--tun", "name=mp1,host=10.2.0.2,kernel=10.2.0.1/24"];
    const client = new Command(["connect", SERVER_4, "4000", ...links, "--source", String(bytes), "--json"], { namespace: host.name });
    expect(await accepted).not.toHaveProperty("error");
    expect(await peer.do("receive", { bytes })).toMatchObject({ received: bytes });
    await peer.do("shutdown");
    expect(await client.code).toBe(0);
    const { subflows, fallback } = client.summary;
    expect(fallback).toBeNull();
    expect(subflows.map(({ localAddress }) => localAddress).toSorted()).toEqual(["10.1.0.2", "10.2.0.2"]);
    for (const { bytesSent } of subflows) expect(bytesSent).toBeGreaterThan(100_000);
    // By both interfaces, each with its own address.
    for (const name of ["wlan0", "eth0"]) expect(Number(server.run("cat", `/sys/class/net/${name}/statistics/rx_bytes`))).toBeGreaterThan(100_000);
    expect(server.counter("MPTcpExtMPJoinAckRx")).toBe(1);
  });
});
