import { connect } from "node:net";
import type { Socket } from "node:net";
import { MptcpError } from "../../core/index.ts";
import { linesOf } from "./lines.ts";
import { controlFolders, findSockets } from "./place.ts";
import type { FoundSocket } from "./place.ts";
import { CONTROL_PROTOCOL, ControlFailure } from "./protocol.ts";
import type { ControlErrorCode, ControlEvent, ControlHello, ControlMethod, ControlParams, ControlResult } from "./protocol.ts";

/** A client of a control socket: another process's, or our own. */
export class ControlClient {
  readonly hello: ControlHello;
  /** Fulfilled when the process at the other end has closed its control socket, or ended; or this one was closed. */
  readonly closed: Promise<void>;
  /** Hears the events that were asked for by `subscribe`. */
  onEvent: (event: ControlEvent) => void = () => {};
  private readonly socket: Socket;
  private readonly waiting = new Map<number, { readonly resolve: (result: never) => void; readonly reject: (error: Error) => void }>();
  private lastId = 0;

  private constructor(socket: Socket, lines: AsyncGenerator<string>, hello: ControlHello) {
    this.socket = socket;
    this.hello = hello;
    this.closed = this.read(lines);
  }

  /**
   * Connects to a control socket.
   * @throws MptcpError with the system's code, EACCES for one; ETIMEDOUT when nobody answers; ERR_MPTCP_CONTROL_PROTOCOL when what answers is none
   */
  static async connect(path: string): Promise<ControlClient> {
    const socket = connect({ path, allowHalfOpen: false });
    const late = setTimeout(() => socket.destroy(new MptcpError("ETIMEDOUT", `${path} does not answer`)), LONGEST_HELLO);
    try {
      const lines = linesOf(socket, LONGEST_ANSWER);
      const first = await lines.next();
      if (first.done === true) throw new MptcpError("ECONNRESET", `${path} was closed at once: it may have too many clients`);
      return new ControlClient(socket, lines, helloFrom(first.value, path));
    } catch (error) {
      socket.destroy();
      if (error instanceof MptcpError || !(error instanceof Error)) throw error;
      throw new MptcpError((error as NodeJS.ErrnoException).code ?? "ECONNRESET", `${path}: ${meaningOf(error)}`);
    } finally {
      clearTimeout(late);
    }
  }

  /** Asks, or commands. @throws ControlFailure when it is refused; MptcpError ECONNRESET when the process ends before it answers */
  request<M extends ControlMethod>(method: M, params: ControlParams<M>): Promise<ControlResult<M>> {
    const id = ++this.lastId;
    if (this.socket.destroyed) return Promise.reject(gone());
    this.socket.write(`${JSON.stringify({ id, method, params })}\n`);
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
  }

  close(): void {
    this.socket.destroy();
  }

  private async read(lines: AsyncGenerator<string>): Promise<void> {
    try {
      for await (const line of lines) this.onLine(line);
    } catch {
      // The connection broke, or what came is no message: it is over in either case.
    }
    this.socket.destroy();
    for (const { reject } of this.waiting.values()) reject(gone());
    this.waiting.clear();
  }

  private onLine(line: string): void {
    const message = JSON.parse(line) as ControlEvent | { readonly id: number; readonly result: never } | { readonly id: number | null; readonly error: { readonly code: ControlErrorCode; readonly message: string } };
    if ("event" in message) {
      this.onEvent(message);
      return;
    }
    const asked = message.id === null ? undefined : this.waiting.get(message.id);
    if (asked === undefined) return;
    this.waiting.delete(message.id as number);
    if ("error" in message) asked.reject(new ControlFailure(message.error.code, message.error.message));
    else asked.resolve(message.result);
  }
}

/** The control sockets of this user's processes, by process: those at their usual place. */
export function findControls(): Promise<readonly FoundSocket[]> {
  return findSockets(controlFolders());
}

function helloFrom(line: string, path: string): ControlHello {
  let hello: ControlHello | undefined;
  try {
    hello = (JSON.parse(line) as { readonly hello?: ControlHello }).hello;
  } catch {
    // Said below.
  }
  if (typeof hello?.protocol !== "number") throw new MptcpError("ERR_MPTCP_CONTROL_PROTOCOL", `${path} is no control socket of mptcp`);
  if (hello.protocol !== CONTROL_PROTOCOL) throw new MptcpError("ERR_MPTCP_CONTROL_PROTOCOL", `${path} speaks version ${hello.protocol} of the protocol, this is ${CONTROL_PROTOCOL}`);
  return hello;
}

function gone(): MptcpError {
  return new MptcpError("ECONNRESET", "the process has ended, or closed its control socket");
}

function meaningOf(error: NodeJS.ErrnoException): string {
  return MEANINGS[error.code ?? ""] ?? error.message;
}

const MEANINGS: Readonly<Record<string, string>> = {
  EACCES: "permission denied: it belongs to another user",
  ECONNREFUSED: "nobody listens there any more",
  ENOENT: "there is no such socket",
  ENOTSOCK: "is no socket",
};
/** Octets of an answer: a host may have very many connections. */
const LONGEST_ANSWER = 256 * 1024 * 1024;
/** ms */
const LONGEST_HELLO = 3000;
