import { MptcpError } from "../core/index.ts";
import type { EndpointId, SubflowTcpConfig } from "../mptcp/index.ts";
import type { FourTuple, StreamConnection, TcpOwner } from "../tcp/index.ts";
import { TcpConnection, TcpSocket } from "../tcp/index.ts";
import type { IpAddress } from "../wire/index.ts";
import type { HostAddress } from "./address-book.ts";
import type { BlackHoles } from "./black-holes.ts";
import type { Listeners } from "./listeners.ts";
import type { PeerVersions } from "./peer-versions.ts";
import type { OpeningHost } from "./opening-host.ts";
import type { ConnectOptions, Defaults } from "./options.ts";
import type { PortAllocator, TupleLookup } from "./ports.ts";
import { withProfile } from "./profiles.ts";

/** What opening from here needs of a host. */
export interface ActiveOpenHost extends OpeningHost {
  readonly ports: PortAllocator;
  /** Whether a four-tuple is in use. */
  readonly tuples: TupleLookup;
  readonly blackHoles: BlackHoles;
  readonly peerVersions: PeerVersions;
  readonly listeners: Listeners;
  /** The parameters of connections for which nothing else is said. */
  readonly defaults: Defaults;
}

/** Opens connections from here, and their further subflows. */
export class ActiveOpen {
  private readonly host: ActiveOpenHost;

  constructor(host: ActiveOpenHost) {
    this.host = host;
  }

  /**
   * Opens a connection, see `Host.connect`.
   * @throws MptcpError ENETUNREACH (RFC 9293 §3.9.1.1, MUST-46), EADDRNOTAVAIL, EADDRINUSE, ENOBUFS, or what a port source throws
   */
  connect(remote: IpAddress, port: number, options: ConnectOptions, now: number): StreamConnection {
    const { addresses, blackHoles, defaults, environment, factory, fastOpen, listeners, peerVersions, tokens, tuples } = this.host;
    if (!remote.isUnicast) throw new MptcpError("ENETUNREACH", `${remote} is no host's address`);
    if (this.host.isFull(remote)) throw new MptcpError("ENOBUFS", `no room for a connection to ${remote}`);
    const local = options.localAddress ?? addresses.choose(remote)?.address;
    const entry = local === undefined ? null : addresses.find(local);
    if (local === undefined || entry === null) throw new MptcpError("EADDRNOTAVAIL", `no local address for ${remote}`);
    const wanted = options.localPort ?? 0;
    if (wanted !== 0 && tuples.find(local, wanted, remote, port) !== null) throw new MptcpError("EADDRINUSE", `${local}:${wanted} to ${remote}:${port} is in use`);
    // Whoever listens there takes what comes; nobody else sends from it, as where a kernel is asked to bind it once more.
    if (wanted !== 0 && listeners.find(local, wanted) !== null) throw new MptcpError("EADDRINUSE", `somebody listens on ${local}:${wanted}`);
    const localPort = this.takePort(entry, wanted, remote, port);
    if (localPort === 0) throw new MptcpError("EADDRNOTAVAIL", `no free port for ${remote}:${port}`);
    const tuple: FourTuple = { localAddress: local, localPort, remoteAddress: remote, remotePort: port };
    const tcpConfig = withProfile(defaults.tcp, options.profile, "tcp", options.tcp);
    const asksFast = options.fastOpen ?? defaults.fastOpen;
    if (!(options.multipath ?? defaults.multipath)) {
      const socket = TcpSocket.connect({ ...factory.plain(tcpConfig, tuple), fastOpen: fastOpen.clientFor(asksFast, local, remote, now) }, now);
      this.register(socket.tcp, entry);
      return socket;
    }
    const asked = withProfile(defaults.mptcp, options.profile, "mptcp", options.mptcp);
    const config = options.require === true ? { ...asked, ...ALWAYS_CAPABLE } : asked;
    const { triesEarlier, version } = peerVersions.offerTo(remote, config.versions, now);
    const connection = factory.multipath(true, tuple, tcpConfig, config, version, tokens.drawKeys(version));
    const subflow = connection.addFirstSubflow(triesEarlier);
    const tcp = TcpConnection.connect(environment, subflow, factory.routed(connection.subflowConfig, local), tuple, now, version.opensFast ? fastOpen.clientFor(asksFast, local, remote, now) : null);
    subflow.attach(tcp);
    if (options.require !== true && blackHoles.has(remote, now)) connection.giveUpMultipath("blackhole_remembered", now);
    else environment.counters.increment("MPTcpExtMPCapableSYNTX");
    this.register(tcp, entry);
    return connection;
  }

  /** Opens a TCP connection for a subflow, see `MptcpEnvironment.connectTcp`. */
  connectTcp(owner: TcpOwner, endpoint: EndpointId, config: SubflowTcpConfig, synRetries: number, now: number): TcpConnection | null {
    const { addresses, environment, factory, tuples } = this.host;
    const { localAddress, remoteAddress, remotePort } = endpoint;
    if (this.host.isFull(remoteAddress)) return null;
    const entry = addresses.find(localAddress);
    if (entry === null) return null;
    if (endpoint.localPort !== 0 && tuples.find(localAddress, endpoint.localPort, remoteAddress, remotePort) !== null) return null;
    let localPort = 0;
    try {
      localPort = this.takePort(entry, endpoint.localPort, remoteAddress, remotePort);
    } catch (error) {
      if (!(error instanceof MptcpError)) throw error;
    }
    if (localPort === 0) return null;
    const tuple: FourTuple = { localAddress, localPort, remoteAddress, remotePort };
    const tcp = TcpConnection.connect(environment, owner, factory.routed(config, localAddress, synRetries), tuple, now);
    this.register(tcp, entry);
    return tcp;
  }

  /** A local port for a connection, held where the address has a port source; 0 when none is free. */
  private takePort(entry: HostAddress, wanted: number, remote: IpAddress, remotePort: number): number {
    const { address, ports } = entry;
    const { tuples } = this.host;
    if (ports === null) return wanted !== 0 ? wanted : this.host.ports.pick(tuples, address, remote, remotePort);
    if (wanted === 0) return ports.allocate(address, remote, remotePort, (port) => tuples.find(address, port, remote, remotePort) === null);
    ports.hold(address, wanted, { remoteAddress: remote, remotePort });
    return wanted;
  }

  private register(tcp: TcpConnection, entry: HostAddress): void {
    this.host.heldPorts.adopt(tcp, entry, tcp.tuple.localPort);
    this.host.register(tcp);
  }
}

const ALWAYS_CAPABLE = { capableSyns: Number.POSITIVE_INFINITY } as const;
