import { check, lackOf } from "./check.ts";
import type { Check, Use } from "./check.ts";
import type { Network } from "./network.ts";
import type { System } from "./system.ts";

/** What this library needs for its own engine: Node, koffi, TUN devices and the rights to them. */
export async function userSpaceChecks(system: System, network: Network | null, wanted: readonly Use[] | null): Promise<readonly Check[]> {
  const checks = [nodeCheck(system), await koffiCheck(system, wanted)];
  if (system.platform !== "linux") return checks;
  return [...checks, deviceCheck(system, wanted), rightsCheck(system, network, wanted), await headerCheck(system), forwardingCheck(system)];
}

/** Whether the bit of a capability is in the effective set of /proc/self/status; null when that cannot be read. */
export function hasCapability(status: string | null, bit: number): boolean | null {
  const match = /^CapEff:\s*([0-9a-f]+)$/m.exec(status ?? "");
  return match === null ? null : ((BigInt(`0x${match[1]}`) >> BigInt(bit)) & 1n) === 1n;
}

function nodeCheck(system: System): Check {
  const [major = 0, minor = 0] = system.nodeVersion.split(".").map(Number);
  const isEnough = major > 20 || (major === 20 && minor >= 19);
  return check("user space", "node.version", "Node", { state: isEnough ? "ok" : "fail", found: `${system.nodeVersion}${isEnough ? "" : ", and 20.19 is needed"}` });
}

async function koffiCheck(system: System, wanted: readonly Use[] | null): Promise<Check> {
  const name = "koffi";
  const obstacle = await system.koffiObstacle();
  if (obstacle === null) return check("user space", "koffi", name, { state: "ok", found: "the optional dependency is installed and loads" });
  const isAsked = wanted === null || wanted.includes("tun") || wanted.includes("kernel");
  const state = isAsked ? lackOf(wanted?.includes("kernel") === true ? "kernel" : "tun", wanted) : "note";
  const advice = "TUN links and kernel sockets need it, UDP links do not";
  return check("user space", "koffi", name, { state, found: obstacle, advice, mends: system.platform === "linux" ? ["npm install koffi@3"] : [] });
}

function deviceCheck(system: System, wanted: readonly Use[] | null): Check {
  const name = "TUN device";
  const obstacle = system.openObstacle(TUN);
  if (obstacle === null) return check("user space", "tun.device", name, { state: "ok", found: `${TUN} can be opened` });
  const state = lackOf("tun", wanted);
  if (obstacle === "ENOENT") {
    const mends = ["modprobe tun", `[ -e ${TUN} ] || { mkdir -p /dev/net && mknod ${TUN} c 10 200 && chmod 0666 ${TUN}; }`];
    return check("user space", "tun.device", name, { state, found: `${TUN} is missing`, advice: "a container is given it from outside: docker run --device /dev/net/tun --cap-add NET_ADMIN", mends });
  }
  if (obstacle === "EACCES" || obstacle === "EPERM") {
    return check("user space", "tun.device", name, { state, found: `${TUN} may not be opened by this user (${obstacle})`, mends: [`chmod 0666 ${TUN}`], advice: "that is how most distributions ship it: to open it gives no rights yet" });
  }
  return check("user space", "tun.device", name, { state, found: `${TUN} cannot be opened (${obstacle})`, mends: obstacle === "ENODEV" || obstacle === "ENXIO" ? ["modprobe tun"] : [] });
}

function rightsCheck(system: System, network: Network | null, wanted: readonly Use[] | null): Check {
  const name = "rights";
  const able = hasCapability(system.readFile("/proc/self/status"), CAP_NET_ADMIN);
  const who = system.userId === 0 ? "root" : `user ${system.userId}`;
  if (able === null) return check("user space", "rights", name, { state: "unknown", found: "the capabilities of the process cannot be read" });
  if (able) return check("user space", "rights", name, { state: "ok", found: `${who}, with CAP_NET_ADMIN` });
  const found = `${who}, without CAP_NET_ADMIN: no TUN devices, no change of routes or of ip mptcp`;
  if (system.userId === 0) {
    return check("user space", "rights", name, { state: lackOf("tun", wanted), found, advice: "a container is given it from outside: docker run --cap-add NET_ADMIN --device /dev/net/tun" });
  }
  const names = (network?.devices ?? []).map((device) => device.name);
  const own = names.filter((device) => system.readFile(`/sys/class/net/${device}/owner`)?.trim() === String(system.userId));
  if (own.length > 0) return check("user space", "rights", name, { state: "ok", found: `${who}, without CAP_NET_ADMIN, but with a TUN device that belongs to it: ${own.join(", ")}` });
  let number = 0;
  while (names.includes(`mp${number}`)) number++;
  const device = `mp${number}`;
  return check("user space", "rights", name, {
    state: lackOf("tun", wanted),
    found,
    advice: `UDP links and kernel sockets need no rights; root can make a device that belongs to this user, and it is then given as --tun name=${device},host=10.1.0.2`,
    mends: [`ip tuntap add dev ${device} mode tun vnet_hdr user ${system.userId}`, `ip address add 10.1.0.1/24 dev ${device}`, `ip link set dev ${device} up`],
  });
}

async function headerCheck(system: System): Promise<Check> {
  const name = "TUN offloads";
  const features = await system.tunFeatures();
  if (features === null) return check("user space", "tun.offload", name, { state: "unknown", found: "the TUN driver could not be asked" });
  if ((features & IFF_VNET_HDR) !== 0) {
    const queues = (features & IFF_MULTI_QUEUE) !== 0 ? ", and several queues a device" : "";
    return check("user space", "tun.offload", name, { state: "ok", found: `super-segments and checksums are left to the device (IFF_VNET_HDR)${queues}` });
  }
  return check("user space", "tun.offload", name, { state: "note", found: "no IFF_VNET_HDR: TUN links work in plain packets, several times slower" });
}

function forwardingCheck(system: System): Check {
  const name = "forwarding";
  const isOn = system.readFile("/proc/sys/net/ipv4/ip_forward")?.trim() === "1";
  if (isOn) return check("user space", "ip_forward", name, { state: "ok", found: "on: packets from TUN devices go on to the network" });
  return check("user space", "ip_forward", name, {
    state: "note",
    found: "off: the engine on TUN devices reaches this host, and nothing beyond",
    advice: "beyond this host its addresses need a route back or a NAT as well",
    mends: ["sysctl -w net.ipv4.ip_forward=1"],
  });
}

const TUN = "/dev/net/tun";
/** include/uapi/linux/capability.h, if_tun.h. */
const CAP_NET_ADMIN = 12;
const IFF_VNET_HDR = 0x4000;
const IFF_MULTI_QUEUE = 0x0100;
