import type { AnySocket } from "mptcp/node";
import { beginAttempt } from "./attempt.ts";
import { endpointText } from "./endpoint-text.ts";
import type { Io, Signal } from "./io.ts";
import type { Network } from "./network.ts";

/**
 * Opens a connection; again and again, for `wait` seconds, while nobody listens there. The first attempt has as long as it takes where `wait` is 0.
 * @returns the connection, or what asked to end meanwhile @throws why the last attempt failed; ETIMEDOUT when the time was over in the midst of one
 */
export async function dial(network: Network, host: string, port: number, wait: number, io: Io, stopped: Promise<Signal>): Promise<AnySocket | Signal> {
  const deadline = wait === 0 ? Number.POSITIVE_INFINITY : io.clock() + wait;
  const first = interruptible(stopped);
  for (let isTold = false; ; isTold = true) {
    const attempt = beginAttempt(network, host, port);
    const outcome = await first(attempt.outcome, deadline - io.clock());
    if (outcome instanceof Error) {
      if (wait === 0 || !isAbsence(outcome, network.followsDevices ? PASSING : ABSENT) || deadline - io.clock() < PAUSE) throw outcome;
    } else {
      if (typeof outcome !== "string") return outcome;
      attempt.abandon();
      if (outcome !== "late") return outcome;
      throw Object.assign(new Error(`connect ETIMEDOUT ${endpointText(host, port)}`), { code: "ETIMEDOUT" });
    }
    if (!isTold) io.stderr.write(`waiting for ${endpointText(host, port)}\n`);
    const signal = await first(new Promise<never>(() => {}), PAUSE);
    if (signal !== "late") return signal;
  }
}

/** Whether somebody may listen there later. A name may have several addresses, each with an error of its own. */
function isAbsence(error: unknown, codes: ReadonlySet<string>): boolean {
  if (error instanceof AggregateError) return error.errors.some((one) => isAbsence(one, codes));
  return error instanceof Error && codes.has((error as NodeJS.ErrnoException).code ?? "");
}

/**
 * Makes a function that waits for a promise until `stopped` is fulfilled, or some seconds are over ("late"). However often it is called, `stopped` keeps one
 * reaction; `Promise.race` would leave one for each attempt of what may be days.
 */
function interruptible(stopped: Promise<Signal>): <T>(promise: Promise<T>, seconds: number) => Promise<T | Signal | "late"> {
  let signal: Signal | null = null;
  let wake: ((asked: Signal) => void) | null = null;
  void stopped.then((asked) => {
    signal = asked;
    wake?.(asked);
  });
  return async <T>(promise: Promise<T>, seconds: number) => {
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<T | Signal | "late">((resolve) => {
        if (signal !== null) resolve(signal);
        wake = resolve;
        void promise.then(resolve);
        if (seconds < LONGEST) timer = setTimeout(() => resolve("late"), Math.max(0, seconds * 1000));
      });
    } finally {
      clearTimeout(timer);
    }
  };
}

/** Errors of a peer that is not there, or not yet. */
const ABSENT: ReadonlySet<string> = new Set(["ECONNREFUSED", "ETIMEDOUT", "EHOSTUNREACH"]);
/** Where addresses come and go, also of one that cannot be reached at the moment. */
const PASSING: ReadonlySet<string> = new Set([...ABSENT, "EADDRNOTAVAIL", "ENETUNREACH", "EAI_AGAIN"]);
/** Between two attempts, s. */
const PAUSE = 0.2;
/** The longest time of a timer, s: some 24 days. */
const LONGEST = 2_000_000;
