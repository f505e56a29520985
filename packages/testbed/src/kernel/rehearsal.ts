import type { Target, Wiring } from "mptcp/drill";
import { AF_INET } from "../system/socket-address.ts";

/** For a target whose script does not matter. */
export const REHEARSAL: Wiring = { local: ["192.0.2.1/24"], remote: [], mtu: 1500, segmentation: true };

/**
 * Does once what scripts do. A part of a program takes some hundred times as long when it runs for the first time, which would make the first script of a process late by
 * milliseconds.
 */
export function rehearse(target: Target): void {
  const address = { family: AF_INET, address: "192.0.2.2", port: 9 };
  for (let round = 0; round < ROUNDS; round++) {
    const fd = target.begin({ name: "socket", domain: AF_INET, type: SOCK_DGRAM, protocol: 0 }).result?.value ?? -1;
    target.begin({ name: "bind", fd, address: { family: AF_INET, address: "192.0.2.1", port: 0 } });
    target.begin({ name: "getsockname", fd });
    target.begin({ name: "setsockopt", fd, level: SOL_SOCKET, option: SO_REUSEADDR, value: Uint8Array.of(1, 0, 0, 0) });
    target.begin({ name: "getsockopt", fd, level: SOL_SOCKET, option: SO_REUSEADDR, value: new Uint8Array(4) });
    target.begin({ name: "connect", fd, address });
    target.begin({ name: "write", fd, data: [Uint8Array.of(1)] });
    target.begin({ name: "sendmsg", fd, address: null, data: [Uint8Array.of(1)], control: [], flags: 0 });
    target.begin({ name: "recvmsg", fd, lengths: [1], controlLength: 64, flags: MSG_DONTWAIT });
    target.begin({ name: "read", fd, lengths: [1] });
    target.begin({ name: "poll", descriptors: [{ fd, events: 1 }], timeout: 0 });
    target.command(["nstat"]);
    target.command(["sysctl", "net.ipv4.tcp_sack"]);
    target.inject(new Uint8Array(20));
    target.advance(target.now + 1e6);
    while (target.take() !== null);
    target.begin({ name: "shutdown", fd, how: 2 });
    target.advance(target.now + 1e6);
    target.begin({ name: "close", fd });
  }
}

const ROUNDS = 3;
const SOCK_DGRAM = 2;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const MSG_DONTWAIT = 0x40;
