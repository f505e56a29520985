import type { DecisionDetail } from "mptcp";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ConnectionLog } from "../src/connection-log.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A log, and how an engine tells it something. */
function made(): { readonly log: ConnectionLog; tell(subflow: number, detail: DecisionDetail, connection?: number): void } {
  const log = new ConnectionLog();
  return { log, tell: (subflow, detail, connection = 1) => log.event({ at: 0, host: "host", connection, subflow, ...detail }) };
}

const state = (from: string, to: string): DecisionDetail => ({ kind: "tcp_state", from, to });
const established: DecisionDetail = { kind: "connection_established", multipath: true, token: 1 };
const closed = (reason: string): DecisionDetail => ({ kind: "connection_closed", reason });

describe("the log of connections", () => {
  it("is settled when the connection is over and each of its subflows has said goodbye", async () => {
    const { log, tell } = made();
    tell(1, state("SYN-SENT", "ESTABLISHED"));
    tell(-1, established);
    let outcome: string | null | undefined;
    void log.settled().then((reason) => (outcome = reason));
    tell(-1, closed("done"));
    await vi.advanceTimersByTimeAsync(1000);
    expect(outcome).toBe(undefined);
    tell(1, state("LAST-ACK", "CLOSED"));
    await vi.advanceTimersByTimeAsync(0);
    expect(outcome).toBe(null);
  });

  it("waits two seconds for the goodbyes that a dead path keeps back, also when it was asked before the connection was over", async () => {
    const { log, tell } = made();
    for (const subflow of [1, 2]) tell(subflow, state("SYN-SENT", "ESTABLISHED"));
    tell(-1, established);
    let outcome: string | null | undefined;
    void log.settled().then((reason) => (outcome = reason));
    await vi.advanceTimersByTimeAsync(60_000);
    tell(-1, closed("done"));
    tell(1, state("LAST-ACK", "CLOSED"));
    await vi.advanceTimersByTimeAsync(1900);
    expect(outcome).toBe(undefined);
    await vi.advanceTimersByTimeAsync(200);
    expect(outcome).toBe(null);
  });

  it("says why a connection broke, and nothing of attempts that came to none, nor of what was broken off here", async () => {
    const { log, tell } = made();
    tell(-1, closed("ECONNREFUSED"), 1);
    expect(await log.settled()).toBe(null);
    tell(1, state("SYN-SENT", "ESTABLISHED"), 2);
    tell(-1, established, 2);
    tell(1, state("ESTABLISHED", "CLOSED"), 2);
    tell(-1, closed("ECONNABORTED"), 2);
    expect(await log.settled()).toBe(null);
    tell(1, state("SYN-SENT", "ESTABLISHED"), 3);
    tell(-1, established, 3);
    tell(1, state("ESTABLISHED", "CLOSED"), 3);
    tell(-1, closed("ETIMEDOUT"), 3);
    expect(await log.settled()).toBe("ETIMEDOUT");
  });
});
