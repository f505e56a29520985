import { MptcpError } from "../../core/index.ts";
import type { OwnPolicies } from "../../host/index.ts";
import { MptcpConnection } from "../../mptcp/index.ts";
import type { StreamConnection } from "../../tcp/index.ts";
import type { IpAddress } from "../../wire/index.ts";
import type { Runtime } from "../runtime.ts";
import { addressFrom, Endpoints } from "./endpoints.ts";
import type { LinkOpener } from "./endpoints.ts";
import { NamedPolicies } from "./policies.ts";
import { ControlFailure, METHODS } from "./protocol.ts";
import type { ConnectionReference, ControlMethod, ControlParams, ControlResult } from "./protocol.ts";
import { limitsOf, livingConnections, statusOf } from "./state.ts";

/** What may be asked of a host and commanded; events are a client's own, and so not among it. */
type HostMethod = Exclude<ControlMethod, "subscribe" | "unsubscribe">;
type Handlers = { readonly [M in HostMethod]: (params: ControlParams<M>) => ControlResult<M> | Promise<ControlResult<M>> };

/** Carries out the requests of clients on a runtime. */
export class Commands {
  private readonly runtime: Runtime;
  private readonly endpoints: Endpoints;
  private readonly policies: NamedPolicies;
  private readonly handlers: ReadonlyMap<string, (params: never) => unknown>;

  constructor(runtime: Runtime, openLink: LinkOpener | null, own: OwnPolicies) {
    this.runtime = runtime;
    this.endpoints = new Endpoints(runtime, openLink);
    this.policies = new NamedPolicies(own);
    this.handlers = new Map(Object.entries(this.table()));
  }

  /**
   * Carries out a request whose parameters are of the method's form.
   * @throws ControlFailure when it is refused
   */
  async run(method: ControlMethod, params: unknown): Promise<unknown> {
    const handler = this.handlers.get(method);
    if (handler === undefined) throw new ControlFailure("unknown-method", `there is no method ${method}`);
    try {
      return await handler(params as never);
    } catch (error) {
      // What the engine refuses is no fault of this program.
      if (error instanceof ControlFailure) throw error;
      if (error instanceof MptcpError || error instanceof RangeError) throw new ControlFailure("refused", error.message);
      throw error;
    } finally {
      this.runtime.poke();
    }
  }

  /** The connection that a request names; null when it names none. @throws ControlFailure no-connection, invalid-params */
  named(reference: ConnectionReference): StreamConnection | null {
    const { connection, token } = reference;
    if (connection === undefined && token === undefined) return null;
    if (connection !== undefined && token !== undefined) throw new ControlFailure("invalid-params", "name a connection by its number or by its token");
    const found = token === undefined ? this.runtime.host.stream(connection as number) : this.runtime.host.byToken(Number.parseInt(token, 16));
    if (found === null || found.closed) throw new ControlFailure("no-connection", `there is no connection ${connection ?? token}`);
    return found;
  }

  private table(): Handlers {
    const { endpoints, policies, runtime } = this;
    return {
      status: (params) => {
        const one = this.named(params);
        return statusOf(runtime, one === null ? livingConnections(runtime.host) : [one], params.counters === true);
      },
      "endpoint.add": (params) => endpoints.add(params),
      "endpoint.remove": (params) => endpoints.remove(params),
      "endpoint.change": (params) => endpoints.change(params),
      "limits.set": (params) => this.setLimits(params),
      "policy.set": (params) => this.setPolicy(params),
      "policy.list": () => policies.names,
      "address.add": (params) => this.allow(params),
      "address.remove": (params) => this.deny(params),
      "address.announce": (params) => this.announce(params),
      "address.withdraw": (params) => this.withdraw(params),
      "subflow.add": (params) => this.addSubflow(params),
      "subflow.remove": (params) => this.withSubflow(params, (connection, now) => connection.closeSubflow(params.subflow, now)),
      "subflow.backup": (params) => this.withSubflow(params, (connection, now) => connection.setBackup(params.subflow, params.backup, now)),
    };
  }

  private setLimits(params: ControlParams<"limits.set">): ControlResult<"limits.set"> {
    const { host, now } = this.runtime;
    const { addAddrAccepted, subflows } = params;
    const change = { ...(subflows === undefined ? {} : { subflows }), ...(addAddrAccepted === undefined ? {} : { addAddrAccepted }) };
    if (Object.keys(change).length === 0) throw new ControlFailure("invalid-params", "name a limit: subflows, addAddrAccepted");
    const one = this.named(params);
    if (one !== null) {
      const connection = multipathOnly(one);
      connection.limit({ ...connection.config.limits, ...change }, now);
      return limitsOf(connection.config.limits);
    }
    const limits = { ...host.mptcpDefaults.limits, ...change };
    host.setDefaults({ mptcp: { limits } });
    for (const connection of this.multipath) connection.limit({ ...connection.config.limits, ...change }, now);
    return limitsOf(limits);
  }

  private setPolicy(params: ControlParams<"policy.set">): ControlResult<"policy.set"> {
    const { host, now } = this.runtime;
    const exchange = this.policies.choose(params.kind, params.name, params.parameters ?? {});
    const one = this.named(params);
    if (one !== null) {
      // After fallback there is one congestion control left to exchange, of the connection that was Multipath TCP's.
      if (!(one instanceof MptcpConnection) || (!one.multipath && params.kind !== "congestion")) throw notMultipath(one);
      one.exchange(exchange, now);
      return { connections: 1 };
    }
    host.setDefaults({ mptcp: exchange });
    const { multipath } = this;
    for (const connection of multipath) connection.exchange(exchange, now);
    return { connections: multipath.length };
  }

  private allow(params: ControlParams<"address.add">): ControlResult<"address.add"> {
    const { connection, now } = this.needed(params);
    const address = this.ownAddress(params.address);
    if (!connection.allowLocal(address, now)) throw new ControlFailure("refused", `the connection cannot use ${address}: it is over, or the host does not have the address`);
    return {};
  }

  private deny(params: ControlParams<"address.remove">): ControlResult<"address.remove"> {
    const { connection, now } = this.needed(params);
    const address = addressFrom(params.address);
    if (connection.denyLocal(address, now)) return {};
    throw new ControlFailure("no-address", `the connection did not use ${address}; it uses ${connection.addresses.local.map((entry) => String(entry.address)).join(", ")}`);
  }

  private announce(params: ControlParams<"address.announce">): ControlResult<"address.announce"> {
    const { connection, now } = this.needed(params);
    if (connection.announceLocal(params.addressId, params.port ?? 0, now)) return {};
    throw new ControlFailure("no-address", `the connection has no address of id ${params.addressId}; there are ${connection.addresses.local.map(({ id, address }) => `${id} ${address}`).join(", ")}`);
  }

  private withdraw(params: ControlParams<"address.withdraw">): ControlResult<"address.withdraw"> {
    const { connection, now } = this.needed(params);
    if (connection.withdrawLocal(params.addressId, now)) return {};
    throw new ControlFailure("no-address", `no address of id ${params.addressId} was announced`);
  }

  private addSubflow(params: ControlParams<"subflow.add">): ControlResult<"subflow.add"> {
    const { connection, now } = this.needed(params);
    const local = addressFrom(params.localAddress);
    const remote = addressFrom(params.remoteAddress);
    const before = new Set(connection.subflows.map(({ pathIndex }) => pathIndex));
    const path = { local, remote, localPort: params.localPort ?? 0, remotePort: params.remotePort ?? 0 };
    if (!connection.openSubflow(path, params.backup ?? false, now)) throw new ControlFailure("refused", whyNoSubflow(connection, local, remote));
    const opened = connection.subflows.find(({ pathIndex }) => !before.has(pathIndex));
    if (opened === undefined) throw new ControlFailure("refused", "the subflow ended at once");
    return { subflow: opened.pathIndex };
  }

  private withSubflow(params: ConnectionReference & { readonly subflow: number }, command: (connection: MptcpConnection, now: number) => boolean): Record<never, never> {
    const { connection, now } = this.needed(params);
    if (command(connection, now)) return {};
    throw new ControlFailure("no-subflow", `there is no subflow ${params.subflow}; there are ${connection.subflows.map(({ pathIndex }) => pathIndex).join(", ")}`);
  }

  /** A connection in Multipath TCP that has to be named, unless there is no other. */
  private needed(reference: ConnectionReference): { readonly connection: MptcpConnection; readonly now: number } {
    const { now } = this.runtime;
    const one = this.named(reference);
    if (one !== null) return { connection: multipathOnly(one), now };
    const all = this.multipath;
    if (all.length === 1) return { connection: all[0] as MptcpConnection, now };
    throw new ControlFailure("which-connection", all.length === 0 ? "there is no connection in Multipath TCP" : `there are ${all.length} connections: name one`);
  }

  private get multipath(): readonly MptcpConnection[] {
    return livingConnections(this.runtime.host).filter((connection) => connection instanceof MptcpConnection && connection.multipath) as MptcpConnection[];
  }

  private ownAddress(given: string): IpAddress {
    const address = addressFrom(given);
    const local = this.runtime.host.localAddresses();
    if (local.some((entry) => entry.address.equals(address))) return address;
    throw new ControlFailure("no-address", `the host does not have ${address}; it has ${local.map((entry) => String(entry.address)).join(", ")}`);
  }
}

/** Whether there is a method of that name. */
export function isMethod(name: string): name is ControlMethod {
  return Object.hasOwn(METHODS, name);
}

function multipathOnly(connection: StreamConnection): MptcpConnection {
  if (connection instanceof MptcpConnection && connection.multipath) return connection;
  throw notMultipath(connection);
}

function notMultipath(connection: StreamConnection): ControlFailure {
  return new ControlFailure("not-multipath", `connection ${connection.id} is regular TCP${connection.fallback === null ? "" : ` (${connection.fallback})`}`);
}

/** Why a subflow was not opened, as far as that can be seen from outside. */
function whyNoSubflow(connection: MptcpConnection, local: IpAddress, remote: IpAddress): string {
  const { addresses, config, session, subflows } = connection;
  if (!session.fullyEstablished) return "the peer has not shown yet that it has our key";
  if (!addresses.local.some(({ address }) => address.equals(local))) return `the connection has no address ${local}; it has ${addresses.local.map(({ address }) => String(address)).join(", ")}`;
  if (!addresses.remote.some(({ address }) => address.equals(remote))) return `the peer has not told of ${remote}; it has ${addresses.remote.map(({ address }) => String(address)).join(", ")}`;
  const there = subflows.find(({ tcp }) => tcp.tuple.localAddress.equals(local) && tcp.tuple.remoteAddress.equals(remote));
  if (there !== undefined) return `subflow ${there.pathIndex} is there already`;
  if (subflows.length > config.limits.subflows) return `there are ${subflows.length} subflows, and the limit is 1 and ${config.limits.subflows}`;
  return "the address is not up, not to be joined, or may not be joined so soon after the last one";
}
