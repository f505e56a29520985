import type { MptcpEnvironment } from "../mptcp/index.ts";
import type { TcpConnection } from "../tcp/index.ts";
import type { IpAddress } from "../wire/index.ts";
import type { AddressBook } from "./address-book.ts";
import type { ConnectionFactory } from "./connection-factory.ts";
import type { FastOpen } from "./fast-open/index.ts";
import type { HeldPorts } from "./held-ports.ts";
import type { Tokens } from "./tokens.ts";

/** What opening a connection, from here or from there, needs of its host. */
export interface OpeningHost {
  /** What its connections live on. */
  readonly environment: MptcpEnvironment;
  readonly addresses: AddressBook;
  readonly factory: ConnectionFactory;
  readonly heldPorts: HeldPorts;
  readonly tokens: Tokens;
  readonly fastOpen: FastOpen;
  /** Whether one more connection with a peer would be too many; counts it. */
  isFull(remote: IpAddress): boolean;
  /** Takes a connection into the host's tables. */
  register(tcp: TcpConnection): void;
}
