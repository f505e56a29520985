import { afterEach, describe, expect, it } from "vitest";
import { SeededRandom } from "../../src/core/index.ts";
import { readLink, RTM } from "../../src/node/devices/netlink-messages.ts";
import { NetlinkSocket, netlinkSystemCalls } from "../../src/node/devices/netlink-socket.ts";
import type { NetlinkSystemCalls } from "../../src/node/devices/netlink-socket.ts";
import { NetworkWatcher } from "../../src/node/index.ts";
import type { NetworkState } from "../../src/node/index.ts";
import { inNamespace } from "../../src/node/tun/device.ts";
import { systemCalls } from "../../src/node/tun/system-calls.ts";
import { kernelTestObstacle, Namespace } from "./namespace.ts";

const obstacle = netlinkSystemCalls() === null ? "koffi is not there" : kernelTestObstacle();
if (obstacle !== null) console.warn(`rtnetlink is not tested: ${obstacle}`);

const undo: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const one of undo.splice(0).toReversed()) await one();
});

async function watched(): Promise<{ readonly namespace: Namespace; readonly watcher: NetworkWatcher }> {
  const namespace = new Namespace();
  undo.push(() => namespace.close());
  const watcher = inNamespace(await systemCalls(), namespace.path, () => new NetworkWatcher({ source: "rtnetlink" }));
  undo.push(() => watcher.close());
  return { namespace, watcher };
}

type Json = Readonly<Record<string, unknown>>;

/** The same from `ip`: one line for each device, address and default route. */
function judged(namespace: Namespace): readonly string[] {
  const ask = (...words: string[]): readonly Json[] => JSON.parse(namespace.run("ip", "-json", ...words) || "[]") as Json[];
  const lines: string[] = [];
  for (const link of ask("address", "show")) {
    const flags = link["flags"] as string[];
    // `ip` shows that a device runs by what it lacks.
    const runs = flags.includes("UP") && !flags.includes("NO-CARRIER") && !["DOWN", "LOWERLAYERDOWN"].includes(String(link["operstate"]));
    lines.push(`${link["ifindex"]} ${link["ifname"]} ${flags.includes("UP") ? "up" : "down"} ${runs ? "runs" : "rests"} ${link["mtu"]}`);
    for (const one of link["addr_info"] as Json[]) {
      const marks = [one["tentative"] === true || one["dadfailed"] === true ? "tentative" : "", one["deprecated"] === true ? "deprecated" : "", one["temporary"] === true ? "temporary" : "", one["secondary"] === true ? "secondary" : ""];
      lines.push(`${link["ifname"]} ${one["local"]}/${one["prefixlen"]} ${one["scope"]} ${marks.join("")}`);
    }
  }
  for (const family of ["-4", "-6"]) {
    for (const route of ask(family, "route", "show", "table", "all")) {
      if (route["dst"] !== "default" || (route["type"] ?? "unicast") !== "unicast") continue;
      for (const hop of (route["nexthops"] as Json[] | undefined) ?? [route]) {
        lines.push(`${hop["dev"]} ${family} by ${hop["gateway"] ?? (hop["via"] as Json | undefined)?.["host"] ?? "nobody"} ${route["metric"] ?? 0} ${route["table"] ?? 254}`);
      }
    }
  }
  return lines.toSorted();
}

function told({ devices }: NetworkState): readonly string[] {
  const lines: string[] = [];
  for (const { index, name, isUp, isRunning, mtu, addresses, defaultRoutes } of devices) {
    lines.push(`${index} ${name} ${isUp ? "up" : "down"} ${isRunning ? "runs" : "rests"} ${mtu}`);
    for (const { address, prefixLength, scope, isTentative, isDeprecated, isTemporary, isSecondary } of addresses) {
      lines.push(`${name} ${address}/${prefixLength} ${scope} ${isTentative ? "tentative" : ""}${isDeprecated ? "deprecated" : ""}${isTemporary ? "temporary" : ""}${isSecondary ? "secondary" : ""}`);
    }
    for (const { family, gateway, metric, table } of defaultRoutes ?? []) lines.push(`${name} -${family} by ${gateway ?? "nobody"} ${metric} ${table}`);
  }
  return lines.toSorted();
}

/** Until the watcher tells what `ip` does: what is told is what is, within moments. */
async function agree(namespace: Namespace, watcher: NetworkWatcher): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const before = judged(namespace);
    if (told(watcher.state).join("\n") === before.join("\n")) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(told(watcher.state)).toEqual(judged(namespace));
}

describe.skipIf(obstacle !== null)("a watcher by rtnetlink", () => {
  it("knows at once what there is", async () => {
    const { namespace, watcher } = await watched();
    expect(told(watcher.state)).toEqual(judged(namespace));
    expect(watcher.state.devices[0]).toMatchObject({ name: "lo", kind: "loopback" });
  });

  it("tells what ip tells, whatever is done in whatever order", async () => {
    const { namespace, watcher } = await watched();
    let heard = 0;
    watcher.onChange(() => heard++);
    const random = new SeededRandom(7);
    const below = (bound: number): number => Math.floor((random.uint32() / 2 ** 32) * bound);
    const steps: readonly ((device: string, n: number) => string)[] = [
      (device) => `link add ${device} type veth peer name ${device}p`,
      (device) => `link delete ${device}`,
      (device) => `link set ${device} up`,
      (device) => `link set ${device} down`,
      (device) => `link set ${device}p up`,
      (device) => `link set ${device}p down`,
      (device, n) => `link set ${device} mtu ${1280 + n}`,
      (device, n) => `address add 10.9.${n % 4}.${n + 2}/24 dev ${device}`,
      (device, n) => `address add fd09:${n % 4}::${n + 2}/64 dev ${device}`,
      (device, n) => `address add fd0a::${n + 2}/64 dev ${device} nodad preferred_lft 0 valid_lft 1000`,
      (device, n) => `address add 10.8.${n}.1 peer 10.8.${n}.2 dev ${device}`,
      (device) => `address flush dev ${device}`,
      (device, n) => `route add default dev ${device} metric ${n + 1}`,
      (device, n) => `-6 route add default dev ${device} metric ${n + 1} table ${1000 + (n % 3)}`,
      (device, n) => `route add default table 77 metric ${n + 1} nexthop dev ${device} weight 1 nexthop dev lo weight 1`,
      (_device, n) => `route add unreachable 10.${100 + n}.0.0/16`,
      (device, n) => `route delete default dev ${device} metric ${n + 1}`,
    ];
    for (const device of ["wlan0", "wwan0"]) namespace.run("ip", "link", "add", device, "type", "veth", "peer", "name", `${device}p`);
    let most = 0;
    for (let round = 0; round < 20; round++) {
      // What is not possible now, fails.
      const commands = Array.from({ length: 8 }, () => `ip ${(steps[below(steps.length)] as (typeof steps)[number])(below(2) === 0 ? "wlan0" : "wwan0", below(20))}`);
      namespace.run("sh", "-c", `${commands.map((command) => `${command} 2>/dev/null`).join("; ")}; true`);
      await agree(namespace, watcher);
      most = Math.max(most, told(watcher.state).length);
    }
    expect(heard).toBeGreaterThan(10);
    expect(most).toBeGreaterThan(12);
  });

  it("knows how things are after more has happened than the kernel keeps for it", async () => {
    const { namespace, watcher } = await watched();
    // Thousands of events within one turn of this process's event loop.
    namespace.run("sh", "-c", "for a in $(seq 0 19); do for b in $(seq 0 199); do echo address add 10.$a.$b.1/32 dev lo; done; done | ip -batch -");
    await agree(namespace, watcher);
    expect(watcher.state.devices[0]?.addresses).toHaveLength(4002);
  });

  it("asks for no more than it was told, and is whole at the next question", async () => {
    const { namespace } = await watched();
    namespace.run("sh", "-c", "for a in $(seq 0 9); do for b in $(seq 0 199); do echo route add unreachable 10.$a.$b.0/24; done; done | ip -batch -");
    const calls = netlinkSystemCalls() as NetlinkSystemCalls;
    const library = await systemCalls();
    inNamespace(library, namespace.path, () => {
      const socket = new NetlinkSocket(calls);
      let seen = 0;
      expect(socket.dump(RTM.getRoute, 100, () => seen++)).toBe("cut");
      expect(seen).toBe(100);
      const names: string[] = [];
      expect(socket.dump(RTM.getLink, 100, (bytes, message) => names.push(readLink(bytes, message)?.name ?? "?"))).toBe("whole");
      expect(names).toContain("lo");
      seen = 0;
      expect(socket.dump(RTM.getRoute, 10_000, () => seen++)).toBe("whole");
      expect(seen).toBeGreaterThanOrEqual(2000);
      socket.close();
    });
  });
});
