/**
 * What a script may not reach: descriptors of this process that it did not open are none to it (descriptors.ts), and calls that would change something outside of
 * its namespace, or memory that is not its own, fail.
 *
 * @module
 */
import { statSync } from "node:fs";
import { AF_INET, AF_INET6 } from "../system/socket-address.ts";

/** Sockets of other families are the machine's, not the namespace's. */
export const isScriptFamily = (domain: number): boolean => domain === AF_INET || domain === AF_INET6;

/** Reading is allowed, of files and of the devices that anybody reads; writing goes nowhere but to /dev/null. */
export function mayOpen(path: string, flags: number): boolean {
  if (path === "/dev/null") return true;
  if ((flags & (O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND)) !== 0) return false;
  if (DEVICES.includes(path)) return true;
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined || found.isFile();
}

/** Whether it can only be a file that shell lines of the script wrote: those are written below /tmp, and not on this machine. */
export const isScriptFile = (path: string): boolean => path.startsWith("/tmp/") && statSync(path, { throwIfNoEntry: false }) === undefined;

/** The requests of ioctl that scripts have; those of a device's or route's would be allowed what root is. */
export const isKnownIoctl = (request: number): boolean => IOCTLS.has(request);

/** Not those that have signals sent to other processes. */
export const SCRIPT_FCNTL: ReadonlySet<number> = new Set([0, 1, 2, 3, 4, 1030]);

/** Tables of packet filters, and programs, have pointers in them that the kernel would follow. */
export const isRefusedSetting = (level: number, option: number): boolean =>
  ((level === SOL_IP || level === SOL_IPV6) && TABLES.has(option)) || (level === SOL_SOCKET && PROGRAMS.has(option));

/** TCP_ZEROCOPY_RECEIVE writes where its value says. */
export const isRefusedQuestion = (level: number, option: number): boolean => level === SOL_TCP && option === TCP_ZEROCOPY_RECEIVE;

const O_ACCMODE = 3;
const O_CREAT = 0o100;
const O_TRUNC = 0o1000;
const O_APPEND = 0o2000;
const DEVICES = ["/dev/zero", "/dev/urandom", "/dev/full"];
/** FIONREAD, FIONBIO, TIOCOUTQ, SIOCOUTQNSD, SIOCATMARK. */
const IOCTLS = new Set([0x541b, 0x5421, 0x5411, 0x894b, 0x8905]);
const SOL_IP = 0;
const SOL_SOCKET = 1;
const SOL_TCP = 6;
const SOL_IPV6 = 41;
const TCP_ZEROCOPY_RECEIVE = 35;
/** IPT_SO_SET_REPLACE and IPT_SO_SET_ADD_COUNTERS, and those of IPv6, which have the same numbers. */
const TABLES = new Set([64, 65]);
/** SO_ATTACH_FILTER, SO_ATTACH_BPF, SO_ATTACH_REUSEPORT_CBPF and _EBPF. */
const PROGRAMS = new Set([26, 50, 51, 52]);
