import { describe, expect, it } from "vitest";
import { describeEvent, formatEvent } from "../../src/capture/index.ts";
import type { DecisionDetail, DecisionEvent, EventBase } from "../../src/core/index.ts";

const BASE: EventBase = { at: 1_000_000_042, host: "client", connection: 3, subflow: 2 };

/** One event of each kind and the words for it. */
const EVENTS: readonly (readonly [DecisionDetail, string])[] = [
  [{ kind: "tcp_state", from: "SYN-SENT", to: "ESTABLISHED" }, "SYN-SENT -> ESTABLISHED"],
  [{ kind: "retransmission", offset: 100, length: 50, cause: "fast" }, "retransmits 100..150 (fast)"],
  [{ kind: "rto", rtoMs: 200, consecutive: 2 }, "retransmission timeout after 200 ms, 2 in a row"],
  [{ kind: "recovery", phase: "enter", cwnd: 14_480, ssthresh: 7_240 }, "enters recovery, cwnd 14480, ssthresh 7240"],
  [{ kind: "segment_dropped", reason: "paws" }, "drops a segment: paws"],
  [{ kind: "connection_established", multipath: true, token: 0xbeef }, "connection established, multipath, token 0x0000beef"],
  [{ kind: "connection_established", multipath: false, token: 0 }, "connection established, regular TCP"],
  [
    { kind: "subflow_established", local: "10.0.0.1:1", remote: "10.0.0.2:2", backup: true, addressId: 4, initiator: true },
    "subflow 10.0.0.1:1 -> 10.0.0.2:2 established (opened, address id 4, backup)",
  ],
  [{ kind: "subflow_closed", reason: "fin" }, "subflow closed: fin"],
  [
    { kind: "join_refused", reason: "bad_hmac", local: "10.0.0.1:1", remote: "10.0.0.2:2" },
    "join 10.0.0.2:2 -> 10.0.0.1:1 refused: bad_hmac",
  ],
  [
    { kind: "schedule", dataOffset: 0, length: 1400, reinjection: false, reason: "lowest time-distance" },
    "sends data 0..1400 here: lowest time-distance",
  ],
  [{ kind: "reinjection", dataOffset: 10, length: 5, cause: "rto" }, "data 10..15 queued for reinjection (rto)"],
  [{ kind: "penalise", cwnd: 10, cause: "window blocked" }, "window halved to 10: window blocked"],
  [{ kind: "window", state: "blocked", right: 65_536 }, "shared receive window full at data offset 65536"],
  [
    { kind: "add_addr", direction: "in", addressId: 2, address: "10.0.0.3", port: 80, echo: true },
    "received ADD_ADDR echo id 2 10.0.0.3 port 80",
  ],
  [{ kind: "remove_addr", direction: "out", addressIds: [1, 2] }, "sends REMOVE_ADDR id 1, 2"],
  [{ kind: "priority", direction: "in", backup: true }, "peer asks for backup use"],
  [{ kind: "fallback", reason: "checksum" }, "falls back to regular TCP: checksum"],
  [{ kind: "data_fin", direction: "out", dataOffset: 9 }, "sends DATA_FIN at data offset 9"],
  [{ kind: "fastclose", direction: "in" }, "received MP_FASTCLOSE"],
  [{ kind: "connection_closed", reason: "ETIMEDOUT" }, "connection closed: ETIMEDOUT"],
  [{ kind: "path_manager", action: "opens", pathIndex: 2, detail: "" }, "path manager: opens path 2"],
  [{ kind: "link", change: "down", detail: "cut" }, "link down (cut)"],
  [{ kind: "address", change: "removed", address: "10.0.0.1" }, "address 10.0.0.1 removed"],
  [{ kind: "packet_lost", cause: "queue", length: 1500 }, "packet of 1500 octets lost: queue full"],
];

describe("describeEvent", () => {
  for (const [detail, words] of EVENTS) {
    it(`has words for ${detail.kind}`, () => {
      expect(describeEvent({ ...BASE, ...detail })).toBe(`1.000000042 client #3.2: ${words}`);
    });
  }

  it("leaves out what an event does not concern", () => {
    const event: DecisionEvent = { at: 0, host: "wifi", connection: -1, subflow: -1, kind: "link", change: "up", detail: "" };
    expect(describeEvent(event)).toBe("0.000000000 wifi: link up");
  });

  it("shows a kind it does not know by its fields", () => {
    const event = { ...BASE, kind: "new_kind", zeta: 1, alpha: "a b" } as unknown as DecisionEvent;
    expect(describeEvent(event)).toBe("1.000000042 client #3.2: new kind alpha=a b zeta=1");
  });
});

describe("formatEvent", () => {
  it("gives one line of JSON from which the event comes back", () => {
    for (const [detail] of EVENTS) {
      const event: DecisionEvent = { ...BASE, ...detail };
      const line = formatEvent(event);
      expect(line).not.toContain("\n");
      expect(JSON.parse(line)).toEqual(event);
    }
  });

  it("does not depend on the order in which fields were set", () => {
    const one: DecisionEvent = { ...BASE, kind: "reinjection", dataOffset: 1, length: 2, cause: "rto" };
    const two: DecisionEvent = { cause: "rto", length: 2, kind: "reinjection", dataOffset: 1, subflow: 2, connection: 3, host: "client", at: BASE.at };
    expect(formatEvent(one)).toBe(formatEvent(two));
    expect(formatEvent(one)).toBe(
      '{"at":1000000042,"host":"client","connection":3,"subflow":2,"kind":"reinjection","cause":"rto","dataOffset":1,"length":2}',
    );
  });
});
