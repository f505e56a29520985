import { lookup } from "node:dns/promises";
import { MptcpError } from "../../core/index.ts";
import { IpAddress } from "../../wire/index.ts";
import { validPort } from "../errors.ts";
import type { LinkDriver } from "../link.ts";
import { Runtime } from "../runtime.ts";
import type { LinkAddress } from "../runtime.ts";
import { probeAddress } from "./engine-probe.ts";
import { row } from "./report.ts";
import type { ProbeReport, ProbeTarget } from "./report.ts";
import { Tap } from "./tap.ts";

export interface ProbeOptions {
  /** Name or address of the peer. Of a name, every address is tried for which there is a link. */
  readonly host: string;
  readonly port: number;
  /**
   * The links of the engine, as a stack has them; the probe closes them. The engine then sees every packet. A second address of a family is used
   * to try a second subflow.
   */
  readonly links: readonly (LinkDriver | { readonly driver: LinkDriver; readonly addresses: readonly (IpAddress | string | LinkAddress)[] })[];
  /** Text to send, an HTTP request perhaps; none unless given. Without it nothing is written, and the connections are closed again. */
  readonly send?: string;
  /** Longest wait for one answer, ms; 5000 unless given. */
  readonly timeout?: number;
  /** Breaks the probe off: it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Finds out whether a peer speaks Multipath TCP, which version, and what the path does to the options, by a series of connections: plain TCP, version 1
 * with data, a second subflow and the end, a SYN of version 0.
 *
 * @throws MptcpError ERR_MPTCP_PROBE when there is no link for any address of the peer; RangeError ERR_SOCKET_BAD_PORT; the resolver's error for a
 * name that has no address. A peer that does not answer is a report, not an error.
 *
 * @example
 * ```ts
 * import { probe, UdpLink } from "mptcp/node";
 *
 * const report = await probe({ host: "127.0.0.1", port: 5000, links: [new UdpLink({ addresses: ["127.0.0.3"] })] });
 * for (const { did, came, verdict } of report.targets.flatMap((target) => target.rows)) console.log(did, came, verdict);
 * ```
 */
export async function probe(options: ProbeOptions): Promise<ProbeReport> {
  const port = validPort(options.port, "options.port");
  const links = options.links.map((link) => ("driver" in link ? { driver: link.driver, addresses: link.addresses } : { driver: link, addresses: link.addresses ?? [] }));
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
      const course = { runtime, taps: taps.map(({ tap }) => tap), ...near, remote, port, timeout: options.timeout ?? DEFAULT_TIMEOUT, signal: options.signal ?? null };
      targets.push(await probeAddress(course, options.send ?? ""));
    }
    if (targets.every(({ rows }) => rows[0]?.id === "link")) throw new MptcpError("ERR_MPTCP_PROBE", `no link has an address of the family of ${remotes.join(" or ")}`);
    return { host: options.host, port, via: "userspace", multipath: targets.some(({ outcome }) => outcome === "multipath"), reachable: targets.some(({ outcome }) => outcome !== "unreachable"), targets };
  } finally {
    await runtime.close();
    // Those that an error kept from being added.
    await Promise.all(links.map(({ driver }) => driver.close()));
  }
}

/** Addresses of a host, each once, in the resolver's order. @throws the resolver's error */
export async function addressesOf(host: string): Promise<readonly IpAddress[]> {
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
