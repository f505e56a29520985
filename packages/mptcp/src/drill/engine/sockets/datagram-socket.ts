import { NEVER } from "../../../core/index.ts";
import type { IcmpError, IpAddress } from "../../../wire/index.ts";
import { CONSTANTS } from "../../system/index.ts";
import type { CallResult, SocketAddress } from "../../system/index.ts";
import { anyOf, endpointOf, isAny, socketAddressOf } from "../machine/addresses.ts";
import type { Endpoint } from "../machine/addresses.ts";
import type { Datagram, Datagrams, DatagramTaker } from "../machine/datagrams.ts";
import type { Machine } from "../machine/machine.ts";
import { attemptOrWait, done, fail } from "../process/outcome.ts";
import type { Outcome } from "../process/outcome.ts";
import { receiveError } from "./messages.ts";
import { Socket } from "./socket.ts";
import type { ReceiveRequest, SendRequest, SocketKind } from "./socket.ts";

/** A socket of SOCK_DGRAM in UDP. */
export class DatagramSocket extends Socket implements DatagramTaker {
  private readonly datagrams: Datagrams;
  private remote: Endpoint | null = null;
  private readonly arrived: Datagram[] = [];
  private isReadShut = false;
  private isWriteShut = false;

  constructor(machine: Machine, datagrams: Datagrams, kind: SocketKind, status: number) {
    super(machine, kind, status);
    this.datagrams = datagrams;
    datagrams.add(this);
  }

  get peer(): Endpoint | null {
    return this.remote;
  }

  get isListening(): boolean {
    return false;
  }

  protected get isFixed(): boolean {
    return false;
  }

  readiness(): number {
    let events = POLLOUT | POLLWRNORM;
    if (this.arrived.length > 0) events |= POLLIN | POLLRDNORM;
    if (this.pendingError !== null || !this.errors.isEmpty) events |= POLLERR;
    if (this.isReadShut) events |= POLLIN | POLLRDNORM | POLLRDHUP;
    return this.isReadShut && this.isWriteShut ? events | POLLHUP : events;
  }

  connect(given: SocketAddress): Outcome {
    if (given.family === AF_UNSPEC) {
      this.remote = null;
      return done(0);
    }
    const endpoint = endpointOf(this.domain, given);
    if (typeof endpoint === "string") return fail(endpoint);
    const source = this.machine.sourceFor(endpoint.address);
    if (typeof source === "string") return fail(source);
    const error = this.bindFor(isAny(this.local.address) ? source : this.local.address);
    if (error !== null) return fail(error);
    this.remote = endpoint;
    return done(0);
  }

  listen(): string | null {
    return "EOPNOTSUPP";
  }

  accept(): string {
    return "EOPNOTSUPP";
  }

  shutdown(how: number): string | null {
    if (how < SHUT_RD || how > SHUT_RDWR) return "EINVAL";
    // It has its effect all the same.
    if (how !== SHUT_WR) this.isReadShut = true;
    if (how !== SHUT_RD) this.isWriteShut = true;
    this.wake(0);
    return this.remote === null ? "ENOTCONN" : null;
  }

  send({ address, data, flags, isNowhere }: SendRequest): Outcome {
    if (data.length > LARGEST) return fail("EMSGSIZE");
    if ((flags & MSG_OOB) !== 0) return fail("EOPNOTSUPP");
    const to = address === null ? this.remote : endpointOf(this.domain, address);
    if (typeof to === "string") return fail(to);
    if (to === null) return fail("EDESTADDRREQ");
    if (to.port === 0) return fail("EINVAL");
    if (this.pendingError !== null) return fail(this.takeError() as string);
    if (this.isWriteShut) return fail("EPIPE");
    const source = this.machine.sourceFor(to.address);
    if (typeof source === "string") return fail(source);
    const error = this.bindFor(this.local.address);
    if (error !== null) return fail(error);
    if (isNowhere === true && data.length > 0) return fail("EFAULT");
    const from = { address: isAny(this.local.address) ? source : this.local.address, port: this.local.port };
    if (this.isTooLarge(to, data)) return fail("EMSGSIZE");
    const hops = this.settings.get(to.address.family === 4 ? "IP_TTL" : "IPV6_UNICAST_HOPS");
    const traffic = this.settings.get(to.address.family === 4 ? "IP_TOS" : "IPV6_TCLASS");
    this.datagrams.send(from, to, data, hops > 0 ? hops : 64, traffic);
    return done(data.length);
  }

  /** Whether the datagram would have to be fragmented, and may not be. */
  private isTooLarge(to: Endpoint, data: Uint8Array): boolean {
    const headers = to.address.family === 4 ? 28 : 48;
    return data.length + headers > this.machine.mtu && data.length + headers <= 0xffff && this.settings.get("IP_MTU_DISCOVER") >= IP_PMTUDISC_DO;
  }

  receive(request: ReceiveRequest): Outcome {
    const { flags, length } = request;
    if ((flags & MSG_ERRQUEUE) !== 0) return receiveError(this, request);
    const attempt = (): CallResult | null => {
      if (this.pendingError !== null) return fail(this.takeError() as string);
      const first = (flags & MSG_PEEK) === 0 ? this.arrived.shift() : this.arrived[0];
      if (first === undefined) return this.isReadShut ? done(0, { data: EMPTY, address: null, flags: 0, control: [] }) : null;
      // The datagram is lost all the same.
      if (request.isNowhere === true && length > 0 && first.data.length > 0) return fail("EFAULT");
      const data = first.data.subarray(0, length);
      const isCut = data.length < first.data.length;
      const value = (flags & MSG_TRUNC) !== 0 ? first.data.length : data.length;
      return done(value, { data, address: socketAddressOf(this.domain, first.from), flags: isCut ? MSG_TRUNC : 0, control: [] });
    };
    if (this.nonBlocking || (flags & MSG_DONTWAIT) !== 0) return attempt() ?? fail("EAGAIN");
    const { receiveTimeout } = this.settings;
    return attemptOrWait(attempt, receiveTimeout === 0 ? NEVER : this.machine.now + receiveTimeout, () => fail("EAGAIN"));
  }

  release(): Outcome {
    this.datagrams.remove(this);
    this.machine.bindings.release(this);
    return done(0);
  }

  override control(request: number): number | string {
    if (request === SIOCINQ) return this.arrived[0]?.data.length ?? 0;
    return request === SIOCOUTQ ? 0 : "ENOTTY";
  }

  onSetting(): void {}

  // ---- DatagramTaker

  covers(local: Endpoint, remote: Endpoint): boolean {
    if (local.port !== this.local.port || !(isAny(this.local.address) || this.local.address.equals(local.address))) return false;
    if (!this.familiesOf(anyOf(this.domain)).includes(local.address.family)) return false;
    return this.remote === null || (this.remote.port === remote.port && this.remote.address.equals(remote.address));
  }

  onDatagram(datagram: Datagram): void {
    this.arrived.push(datagram);
    this.wake(POLLIN | POLLRDNORM);
  }

  onError(error: IcmpError, from: IpAddress, to: Endpoint, payload: Uint8Array): void {
    const isV4 = to.address.family === 4;
    const errno = error.kind === "too_big" ? "EMSGSIZE" : error.hard ? "ECONNREFUSED" : "EHOSTUNREACH";
    const wantsAll = this.settings.get(isV4 ? "IP_RECVERR" : "IPV6_RECVERR") !== 0;
    if (wantsAll) {
      const type = isV4 ? (error.kind === "time_exceeded" ? 11 : 3) : error.kind === "too_big" ? 2 : 1;
      this.errors.push({
        errno, origin: isV4 ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6, type, code: error.code, info: error.mtu, data: 0,
        offender: socketAddressOf(this.domain, { address: from, port: 0 }), payload,
      });
    }
    // What passes is for those who asked for it.
    if (wantsAll || (error.hard && this.remote !== null)) this.pendingError = errno;
    this.wake(POLLERR);
  }

  private bindFor(address: IpAddress): string | null {
    if (this.isBound) {
      this.local = { address, port: this.local.port };
      return null;
    }
    return this.take({ address, port: 0 });
  }
}

/** Octets of a datagram over IPv4. */
const LARGEST = 65_507;
const EMPTY = new Uint8Array(0);
const {
  AF_UNSPEC, IP_PMTUDISC_DO, MSG_DONTWAIT, MSG_ERRQUEUE, MSG_OOB, MSG_PEEK, MSG_TRUNC, POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDHUP, POLLRDNORM, POLLWRNORM,
  SHUT_RD, SHUT_RDWR, SHUT_WR, SIOCINQ, SIOCOUTQ, SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6,
} = CONSTANTS;
