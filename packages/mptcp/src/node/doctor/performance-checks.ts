import { check } from "./check.ts";
import type { Check } from "./check.ts";
import { waysOut } from "./network.ts";
import type { Network } from "./network.ts";
import type { System } from "./system.ts";

/** What makes the host slower than it could be; never a reason to fail. */
export async function performanceChecks(system: System, network: Network | null): Promise<readonly Check[]> {
  if (system.platform !== "linux") return [];
  return [congestionCheck(system), receiveBufferCheck(system), ...(await offloadChecks(system, network))];
}

function congestionCheck(system: System): Check {
  const name = "congestion control";
  const used = system.readFile("/proc/sys/net/ipv4/tcp_congestion_control")?.trim();
  if (used === undefined) return check("performance", "congestion_control", name, { state: "unknown", found: "the setting cannot be read" });
  if (!used.startsWith("bbr")) return check("performance", "congestion_control", name, { state: "ok", found: `${used}, for the kernel's own connections` });
  return check("performance", "congestion_control", name, {
    state: "note",
    found: `${used}, for the kernel's own connections: over links without delay its Multipath TCP was seen to be now fast, now very slow with it`,
    advice: "of weight in comparisons on one machine; a socket may choose for itself (TCP_CONGESTION)",
    mends: ["sysctl -w net.ipv4.tcp_congestion_control=cubic"],
  });
}

function receiveBufferCheck(system: System): Check {
  const name = "UDP buffers";
  const most = Number(system.readFile("/proc/sys/net/core/rmem_max") ?? Number.NaN);
  if (Number.isNaN(most)) return check("performance", "rmem_max", name, { state: "unknown", found: "the setting cannot be read" });
  if (most >= UDP_RECEIVE_BUFFER) return check("performance", "rmem_max", name, { state: "ok", found: `net.core.rmem_max ${most}` });
  return check("performance", "rmem_max", name, {
    state: "note",
    found: `net.core.rmem_max is ${most}: a UDP link asks for ${UDP_RECEIVE_BUFFER}, and loses packets sooner with less when the process is busy`,
    mends: [`sysctl -w net.core.rmem_max=${UDP_RECEIVE_BUFFER}`],
  });
}

async function offloadChecks(system: System, network: Network | null): Promise<readonly Check[]> {
  const checks: Check[] = [];
  const names = new Set((network === null ? [] : waysOut(network)).map((way) => way.device.name));
  for (const device of names) {
    const name = `offloads of ${device}`;
    const id = `offloads.${device}`;
    const offloads = await system.offloads(device);
    if (offloads === null) checks.push(check("performance", id, name, { state: "unknown", found: "the interface could not be asked" }));
    else if (offloads.tso && offloads.gro) checks.push(check("performance", id, name, { state: "ok", found: "segmentation (TSO) and joining (GRO) are on" }));
    else {
      const off = [offloads.tso ? "" : "segmentation (TSO)", offloads.gro ? "" : "joining (GRO)"].filter((word) => word !== "");
      const mend = `ethtool -K ${device}${offloads.tso ? "" : " tso on"}${offloads.gro ? "" : " gro on"}`;
      checks.push(check("performance", id, name, { state: "note", found: `${off.join(" and ")} off: more work for each packet`, advice: "some drivers and virtual machines have none", mends: [mend] }));
    }
  }
  return checks;
}

/** Octets that a UDP link asks for unless told otherwise. */
const UDP_RECEIVE_BUFFER = 4 * 1024 * 1024;
