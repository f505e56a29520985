import type { IpAddress } from "../../wire/index.ts";
import type { Runtime } from "../runtime.ts";
import type { RegisterSettings } from "./settings.ts";
import { targetAddress, Targets } from "./targets.ts";

/** Which peers, and which addresses to listen on, this library's engine is for. */
export class UserspaceScope {
  readonly runtime: Runtime;
  private readonly only: Targets | null;
  private readonly except: Targets;

  /** @throws MptcpError ERR_MPTCP_REGISTER */
  constructor(runtime: Runtime, { only, except }: Pick<RegisterSettings, "only" | "except">) {
    this.runtime = runtime;
    this.only = only.length === 0 ? null : new Targets(only);
    this.except = new Targets(except);
  }

  /** Whether connections to `text`, an address, are its. */
  reaches(text: string, port: number): boolean {
    const address = targetAddress(text);
    if (address === null || this.except.has(address, port)) return false;
    if (this.only !== null) return this.only.has(address, port);
    // What runs on this machine is reached by its own addresses, unless the links have such.
    return this.own.some((own) => own.family === address.family && (own.isLoopback || !address.isLoopback)) || isAny(address);
  }

  /** Whether who listens on `text`, or on any address where it is null, listens here. */
  listens(text: string | null, port: number): boolean {
    if (text === null) return this.isMeant(null, port);
    const address = targetAddress(text);
    if (address === null) return false;
    return this.isMeant(isAny(address) ? null : address, port);
  }

  private isMeant(address: IpAddress | null, port: number): boolean {
    const candidates = address === null ? this.own : this.own.filter((own) => own.equals(address));
    return candidates.some((own) => !this.except.has(own, port) && (this.only === null || this.only.has(own, port)));
  }

  private get own(): readonly IpAddress[] {
    return this.runtime.host.localAddresses().map(({ address }) => address);
  }
}

function isAny(address: IpAddress): boolean {
  return String(address) === "0.0.0.0" || String(address) === "::";
}
