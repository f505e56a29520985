import { version1 } from "mptcp";
import type { KeyPair } from "mptcp";
import { Dss, IpAddress } from "mptcp/wire";
import type { MptcpOption } from "mptcp/wire";
import type { FuzzRandom } from "../random.ts";
import type { MultipathInside, SubflowInside } from "./inside.ts";
import { pick } from "./plan.ts";

/** Kinds of options that are forged, as columns of the coverage table name them. */
export const SIGNALS = ["capable", "join", "dss", "add_addr", "remove_addr", "prio", "fail", "fastclose", "tcprst"] as const;
export type Signal = (typeof SIGNALS)[number];

/** What whoever forges an option knows of the connection. */
export interface Knowledge {
  /** Null: nothing. */
  readonly subflow: SubflowInside | null;
  /** Whether the keys are known, from a look at the first handshake. */
  readonly keys: boolean;
  /** The token of the connection; -1: not known. */
  readonly token: number;
  readonly addresses: readonly IpAddress[];
}

/** Makes Multipath TCP options that look right, with right keys and HMACs where they are known, or with something wrong. */
export class OptionForger {
  private readonly random: FuzzRandom;

  constructor(random: FuzzRandom) {
    this.random = random;
  }

  make(signal: Signal, known: Knowledge): MptcpOption {
    const { random } = this;
    const keys = this.keys(known);
    switch (signal) {
      case "capable":
        return this.capable(keys);
      case "join":
        return this.join(known, keys);
      case "dss":
        return this.dss(known.subflow);
      case "add_addr":
        return this.addAddress(known, keys);
      case "remove_addr":
        return { kind: "remove_addr", addressIds: Array.from({ length: 1 + random.below(4) }, () => this.addressId()) };
      case "prio":
        return { kind: "mp_prio", backup: random.oneIn(2), addressId: random.oneIn(3) ? this.addressId() : -1 };
      case "fail":
        return this.fail(known.subflow);
      case "fastclose":
        return { kind: "mp_fastclose", receiverKey: random.oneIn(4) ? keys.receiver : random.octets(8) };
      case "tcprst":
        return { kind: "mp_tcprst", transient: random.oneIn(2), reserved: random.below(8), reason: random.below(256) };
    }
  }

  /** The keys of who receives the option and of who it claims to be from; made-up ones where they are not known. */
  private keys(known: Knowledge): KeyPair {
    const { random } = this;
    const session = known.subflow?.context.session;
    if (session === undefined || !session.remoteKnown || !known.keys || random.oneIn(4)) return { sender: random.octets(8), receiver: random.octets(8) };
    return { sender: session.remote.key, receiver: session.local.key };
  }

  private capable(keys: KeyPair): MptcpOption {
    const { random } = this;
    return {
      kind: "mp_capable",
      version: pick(random, [1, 1, 1, 0, 2]),
      flags: pick(random, [1, 1, 0x81, 0x21, random.below(256)]),
      senderKey: random.oneIn(3) ? null : keys.sender,
      receiverKey: random.oneIn(2) ? null : keys.receiver,
      dataLength: pick(random, [-1, 0, 1, 1000, 65_535]),
      checksum: random.oneIn(3) ? random.below(65_536) : -1,
    };
  }

  private join(known: Knowledge, keys: KeyPair): MptcpOption {
    const { random } = this;
    const { localNonce = 0, remoteNonce = 0 } = known.subflow?.opening ?? {};
    switch (random.below(4)) {
      case 0: {
        const hmac = version1.joinSynAckHmac(keys, random.below(9), localNonce);
        return { kind: "mp_join_synack", backup: random.oneIn(2), addressId: this.addressId(), hmac, nonce: random.below(9) };
      }
      case 1:
        return { kind: "mp_join_ack", hmac: version1.joinAckHmac(keys, remoteNonce, localNonce) };
      default:
        return { kind: "mp_join_syn", backup: random.oneIn(2), addressId: this.addressId(), token: known.token >= 0 ? known.token : random.uint32(), nonce: random.uint32() };
    }
  }

  private addAddress(known: Knowledge, keys: KeyPair): MptcpOption {
    const { random } = this;
    const made = [IpAddress.from(`10.9.${random.below(256)}.${random.below(256)}`), IpAddress.from(`fd00::${random.below(9999)}`)];
    const named = { addressId: this.addressId(), address: pick(random, [...known.addresses, ...made]), port: pick(random, [0, 0, 80, random.below(65_536)]) };
    if (random.oneIn(4)) return { kind: "add_addr", version: 1, echo: true, ...named, hmac: null };
    const right = version1.addAddress(keys, named);
    return random.oneIn(4) ? { ...right, hmac: random.oneIn(2) ? null : random.octets(8) } : right;
  }

  private fail(subflow: SubflowInside | null): MptcpOption {
    const { random } = this;
    const space = subflow?.context.session.localSpace;
    const at = (subflow?.context.sender.una ?? 0) + near(random);
    if (space === undefined || random.oneIn(3) || at < 0) return { kind: "mp_fail", dsnHigh: random.uint32(), dsnLow: random.uint32() };
    return { kind: "mp_fail", dsnHigh: space.high(at), dsnLow: space.low(at) };
  }

  dss(subflow: SubflowInside | null): Dss {
    const { random } = this;
    const dss = new Dss();
    dss.dataAckLength = pick(random, [0, 4, 4, 8]);
    dss.dsnLength = pick(random, [0, 4, 4, 8]);
    dss.dataLength = pick(random, [0, 1, 100, 1000, 1400, 65_535]);
    dss.dataFin = random.oneIn(10);
    if (!random.oneIn(10) && dss.dataLength === 0) dss.dataLength = 1000;
    if (random.oneIn(3)) dss.checksum = random.below(65_536);
    if (subflow === null) {
      dss.dataAckLow = random.edge32();
      dss.dsnLow = random.edge32();
      dss.subflowSequence = random.edge32();
      return dss;
    }
    const { context } = subflow;
    this.place(dss, context, this.far());
    dss.subflowSequence = (subflow.tcp.receivedOffset + 1 + pick(random, [0, 0, near(random)])) >>> 0;
    if (context.session.checksums && dss.checksum < 0 && !random.oneIn(4)) dss.checksum = random.below(65_536);
    return dss;
  }

  /** Data sequence numbers about where the connection stands, or far from it; acknowledged is perhaps what was never sent. */
  private place(dss: Dss, context: MultipathInside, far: number): void {
    const { random } = this;
    const { sender, receiver, session } = context;
    const at = receiver.nxt + far;
    const acknowledged = pick(random, [sender.una, sender.sentEnd, sender.una + random.below(Math.max(1, sender.sentEnd - sender.una)), sender.nxt + near(random)]);
    dss.dataAckLow = session.localSpace.low(acknowledged);
    dss.dataAckHigh = session.localSpace.high(acknowledged);
    if (!session.remoteKnown) return;
    dss.dsnLow = session.remoteSpace.low(at);
    dss.dsnHigh = session.remoteSpace.high(at);
  }

  private far(): number {
    const { random } = this;
    if (random.oneIn(2)) return random.oneIn(2) ? 0 : near(random);
    return (random.oneIn(2) ? -1 : 1) * random.below(0x8000_0000) * (random.oneIn(2) ? 1 : 2 ** 18);
  }

  private addressId(): number {
    return pick(this.random, [0, 1, 2, 3, this.random.below(256)]);
  }
}

/** A distance, a small one most of the time. */
export function near(random: FuzzRandom): number {
  switch (random.below(6)) {
    case 0:
      return 0;
    case 1:
      return random.oneIn(2) ? 1 : -1;
    case 2:
    case 3:
      return random.below(3000) - 1500;
    case 4:
      return random.below(140_000) - 70_000;
    default:
      return random.uint32() - 0x8000_0000;
  }
}
