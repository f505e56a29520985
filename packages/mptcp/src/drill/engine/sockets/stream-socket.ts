import { NEVER, SECOND } from "../../../core/index.ts";
import type { Listener } from "../../../host/index.ts";
import { MptcpConnection } from "../../../mptcp/index.ts";
import { STREAM_EVENT } from "../../../tcp/index.ts";
import type { StreamConnection, TcpState } from "../../../tcp/index.ts";
import type { IpAddress } from "../../../wire/index.ts";
import { CONSTANTS } from "../../system/index.ts";
import type { SocketAddress } from "../../system/index.ts";
import { isAny } from "../machine/addresses.ts";
import type { Endpoint } from "../machine/addresses.ts";
import type { Attentive } from "../machine/machine.ts";
import type { SharedListener } from "../machine/shared-listener.ts";
import type { Outcome } from "../process/outcome.ts";
import { codeOf } from "./code-of.ts";
import { connectStream, disconnectStream } from "./connecting.ts";
import { hasPeerEnded, isConnected, isUntold, stateOf, tcpOf } from "./connection-view.ts";
import { closeStream } from "./closing.ts";
import { deferred, fastOpenListen } from "./fast-open.ts";
import { applySetting } from "./live-settings.ts";
import { receiveStream } from "./stream-receive.ts";
import { sendStream } from "./stream-send.ts";
import { Socket } from "./socket.ts";
import type { ReceiveRequest, SendRequest } from "./socket.ts";
import { tcpConfigOf } from "./tcp-config.ts";
import { TransmitTimestamps } from "./timestamps.ts";
import { hasUrgentOctet, isInline, readInOneGo, toUrgentOctet } from "./urgent.ts";
import { ZeroCopies } from "./zerocopy.ts";

/** A socket of SOCK_STREAM, in TCP or Multipath TCP. */
export class StreamSocket extends Socket implements Attentive {
  listener: Listener | null = null;
  connection: StreamConnection | null = null;
  private shared: SharedListener | null = null;
  /** How far connect(2) is: it is told once that a connection is there. */
  phase: "unconnected" | "connecting" | "connected" | "disconnecting" = "unconnected";
  /** Directions that were shut here. */
  isReadShut = false;
  isWriteShut = false;
  /** Octets written so far. */
  written = 0;
  /** End of the urgent data whose last octet was read with MSG_OOB; -1: of none. */
  urgentTaken = -1;
  readonly zeroCopies = new ZeroCopies(this.errors);
  readonly timestamps = new TransmitTimestamps(this.errors);

  // ---- what holds

  get state(): TcpState {
    if (this.listener !== null) return "LISTEN";
    return this.connection === null ? "CLOSED" : stateOf(this.connection, this.isWriteShut);
  }

  get isListening(): boolean {
    return this.listener !== null;
  }

  /** What SIOCINQ gives: Multipath TCP counts the peer's end as an octet, and that nothing more can be read for another reason when nothing else is left. */
  private get unread(): number {
    const { connection } = this;
    const readable = connection?.readable ?? 0;
    if (this.protocol !== IPPROTO_MPTCP) return readInOneGo(this, readable);
    if (connection !== null && hasPeerEnded(connection)) return readable + 1;
    return this.state === "CLOSED" || this.isReadShut ? Math.max(readable, 1) : readable;
  }

  protected get isFixed(): boolean {
    return this.state !== "CLOSED" || this.connection !== null;
  }

  /** Whether nothing will come any more but what is there. */
  get isReadOver(): boolean {
    return this.isReadShut || (this.connection !== null && ((this.connection.closed && !this.hasFailed) || hasPeerEnded(this.connection)));
  }

  /** Whether a socket of Multipath TCP broke while it was regular TCP, or before it was connected: Linux has it as one that was never connected. */
  get hasFailed(): boolean {
    const { connection } = this;
    return this.protocol === IPPROTO_MPTCP && connection !== null && connection.error !== null && !(connection.multipath && isConnected(connection));
  }

  /** Whether nothing can be written any more. */
  get isWriteOver(): boolean {
    return this.isWriteShut || (this.connection !== null && this.connection.closed);
  }

  get peer(): Endpoint | null {
    const { connection, state } = this;
    if (connection === null || state === "CLOSED" || state === "SYN-SENT") return null;
    return { address: connection.tuple.remoteAddress, port: connection.tuple.remotePort };
  }

  readiness(): number {
    const { listener, state } = this;
    if (listener !== null) return listener.isReady ? POLLIN | POLLRDNORM : 0;
    let events = this.pendingError !== null || !this.errors.isEmpty ? POLLERR : 0;
    if (state === "CLOSED" || (this.isReadOver && this.isWriteOver)) events |= POLLHUP;
    if (this.isReadOver) events |= POLLIN | POLLRDNORM | POLLRDHUP;
    // A SYN that waits for what is written waits for a writer.
    if (this.isOpening) return deferred(this) === null ? events : events | POLLOUT | POLLWRNORM;
    if (this.connection !== null && this.connection.readable >= this.readMark + (toUrgentOctet(this) === 0 && !isInline(this) ? 1 : 0)) events |= POLLIN | POLLRDNORM;
    if (hasUrgentOctet(this)) events |= POLLPRI;
    if (this.isWriteOver || this.connection === null || this.connection.readiness.isWritable) events |= POLLOUT | POLLWRNORM;
    return events;
  }

  /** Whether its handshake is not over, and it may not be used before: by Fast Open it may. */
  get isOpening(): boolean {
    const { connection, state } = this;
    return (state === "SYN-SENT" || state === "SYN-RECEIVED") && !(connection !== null && isConnected(connection));
  }

  /** SO_RCVLOWAT: octets that make it readable. */
  private get readMark(): number {
    return Math.max(1, this.settings.get("SO_RCVLOWAT"));
  }

  // ---- calls

  connect(address: SocketAddress): Outcome {
    return connectStream(this, address);
  }

  listen(backlog: number): string | null {
    if (this.phase !== "unconnected" || !(this.state === "CLOSED" || this.state === "LISTEN") || this.connection !== null) return "EINVAL";
    // Linux counts the one that is being accepted beside the backlog.
    const most = Math.min(backlog < 0 ? NEVER : backlog, this.machine.sysctls.number("net.core.somaxconn")) + 1;
    if (this.listener !== null) {
      this.listener.setBacklog(most);
      return null;
    }
    if (!this.isBound) {
      const error = this.take({ address: this.local.address, port: 0 });
      if (error !== null) return error;
    }
    const { bindings, host } = this.machine;
    const { address, port } = this.local;
    const families = this.familiesOf(address);
    const asListener = { protocol: this.portSpace, families, address, port, socket: { reuseAddress: this.reuseAddress, reusePort: this.reusePort, isListening: true } };
    if (bindings.isTaken(asListener, this)) return "EADDRINUSE";
    const shared = this.reusePort ? this.machine.sharedListener(keyOf(address, port)) : null;
    if (shared !== null) {
      this.share(shared);
      return null;
    }
    try {
      const listener = host.listen(port, {
        ...(isAny(address) ? (families.length === 1 ? { family: families[0] as 4 | 6 } : {}) : { address }),
        backlog: most,
        ...(this.protocol === IPPROTO_MPTCP ? {} : { multipath: false }),
        tcp: tcpConfigOf(this, true),
        fastOpen: fastOpenListen(this, most - 1),
        deferAccept: this.settings.get("TCP_DEFER_ACCEPT") * SECOND,
      });
      this.share(this.machine.openListener(keyOf(address, port), listener));
      host.setFastOpenKeys(this.settings.fastOpenKeys, listener);
      return null;
    } catch (error) {
      return codeOf(error);
    }
  }

  accept(status: number): Socket | null | string {
    if (this.listener === null) return "EINVAL";
    const connection = this.listener.accept();
    if (connection === null) return null;
    // Who asked for plain TCP has a socket of plain TCP, and who went over to it by the third ACK.
    const isMultipath = connection instanceof MptcpConnection && connection.fallback !== "no_mp_capable_in_ack";
    const protocol = isMultipath ? this.protocol : IPPROTO_TCP;
    const child = new StreamSocket(this.machine, { domain: this.domain, type: this.type, protocol }, status, this.settings.clone());
    child.adopt(connection);
    return child;
  }

  shutdown(how: number): string | null {
    if (how < SHUT_RD || how > SHUT_RDWR) return "EINVAL";
    const { state } = this;
    if (state === "CLOSED") {
      // Linux waits for the end of an attempt to connect that has failed already: there is no other one.
      if (this.phase === "connecting") this.phase = "disconnecting";
      return "ENOTCONN";
    }
    if (state === "LISTEN" || state === "SYN-SENT") {
      if (state === "LISTEN" && how === SHUT_WR) return null;
      disconnectStream(this);
      return null;
    }
    // Linux looks whether the handshake that was begun is over.
    if (this.phase === "connecting") this.phase = "connected";
    if (how !== SHUT_WR) this.isReadShut = true;
    if (how !== SHUT_RD && !this.isWriteShut) {
      this.isWriteShut = true;
      this.connection?.end(this.machine.now);
    }
    // Whoever has shut both directions reads no more than whoever has closed (RFC 9293 §3.6.1).
    if (this.isReadShut && this.isWriteShut && this.protocol !== IPPROTO_MPTCP) tcpOf(this.connection)?.refuseText();
    this.wake(0);
    return null;
  }

  send(request: SendRequest): Outcome {
    return sendStream(this, request);
  }

  receive(request: ReceiveRequest): Outcome {
    return receiveStream(this, request);
  }

  release(): Outcome {
    return closeStream(this);
  }

  override control(request: number): number | string {
    const { connection } = this;
    switch (request) {
      case SIOCINQ:
        if (this.listener !== null) return "EINVAL";
        return this.unread;
      case SIOCOUTQ:
        if (this.listener !== null) return "EINVAL";
        return connection === null ? 0 : connection.sendBuffered;
      case SIOCOUTQNSD:
        if (this.listener !== null) return "EINVAL";
        return connection === null ? 0 : connection.unsent;
      case SIOCATMARK:
        if (this.protocol === IPPROTO_MPTCP) return "ENOTTY";
        return toUrgentOctet(this) === 0 ? 1 : 0;
      default:
        return "ENOTTY";
    }
  }

  /** An error that did not end the connection is told as well, by TCP alone. */
  override takeError(): string | null {
    const { connection } = this;
    return super.takeError() ?? (this.protocol === IPPROTO_MPTCP ? null : (tcpOf(connection)?.takeSoftError() ?? null));
  }

  onSetting(name: string): void {
    applySetting(this, name);
  }

  // ---- for the other files of this room

  /** A connection is its own now. */
  adopt(connection: StreamConnection): void {
    this.connection = connection;
    this.phase = isConnected(connection) ? "connected" : "connecting";
    this.local = { address: connection.tuple.localAddress, port: connection.tuple.localPort };
    this.machine.attend(connection, this);
    // What happened before can be seen; it tells of what happens from now on.
    connection.takeEvents();
    if (connection.closed) this.noteClosed(connection);
  }

  /** It has none any more. */
  dropConnection(): void {
    if (this.connection !== null) this.machine.leave(this.connection);
    this.connection = null;
    this.phase = "unconnected";
  }

  /** A port that nobody bound it to, but a connection had, is its own no more. */
  unbindPort(): void {
    if (!this.isBound) this.local = { address: this.local.address, port: 0 };
  }

  dropListener(): void {
    if (this.shared === null) return;
    if (this.shared.leave(this)) this.machine.closeListener(this.shared);
    this.shared = null;
    this.listener = null;
  }

  private share(shared: SharedListener): void {
    shared.join(this);
    this.shared = shared;
    this.listener = shared.listener;
  }

  onReady(): void {
    const { connection } = this;
    if (connection === null) {
      this.wake(POLLIN | POLLRDNORM);
      return;
    }
    const events = connection.takeEvents();
    if ((events & (STREAM_EVENT.readable | STREAM_EVENT.urgent)) !== 0) this.wake(hasPeerEnded(connection) ? 0 : POLLIN | POLLRDNORM | (hasUrgentOctet(this) ? POLLPRI : 0));
    if ((events & STREAM_EVENT.writable) !== 0) this.wake(POLLOUT | POLLWRNORM);
    if ((events & STREAM_EVENT.closed) !== 0) this.noteClosed(connection);
    if ((events & (STREAM_EVENT.connected | STREAM_EVENT.closed)) !== 0) this.wake(0);
  }

  override settle(): void {
    const { connection, written } = this;
    if (connection !== null) {
      const acknowledged = written - connection.sendBuffered;
      if (this.zeroCopies.release(acknowledged)) this.wake(POLLERR);
      if (this.timestamps.settle(written - connection.unsent, acknowledged, this.machine.now)) this.wake(POLLERR);
    }
    super.settle();
  }

  private noteClosed(connection: StreamConnection): void {
    const { error } = connection;
    if (error === null || this.pendingError !== null || isUntold(connection)) return;
    // Linux: a reset once the peer has said its end is a broken pipe.
    this.pendingError = error === "ECONNRESET" && hasPeerEnded(connection) && !this.isWriteShut ? "EPIPE" : error;
    this.wake(POLLERR);
  }
}

function keyOf(address: IpAddress, port: number): string {
  return `${address} ${port}`;
}

const { IPPROTO_MPTCP, IPPROTO_TCP, POLLERR, POLLHUP, POLLIN, POLLOUT, POLLPRI, POLLRDHUP, POLLRDNORM, POLLWRNORM, SHUT_RD, SHUT_RDWR, SHUT_WR, SIOCATMARK, SIOCINQ, SIOCOUTQ, SIOCOUTQNSD } = CONSTANTS;
