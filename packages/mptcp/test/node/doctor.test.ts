import { describe, expect, it } from "vitest";
import { doctor, fixScript } from "../../src/node/index.ts";
import type { Check, DoctorReport, Use } from "../../src/node/index.ts";
import { meddlingNftRules, meddlingTablesRules } from "../../src/node/doctor/firewall-checks.ts";
import { parseLimits } from "../../src/node/doctor/kernel-checks.ts";
import { prefixOf } from "../../src/node/doctor/network.ts";
import { hasCapability } from "../../src/node/doctor/user-space-checks.ts";
import { madeUpSystem } from "./made-up-system.ts";
import type { MadeUp } from "./made-up-system.ts";

const examine = (made: MadeUp = {}, uses: readonly Use[] = []): Promise<DoctorReport> => doctor({ system: madeUpSystem(made), uses });

function named(report: DoctorReport, id: string): Check {
  const found = report.checks.find((check) => check.id === id);
  if (found === undefined) throw new Error(`no ${id} among ${report.checks.map((check) => check.id).join(", ")}`);
  return found;
}

const states = (report: DoctorReport, ...wanted: readonly Check["state"][]): readonly string[] => report.checks.filter((check) => wanted.includes(check.state)).map((check) => check.id);

const WIFI = { name: "wlan0", addresses: ["198.51.100.7/24"], gateways: ["198.51.100.1"] };
const CABLE = { name: "eth0", addresses: ["192.0.2.7/24"], gateways: ["192.0.2.1"] };

describe("doctor", () => {
  it("finds nothing to mend on a good host with one interface", async () => {
    const report = await examine();
    expect(report.fit).toBe(true);
    expect(states(report, "warn", "fail")).toEqual([]);
    expect(named(report, "routing.ways").found).toBe("only eth0 (192.0.2.7) leads out of this host");
    expect(fixScript(report).split("\n").filter((line) => line !== "" && !line.startsWith("#"))).toEqual([]);
  });

  it("names the rule and the routes of an address that leaves by another's interface", async () => {
    const report = await examine({ interfaces: [CABLE, WIFI] });
    expect(report.fit).toBe(false);
    expect(states(report, "fail")).toEqual(["routing.source.198.51.100.7"]);
    const source = named(report, "routing.source.198.51.100.7");
    expect(source.found).toBe("what is sent from 198.51.100.7, an address of wlan0, leaves by eth0 to 192.0.2.1");
    expect(source.mends).toEqual([
      "ip rule add from 198.51.100.7 table 103",
      "ip route add 198.51.100.0/24 dev wlan0 table 103",
      "ip route add default via 198.51.100.1 dev wlan0 table 103",
    ]);
    expect(named(report, "routing.source.192.0.2.7").state).toBe("ok");
    expect(named(report, "kernel.endpoints")).toMatchObject({ state: "warn", mends: ["ip mptcp endpoint add 198.51.100.7 dev wlan0 subflow"] });
    expect(fixScript(report)).toContain("ip rule add from 198.51.100.7 table 103\n");
  });

  it("names only what is missing", async () => {
    const rule = await examine({ interfaces: [CABLE, WIFI], rules: [{ src: "198.51.100.7", table: "77" }] });
    expect(named(rule, "routing.source.198.51.100.7").mends).toEqual(["ip route add 198.51.100.0/24 dev wlan0 table 77", "ip route add default via 198.51.100.1 dev wlan0 table 77"]);
    const routes = [
      { dst: "default", gateway: "198.51.100.1", dev: "wlan0", table: "77" },
      { dst: "198.51.100.0/24", dev: "wlan0", table: "77" },
    ];
    const table = await examine({ interfaces: [CABLE, WIFI], routes });
    expect(named(table, "routing.source.198.51.100.7").mends).toEqual(["ip rule add from 198.51.100.7 table 77"]);
    const both = await examine({ interfaces: [CABLE, WIFI], routes, rules: [{ src: "198.51.100.7", table: "77" }] });
    expect(named(both, "routing.source.198.51.100.7")).toMatchObject({ state: "fail", mends: [], advice: expect.stringContaining("another rule comes first") });
  });

  it("takes no table that is in use", async () => {
    const report = await examine({ interfaces: [CABLE, WIFI], routes: [{ dst: "default", gateway: "192.0.2.1", dev: "eth0", table: "103" }] });
    expect(named(report, "routing.source.198.51.100.7").mends[0]).toBe("ip rule add from 198.51.100.7 table 104");
  });

  it("is content where every address has its own way", async () => {
    const report = await examine({ interfaces: [CABLE, WIFI], departures: { "198.51.100.7": "wlan0" }, endpoints: [{ address: "198.51.100.7", id: 1, subflow: true, dev: "wlan0" }] });
    expect(states(report, "warn", "fail")).toEqual([]);
    expect(named(report, "kernel.endpoints").found).toBe("198.51.100.7 (subflow)");
  });

  it("knows links without a gateway, routes with several hops, and addresses that a router made up", async () => {
    const lte = { name: "wwan0", addresses: ["100.64.0.9/32"], gateways: [""] };
    expect(named(await examine({ interfaces: [CABLE, lte] }), "routing.source.100.64.0.9").mends).toEqual(["ip rule add from 100.64.0.9 table 103", "ip route add default dev wwan0 table 103"]);
    const hops = { dst: "default", nexthops: [{ gateway: "192.0.2.1", dev: "eth0" }, { gateway: "198.51.100.1", dev: "wlan0" }] };
    const balanced = await examine({ interfaces: [{ ...CABLE, gateways: [] }, { ...WIFI, gateways: [] }], routes: [hops], departures: { "192.0.2.7": "eth0", "198.51.100.7": "eth0" } });
    expect(named(balanced, "routing.source.198.51.100.7").mends.at(-1)).toBe("ip route add default via 198.51.100.1 dev wlan0 table 103");
    const six = { name: "wlan0", addresses: ["2001:db8:2::aa/64", "2001:db8:2::bb/64", "fe80::1/64"], gateways: ["fe80::2"], dynamic: true };
    const report = await examine({ interfaces: [{ name: "eth0", addresses: ["2001:db8:1::7/64"], gateways: ["fe80::1"] }, six] });
    expect(states(report, "fail")).toEqual(["routing.source.2001:db8:2::aa"]);
    expect(named(report, "routing.source.2001:db8:2::aa").mends).toEqual([
      "ip -6 rule add from 2001:db8:2::/64 table 103",
      "ip -6 route add 2001:db8:2::/64 dev wlan0 table 103",
      "ip -6 route add default via fe80::2 dev wlan0 table 103",
    ]);
  });

  it("leaves interfaces aside that are down or lead nowhere", async () => {
    const docker = { name: "docker0", addresses: ["172.17.0.1/16"] };
    const report = await examine({ interfaces: [CABLE, docker, { ...WIFI, up: false }] });
    expect(report.fit).toBe(true);
    expect(named(report, "routing.ways").found).toBe("only eth0 (192.0.2.7) leads out of this host; docker0 has addresses, but no default route");
  });

  it("lets a VPN take everything", async () => {
    const vpn = { name: "wg0", addresses: ["10.8.0.2/32"], gateways: [""] };
    const files = { "/sys/class/net/wg0/uevent": "DEVTYPE=wireguard\nINTERFACE=wg0\n" };
    const report = await examine({ interfaces: [CABLE, vpn], files, departures: { "192.0.2.7": "wg0", "10.8.0.2": "wg0" } });
    expect(report.fit).toBe(true);
    expect(named(report, "routing.source.192.0.2.7")).toMatchObject({ state: "note", found: expect.stringContaining("leaves by wg0, a tunnel") as string });
    expect(fixScript(report)).not.toContain("ip rule add");
  });

  it("tells of two interfaces in one subnet", async () => {
    const interfaces = [CABLE, { ...WIFI, addresses: ["192.0.2.8/24"], gateways: ["192.0.2.1"] }];
    const report = await examine({ interfaces, departures: { "192.0.2.8": "wlan0" } });
    expect(named(report, "routing.subnet.192.0.2.0/24")).toMatchObject({ state: "warn", mends: ["sysctl -w net.ipv4.conf.eth0.arp_filter=1", "sysctl -w net.ipv4.conf.wlan0.arp_filter=1"] });
    const files = { "/proc/sys/net/ipv4/conf/all/arp_filter": "1" };
    expect(named(await examine({ interfaces, files, departures: { "192.0.2.8": "wlan0" } }), "routing.subnet.192.0.2.0/24").state).toBe("ok");
  });

  it("minds strict rp_filter only as long as routes disagree", async () => {
    const files = { "/proc/sys/net/ipv4/conf/all/rp_filter": "1", "/proc/sys/net/ipv4/conf/wlan0/rp_filter": "2" };
    const bad = await examine({ interfaces: [CABLE, WIFI], files });
    expect(named(bad, "routing.rp_filter.eth0")).toMatchObject({ state: "fail", mends: ["sysctl -w net.ipv4.conf.eth0.rp_filter=2"] });
    expect(named(bad, "routing.rp_filter.wlan0")).toMatchObject({ state: "ok", found: "loose" });
    const good = await examine({ interfaces: [CABLE, WIFI], files, departures: { "198.51.100.7": "wlan0" } });
    expect(named(good, "routing.rp_filter.eth0").state).toBe("ok");
    expect((await examine({ files })).checks.some((check) => check.id.startsWith("routing.rp_filter"))).toBe(false);
  });

  it("weighs what is lacking by what is wanted", async () => {
    const off: MadeUp = { files: { "/proc/sys/net/mptcp/enabled": "0" }, tun: "ENOENT", koffi: "not installed" };
    const any = await examine(off);
    expect(any.fit).toBe(true);
    expect(states(any, "warn")).toEqual(["kernel.enabled", "koffi", "tun.device"]);
    expect(named(any, "kernel.enabled").mends).toEqual(["sysctl -w net.mptcp.enabled=1"]);
    expect(states(await examine(off, ["kernel"]), "fail")).toEqual(["kernel.enabled", "koffi"]);
    expect(states(await examine(off, ["tun"]), "fail")).toEqual(["koffi", "tun.device"]);
    expect((await examine(off, ["udp"])).checks.filter((check) => check.state === "warn" || check.state === "fail")).toEqual([]);
    expect(named(await examine(off), "tun.device").mends[0]).toBe("modprobe tun");
  });

  it("tells of kernels without Multipath TCP and of other systems", async () => {
    const old = await examine({ files: { "/proc/sys/net/mptcp/enabled": null } }, ["kernel"]);
    expect(named(old, "kernel.enabled")).toMatchObject({ state: "fail", mends: [] });
    expect(old.checks.some((check) => check.id === "kernel.limits")).toBe(false);
    const mac = await examine({ platform: "darwin", koffi: "TUN links need Linux" });
    expect(mac.checks.map((check) => check.id)).toEqual(["kernel.enabled", "node.version", "koffi"]);
    expect(mac.fit).toBe(true);
  });

  it("explains what an ordinary user lacks, and how root gives it", async () => {
    const report = await examine({ userId: 1000, files: { "/proc/self/status": "CapEff:\t0000000000000000\n" } }, ["tun"]);
    expect(named(report, "rights")).toMatchObject({ state: "fail", mends: ["ip tuntap add dev mp0 mode tun vnet_hdr user 1000", "ip address add 10.1.0.1/24 dev mp0", "ip link set dev mp0 up"] });
    const owned = { userId: 1000, files: { "/proc/self/status": "CapEff:\t0000000000000000\n", "/sys/class/net/mp0/owner": "1000\n" }, interfaces: [{ name: "mp0", addresses: ["10.1.0.1/24"] }] };
    expect(named(await examine(owned, ["tun"]), "rights")).toMatchObject({ state: "ok", found: expect.stringContaining("belongs to it: mp0") as string });
    expect(named(await examine({ ...owned, userId: 1001 }, ["tun"]), "rights").mends[0]).toBe("ip tuntap add dev mp1 mode tun vnet_hdr user 1001");
    expect(named(await examine({ tun: "EACCES" }), "tun.device").mends).toEqual(["chmod 0666 /dev/net/tun"]);
  });

  it("reads the kernel's settings", async () => {
    const report = await examine({
      files: { "/proc/sys/net/mptcp/pm_type": "1", "/proc/sys/net/mptcp/checksum_enabled": "1", "/proc/sys/net/mptcp/allow_join_initial_addr_port": "0", "/proc/sys/net/ipv4/tcp_congestion_control": "bbr" },
      limits: "add_addr_accepted 0 subflows 2 ",
    });
    expect(states(report, "warn")).toEqual(["kernel.path_manager", "kernel.limits"]);
    expect(states(report, "note")).toEqual(["kernel.checksum", "kernel.join", "routing.ways", "congestion_control"]);
    expect(named(report, "kernel.path_manager").mends).toEqual(["sysctl -w net.mptcp.pm_type=0"]);
    const newer = await examine({ files: { "/proc/sys/net/mptcp/path_manager": "userspace", "/proc/sys/net/mptcp/pm_type": "1" } });
    expect(named(newer, "kernel.path_manager").mends).toEqual(["sysctl -w net.mptcp.path_manager=kernel"]);
    expect(named(await examine({ limits: "add_addr_accepted 0 subflows 0" }), "kernel.limits").found).toMatch(/no connection gets a second subflow/);
  });

  it("finds rules that take the option away", async () => {
    const ruleset = `table inet filter { # handle 1
	chain forward { # handle 2
		type filter hook forward priority filter; policy accept;
		tcp dport 80 reset tcp option mptcp # handle 7
		tcp option mptcp exists counter packets 0 bytes 0 # handle 8
	}
}
`;
    const report = await examine({ programs: { nft: { kind: "done", output: ruleset } } });
    expect(named(report, "firewall")).toMatchObject({ state: "warn", mends: ["nft delete rule inet filter forward handle 7"] });
    expect(meddlingNftRules("")).toEqual([]);
    expect(meddlingTablesRules("*mangle\n-A FORWARD -p tcp -j TCPOPTSTRIP --strip-options 5,30\n-A FORWARD -j ACCEPT\nCOMMIT\n")).toEqual([
      { rule: "-A FORWARD -p tcp -j TCPOPTSTRIP --strip-options 5,30", table: "mangle" },
    ]);
    expect(named(await examine(), "firewall").state).toBe("unknown");
    expect(named(await examine({ programs: { nft: { kind: "done", output: "" } } }), "firewall").state).toBe("ok");
    expect(named(await examine({ programs: { nft: { kind: "failed", error: "Operation not permitted" } } }), "firewall").found).toMatch(/may not be read/);
  });

  it("looks at buffers and offloads, and calls for ethtool", async () => {
    const report = await examine({ files: { "/proc/sys/net/core/rmem_max": "212992" }, offloads: { tso: false, gro: true }, tunFeatures: 0x1003 });
    expect(report.fit).toBe(true);
    expect(named(report, "rmem_max").mends).toEqual(["sysctl -w net.core.rmem_max=4194304"]);
    expect(named(report, "offloads.eth0")).toMatchObject({ state: "note", mends: ["ethtool -K eth0 tso on"] });
    expect(named(report, "tun.offload").state).toBe("note");
    expect(named(await examine({ offloads: null, tunFeatures: null }), "offloads.eth0").state).toBe("unknown");
  });

  it("goes on without an ip command", async () => {
    const system = { ...madeUpSystem(), run: () => ({ kind: "missing" }) as const };
    const report = await doctor({ system });
    expect(states(report, "unknown")).toEqual(["kernel.limits", "kernel.endpoints", "tun.nat", "routing.ip", "firewall"]);
    expect(report.fit).toBe(true);
  });
});

describe("what doctor reads", () => {
  it("limits, as text and as JSON", () => {
    expect(parseLimits("add_addr_accepted 0 subflows 2 \n")).toEqual({ addAddrAccepted: 0, subflows: 2 });
    expect(parseLimits('[{"add_addr_accepted":1,"subflows":8}]')).toEqual({ addAddrAccepted: 1, subflows: 8 });
    expect(parseLimits("")).toBeNull();
  });

  it("capabilities", () => {
    expect(hasCapability("CapEff:\t0000000000001000\n", 12)).toBe(true);
    expect(hasCapability("CapEff:\t0000000000000fff\n", 12)).toBe(false);
    expect(hasCapability(null, 12)).toBeNull();
  });

  it("prefixes of addresses", () => {
    expect(prefixOf("192.0.2.200", 25)).toBe("192.0.2.128/25");
    expect(prefixOf("10.1.2.3", 0)).toBe("0.0.0.0/0");
    expect(prefixOf("10.1.2.3", 32)).toBe("10.1.2.3/32");
    expect(prefixOf("2001:db8:1:2:3:4:5:6", 56)).toBe("2001:db8:1::/56");
  });
});

describe("doctor on links", () => {
  it("says whether links by device are bound to their devices", async () => {
    expect(named(await examine(), "udp.device")).toMatchObject({ state: "ok" });
    expect(named(await examine({ koffi: "it is not installed" }), "udp.device")).toMatchObject({ state: "note", advice: expect.stringContaining("routes") as string });
    const unprivileged = { "/proc/self/status": "CapEff:\t0000000000000000\n" };
    expect(named(await examine({ release: "5.4.0-42-generic", files: unprivileged }), "udp.device")).toMatchObject({ state: "note" });
    expect(named(await examine({ release: "5.4.0-42-generic" }), "udp.device").state).toBe("ok");
    expect(named(await examine({ release: "5.10.1", files: unprivileged }), "udp.device").state).toBe("ok");
  });

  it("says whether what TUN devices send is translated, and how it can be", async () => {
    const empty = { kind: "done", output: "" } as const;
    expect(named(await examine(), "tun.nat").state).toBe("unknown");
    expect(named(await examine({ programs: { nft: empty } }), "tun.nat")).toMatchObject({ state: "note", mends: [] });
    const translating = { kind: "done", output: "table ip nat {\n chain post {\n  oifname \"eth0\" masquerade\n }\n}\n" } as const;
    expect(named(await examine({ programs: { nft: translating } }), "tun.nat")).toMatchObject({ state: "ok", found: expect.stringContaining('oifname "eth0" masquerade') as string });
    const tun = { name: "mp0", addresses: ["10.1.0.1/24"] };
    const report = await examine({ interfaces: [CABLE, tun], files: { "/sys/class/net/mp0/tun_flags": "0x1001\n" }, programs: { nft: empty } });
    expect(named(report, "tun.nat").mends.at(-1)).toBe("nft add rule ip mptcp leaving ip saddr 10.1.0.0/24 masquerade");
  });
});
