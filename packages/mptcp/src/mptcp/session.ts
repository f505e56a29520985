import { DataSequenceSpace, dssChecksum, dssChecksumMatches, MP_CAPABLE_FLAG, payloadSum } from "../wire/index.ts";
import type { Payload } from "../wire/index.ts";
import type { MptcpConfig } from "./config.ts";
import { WrapWatch } from "./data/wrap-watch.ts";
import type { CapableEnd } from "./handshake/capable.ts";
import type { KeyMaterial, KeyPair, Version } from "./version/version.ts";

/**
 * What the two ends agreed on: the version, the keys and what follows from them, checksums, lengths. The opening handshake writes it, and
 * everybody reads it.
 */
export class Session {
  /** Whether this end opened the connection. */
  readonly initiator: boolean;
  private agreed: Version;
  private own: KeyMaterial;
  private ownSpace: DataSequenceSpace;
  private readonly deniesJoin: boolean;
  private peer: KeyMaterial | null = null;
  private peerSpace = UNKNOWN_SPACE;
  private sent: KeyPair | null = null;
  private received: KeyPair | null = null;
  private usesChecksums: boolean;
  private numberLength: 4 | 8;
  private ackLength: 4 | 8;
  private readonly followsLatest: boolean;
  private readonly sentWatch = new WrapWatch();
  private readonly receivedWatch = new WrapWatch();
  private peerDenies = false;
  private isConfirmed = false;

  constructor(options: { readonly version: Version; readonly initiator: boolean; readonly keys: KeyMaterial; readonly config: MptcpConfig }) {
    const { config, keys } = options;
    this.initiator = options.initiator;
    this.agreed = options.version;
    this.own = keys;
    this.ownSpace = new DataSequenceSpace(keys.idsnHigh, keys.idsnLow);
    this.numberLength = config.dataSequenceLength;
    this.deniesJoin = config.denyJoinInitialAddress;
    this.usesChecksums = config.checksum;
    this.followsLatest = config.dataAckLength === "latest";
    this.ackLength = this.followsLatest ? 4 : config.dataSequenceLength;
  }

  // ---- what can be read

  /** The version; of an initiator that was not answered yet, the one offered. */
  get version(): Version {
    return this.agreed;
  }

  /** Our key, token and initial data sequence number. */
  get local(): KeyMaterial {
    return this.own;
  }

  /** The data sequence space of what we send. */
  get localSpace(): DataSequenceSpace {
    return this.ownSpace;
  }

  /** What there is to judge the handshake by. */
  get capableEnd(): CapableEnd {
    return { version: this.agreed, own: this.own, peerKey: this.peer === null ? null : this.peer.key };
  }

  /** Whether the peer's key is known. */
  get remoteKnown(): boolean {
    return this.peer !== null;
  }

  /** The peer's key and what follows from it. @throws RangeError before it is known */
  get remote(): KeyMaterial {
    if (this.peer === null) throw new RangeError("the peer's key is not known yet");
    return this.peer;
  }

  /** The data sequence space of what the peer sends. */
  get remoteSpace(): DataSequenceSpace {
    return this.peerSpace;
  }

  /** The keys for the HMAC of an option that we send. @throws RangeError before the peer's is known */
  get keysOut(): KeyPair {
    return (this.sent ??= { sender: this.local.key, receiver: this.remote.key });
  }

  /** The keys for the HMAC of an option that we receive. @throws RangeError before the peer's is known */
  get keysIn(): KeyPair {
    return (this.received ??= { sender: this.remote.key, receiver: this.local.key });
  }

  /** Checksums are in use: one of the hosts requires them (RFC 8684 §3.1). */
  get checksums(): boolean {
    return this.usesChecksums;
  }

  /** Octets of the data sequence numbers that we send: 8 once 4 could wrap within a segment's lifetime (RFC 8684 §3.3.1). */
  get dsnLength(): 4 | 8 {
    return this.numberLength;
  }

  /** Octets of the Data ACKs that we send: 8 once the peer sent an 8-octet data sequence number (RFC 8684 §3.3.2), or sends as fast as would ask for it. */
  get dataAckLength(): 4 | 8 {
    return this.ackLength;
  }

  /** The peer's C flag: no joins to its first address and port (RFC 8684 §3.1). */
  get peerDeniesJoin(): boolean {
    return this.peerDenies;
  }

  /** A DSS arrived: the peer has our key, subflows may be added (RFC 8684 §3.1). */
  get fullyEstablished(): boolean {
    return this.isConfirmed;
  }

  /** Flags of every MP_CAPABLE that we send: a peer without state knows what the third one says (RFC 8684 §3.1). */
  get capableFlags(): number {
    return MP_CAPABLE_FLAG.H | (this.usesChecksums ? MP_CAPABLE_FLAG.A : 0) | (this.deniesJoin ? MP_CAPABLE_FLAG.C : 0);
  }

  /** Octets of the DSS on a data segment. */
  get dssLength(): number {
    return 4 + this.ackLength + this.numberLength + (this.usesChecksums ? 8 : 6);
  }

  /**
   * The checksum for a mapping about to be sent (RFC 8684 §3.3.1), 16 bits; -1 when checksums are not in use.
   *
   * @param payload all of the mapping; null when it is a DATA_FIN alone
   * @param dataOffset its position in our space
   * @param subflowSequence relative subflow sequence number, 0 for a DATA_FIN alone
   * @param dataLength Data-Level Length, counting the DATA_FIN
   */
  checksumFor(payload: Payload | null, dataOffset: number, subflowSequence: number, dataLength: number): number {
    if (!this.usesChecksums) return -1;
    const { localSpace } = this;
    return dssChecksum(payload === null ? 0 : payloadSum(payload), localSpace.high(dataOffset), localSpace.low(dataOffset), subflowSequence >>> 0, dataLength);
  }

  /** Whether a checksum that the peer sent is right; `sum` is that of the payload, the positions are in the peer's space. */
  checksumMatches(sum: number, dataOffset: number, subflowSequence: number, dataLength: number, checksum: number): boolean {
    const { peerSpace } = this;
    return dssChecksumMatches(checksum, sum, peerSpace.high(dataOffset), peerSpace.low(dataOffset), subflowSequence >>> 0, dataLength);
  }

  // ---- what the handshake brings

  /** The peer's SYN offered Multipath TCP. `key`: null where the version's SYN carries none. */
  onOffer(flags: number, key: Uint8Array | null): void {
    // RFC 8684 §3.1: checksums are used when either host requires them.
    if ((flags & MP_CAPABLE_FLAG.A) !== 0) this.usesChecksums = true;
    this.peerDenies = (flags & MP_CAPABLE_FLAG.C) !== 0;
    if (key !== null) this.learn(key);
  }

  /** The peer answered with an earlier version than the one offered, or is offered one after all: what follows from a key is made in another way, and nobody has seen the key yet. */
  onVersion(version: Version, keys: KeyMaterial): void {
    this.agreed = version;
    this.own = keys;
    this.ownSpace = new DataSequenceSpace(keys.idsnHigh, keys.idsnLow);
  }

  /** The peer agreed, by its SYN+ACK. */
  onAgreed(flags: number, key: Uint8Array): void {
    if ((flags & MP_CAPABLE_FLAG.A) !== 0) this.usesChecksums = true;
    this.peerDenies = (flags & MP_CAPABLE_FLAG.C) !== 0;
    this.learn(key);
  }

  /** The third ACK brought both keys. What the SYN forbade stays forbidden. */
  onKeysReturned(flags: number, key: Uint8Array): void {
    if ((flags & MP_CAPABLE_FLAG.C) !== 0) this.peerDenies = true;
    if ((flags & MP_CAPABLE_FLAG.A) !== 0) this.usesChecksums = true;
    this.learn(key);
  }

  /** A DSS, or MP_CAPABLE with data, arrived. @returns whether it was the first one */
  onDss(): boolean {
    if (this.isConfirmed) return false;
    this.isConfirmed = true;
    return true;
  }

  /** A mapping came, of data in order or not. RFC 8684 §3.3.2: an 8-octet data sequence number is acknowledged with 8 octets. */
  onMapping(isLong: boolean, inOrder: boolean): void {
    if (this.followsLatest) {
      if (inOrder) this.ackLength = isLong ? 8 : 4;
    } else if (isLong) this.ackLength = 8;
  }

  /** First data came with MP_CAPABLE, which implies its number. */
  onImpliedMapping(): void {
    if (this.followsLatest) this.ackLength = 8;
  }

  /**
   * Data ACKs have come to `position` of what we send. They tell how fast it goes, and not the sending itself: the length of options
   * must not change between the measuring of a segment and its writing.
   */
  onAcknowledged(position: number, now: number): void {
    if (this.sentWatch.look(position, now)) this.numberLength = 8;
  }

  /** What the peer sends has arrived up to `position`. */
  onArrived(position: number, now: number): void {
    if (!this.followsLatest && this.receivedWatch.look(position, now)) this.ackLength = 8;
  }

  private learn(key: Uint8Array): void {
    this.peer = this.version.deriveKeys(key.slice());
    this.peerSpace = new DataSequenceSpace(this.peer.idsnHigh, this.peer.idsnLow);
    this.sent = null;
    this.received = null;
  }
}

const UNKNOWN_SPACE = new DataSequenceSpace(0, 0);
