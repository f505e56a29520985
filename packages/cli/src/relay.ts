import type { AnySocket } from "mptcp/node";
import type { Io } from "./io.ts";
import { explain, NO_WAIT, PLAIN_SERVER } from "./remedies.ts";
import type { RelayLog } from "./relay-log.ts";
import type { Interruption } from "./socket-command.ts";
import { splice } from "./splice.ts";
import type { End, SpliceLimits } from "./splice.ts";
import { SubflowLedger } from "./subflow-ledger.ts";

/** How many connections are passed on, and how long each may idle. */
export interface RelayFlags {
  /** Connections at a time; who comes when there are so many is reset. */
  readonly max: number;
  /** Seconds without a byte after which a connection is reset; 0: never. */
  readonly idleTimeout: number;
  /** The same once one direction has ended. */
  readonly halfCloseTimeout: number;
}

/** One connection to pass on: who came, and how to reach where it goes. */
export interface Visitor {
  /** Who it is, for people. */
  readonly name: string;
  /** What came, paused until it is read. */
  readonly near: End;
  /** Begins to open the other end. */
  readonly open: () => Opening;
  /** Which of both is Multipath TCP's. */
  readonly multipath: "near" | "far";
}

/** An end that is about to be open. */
export interface Opening {
  /** Rejected with the reason why there is none. */
  readonly whenOpen: Promise<End>;
  /** Gives up what is under way; {@link whenOpen} may then stay as it is for ever. */
  abandon(): void;
}

/** Passes on many connections at a time, each between Multipath TCP and something else. */
export class Relay {
  /** Connections there were, and octets of all that are over, as Multipath TCP's end counts them. */
  readonly total = { connections: 0, failed: 0, bytesRead: 0, bytesWritten: 0 };
  private readonly flags: RelayFlags;
  private readonly log: RelayLog;
  private readonly io: Io;
  private readonly open = new Set<() => void>();
  private isClosing = false;
  private onEmpty: (() => void) | null = null;

  constructor(flags: RelayFlags, log: RelayLog, io: Io) {
    this.flags = flags;
    this.log = log;
    this.io = io;
  }

  take(visitor: Visitor): void {
    const { near, name } = visitor;
    // Whoever leaves now has done so before anybody spoke to him.
    near.on("error", () => {});
    if (this.isClosing || this.open.size >= this.flags.max) {
      if (!this.isClosing) this.log.refused(name, `${this.flags.max} at a time is the limit (--max)`);
      near.resetAndDestroy();
      return;
    }
    this.total.connections++;
    void this.serve(visitor, this.total.connections);
  }

  /** Takes nobody any more, and waits for those that are there: for `grace` seconds, or until it is asked again; then it resets them. */
  async close(grace: number, interruption: Interruption): Promise<void> {
    this.isClosing = true;
    if (this.open.size === 0) return;
    const count = this.open.size;
    this.io.stderr.write(`${count} ${count === 1 ? "connection is" : "connections are"} open: waiting ${grace} s for ${count === 1 ? "it" : "them"}; Ctrl-C ends at once\n`);
    await within(grace, new Promise<void>((resolve) => (this.onEmpty = resolve)), interruption.again());
    const left = Array.from(this.open);
    for (const reset of left) reset();
    // Each still has to be told of and counted.
    if (left.length > 0 && this.open.size > 0) await new Promise<void>((resolve) => (this.onEmpty = resolve));
  }

  private async serve({ near, name, open, multipath }: Visitor, number: number): Promise<void> {
    const started = this.io.clock();
    let opening: Opening | null = null;
    let far: End | null = null;
    let isAsked = false;
    const reset = (): void => {
      isAsked = true;
      if (far === null) opening?.abandon();
      for (const end of [near, far]) if (end !== null && !end.destroyed) end.resetAndDestroy();
    };
    this.open.add(reset);
    let ledger: SubflowLedger | null = null;
    try {
      opening = open();
      far = await until(opening.whenOpen, near);
      const socket = (multipath === "near" ? near : far) as unknown as AnySocket;
      ledger = new SubflowLedger(socket);
      this.log.opened(number, name, ledger.last);
      const problem = await splice(near, far, this.limits);
      this.total.bytesRead += socket.bytesRead;
      this.total.bytesWritten += socket.bytesWritten;
      const whose = problem?.at === near ? "client: " : problem?.at === far ? "target: " : "";
      const error = problem === null ? (isAsked ? "ended with the command" : null) : whose + explain(problem.error);
      this.log.closed(number, name, { socket, ledger, error, seconds: this.io.clock() - started });
    } catch (error) {
      // Whoever is not waited for is not to be there later.
      if (far === null) opening?.abandon();
      this.total.failed++;
      this.log.failed(number, name, explain(error, multipath === "near" ? PLAIN_SERVER : NO_WAIT));
      for (const end of [near, far]) if (end !== null && !end.destroyed) end.resetAndDestroy();
    }
    this.open.delete(reset);
    if (this.open.size === 0) this.onEmpty?.();
  }

  private get limits(): SpliceLimits {
    return { idle: this.flags.idleTimeout * 1000, halfClosed: this.flags.halfCloseTimeout * 1000 };
  }
}

/** Until the far end is open. @throws why it cannot be, or that who came has left meanwhile */
async function until(whenOpen: Promise<End>, near: End): Promise<End> {
  let leave!: () => void;
  const left = new Promise<never>((_, reject) => {
    leave = () => reject(Object.assign(new Error("it left before the other end was open"), { code: "ERR_LEFT" }));
  });
  near.once("close", leave);
  try {
    return await Promise.race([whenOpen, left]);
  } finally {
    near.off("close", leave);
  }
}

/** Waits for one of `promises`, `seconds` at the most. */
export async function within(seconds: number, ...promises: readonly Promise<unknown>[]): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, seconds * 1000)));
  await Promise.race([...promises, late]);
  clearTimeout(timer);
}

