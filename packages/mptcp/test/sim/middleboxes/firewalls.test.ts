import { describe, expect, it } from "vitest";
import { SECOND } from "../../../src/core/index.ts";
import { middleboxes } from "../../../src/sim/index.ts";
import type { Packet, TcpSegment } from "../../../src/wire/index.ts";
import { ACK, BoxBench, bytes, data, FIN, RST, segment, SYN, tcp } from "./bench.ts";

function bench(kind: string, parameters: Record<string, unknown> = {}): BoxBench {
  return new BoxBench(middleboxes[kind]!(parameters));
}

const server = (fields: Partial<TcpSegment>): Packet => segment(fields, "server");

describe("a stateful firewall", () => {
  it("lets pass what it has seen begin, from either side", () => {
    const box = bench("stateful-firewall");
    expect(box.outward(data(1, 10))).toEqual([]);
    expect(box.events).toMatchObject([{ kind: "packet_lost", cause: "firewall" }]);
    expect(box.inward(server({ flags: SYN | ACK }))).toEqual([]);
    expect(box.outward(segment({ flags: SYN }))).toHaveLength(1);
    expect([box.inward(server({ flags: SYN | ACK })).length, box.outward(data(1, 10)).length, box.inward(server({})).length]).toEqual([1, 1, 1]);
    expect(box.inward(server({ flags: SYN, destinationPort: 7 }))).toHaveLength(1);
    expect(box.outward(segment({ flags: SYN | ACK, sourcePort: 7 }))).toHaveLength(1);
  });

  it("lets only the inside begin, if it is told so", () => {
    const box = bench("stateful-firewall", { opens: "inside" });
    expect([box.inward(server({ flags: SYN })).length, box.outward(segment({ flags: SYN })).length]).toEqual([0, 1]);
  });

  it("forgets what is idle, and all at a time, and sees nothing while it is off", () => {
    const idle = bench("stateful-firewall", { timeout: SECOND });
    idle.outward(segment({ flags: SYN }));
    idle.queue.run(SECOND + 1);
    expect(idle.outward(data(1, 10))).toEqual([]);
    const restarted = bench("stateful-firewall", { restartAfter: SECOND });
    restarted.outward(segment({ flags: SYN }));
    restarted.queue.run(SECOND);
    expect(restarted.outward(data(1, 10))).toEqual([]);
    restarted.outward(segment({ flags: SYN }));
    expect(restarted.outward(data(1, 10))).toHaveLength(1);
    const off = bench("stateful-firewall");
    off.box.switch(false, 0);
    expect([off.outward(segment({ flags: SYN })).length, off.outward(data(1, 10)).length]).toEqual([1, 1]);
    off.box.switch(true, 0);
    expect(off.outward(data(11, 10))).toEqual([]);
  });

  it("answers with a RST, if it is told so, and never a RST", () => {
    const box = bench("stateful-firewall", { refusal: "reset" });
    box.outward(data(100, 10, { acknowledgment: 900 }));
    box.outward(segment({ flags: FIN, sequence: 100, acknowledgment: 0, sourcePort: 5 }));
    box.outward(segment({ flags: RST, sequence: 100, sourcePort: 6 }));
    expect(box.out).toEqual([]);
    expect(box.in.map((packet) => tcp(packet))).toMatchObject([
      { flags: RST, sequence: 900, sourcePort: 80, destinationPort: 1000 },
      { flags: RST | ACK, sequence: 0, acknowledgment: 101, destinationPort: 5 },
    ]);
  });
});

describe("an injector of RSTs", () => {
  it("resets both ends behind a segment that is meant, once", () => {
    const box = bench("rst-injector", { segments: ["data"] });
    box.outward(segment({ flags: SYN, sequence: 9 }));
    box.outward(data(100, 10, { acknowledgment: 900 }));
    box.outward(data(110, 10, { acknowledgment: 900 }));
    expect(box.out.map((packet) => tcp(packet))).toMatchObject([{ flags: SYN }, { sequence: 100 }, { flags: RST | ACK, sequence: 110, acknowledgment: 900, sourcePort: 1000 }, { sequence: 110 }]);
    expect(box.in.map((packet) => tcp(packet))).toMatchObject([{ flags: RST | ACK, sequence: 900, acknowledgment: 110, sourcePort: 80 }]);
    // A new connection of the same ports.
    box.outward(segment({ flags: SYN, sequence: 5000 }));
    box.outward(data(5001, 10));
    expect(box.in).toHaveLength(2);
  });

  it("reaches one end, by other numbers, more than once", () => {
    const box = bench("rst-injector", { segments: ["data"], to: "inside", numbers: "window", times: 2 });
    for (const from of [100, 110, 120]) box.outward(data(from, 10, { acknowledgment: 900 }));
    expect([box.out.length, box.in.map((packet) => tcp(packet).sequence)]).toEqual([3, [1900, 1900]]);
    const wild = bench("rst-injector", { segments: ["data"], to: "outside", numbers: "wild" });
    wild.inward(segment({ sequence: 5, payload: bytes(5, 5) }, "server"));
    wild.outward(data(5, 5, { sourcePort: 2 }));
    expect(wild.out.map((packet) => tcp(packet).sequence)).toEqual([2 ** 31, 5, 2 ** 31 + 10]);
    expect(wild.in).toHaveLength(1);
  });

  it("refuses a SYN that nobody has answered", () => {
    const box = bench("rst-injector", { segments: ["syn"] });
    box.outward(segment({ flags: SYN, sequence: 100 }));
    expect(tcp(box.in[0])).toMatchObject({ flags: RST | ACK, sequence: 0, acknowledgment: 101 });
    expect(tcp(box.out[1])).toMatchObject({ flags: RST, sequence: 101 });
  });
});

describe("a stateful firewall that looks at ACKs", () => {
  const opened = (parameters: Record<string, unknown>): BoxBench => {
    const box = bench("stateful-firewall", parameters);
    box.outward(segment({ flags: SYN, sequence: 0xffff_fff0 }));
    box.inward(server({ flags: SYN | ACK, sequence: 500, acknowledgment: 0xffff_fff1 }));
    box.outward(data(0xffff_fff1, 20, { acknowledgment: 501 }));
    return box;
  };

  it("lets pass what acknowledges data that it has seen, past the end of the numbers too", () => {
    for (const acks of ["drop", "correct"]) {
      const [packet] = opened({ acks }).inward(server({ sequence: 501, acknowledgment: 5 }));
      expect(packet?.tcp?.acknowledgment).toBe(5);
    }
  });

  it("loses what acknowledges more, or has it acknowledge what was seen; both ways", () => {
    const box = opened({ acks: "drop" });
    expect([box.inward(server({ sequence: 501, acknowledgment: 6 })).length, box.outward(data(5, 10, { acknowledgment: 502 })).length]).toEqual([0, 0]);
    expect(opened({ acks: "correct" }).inward(server({ sequence: 501, acknowledgment: 600 }))[0]?.tcp?.acknowledgment).toBe(5);
    expect(opened({}).inward(server({ sequence: 501, acknowledgment: 600 }))[0]?.tcp?.acknowledgment).toBe(600);
  });

  it("begins anew with a SYN, and lets RSTs pass", () => {
    const box = opened({ acks: "drop" });
    expect(box.inward(server({ flags: RST | ACK, sequence: 501, acknowledgment: 900 }))).toHaveLength(1);
    box.outward(segment({ flags: SYN, sequence: 1000 }));
    expect(box.inward(server({ flags: SYN | ACK, sequence: 9000, acknowledgment: 1001 }))).toHaveLength(1);
    expect(box.outward(data(1001, 10, { acknowledgment: 9001 }))).toHaveLength(1);
  });
});
