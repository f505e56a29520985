import { uvErrno } from "./errno.ts";

/** An error of a system call's shape, as Node's: `code`, `errno`, `syscall`, and address and port where there is one. */
export interface SystemError extends Error {
  code: string;
  errno: number;
  syscall: string;
  address?: string;
  port?: number;
}

/** What went wrong with an established connection: "read ECONNRESET". */
export function ioError(code: string, syscall: string): SystemError {
  return Object.assign(new Error(`${syscall} ${code}`), { code, errno: uvErrno(code), syscall });
}

/** Multipath TCP was required, and given up for `reason`. */
export function requiredError(reason: string): Error & { code: string; reason: string } {
  return Object.assign(codedError(Error, "ERR_MPTCP_REQUIRED", `Multipath TCP is required and not in use: ${reason}`), { reason });
}

/** An error of Node's own with a stable code. */
export function codedError<E extends Error>(Type: new (message: string) => E, code: string, message: string): E & { code: string } {
  return Object.assign(new Type(message), { code });
}

/** The port that `value` stands for. @throws RangeError ERR_SOCKET_BAD_PORT as Node does */
export function validPort(value: unknown, name: string): number {
  const port = typeof value === "number" || (typeof value === "string" && value.trim() !== "") ? Number(value) : Number.NaN;
  if (Number.isInteger(port) && port >= 0 && port <= 65535) return port;
  throw codedError(RangeError, "ERR_SOCKET_BAD_PORT", `${name} should be >= 0 and < 65536. Received ${describe(value)}.`);
}

/** As Node does with an exception in an event handler: it reaches the process, not the code that happened to call. */
export function rethrow(error: unknown): void {
  process.nextTick(() => {
    throw error;
  });
}

function describe(value: unknown): string {
  if (typeof value === "string") return `type string ('${value}')`;
  if (typeof value === "number" || typeof value === "boolean") return `type ${typeof value} (${String(value)})`;
  return String(value);
}

/** The MTU of a link, octets. @throws RangeError ERR_OUT_OF_RANGE for what is none: IPv4 asks for 576 (RFC 791 §3.2), and more than 65,535 fits no packet */
export function validMtu(mtu: number): number {
  if (Number.isInteger(mtu) && mtu >= 576 && mtu <= 65_535) return mtu;
  throw codedError(RangeError, "ERR_OUT_OF_RANGE", `The value of "mtu" is out of range. It must be an integer >= 576 && <= 65535. Received ${String(mtu)}`);
}
