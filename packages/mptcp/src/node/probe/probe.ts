import { lookup } from "node:dns/promises";
import { MptcpError } from "../../core/index.ts";
import { IpAddress } from "../../wire/index.ts";
import { validPort } from "../errors.ts";
import { kernelMptcp } from "../kernel/index.ts";
import type { LinkDriver } from "../link.ts";
import { Runtime } from "../runtime.ts";
import type { LinkAddress } from "../runtime.ts";
import { probeAddress } from "./engine-probe.ts";
import { probeAddressByKernel } from "./kernel-probe.ts";
import { row } from "./report.ts";
import type { ProbeReport, ProbeTarget } from "./report.ts";
import { Tap } from "./tap.ts";

export interface ProbeOptions {
  /** Name or address of the peer. Of a name, every address is tried for which there is a link. */
  readonly host: string;
  readonly port: number;
  /**
   * Links of the engine, as a stack has them; the probe closes them. The engine sees every packet; a second address of a family is used to try a
   * second subflow. Without links the kernel's own Multipath TCP is asked, which tells what became of a connection, but not why.
   */
  readonly links?: readonly (LinkDriver | { readonly driver: LinkDriver; readonly addresses: readonly (IpAddress | string | LinkAddress)[] })[];
  /** Text to send, an HTTP request perhaps; none unless given. Without it nothing is written, and the connections are closed again. */
  readonly send?: string;
  /** Longest wait for one answer, ms; 5000 unless given. */
  readonly timeout?: number;
  /** Breaks the probe off: it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

type Links = NonNullable<ProbeOptions["links"]>;

/** See `probe` of `mptcp/node`. */
export async function probe(options: ProbeOptions): Promise<ProbeReport> {
  const port = validPort(options.port, "options.port");
  const links = options.links ?? [];
  const via = links.length > 0 ? "userspace" : "kernel";
  const targets = via === "userspace" ? await byEngine(options, port, links) : await byKernel(options, port);
  return { host: options.host, port, via, multipath: targets.some(({ outcome }) => outcome === "multipath"), reachable: targets.some(({ outcome }) => outcome !== "unreachable"), targets };
}

async function byEngine(options: ProbeOptions, port: number, given: Links): Promise<readonly ProbeTarget[]> {
  const links = given.map((link) => ("driver" in link ? link : { driver: link, addresses: link.addresses ?? [] }));
  // A black hole that one trial found must not make the next one plain.
  const runtime = new Runtime({ name: "probe", mptcp: { blackholeMemory: 0 } });
  try {
    const taps = links.map(({ driver, addresses }) => {
      const tap = new Tap(driver);
      runtime.addLink(tap, addresses);
      return { tap, addresses: addresses.map(addressOf) };
    });
    const remotes = await addressesOf(options.host);
    runtime.ref();
    const targets: ProbeTarget[] = [];
    for (const remote of remotes) {
      const near = taps.flatMap(({ tap, addresses }) => addresses.filter((address) => address.family === remote.family).map((local) => ({ tap, local })))[0];
      if (near === undefined) {
        targets.push(withoutLink(remote));
        continue;
      }
      targets.push(await probeAddress({ runtime, taps: taps.map(({ tap }) => tap), ...near, remote, port, ...limitsOf(options) }, options.send ?? ""));
    }
    if (targets.every(({ rows }) => rows[0]?.id === "link")) throw new MptcpError("ERR_MPTCP_PROBE", `no link has an address of the family of ${remotes.join(" or ")}`);
    return targets;
  } finally {
    await runtime.close();
    // Those that an error kept from being added.
    await Promise.all(links.map(({ driver }) => driver.close()));
  }
}

async function byKernel(options: ProbeOptions, port: number): Promise<readonly ProbeTarget[]> {
  const targets: ProbeTarget[] = [];
  const status = kernelMptcp();
  if (!status.available) throw new MptcpError("ERR_MPTCP_KERNEL", `without links the kernel's Multipath TCP is asked, and there is none: ${status.reason}; ${status.remedy}`);
  for (const remote of await addressesOf(options.host)) targets.push(await probeAddressByKernel({ remote, port, ...limitsOf(options) }, options.send ?? ""));
  return targets;
}

function limitsOf(options: ProbeOptions): { readonly timeout: number; readonly signal: AbortSignal | null } {
  return { timeout: options.timeout ?? DEFAULT_TIMEOUT, signal: options.signal ?? null };
}

/** Addresses of a host, each once, in the resolver's order. @throws the resolver's error */
async function addressesOf(host: string): Promise<readonly IpAddress[]> {
  const literal = IpAddress.parse(host);
  if (literal !== null) return [literal.unmapped()];
  const found = await lookup(host, { all: true, verbatim: true });
  const texts = [...new Set(found.map(({ address }) => address))];
  return texts.map((text) => IpAddress.parse(text)).filter((address) => address !== null);
}

function withoutLink(remote: IpAddress): ProbeTarget {
  const verdict = `no link has an IPv${remote.family} address`;
  return { address: String(remote), outcome: "unreachable", version: null, summary: verdict, roundTrip: null, rows: [row("link", "note", "looked for a link", "none", verdict)] };
}

function addressOf(entry: IpAddress | string | LinkAddress): IpAddress {
  if (typeof entry === "string") return IpAddress.from(entry);
  if (entry instanceof IpAddress) return entry;
  return typeof entry.address === "string" ? IpAddress.from(entry.address) : entry.address;
}

/** ms */
const DEFAULT_TIMEOUT = 5000;
