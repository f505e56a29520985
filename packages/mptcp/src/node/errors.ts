import { constants } from "node:os";

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
  return systemError(`${syscall} ${code}`, code, syscall);
}

/** What went wrong with opening one: "connect ECONNREFUSED 192.0.2.1:80". */
export function connectError(code: string, address: string, port: number): SystemError {
  return Object.assign(systemError(`connect ${code} ${address}:${port}`, code, "connect"), { address, port });
}

/** What went wrong with listening: "listen EADDRINUSE: address already in use 192.0.2.1:80". */
export function listenError(code: string, address: string, port: number): SystemError {
  const meaning = MEANINGS[code] === undefined ? "" : `: ${MEANINGS[code]}`;
  return Object.assign(systemError(`listen ${code}${meaning} ${address}:${port}`, code, "listen"), { address, port });
}

/** Why none of several addresses could be connected to, as Node says it: the first one's code, and all the errors. */
export function attemptsError(errors: readonly Error[]): Error {
  const [first] = errors;
  if (first === undefined) return codedError(Error, "ERR_SOCKET_CONNECTION_TIMEOUT", "Socket connection timeout");
  return Object.assign(new AggregateError(errors), { code: (first as NodeJS.ErrnoException).code });
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

/** @throws TypeError as Node does when `value` is no number; RangeError ERR_SOCKET_BAD_PORT, where Node has the system's errors, when it is no port */
export function validLocalPort(value: unknown): void {
  if (typeof value !== "number") throw codedError(TypeError, "ERR_INVALID_ARG_TYPE", `The "options.localPort" property must be of type number. Received ${describe(value)}`);
  validPort(value, "options.localPort");
}

/** A time in ms for a timer. @throws TypeError, RangeError as Node does */
export function validDelay(value: unknown, name: string): number {
  if (typeof value !== "number") throw codedError(TypeError, "ERR_INVALID_ARG_TYPE", `The "${name}" argument must be of type number. Received ${describe(value)}`);
  if (value >= 0 && value < Number.POSITIVE_INFINITY) return value;
  throw codedError(RangeError, "ERR_OUT_OF_RANGE", `The value of "${name}" is out of range. It must be a non-negative finite number. Received ${value}`);
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

function systemError(message: string, code: string, syscall: string): SystemError {
  return Object.assign(new Error(message), { code, errno: errnoOf(code), syscall });
}

function errnoOf(code: string): number {
  const numbers: Readonly<Record<string, number>> = constants.errno;
  return -(numbers[code] ?? 0);
}

const MEANINGS: Readonly<Record<string, string>> = {
  EADDRINUSE: "address already in use",
  EACCES: "permission denied",
  EADDRNOTAVAIL: "address not available",
};

/** The MTU of a link, octets. @throws RangeError ERR_OUT_OF_RANGE for what is none: IPv4 asks for 576 (RFC 791 §3.2), and more than 65,535 fits no packet */
export function validMtu(mtu: number): number {
  if (Number.isInteger(mtu) && mtu >= 576 && mtu <= 65_535) return mtu;
  throw codedError(RangeError, "ERR_OUT_OF_RANGE", `The value of "mtu" is out of range. It must be an integer >= 576 && <= 65535. Received ${String(mtu)}`);
}
