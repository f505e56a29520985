import { describe, expect, test } from "vitest";
import { SeededRandom } from "../../src/core/index.ts";
import { TIMER } from "../../src/tcp/timers.ts";
import { MILLISECOND, SECOND } from "./harness.ts";
import { Script } from "./script.ts";
import type { Spec } from "./script.ts";

// RFC 5961, RFC 9293 §3.10.7: an attacker who is not on the path knows addresses and ports, and guesses the rest.

/** Brings a connection into a state; the peer has sent 3000 octets where it could, and acknowledged all of ours. */
const STATES: Readonly<Record<string, (s: Script) => void>> = {
  "SYN-SENT": (s) => s.connect(),
  "SYN-RECEIVED": (s) => s.accept({ mss: 1000 }),
  "SYN-RECEIVED, active": (s) => s.connect().inject({ flags: "S", seq: 0, mss: 1000 }),
  ESTABLISHED: (s) => talk(s),
  "FIN-WAIT-1": (s) => talk(s).end(),
  "FIN-WAIT-2": (s) => talk(s).end().inject({ seq: 3001, ack: 1002 }),
  "CLOSE-WAIT": (s) => talk(s).inject({ flags: "FA", seq: 3001, ack: 1001 }),
  CLOSING: (s) => talk(s).end().inject({ flags: "FA", seq: 3001, ack: 1001 }),
  "LAST-ACK": (s) => talk(s).inject({ flags: "FA", seq: 3001, ack: 1001 }).end(),
  "TIME-WAIT": (s) => talk(s).end().inject({ flags: "FA", seq: 3001, ack: 1002 }),
};

function talk(s: Script): Script {
  s.established();
  for (let seq = 1; seq < 3001; seq += 1000) s.inject({ seq, ack: 1, len: 1000 });
  return s.write(1000).inject({ seq: 3001, ack: 1001 });
}

/** What may be sent blindly: flags, and payload. */
const KINDS: readonly Spec[] = ["S", "SA", "F", "FA", "A", "PA", "", "SF", "SFPAU", "R", "RA", "RFA"].flatMap((flags) => [0, 1, 1000].map((len) => ({ flags, len })));

/** Where a segment begins, as seen from what is expected next. */
function places(s: Script): Readonly<Record<string, number>> {
  const { nxt, rightEdge } = s.tcp.receiver;
  const next = nxt + 1;
  const right = rightEdge + 1;
  return {
    "far below": next - 1_000_000_000, "below the window": next - 200_000, "the octet before": next - 1, "a segment before": next - 1000, at: next, "one inside": next + 1,
    inside: next + 5000, "the right edge": right, "just above": right + 1, "far above": right + 1_000_000_000,
  };
}

/** What a blind segment must not change. */
function stateOf(s: Script): unknown {
  const { receiver, sender } = s.tcp;
  return {
    state: s.state, error: s.socket.error, readable: s.socket.readable, next: receiver.nxt, fin: receiver.finOffset, memory: s.tcp.outOfOrderMemory,
    una: sender.una, sent: sender.nxt, window: sender.window, timeWait: s.tcp.timers[TIMER.timeWait],
  };
}

/** Whether RFC 9293 wants it obeyed: only a RST at the very octet that is expected (RFC 5961 §3.2). */
function counts(kind: Spec, place: string, state: string): boolean {
  if (!(kind.flags ?? "").includes("R") || place !== "at") return false;
  return state !== "SYN-SENT";
}

describe("a blind attacker draws no more than challenge ACKs", () => {
  test.each(Object.keys(STATES))("in %s", (state) => {
    const random = new SeededRandom(11);
    const begin = (): Script => {
      const s = new Script({ simultaneousOpen: state.includes("active"), timestamps: false });
      STATES[state]?.(s);
      expect(s.state).toBe(state.split(",")[0]);
      return s.advance(10 * MILLISECOND).discard();
    };
    for (const kind of KINDS) {
      for (const place of Object.keys(places(begin()))) {
        const s = begin();
        const before = stateOf(s);
        const { nxt } = s.tcp.sender;
        for (let tries = 0; tries < 3; tries++) {
          // Not near anything that was sent.
          const ack = nxt + 100_000_000 + (random.uint32() % 1_900_000_000);
          s.inject({ ...kind, seq: places(s)[place] as number, ack });
          if (counts(kind, place, state)) continue;
          expect(stateOf(s), `${kind.flags} ${kind.len} ${place}`).toEqual(before);
        }
        if (counts(kind, place, state)) expect(s.state).toBe("CLOSED");
        else for (const segment of s.sent()) expect(["A", "R", "SA"], `${kind.flags} ${kind.len} ${place}`).toContain(segment);
      }
    }
  });

  test("in SYN-RECEIVED a SYN with an octet of data ends nothing (RFC 5961 §4.2)", () => {
    const s = new Script().accept({ mss: 1000 }).discard();
    for (const seq of [-100_000, -1, 0, 1, 2, 5000, 1_000_000]) s.inject({ flags: "S", seq, ack: 0, len: 1 });
    expect([s.state, s.socket.error]).toEqual(["SYN-RECEIVED", null]);
    s.inject({ seq: 1, ack: 1 });
    expect(s.state).toBe("ESTABLISHED");
  });

  test("a peer that has begun anew is told so, and resets the old connection itself", () => {
    const s = new Script().established().inject({ flags: "S", seq: 5000, ack: 0 });
    s.expect({ seq: 1, ack: 1 });
    s.inject({ flags: "R", seq: 1 });
    expect(s.socket.error).toBe("ECONNRESET");
  });

  test("in TIME-WAIT nothing but the peer's FIN prolongs it", () => {
    const s = new Script();
    STATES["TIME-WAIT"]?.(s);
    const ends = s.tcp.timers[TIMER.timeWait];
    s.advance(SECOND).discard().inject({ seq: 1, ack: 1, len: 10 }).inject({ seq: 2_000_000, ack: 1, len: 10 });
    expect(s.tcp.timers[TIMER.timeWait]).toBe(ends);
    s.inject({ flags: "FA", seq: 3001, ack: 1002 });
    expect(s.tcp.timers[TIMER.timeWait]).toBeGreaterThan(ends as number);
  });
});

describe("simultaneous open", () => {
  test("is for who asks for it: a bare SYN ends no attempt to connect", () => {
    const s = new Script().connect().discard().inject({ flags: "S", seq: 0 });
    expect(s.state).toBe("SYN-SENT");
    s.silent().inject({ flags: "SA", seq: 0, ack: 1 });
    expect(s.state).toBe("ESTABLISHED");
  });
});
