import { once } from "node:events";
import { assert, property, string } from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { useOf } from "../../src/node/devices/policy.ts";
import { defaultRoutes4, defaultRoutes6 } from "../../src/node/devices/polled-network.ts";
import { DeviceRules } from "../../src/node/devices/rules.ts";
import type { DefaultRoute, DeviceAddress, NetworkDevice, NetworkState } from "../../src/node/devices/network-state.ts";
import { isSameState } from "../../src/node/devices/network-state.ts";
import { createStack, followDevices, generateUdpKey, NetworkWatcher, Runtime, Socket, UdpLink } from "../../src/node/index.ts";
import type { DeviceStatus, FollowOptions } from "../../src/node/index.ts";
import { BatchedSockets } from "../../src/node/udp/batched-port.ts";
import { udpSystemCalls } from "../../src/node/udp/system-calls.ts";
import type { UdpSystemCalls } from "../../src/node/udp/system-calls.ts";
import { IpAddress } from "../../src/wire/index.ts";

const ROUTE_4: DefaultRoute = { family: 4, gateway: IpAddress.from("192.0.2.1"), metric: 100, table: 254 };
const ROUTE_6: DefaultRoute = { family: 6, gateway: IpAddress.from("fe80::1"), metric: 100, table: 254 };

function address(text: string, more: Partial<DeviceAddress> = {}): DeviceAddress {
  return { address: IpAddress.from(text), prefixLength: 24, scope: "global", isTentative: false, isDeprecated: false, isTemporary: false, isSecondary: false, ...more };
}

function device(name: string, addresses: readonly DeviceAddress[], more: Partial<NetworkDevice> = {}): NetworkDevice {
  return { index: 7, name, kind: "ethernet", isUp: true, isRunning: true, mtu: 1500, addresses, defaultRoutes: [ROUTE_4, ROUTE_6], ...more };
}

const texts = (all: readonly IpAddress[]): readonly string[] => all.map(String);

describe("what is used of a device", () => {
  const used = (addresses: readonly DeviceAddress[], current: readonly string[] = [], more: Partial<NetworkDevice> = {}, needsRoute = false): readonly string[] =>
    texts(useOf(device("wlan0", addresses, more), current.map(IpAddress.from), needsRoute).addresses);

  it("is one address of each family", () => {
    expect(used([address("2001:db8::1"), address("192.0.2.7"), address("192.0.2.8", { isSecondary: true }), address("2001:db8::2")])).toEqual(["192.0.2.7", "2001:db8::1"]);
  });

  it("is no address of one link, none that is tentative, and none of the host but on the loopback device", () => {
    const other = [address("fe80::1", { scope: "link" }), address("169.254.1.1", { scope: "link" }), address("2001:db8::9", { isTentative: true }), address("127.0.0.5", { scope: "host" })];
    expect(used(other)).toEqual([]);
    expect(used([address("127.0.0.1", { scope: "host" }), address("::1", { scope: "host" })], [], { kind: "loopback" })).toEqual(["127.0.0.1", "::1"]);
  });

  it("is an address that is deprecated only while there is no other", () => {
    expect(used([address("2001:db8::1", { isDeprecated: true })])).toEqual(["2001:db8::1"]);
    expect(used([address("2001:db8::1", { isDeprecated: true }), address("2001:db8::2")], ["2001:db8::1"])).toEqual(["2001:db8::2"]);
  });

  it("is a global address rather than one of a site, and a temporary one rather than one for good", () => {
    expect(used([address("fd00::1"), address("2001:db8::1"), address("2001:db8::2", { isTemporary: true })])).toEqual(["2001:db8::2"]);
    expect(used([address("fd00::1")])).toEqual(["fd00::1"]);
  });

  it("stays what it is as long as that can be used", () => {
    expect(used([address("2001:db8::1"), address("2001:db8::2", { isTemporary: true })], ["2001:db8::1"])).toEqual(["2001:db8::1"]);
    expect(used([address("192.0.2.7"), address("192.0.2.8", { isSecondary: true })], ["192.0.2.8"])).toEqual(["192.0.2.8"]);
  });

  it("is nothing without a carrier, and, where a way to anywhere is needed, without a default route of the family", () => {
    const addresses = [address("192.0.2.7"), address("2001:db8::1")];
    expect(used(addresses, [], { isRunning: false })).toEqual([]);
    expect(used(addresses, [], { isUp: false })).toEqual([]);
    expect(used(addresses, [], { defaultRoutes: [ROUTE_6] }, true)).toEqual(["2001:db8::1"]);
    expect(used(addresses, [], { defaultRoutes: null }, true)).toEqual(["192.0.2.7", "2001:db8::1"]);
  });

  it("has a reason when it is nothing", () => {
    const obstacle = (found: NetworkDevice | "missing" | "unseen", needsRoute = false): string | null => useOf(found, [], needsRoute).obstacle;
    expect(obstacle("missing")).toBe("there is no such device");
    expect(obstacle("unseen")).toBe("it is not there, down or without an address");
    expect(obstacle(device("a", [], { isUp: false }))).toBe("it is down");
    expect(obstacle(device("a", [], { isRunning: false }))).toBe("it has no carrier");
    expect(obstacle(device("a", []))).toBe("it has no address");
    expect(obstacle(device("a", [address("2001:db8::1", { isTentative: true })]))).toBe("its address is being checked");
    expect(obstacle(device("a", [address("192.0.2.1")], { defaultRoutes: [] }), true)).toBe("no default route leads by it");
    expect(obstacle(device("a", [address("192.0.2.1")]))).toBeNull();
  });
});

describe("rules for devices", () => {
  const rules = new DeviceRules(["wlan0", { device: "ww*", use: "backup" }, { device: "eth1", use: "off" }, { device: "e*.1" }, { device: "any", use: "backup", mtu: 1400 }]);
  const use = (name: string, kind: NetworkDevice["kind"] = "ethernet"): string | undefined => {
    const rule = rules.for({ name, kind });
    return rule === null ? undefined : (rule.use ?? "regular");
  };

  it("hold for the first device that they fit", () => {
    expect(["wlan0", "wwan0", "eth1", "eth0.1", "eth0x1", "eth0"].map((name) => use(name))).toEqual(["regular", "backup", undefined, "regular", "backup", "backup"]);
  });

  it("take neither tunnels nor the loopback device unless they are named", () => {
    expect([use("wg0", "tunnel"), use("lo", "loopback"), use("docker0", "virtual")]).toEqual([undefined, undefined, "backup"]);
    expect(new DeviceRules(["wg0"]).for({ name: "wg0", kind: "tunnel" })).toEqual({ device: "wg0" });
  });

  it("name those that are missing", () => {
    expect(rules.named).toEqual(["wlan0"]);
  });

  it.each(["", "a/b", "a b", "..", "sixteenletters00"])('refuse "%s"', (name) => {
    expect(() => new DeviceRules([name])).toThrow(expect.objectContaining({ code: "ERR_MPTCP_DEVICE" }));
  });
});

describe("the files of /proc/net", () => {
  it("have default routes", () => {
    const four = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\nwlan0\t00000000\t0102000A\t0003\t0\t0\t600\t00000000\t0\t0\t0\nwlan0\t0002000A\t00000000\t0001\t0\t0\t600\t00FFFFFF\t0\t0\t0\nppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n";
    expect(defaultRoutes4(four).map(({ device: name, route }) => [name, String(route.gateway), route.metric])).toEqual([["wlan0", "10.0.2.1", 600], ["ppp0", "null", 0]]);
    const zero = "0".repeat(32);
    const six = `${zero} 00 ${zero} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0\n${zero} 00 ${zero} 00 ${zero} ffffffff 00000001 00000000 00200200       lo\nfd000000000000000000000000000000 40 ${zero} 00 ${zero} 00000100 00000001 00000000 00000001     eth0\n`;
    expect(defaultRoutes6(six).map(({ device: name, route }) => [name, String(route.gateway), route.metric])).toEqual([["eth0", "fe80::1", 1024]]);
  });

  it("are read without harm whatever they hold", () => {
    assert(property(string({ maxLength: 200 }), (text) => [defaultRoutes4(`x\n${text}`), defaultRoutes6(text)].every(Array.isArray)));
  });
});

describe("a runtime that follows devices", () => {
  const runtimes: Runtime[] = [];
  afterEach(async () => {
    for (const runtime of runtimes.splice(0)) await runtime.close();
  });

  /** Says what there is, and that it has changed. */
  class FakeWatcher {
    state: NetworkState;
    private listener: ((state: NetworkState) => void) | null = null;
    constructor(...devices: NetworkDevice[]) {
      this.state = { devices, isWhole: true };
    }
    onChange(listener: (state: NetworkState) => void): () => void {
      this.listener = listener;
      return () => (this.listener = null);
    }
    get isHeard(): boolean {
      return this.listener !== null;
    }
    now(...devices: NetworkDevice[]): void {
      this.state = { devices, isWhole: true };
      this.listener?.(this.state);
    }
  }

  function follow(watcher: FakeWatcher, options: Partial<FollowOptions>): { readonly runtime: Runtime; readonly news: DeviceStatus[]; readonly has: () => readonly string[] } {
    const runtime = new Runtime();
    runtimes.push(runtime);
    const news: DeviceStatus[] = [];
    followDevices(runtime, { devices: ["any"], watcher, onChange: (status) => news.push(status), ...options });
    const has = (): readonly string[] => runtime.host.localAddresses().map(({ address: one, flags, id }) => `${id} ${one}${flags.backup ? " backup" : ""}`);
    return { runtime, news, has };
  }

  const wlan = device("wlan0", [address("192.0.2.7"), address("2001:db8::7")], { index: 3 });
  const wwan = device("wwan0", [address("198.51.100.9")], { index: 4, mtu: 1400 });

  it("has their addresses, those of backup devices last", () => {
    const { has } = follow(new FakeWatcher(wwan, wlan), { devices: [{ device: "wwan0", use: "backup" }, "wlan0"] });
    expect(has()).toEqual(["1 192.0.2.7", "2 2001:db8::7", "3 198.51.100.9 backup"]);
  });

  it("gains and loses addresses with them, and has them back under the same id", () => {
    const watcher = new FakeWatcher(wlan, wwan);
    const { has, news, runtime } = follow(watcher, {});
    watcher.now({ ...wlan, isRunning: false }, wwan);
    expect(has()).toEqual(["3 198.51.100.9"]);
    expect(news.splice(0)).toEqual([{ name: "wlan0", addresses: [], obstacle: "it has no carrier", use: "regular", isBound: expect.any(Boolean) as boolean }]);
    watcher.now(wlan, wwan);
    expect(has().toSorted()).toEqual(["1 192.0.2.7", "2 2001:db8::7", "3 198.51.100.9"]);
    watcher.now({ ...wlan, addresses: [address("192.0.2.8"), address("2001:db8::7")] });
    expect(has()).toEqual(["2 2001:db8::7", "4 192.0.2.8"]);
    expect(news.at(-1)).toMatchObject({ name: "wlan0" });
    // Two links there were, never more.
    expect(runtime.order).toEqual([0, 1]);
  });

  it("waits for a device that is named and not there", () => {
    const watcher = new FakeWatcher();
    const { has, news } = follow(watcher, { devices: ["wlan0"] });
    expect(has()).toEqual([]);
    watcher.now(wlan);
    expect(has()).toHaveLength(2);
    watcher.now();
    expect(has()).toEqual([]);
    expect(news.map(({ obstacle }) => obstacle)).toEqual([null, "there is no such device"]);
  });

  it("makes a new link for a device that was plugged in anew, on the number of the old one", () => {
    const watcher = new FakeWatcher(wlan);
    const { has, runtime } = follow(watcher, {});
    for (let index = 10; index < 20; index++) watcher.now({ ...wlan, index });
    expect(has().map((one) => one.split(" ")[1])).toEqual(["192.0.2.7", "2001:db8::7"]);
    expect(runtime.order).toEqual([0]);
  });

  it("follows an address that moves from one device to another", () => {
    const watcher = new FakeWatcher(wlan, { ...wwan, addresses: [] });
    const { has, runtime } = follow(watcher, {});
    watcher.now({ ...wlan, addresses: [] }, { ...wwan, addresses: wlan.addresses });
    expect(has().map((one) => one.split(" ")[1])).toEqual(["192.0.2.7", "2001:db8::7"]);
    // Both have it: that of the first holds.
    watcher.now(wlan, { ...wwan, addresses: wlan.addresses });
    expect(has()).toHaveLength(2);
    expect(runtime.host.localAddresses()).toHaveLength(2);
  });

  it.each([
    ["its carrier", {}],
    ["its place, and is plugged in anew", { index: 99 }],
  ])("goes on with plain TCP, which has no other path, after the device has lost %s", async (_what, afterwards) => {
    const loopback = device("lo", [address("127.0.0.1", { scope: "host" })], { kind: "loopback" });
    const watcher = new FakeWatcher(loopback);
    const { runtime } = follow(watcher, { devices: ["lo"] });
    const peer = createStack({ links: [new UdpLink({ addresses: ["127.0.0.2"] })] });
    runtimes.push(peer.runtime);
    const server = peer.createServer((socket) => socket.pipe(socket));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.2", resolve));
    const socket = new Socket({ runtime });
    socket.connect({ host: "127.0.0.2", port: (server.address() as { readonly port: number }).port, multipath: false });
    const heard = async (text: string): Promise<void> => {
      socket.write(text);
      for (let read = ""; read !== text; ) read += String((await once(socket, "data"))[0]);
    };
    await heard("before");
    watcher.now({ ...loopback, isRunning: false });
    expect(runtime.host.localAddresses()).toEqual([]);
    await new Promise((resolve) => setImmediate(resolve));
    watcher.now({ ...loopback, ...afterwards });
    await heard("after");
    socket.destroy();
    server.close();
  });

  it("stops when it is closed", async () => {
    const watcher = new FakeWatcher(wlan);
    const { runtime } = follow(watcher, {});
    expect(watcher.isHeard).toBe(true);
    await runtime.close();
    expect(watcher.isHeard).toBe(false);
    watcher.now(wwan);
  });

  it("sends packets no larger than the device carries", () => {
    const names: string[] = [];
    follow(new FakeWatcher(wlan, wwan, { ...wlan, name: "eth0", index: 9, mtu: 9000, addresses: [address("203.0.113.4")] }), {
      wrap: (link) => {
        names.push(`${link.name} ${link.mtu}`);
        return link;
      },
    });
    expect(names.toSorted()).toEqual(["eth0 1500", "wlan0 1500", "wwan0 1400"]);
  });

  it("has links with a key where it is given one, with room for what that adds", () => {
    const links: string[] = [];
    follow(new FakeWatcher(wlan, { ...wwan, mtu: 600 }), {
      link: { key: generateUdpKey() },
      wrap: (link) => {
        links.push(`${link.name} ${link.mtu} ${link instanceof UdpLink && link.sealed !== null}`);
        return link;
      },
    });
    // What is too small for a packet of 576 octets and the seal is nothing to rely on.
    expect(links.toSorted()).toEqual(["wlan0 1468 true", "wwan0 1468 true"]);
  });
});

describe("a link that is bound to a device", () => {
  const calls = udpSystemCalls();
  const deaf = { arrived: () => {}, rejected: () => {}, erred: () => {}, batchEnd: () => {}, room: () => {} };
  const local = IpAddress.from("127.0.0.1");

  it.skipIf(calls === null)("asks for a device that is there", async () => {
    const none = new BatchedSockets(calls as UdpSystemCalls, deaf, 1500, 65_536, null, "no-such-device");
    expect(() => none.open(local, 0)).toThrow(expect.objectContaining({ code: "ENODEV" }));
    await none.close();
    const some = new BatchedSockets(calls as UdpSystemCalls, deaf, 1500, 65_536, null, "lo");
    await some.open(local, 0).close();
    expect(some.isBoundToDevice).toBe(true);
    await some.close();
  });

  it.skipIf(calls === null)("does without where only root may bind to one, and says so", async () => {
    const refusing = { ...(calls as UdpSystemCalls), setsockopt: (): number => -1, errno: () => 1, errorName: () => "EPERM" };
    const sockets = new BatchedSockets(refusing, deaf, 1500, 65_536, null, "lo");
    const port = sockets.open(local, 0);
    expect(port.port).toBeGreaterThan(0);
    expect(sockets.isBoundToDevice).toBe(false);
    await port.close();
    await sockets.close();
  });
});

describe("a watcher that looks", () => {
  it("sees this machine's loopback device", async () => {
    const watcher = new NetworkWatcher({ source: "polling" });
    expect(watcher.source).toBe("polling");
    expect(watcher.state.devices.find(({ kind }) => kind === "loopback")?.addresses.map((one) => String(one.address))).toContain("127.0.0.1");
    expect(isSameState(watcher.state, watcher.state)).toBe(true);
    await watcher.close();
  });
});
