import type { IpAddress } from "mptcp/wire";
import { POLL } from "../emulator/real-time.ts";
import type { RealTime, Source } from "../emulator/real-time.ts";
import { Memory } from "../system/memory.ts";
import type { Namespace } from "../system/namespace.ts";
import { AF_INET, AF_INET6, putSocketAddress } from "../system/socket-address.ts";
import { NR } from "../system/system.ts";
import type { System } from "../system/system.ts";

/** What kernel sockets of a run have in common. */
export interface KernelPlace {
  readonly system: System;
  readonly namespace: Namespace;
  readonly time: RealTime;
  /** Of the server, in both roles. */
  readonly address: IpAddress;
  /** Name of the congestion control. */
  readonly congestion: string;
  /** Whether sockets are of Multipath TCP. */
  readonly isMultipath: boolean;
}

/** A socket that does not block, and calls on it. */
export class KernelSocket {
  readonly fd: number;
  private readonly place: KernelPlace;
  private readonly memory: Memory;

  /** @throws MptcpError with what the kernel refused */
  constructor(place: KernelPlace) {
    const { system, namespace, address } = place;
    this.place = place;
    this.memory = new Memory(system);
    const family = address.family === 4 ? AF_INET : AF_INET6;
    this.fd = namespace.inside(() => system.must("socket", NR.socket, family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, place.isMultipath ? IPPROTO_MPTCP : 0));
    const name = this.memory.copy(new TextEncoder().encode(place.congestion));
    system.must("TCP_CONGESTION", NR.setsockopt, this.fd, IPPROTO_TCP, TCP_CONGESTION, name.address, name.octets.length);
  }

  /** What bind(2) and connect(2) are given. */
  address(port: number): readonly [number, number] {
    const { address } = this.place;
    const room = putSocketAddress(this.memory, { family: address.family === 4 ? AF_INET : AF_INET6, address: String(address), port });
    return [room.address, room.octets.length];
  }
}

/** Listens at a port of a place, and has a source made of each connection. @throws MptcpError with what the kernel refused */
export function listenInKernel(place: KernelPlace, port: number, made: (fd: number) => Source): void {
  const { system, time } = place;
  const socket = new KernelSocket(place);
  system.must("bind", NR.bind, socket.fd, ...socket.address(port));
  system.must("listen", NR.listen, socket.fd, 1024);
  time.add(new Listening(place, socket.fd, made));
}

class Listening implements Source {
  readonly fd: number;
  readonly waitsFor = POLL.in;
  private readonly place: KernelPlace;
  private readonly made: (fd: number) => Source;

  constructor(place: KernelPlace, fd: number, made: (fd: number) => Source) {
    this.place = place;
    this.fd = fd;
    this.made = made;
  }

  ready(): void {
    for (let fd = this.accept(); fd >= 0; fd = this.accept()) this.place.time.add(this.made(fd));
  }

  private accept(): number {
    return this.place.system.call(NR.accept4, this.fd, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC);
  }
}

export const MSG_NOSIGNAL = 0x4000;
export const SHUT_WR = 1;
export const SOL_SOCKET = 1;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const IPPROTO_TCP = 6;
const IPPROTO_MPTCP = 262;
const TCP_CONGESTION = 13;
