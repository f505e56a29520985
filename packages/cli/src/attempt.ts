import type { AnySocket } from "mptcp/node";
import type { Network } from "./network.ts";

/** An attempt to connect. */
export interface Attempt {
  /** The connection, or why there is none. Never rejected. */
  readonly outcome: Promise<AnySocket | Error>;
  /** Gives up what is under way. */
  abandon(): void;
}

/**
 * Begins to connect: as the network chooses, and, while nothing answers, from one other device's address after the other as well; the first that is answered is
 * taken. A device may be up but dead, and it is for Multipath TCP to find that out, which it cannot before there is a connection.
 */
export function beginAttempt(network: Network, host: string, port: number): Attempt {
  const open = new Set<AnySocket>();
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  const abandon = (): void => {
    isOver = true;
    clearTimeout(timer);
    for (const socket of open) socket.destroy();
  };
  const outcome = new Promise<AnySocket | Error>((resolve) => {
    let first: Error | null = null;
    const others = [...network.alternatives(host)];
    const begin = (source: string | null): void => {
      const socket = network.connect(host, port, source);
      open.add(socket);
      socket.once("connect", () => {
        open.delete(socket);
        abandon();
        resolve(socket);
      });
      socket.once("error", (error: Error) => {
        open.delete(socket);
        first ??= error;
        if (isOver || open.size > 0) return;
        // Somebody answered that there is nobody: another way leads to the same.
        if (others.length === 0 || (error as NodeJS.ErrnoException).code === "ECONNREFUSED") {
          abandon();
          resolve(first);
        } else next();
      });
      if (others.length > 0) timer = setTimeout(next, PATIENCE);
    };
    const next = (): void => {
      clearTimeout(timer);
      begin(others.shift() ?? null);
    };
    begin(null);
  });
  return { outcome, abandon };
}

/** ms without an answer: more than one SYN's way there and back takes almost anywhere. */
const PATIENCE = 1000;
