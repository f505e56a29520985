import type { JoinRefusal } from "../core/index.ts";
import { JOIN_REFUSALS, LIMITS } from "../core/index.ts";
import type { CapableSyn, KeyMaterial, Version } from "../mptcp/index.ts";
import { answerFlags, answerTo, highestOf, readCapableAck, readCapableSyn, readJoinSyn } from "../mptcp/index.ts";
import type { FastOpenDecision, FourTuple, SentSynAck } from "../tcp/index.ts";
import { FastOpenServer, TcpConnection, TcpSocket } from "../tcp/index.ts";
import type { IpAddress, MpJoinSyn, Packet, TcpSegment } from "../wire/index.ts";
import { MP_CAPABLE_FLAG, TCP_FLAG } from "../wire/index.ts";
import type { HostNumbers } from "./initial-numbers.ts";
import type { Listener } from "./listener.ts";
import type { Listeners } from "./listeners.ts";
import type { OpeningHost } from "./opening-host.ts";
import type { Defaults } from "./options.ts";
import type { PendingJoin } from "./pending-joins.ts";
import type { ResetReason } from "./reset.ts";
import type { Strays } from "./strays.ts";
import { SynCookies } from "./syn-cookies.ts";
import type { SynCookieMode } from "./syn-cookies.ts";
import { UsedCookies } from "./used-cookies.ts";

/** What opening from there needs of a host. */
export interface PassiveOpenHost extends OpeningHost {
  /** The parameters of connections for which a listener says nothing else. */
  readonly defaults: Defaults;
  readonly listeners: Listeners;
  readonly numbers: HostNumbers;
  readonly strays: Strays;
  /** Takes in a join that waits for its third ACK. */
  awaitAck(tcp: TcpConnection, join: PendingJoin, now: number): void;
}

/**
 * What becomes of segments for which a host has no connection: SYNs make one, join one, are answered by SYN cookies or refused; an ACK may bring
 * such a cookie back; what is left gets a RST.
 */
export class PassiveOpen {
  private readonly host: PassiveOpenHost;
  private cookieMode: SynCookieMode;
  /** Made when the first one is sent. */
  private cookies: SynCookies | null = null;
  private readonly usedCookies = new UsedCookies();

  constructor(host: PassiveOpenHost, cookieMode: SynCookieMode) {
    this.host = host;
    this.cookieMode = cookieMode;
  }

  /** SYNs to come are answered by cookies in other cases. */
  onCookieMode(mode: SynCookieMode): void {
    this.cookieMode = mode;
  }

  /** A segment without a connection came in on `link`. */
  receive(packet: Packet, segment: TcpSegment, link: number, now: number): void {
    const { addresses, environment, heldPorts } = this.host;
    if ((segment.flags & TCP_FLAG.RST) !== 0) return;
    if (isImpossible(packet, segment)) {
      environment.counters.increment("IpInAddrErrors");
      return;
    }
    if (heldPorts.mayHold(addresses.find(packet.destination), segment.destinationPort) && this.accepts(packet, segment, link, now)) return;
    this.reset(packet, link, null);
  }

  /** A SYN came to an address that is not ours: if it is a join, its sender may not know that the address is gone. */
  onSynToOther(destination: IpAddress, segment: TcpSegment, now: number): void {
    const join = readJoinSyn(segment);
    if (join !== null && join !== "malformed") this.host.tokens.find(join.token)?.onJoinToRemoved(destination, now);
  }

  private reset(packet: Packet, link: number, why: ResetReason | null): void {
    const { defaults, strays } = this.host;
    strays.reset(packet, link, why, defaults.tcp.resetForm === "bare");
  }

  /** Whether the segment is dealt with: nothing more answers it. */
  private accepts(packet: Packet, segment: TcpSegment, link: number, now: number): boolean {
    const flags = segment.flags & (TCP_FLAG.SYN | TCP_FLAG.ACK);
    if (flags === TCP_FLAG.ACK) return this.acceptCookie(packet, segment, now);
    // RFC 9293 §3.10.7.2: in LISTEN, what has neither is dropped without an answer.
    if (flags === 0) return this.host.listeners.find(packet.destination, segment.destinationPort) !== null;
    if (flags !== TCP_FLAG.SYN) return false;
    const join = readJoinSyn(segment);
    if (join === null || this.isForOthers(packet.destination, segment.destinationPort)) return this.acceptSyn(packet, segment, link, now);
    this.acceptJoin(packet, segment, join, link, now);
    return true;
  }

  /** Whether joins to that port are none of ours. RFC 8684 §3.2 has a join matched by its token alone, never by a listener; Linux matches both. */
  private isForOthers(address: IpAddress, port: number): boolean {
    const { addresses, defaults, listeners } = this.host;
    const listener = listeners.find(address, port);
    if ((listener ?? defaults).mptcp.joinDemultiplexing === "token") return false;
    const { signal, port: announced } = addresses.find(address)?.flags ?? {};
    return !(listener?.multipath ?? (signal === true && announced === port));
  }

  // ---- joins

  private acceptJoin(packet: Packet, segment: TcpSegment, join: MpJoinSyn | "malformed", link: number, now: number): void {
    const { addresses, environment, factory, heldPorts, tokens } = this.host;
    if (join === "malformed") {
      this.refuseJoin("malformed_join", packet, link, null);
      return;
    }
    environment.counters.increment("MPTcpExtMPJoinSynRx");
    const connection = tokens.find(join.token);
    if (connection === null) {
      this.refuseJoin("unknown_token", packet, link, null);
      return;
    }
    const tuple = tupleOf(packet, segment);
    const subflow = this.host.isFull(tuple.remoteAddress) ? "host_full" : connection.acceptJoin(join, tuple, now);
    if (typeof subflow === "string") {
      connection.log.observe(null, { kind: "join_refused", reason: `code_${JOIN_REFUSALS[subflow].code}`, local: String(tuple.localAddress), remote: String(tuple.remoteAddress) });
      this.refuseJoin(subflow, packet, link, connection.session.version);
      return;
    }
    const tcp = TcpConnection.accept(environment, subflow, factory.routed(connection.subflowConfig, tuple.localAddress), tuple, packet, now);
    subflow.attach(tcp);
    heldPorts.hold(tcp, addresses.find(tuple.localAddress), tuple.localPort);
    this.host.awaitAck(tcp, subflow, now);
  }

  /** @param version that of the connection; null: it is not known */
  private refuseJoin(refusal: JoinRefusal, packet: Packet, link: number, version: Version | null): void {
    const why = JOIN_REFUSALS[refusal];
    const { defaults, environment } = this.host;
    environment.counters.increment(why.counter);
    const { explainsResets } = version ?? highestOf(defaults.mptcp.versions);
    if (!explainsResets) this.reset(packet, link, null);
    else this.reset(packet, link, defaults.mptcp.explainResets === "all" ? { code: why.code, transient: false } : why);
  }

  // ---- connections

  private acceptSyn(packet: Packet, segment: TcpSegment, link: number, now: number): boolean {
    const { environment: { counters }, listeners, tokens } = this.host;
    const listener = listeners.find(packet.destination, segment.destinationPort);
    if (listener === null) return false;
    const { hasRoom } = listener;
    const stateless = this.cookieMode === "always" || (this.cookieMode === "auto" && !hasRoom);
    if (listener.isFull || !(hasRoom || stateless)) {
      counters.increment("TcpExtListenOverflows");
      return true;
    }
    if (this.host.isFull(packet.source)) return true;
    const offer = listener.multipath ? readCapableSyn(segment, listener.mptcp.versions, listener.mptcp.algorithmOffers) : NO_OFFER;
    if (offer.kind === "offer") counters.increment("MPTcpExtMPCapableSYNRX");
    const version = offer.kind === "offer" ? offer.version : null;
    const decision = stateless || version?.opensFast === false ? null : this.host.fastOpen.decide(listener, packet, segment, now);
    if (stateless) this.sendCookie(listener, packet, segment, offer, link, now);
    else this.admit(listener, packet, segment, offer.kind !== "offer" ? null : { version: offer.version, keys: tokens.drawKeys(offer.version), flags: offer.flags, key: offer.key }, null, now, decision);
    return true;
  }

  /** Makes the connection for a SYN. `capable`: null for plain TCP. `sent`: the SYN+ACK, if it left already. */
  private admit(listener: Listener, packet: Packet, segment: TcpSegment, capable: Capable | null, sent: SentSynAck | null, now: number, decision: FastOpenDecision | null = null): TcpConnection {
    const { addresses, environment, factory, fastOpen, heldPorts, listeners } = this.host;
    const tuple = tupleOf(packet, segment);
    let tcp: TcpConnection;
    if (capable !== null) {
      const connection = factory.multipath(false, tuple, listener.tcp, listener.mptcp, capable.version, capable.keys);
      const subflow = connection.addFirstSubflow();
      connection.onOffer(capable.flags, capable.key);
      listeners.expect(connection, listener);
      const config = factory.routed(connection.subflowConfig, tuple.localAddress);
      // RFC 8684 §B.1: a SYN+ACK has no room for timestamps, MP_CAPABLE and a cookie.
      tcp = TcpConnection.accept(environment, subflow, decision !== null && decision.cookie !== null ? { ...config, timestamps: false } : config, tuple, packet, now, sent);
      subflow.attach(tcp);
    } else {
      const socket = TcpSocket.accept({ ...factory.plain(listener.tcp, tuple), sent }, packet, now);
      listeners.expect(socket, listener);
      ({ tcp } = socket);
    }
    const { deferAccept = 0 } = listener.options;
    if (decision !== null) tcp.fastOpen = fastOpen.serverFor(decision);
    if (deferAccept > 0 && sent === null && decision?.accepts !== true) tcp.serve({ deferredUntil: now + deferAccept });
    heldPorts.hold(tcp, addresses.find(tuple.localAddress), tuple.localPort);
    this.host.register(tcp);
    if (decision?.accepts === true && tcp.fastOpen instanceof FastOpenServer) {
      listener.fastOpen?.onOpened(tcp);
      tcp.fastOpen.open(tcp, segment, now);
    }
    return tcp;
  }

  // ---- SYN cookies

  /** Answers a SYN without remembering it. */
  private sendCookie(listener: Listener, packet: Packet, segment: TcpSegment, offer: CapableSyn, link: number, now: number): void {
    const { environment: { counters, random }, factory, numbers, strays, tokens } = this.host;
    const { checksum, denyJoinInitialAddress, versions } = listener.mptcp;
    const highest = highestOf(versions);
    const { flags, version } = offer.kind === "offer" ? offer : { flags: 0, version: highest };
    const isEarlier = version !== highest;
    const peerDeniesJoin = (flags & MP_CAPABLE_FLAG.C) !== 0;
    // The cookie has no room for both.
    const isOffered = offer.kind === "offer" && !(isEarlier && peerDeniesJoin);
    this.cookies ??= new SynCookies(random.cookieSecrets, numbers);
    listener.onCookieSent(now);
    if (!listener.hasRoom) counters.increment("TcpExtTCPReqQFullDoCookies");
    counters.increment("TcpExtSyncookiesSent");
    const answer = this.cookies.answer(packet, segment, {
      config: factory.routed(listener.tcp, packet.destination),
      capableFlags: isOffered ? answerFlags(checksum, denyJoinInitialAddress, flags) : -1,
      version,
      isEarlier,
      peerDeniesJoin,
      isFree: (key) => !tokens.has(version.deriveKeys(key).token),
    }, now);
    strays.send(answer, link);
  }

  /** An ACK: one that answers a cookie makes its connection now. Whether that was so. */
  private acceptCookie(packet: Packet, segment: TcpSegment, now: number): boolean {
    const { environment: { counters }, listeners, tokens } = this.host;
    const { cookies } = this;
    const listener = cookies === null ? null : listeners.find(packet.destination, segment.destinationPort);
    if (cookies === null || listener === null || !listener.expectsCookies(now)) return false;
    const handshake = cookies.check(packet, segment, now);
    if (handshake === null || handshake === "later" || handshake.syn.tcp === null || this.usedCookies.has(handshake.id)) {
      counters.increment("TcpExtSyncookiesFailed");
      // The first segment, which brings the cookie back, was lost: the peer is to send it again. A RST would end what is no fault of its own, and not
      // data alone comes ahead of it: anybody can have the peer send an ACK (RFC 5961 §5.2).
      return handshake === "later";
    }
    if (listener.isFull) {
      counters.increment("TcpExtListenOverflows");
      return true;
    }
    if (this.host.isFull(packet.source)) return true;
    const { thirdAck, versions } = listener.mptcp;
    const highest = highestOf(versions);
    const version = handshake.isEarlier ? answerTo(highest.number - 1, versions) : highest;
    const keys = handshake.key === null || version === null ? null : version.deriveKeys(handshake.key);
    // Another connection may have drawn the same token meanwhile: plain TCP, then.
    let capable = keys === null || version === null || tokens.has(keys.token) ? null : { version, keys, flags: handshake.peerDeniesJoin ? MP_CAPABLE_FLAG.C : 0, key: null };
    const waits = capable !== null && readCapableAck(segment, { version: capable.version, own: capable.keys, peerKey: null }, 0, thirdAck).kind === "wait";
    // RFC 6824 §3.1: the third ACK was lost and does not come again, as the peer's key does not.
    if (waits && version?.dataCarriesKeys === false) capable = null;
    // Only what completes the handshake makes a connection: a half-open one would have to ask for room.
    else if (waits) {
      counters.increment("TcpExtSyncookiesFailed");
      return true;
    }
    counters.increment("TcpExtSyncookiesRecv");
    if (this.usedCookies.add(handshake.id, now)) counters.increment(LIMITS.usedCookies.counter);
    this.admit(listener, handshake.syn, handshake.syn.tcp, capable, handshake.sent, now).receive(packet, now);
    return true;
  }
}

/** What makes a connection one of Multipath TCP. */
interface Capable {
  readonly version: Version;
  readonly keys: KeyMaterial;
  /** Of the SYN's MP_CAPABLE. */
  readonly flags: number;
  /** The peer's, where the SYN brought it. */
  readonly key: Uint8Array | null;
}

/**
 * Whether nobody can have sent the segment: it comes from everybody (RFC 9293 §3.9.2.3, MUST-63; RFC 1122 §3.2.1.3), or from the very socket that it is for. One to an address that is not ours,
 * a multicast one among them, never comes here (MUST-57).
 */
function isImpossible({ destination, source }: Packet, { destinationPort, sourcePort }: TcpSegment): boolean {
  return !source.isUnicast || (sourcePort === destinationPort && source.equals(destination));
}

function tupleOf(packet: Packet, segment: TcpSegment): FourTuple {
  return { localAddress: packet.destination, localPort: segment.destinationPort, remoteAddress: packet.source, remotePort: segment.sourcePort };
}

const NO_OFFER = { kind: "none" } as const;
