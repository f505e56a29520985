import koffi from "koffi";

// The ceiling of the bench of UDP links: system calls in a loop, as few as can be, each for as much as can be.

interface Report {
  readonly bytes: number;
  readonly seconds: number;
  readonly cpu: number;
}

/** Receives coalesced datagrams until one of a single octet comes; reads with a call that waits, so this process does nothing else. */
export function rawReceiver(tell: (report: Report | { readonly port: number }) => void): void {
  const { socket, bind, getsockname, setsockopt, recv } = library();
  const fd = socket(AF_INET, SOCK_DGRAM, 0);
  const address = socketAddress(0);
  bind(fd, address, address.length);
  getsockname(fd, address, Uint32Array.of(address.length));
  setsockopt(fd, SOL_UDP, UDP_GRO, Int32Array.of(1), 4);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, Int32Array.of(4 << 20), 4);
  tell({ port: address.readUInt16BE(2) });
  // The parent is told before this thread begins to wait.
  setImmediate(() => {
    const buffer = Buffer.alloc(65_536);
    let bytes = 0;
    let startedAt = 0n;
    let lastAt = 0n;
    let cpu = process.cpuUsage();
    for (;;) {
      const length = recv(fd, buffer, buffer.length, 0);
      if (length <= 1) break;
      if (bytes === 0) {
        startedAt = process.hrtime.bigint();
        cpu = process.cpuUsage();
      }
      lastAt = process.hrtime.bigint();
      bytes += length;
    }
    const { user, system } = process.cpuUsage(cpu);
    tell({ bytes, seconds: Number(lastAt - startedAt) / 1e9, cpu: (user + system) / 1e6 });
  });
}

/** Sends datagrams of 1472 octets in runs of 44, eight runs by one call. */
export function rawSender(port: number, bytes: number, tell: (report: Report) => void): void {
  const { socket, connect, setsockopt, sendmmsg, send } = library();
  const fd = socket(AF_INET, SOCK_DGRAM, 0);
  const address = socketAddress(port);
  connect(fd, address, address.length);
  setsockopt(fd, SOL_UDP, UDP_SEGMENT, Int32Array.of(DATAGRAM), 4);
  const data = Buffer.alloc(DATAGRAM * RUN, 7);
  const headers = Buffer.alloc(MESSAGES * (MMSGHDR + IOVEC));
  const base = koffi.address(headers);
  for (let i = 0; i < MESSAGES; i++) {
    const vector = MESSAGES * MMSGHDR + i * IOVEC;
    headers.writeBigUInt64LE(base + BigInt(vector), i * MMSGHDR + 16);
    headers.writeBigUInt64LE(1n, i * MMSGHDR + 24);
    headers.writeBigUInt64LE(koffi.address(data), vector);
    headers.writeBigUInt64LE(BigInt(data.length), vector + 8);
  }
  const cpu = process.cpuUsage();
  const startedAt = process.hrtime.bigint();
  for (let left = bytes; left > 0; left -= data.length * MESSAGES) sendmmsg(fd, headers, MESSAGES, 0);
  const { user, system } = process.cpuUsage(cpu);
  tell({ bytes, seconds: Number(process.hrtime.bigint() - startedAt) / 1e9, cpu: (user + system) / 1e6 });
  // The last octet may find the receiver's buffer full.
  const end = setInterval(() => send(fd, Buffer.alloc(1), 1, 0), 20);
  process.once("disconnect", () => clearInterval(end));
}

function library() {
  const libc = koffi.load(null);
  return {
    socket: libc.func("int socket(int domain, int type, int protocol)") as (domain: number, type: number, protocol: number) => number,
    bind: libc.func("int bind(int fd, const void *address, uint32_t length)") as (fd: number, address: Uint8Array, length: number) => number,
    connect: libc.func("int connect(int fd, const void *address, uint32_t length)") as (fd: number, address: Uint8Array, length: number) => number,
    getsockname: libc.func("int getsockname(int fd, void *address, void *length)") as (fd: number, address: Uint8Array, length: Uint32Array) => number,
    setsockopt: libc.func("int setsockopt(int fd, int level, int name, const void *value, uint32_t length)") as (fd: number, level: number, name: number, value: Int32Array, length: number) => number,
    recv: libc.func("intptr_t recv(int fd, void *target, size_t length, int flags)") as (fd: number, target: Uint8Array, length: number, flags: number) => number,
    send: libc.func("intptr_t send(int fd, const void *source, size_t length, int flags)") as (fd: number, source: Uint8Array, length: number, flags: number) => number,
    sendmmsg: libc.func("int sendmmsg(int fd, void *messages, unsigned int count, int flags)") as (fd: number, messages: Uint8Array, count: number, flags: number) => number,
  };
}

/** `struct sockaddr_in` of 127.0.0.1. */
function socketAddress(port: number): Buffer {
  const address = Buffer.alloc(16);
  address.writeUInt16LE(AF_INET, 0);
  address.writeUInt16BE(port, 2);
  address.set([127, 0, 0, 1], 4);
  return address;
}

const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const UDP_GRO = 104;
const DATAGRAM = 1472;
const RUN = 44;
const MESSAGES = 8;
const MMSGHDR = 64;
const IOVEC = 16;
