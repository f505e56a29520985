import { check, lackOf } from "./check.ts";
import type { Check, CheckState, Use } from "./check.ts";
import { departure, waysOut } from "./network.ts";
import type { Address, Network } from "./network.ts";
import type { System } from "./system.ts";

/** The kernel's own Multipath TCP: whether it is there, and how it is set. */
export function kernelChecks(system: System, network: Network | null, wanted: readonly Use[] | null): readonly Check[] {
  const enabled = enabledCheck(system, wanted);
  if (system.platform !== "linux" || setting(system, "enabled") === null) return [enabled];
  const checks = [enabled, managerCheck(system), limitsCheck(system), ...endpointChecks(system, network), checksumCheck(system), joinCheck(system), schedulerCheck(system)];
  if (wanted === null || wanted.includes("kernel")) return checks;
  // Who wants something else is not to be bothered with the kernel's settings.
  return checks.map((one) => (one.state === "warn" ? { ...one, state: "note" } : one));
}

/** What `ip mptcp limits` says. */
export interface KernelLimits {
  readonly subflows: number;
  readonly addAddrAccepted: number;
}

/** Reads limits in either form: `add_addr_accepted 0 subflows 2`, or the same as JSON; null when it is neither. */
export function parseLimits(output: string): KernelLimits | null {
  const accepted = /"?add_addr_accepted"?\s*:?\s*(\d+)/.exec(output);
  const subflows = /"?subflows"?\s*:?\s*(\d+)/.exec(output);
  return accepted === null || subflows === null ? null : { addAddrAccepted: Number(accepted[1]), subflows: Number(subflows[1]) };
}

function enabledCheck(system: System, wanted: readonly Use[] | null): Check {
  const name = "Multipath TCP";
  if (system.platform !== "linux") {
    const found = `this is ${system.platform}, whose kernel offers no Multipath TCP to Node`;
    return check("kernel", "kernel.enabled", name, { state: lackOf("kernel", wanted), found, advice: "the engine over UDP links works here" });
  }
  const enabled = setting(system, "enabled");
  if (enabled === null) {
    const found = `the kernel ${system.release} was built without it (CONFIG_MPTCP), or is older than 5.6`;
    return check("kernel", "kernel.enabled", name, { state: lackOf("kernel", wanted), found, advice: "another kernel is needed; the engine on TUN devices and over UDP does without" });
  }
  if (enabled === "1") return check("kernel", "kernel.enabled", name, { state: "ok", found: `in the kernel ${system.release}, and switched on` });
  const found = `in the kernel ${system.release}, but switched off`;
  return check("kernel", "kernel.enabled", name, { state: lackOf("kernel", wanted), found, mends: ["sysctl -w net.mptcp.enabled=1"] });
}

/** Newer kernels name the path manager, older ones number it; both may be there. */
function managerCheck(system: System): Check {
  const named = setting(system, "path_manager");
  const numbered = setting(system, "pm_type");
  const name = "path manager";
  if (named === null && numbered === null) return check("kernel", "kernel.path_manager", name, { state: "ok", found: "the kernel's, which knows no other" });
  if (named === "kernel" || (named === null && numbered === "0")) return check("kernel", "kernel.path_manager", name, { state: "ok", found: "the kernel's: ip mptcp has effect" });
  const mend = named === null ? "sysctl -w net.mptcp.pm_type=0" : "sysctl -w net.mptcp.path_manager=kernel";
  const found = `${named ?? "userspace"}: the kernel opens no subflow of its own accord, and ip mptcp endpoint has no effect`;
  return check("kernel", "kernel.path_manager", name, { state: "warn", found, advice: "right where a daemon such as mptcpd is in charge", mends: [mend] });
}

function limitsCheck(system: System): Check {
  const name = "limits";
  const result = system.run("ip", "-j", "mptcp", "limits", "show");
  const limits = result.kind === "done" ? parseLimits(result.output) : null;
  if (limits === null) return check("kernel", "kernel.limits", name, { state: "unknown", found: "ip mptcp limits gives no answer", advice: "it needs iproute2 from 5.8 on" });
  const { subflows, addAddrAccepted } = limits;
  const all = `subflows ${subflows}, add_addr_accepted ${addAddrAccepted}`;
  if (subflows === 0) {
    return check("kernel", "kernel.limits", name, { state: "warn", found: `${all}: no connection gets a second subflow`, mends: ["ip mptcp limits set subflows 4 add_addr_accepted 4"] });
  }
  if (addAddrAccepted > 0) return check("kernel", "kernel.limits", name, { state: "ok", found: all });
  const found = `${all}: addresses that a server announces are not joined`;
  return check("kernel", "kernel.limits", name, { state: "warn", found, advice: "the default; it matters to a client whose server has several addresses", mends: ["ip mptcp limits set add_addr_accepted 4"] });
}

/** Without endpoints the kernel opens no subflow from a second address. */
function endpointChecks(system: System, network: Network | null): readonly Check[] {
  const result = system.run("ip", "-j", "mptcp", "endpoint", "show");
  if (network === null || result.kind !== "done") return [check("kernel", "kernel.endpoints", "endpoints", { state: "unknown", found: "ip mptcp endpoint gives no answer" })];
  const endpoints = parseEndpoints(result.output);
  const spare = spareAddresses(system, network);
  const missing = spare.filter((address) => !endpoints.some((endpoint) => endpoint.address === address.text));
  const listed = endpoints.map((endpoint) => `${endpoint.address} (${endpoint.flags.join(", ") || "no flags"})`).join(", ");
  if (missing.length === 0) {
    const found = endpoints.length > 0 ? listed : "none; and there is no second interface whose address could be one";
    return [check("kernel", "kernel.endpoints", "endpoints", { state: "ok", found })];
  }
  const found = `${listed === "" ? "none" : listed}; the kernel will open no subflow from ${missing.map((address) => `${address.text} (${address.device})`).join(", ")}`;
  const advice = "these commands are a client's; on a server, which announces its addresses, put signal in place of subflow";
  const mends = missing.map((address) => `ip mptcp endpoint add ${address.text} dev ${address.device} subflow`);
  return [check("kernel", "kernel.endpoints", "endpoints", { state: "warn", found, advice, mends })];
}

/** One address of each way out, but for the interface that connections leave by anyway. */
function spareAddresses(system: System, network: Network): readonly Address[] {
  const ways = waysOut(network);
  const usual = ([4, 6] as const).map((family) => departure(system, network, family, null)?.device);
  return ways.filter((way) => !usual.includes(way.device.name)).map((way) => way.addresses[0] as Address);
}

function parseEndpoints(output: string): readonly { readonly address: string; readonly flags: readonly string[] }[] {
  try {
    const entries = JSON.parse(output.trim() === "" ? "[]" : output) as readonly Readonly<Record<string, unknown>>[];
    return entries.map((entry) => ({ address: String(entry["address"]), flags: ENDPOINT_FLAGS.filter((flag) => entry[flag] === true) }));
  } catch {
    return output.split("\n").flatMap((line) => {
      const [address = "", ...words] = line.trim().split(/\s+/);
      return address === "" ? [] : [{ address, flags: words.filter((word) => ENDPOINT_FLAGS.includes(word)) }];
    });
  }
}

function checksumCheck(system: System): Check {
  const isOn = setting(system, "checksum_enabled") === "1";
  const state: CheckState = isOn ? "note" : "ok";
  const found = isOn ? "on: every octet is summed twice, which costs throughput and finds middleboxes that change data" : "off, as is usual: middleboxes that change data go unnoticed";
  return check("kernel", "kernel.checksum", "DSS checksum", { state, found, ...(isOn ? { mends: ["sysctl -w net.mptcp.checksum_enabled=0"] } : {}) });
}

function joinCheck(system: System): Check {
  const name = "joins to the first address";
  if (setting(system, "allow_join_initial_addr_port") !== "0") return check("kernel", "kernel.join", name, { state: "ok", found: "allowed" });
  const found = "forbidden to peers (the C flag): they join announced addresses only";
  return check("kernel", "kernel.join", name, { state: "note", found, advice: "right for servers behind a load balancer", mends: ["sysctl -w net.mptcp.allow_join_initial_addr_port=1"] });
}

function schedulerCheck(system: System): Check {
  const scheduler = setting(system, "scheduler");
  return check("kernel", "kernel.scheduler", "packet scheduler", { state: "ok", found: scheduler ?? "the kernel's only one" });
}

function setting(system: System, name: string): string | null {
  return system.readFile(`/proc/sys/net/mptcp/${name}`)?.trim() ?? null;
}

const ENDPOINT_FLAGS: readonly string[] = ["signal", "subflow", "backup", "fullmesh", "laminar"];
