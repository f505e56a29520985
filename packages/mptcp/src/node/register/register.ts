import { MptcpError } from "../../core/index.ts";
import { kernelMptcp } from "../kernel/index.ts";
import { createStack } from "../stack.ts";
import type { Stack } from "../stack.ts";
import { setDefaultStack } from "../default-stack.ts";
import { tunLink } from "../tun/index.ts";
import { UdpLink } from "../udp/index.ts";
import { install } from "./install.ts";
import { readSettings, wrong } from "./settings.ts";
import type { RegisterSettings } from "./settings.ts";
import { UserspaceScope } from "./userspace.ts";

/** What came of it. */
export interface Registered {
  /** For people: whose Multipath TCP Node's sockets have. */
  readonly choice: string;
  /** The stack, where links are configured; it is the default one, too. */
  readonly stack: Stack | null;
}

/**
 * Puts Multipath TCP beneath `net`, and so beneath `http`, `https`, `tls`, `http2` and every program on them, as the environment says.
 * @throws MptcpError ERR_MPTCP_REGISTER for settings that make no sense; ERR_MPTCP_KERNEL where the kernel's is asked for and is not to be had; what links throw
 */
export async function register(environment: Readonly<Record<string, string | undefined>>): Promise<Registered> {
  const settings = readSettings(environment);
  const { via, required, log } = settings;
  const kernel = kernelFor(settings);
  if (via === "userspace" && settings.udp.length + settings.tun.length === 0) throw wrong("user space needs links: MPTCP_UDP=\"ADDRESS ADDRESS\", or udp and tun in the file that MPTCP_CONFIG names");
  const stack = via === "auto" || via === "userspace" ? await openStack(settings) : null;
  const multipath = required ? "required" : true;
  const choice = describe(settings, stack, kernel);
  if (required && stack === null) throw wrong(`Multipath TCP can be required of user space alone, and ${choice}`);
  if (stack !== null || kernel.used) install({ userspace: stack === null ? null : new UserspaceScope(stack.runtime, settings), kernel: kernel.used, multipath });
  if (stack !== null) setDefaultStack(stack);
  if (log !== "none") process.stderr.write(`mptcp: ${choice}\n`);
  if (log === "counters" && stack !== null) process.once("exit", () => process.stderr.write(`mptcp: ${JSON.stringify(stack.counters())}\n`));
  return { choice, stack };
}

interface KernelUse {
  readonly used: boolean;
  /** Why it is not. */
  readonly why: string;
}

function kernelFor({ via }: RegisterSettings): KernelUse {
  if (via === "tcp") return { used: false, why: "it was not asked for" };
  if (via === "userspace") return { used: false, why: "it was not asked for" };
  const status = kernelMptcp();
  if (status.available) return { used: true, why: "" };
  if (via === "kernel") throw new MptcpError("ERR_MPTCP_KERNEL", `mptcp/register: no Multipath TCP from the kernel: ${status.reason}; ${status.remedy}`);
  return { used: false, why: `${status.reason}; ${status.remedy}` };
}

async function openStack({ udp, tun }: RegisterSettings): Promise<Stack | null> {
  if (udp.length + tun.length === 0) return null;
  const links = udp.map(({ address, backup = false, ...options }) => ({
    driver: new UdpLink({ ...options, addresses: [address] }),
    addresses: [{ address, flags: { backup } }],
  }));
  const devices = await Promise.all(tun.map((options) => tunLink(options)));
  return createStack({ links: [...links, ...devices] });
}

function describe({ via }: RegisterSettings, stack: Stack | null, kernel: KernelUse): string {
  const others = kernel.used ? "the kernel's Multipath TCP" : "plain TCP";
  if (stack !== null) {
    const addresses = stack.runtime.host.localAddresses().map(({ address }) => String(address));
    return `net uses Multipath TCP in user space from ${addresses.join(", ")}, and ${others} for what these cannot reach`;
  }
  if (kernel.used) return "net uses the kernel's Multipath TCP";
  return via === "tcp" ? "net uses plain TCP, as asked" : `net uses plain TCP: no links are configured, and the kernel has no Multipath TCP for it: ${kernel.why}`;
}
