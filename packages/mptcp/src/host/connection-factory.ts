import type { KeyMaterial, MptcpConfig, MptcpEnvironment, SubflowTcpConfig, Version } from "../mptcp/index.ts";
import { MptcpConnection } from "../mptcp/index.ts";
import type { FourTuple, TcpConfig, TcpSocketOptions } from "../tcp/index.ts";
import type { IpAddress } from "../wire/index.ts";
import type { AddressBook } from "./address-book.ts";
import type { Tokens } from "./tokens.ts";

/** Makes the connections of a host: gives each its number, its keys, and the parameters that go with its link. */
export class ConnectionFactory {
  private readonly environment: MptcpEnvironment;
  private readonly addresses: AddressBook;
  private readonly tokens: Tokens;
  private readonly mtu: number;
  private readonly routedConfigs = new WeakMap<SubflowTcpConfig, readonly TcpConfig[]>();
  private lastId = 0;

  /** @param mtu where the address of a connection is not known, octets */
  constructor(environment: MptcpEnvironment, addresses: AddressBook, tokens: Tokens, mtu: number) {
    this.environment = environment;
    this.addresses = addresses;
    this.tokens = tokens;
    this.mtu = mtu;
  }

  /** A number that no connection of the host had. */
  nextId(): number {
    return ++this.lastId;
  }

  /** A Multipath TCP connection, without a subflow yet, and known by its token. */
  multipath(initiator: boolean, tuple: FourTuple, tcp: TcpConfig, config: MptcpConfig, version: Version, keys: KeyMaterial): MptcpConnection {
    const connection = new MptcpConnection(this.environment, { id: this.nextId(), initiator, config, tcp, version, keys, tuple });
    this.tokens.add(connection);
    return connection;
  }

  /** What makes a connection of plain TCP. */
  plain(config: TcpConfig, tuple: FourTuple): TcpSocketOptions {
    const { environment } = this;
    return { id: this.nextId(), environment, config: this.routed(config, tuple.localAddress), tuple, onEvent: environment.notify, fallback: null };
  }

  /** `config` with what the link of `local` says; connections of the same parameters share it. */
  routed(config: SubflowTcpConfig, local: IpAddress, synRetries = config.synRetries): TcpConfig {
    const entry = this.addresses.find(local);
    const mtu = entry?.mtu ?? this.mtu;
    const segmentationLimit = entry?.segmentationLimit ?? 0;
    const known = this.routedConfigs.get(config) ?? [];
    const found = known.find((routed) => routed.mtu === mtu && routed.segmentationLimit === segmentationLimit && routed.synRetries === synRetries);
    if (found !== undefined) return found;
    const routed = { ...config, mtu, segmentationLimit, synRetries };
    this.routedConfigs.set(config, [...known, routed]);
    return routed;
  }
}
