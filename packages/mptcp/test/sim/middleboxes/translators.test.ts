import { describe, expect, it } from "vitest";
import { SECOND } from "../../../src/core/index.ts";
import { middleboxes } from "../../../src/sim/index.ts";
import { IpAddress } from "../../../src/wire/index.ts";
import type { Packet } from "../../../src/wire/index.ts";
import { ACK, BoxBench, data, RST, segment, SYN, tcp } from "./bench.ts";

function bench(kind: string, parameters: Record<string, unknown> = {}): BoxBench {
  return new BoxBench(middleboxes[kind]!(parameters));
}

/** Distance on the circle of sequence numbers. */
const ahead = (a: number, b: number): number => (a - b) >>> 0;

describe("a randomiser of initial sequence numbers", () => {
  function handshake(parameters: Record<string, unknown>): { box: BoxBench; client: number; server: number } {
    const box = bench("isn-randomiser", parameters);
    const [syn] = box.outward(segment({ flags: SYN, sequence: 4_294_967_290 }));
    const client = ahead(tcp(syn).sequence, 4_294_967_290);
    const [synAck] = box.inward(segment({ flags: SYN | ACK, sequence: 500, acknowledgment: tcp(syn).sequence + 1 }, "server"));
    expect(tcp(synAck).acknowledgment).toBe(4_294_967_291);
    return { box, client, server: ahead(tcp(synAck).sequence, 500) };
  }

  it("moves both directions, acknowledgments and SACK blocks with them", () => {
    const { box, client, server } = handshake({});
    expect([client === 0, server === 0]).toEqual([false, false]);
    const [out] = box.outward(data(4_294_967_291, 10, { acknowledgment: (501 + server) >>> 0, sackBlocks: [(600 + server) >>> 0, (700 + server) >>> 0] }));
    expect(tcp(out)).toMatchObject({ sequence: (4_294_967_291 + client) >>> 0, acknowledgment: 501, sackBlocks: [600, 700] });
    const [back] = box.inward(segment({ sequence: 501, acknowledgment: (5 + client) >>> 0 }, "server"));
    expect(tcp(back)).toMatchObject({ sequence: (501 + server) >>> 0, acknowledgment: 5 });
    // A SYN that comes again is moved as it was; a RST without ACK has no acknowledgment to move.
    expect(ahead(tcp(box.outward(segment({ flags: SYN, sequence: 4_294_967_290 }))[0]).sequence, 4_294_967_290)).toBe(client);
    expect(tcp(box.inward(segment({ flags: RST, sequence: 501, acknowledgment: 0 }, "server"))[0]).acknowledgment).toBe(0);
  });

  it("moves one direction, or leaves SACK blocks behind", () => {
    expect(handshake({ direction: "outward" })).toMatchObject({ server: 0 });
    expect(handshake({ direction: "inward" })).toMatchObject({ client: 0 });
    const { box, server } = handshake({ sack: "leave" });
    const blocks = [(600 + server) >>> 0, (700 + server) >>> 0];
    expect(tcp(box.outward(segment({ acknowledgment: (501 + server) >>> 0, sackBlocks: blocks }))[0])).toMatchObject({ acknowledgment: 501, sackBlocks: blocks });
  });

  it("leaves what it has not seen begin, and goes on when it is switched off", () => {
    const stray = data(7, 10);
    expect(bench("isn-randomiser").outward(stray)).toEqual([stray]);
    expect(tcp(stray).sequence).toBe(7);
    const { box, client } = handshake({});
    box.box.switch(false, 0);
    expect(ahead(tcp(box.outward(data(0, 10))[0]).sequence, 0)).toBe(client);
    expect(tcp(box.outward(segment({ flags: SYN, sequence: 77, sourcePort: 9 }))[0]).sequence).toBe(77);
  });
});

describe("a NAT44 as a box", () => {
  const EXTERNAL = IpAddress.from("203.0.113.9");
  const make = (parameters: Record<string, unknown> = {}): BoxBench => bench("nat44", { address: "203.0.113.9", ...parameters });
  const answer = (to: Packet | undefined): Packet => {
    const packet = segment({ sequence: 1, sourcePort: 80, destinationPort: tcp(to).sourcePort }, "server");
    packet.destination = to?.source as IpAddress;
    return packet;
  };

  it("translates both ways, is where its address leads, and lets nobody else in", () => {
    const box = make();
    const [out] = box.outward(segment({ flags: SYN }));
    expect([out?.source.toString(), tcp(out).sourcePort]).toEqual(["203.0.113.9", 1000]);
    const [back] = box.inward(answer(out));
    expect([back?.destination.toString(), tcp(back).destinationPort]).toEqual(["10.0.0.1", 1000]);
    const stranger = answer(out);
    tcp(stranger).destinationPort = 4;
    expect(box.inward(stranger)).toEqual([]);
    expect(box.events).toMatchObject([{ kind: "packet_lost", cause: "nat", host: "box" }]);
    expect(box.box.addressesOn(1)[0]?.equals(EXTERNAL)).toBe(true);
    expect([box.box.addressesOn(0), box.box.passes(0, 1), box.box.passes(1, 0)]).toEqual([[], true, false]);
    expect(box.box.statistics).toEqual({ seen: 3, sent: 2, changed: 2, dropped: 1 });
  });

  it("makes its address up from its name", () => {
    const [out] = bench("nat44").outward(segment({ flags: SYN }));
    expect(out?.source.toString()).toMatch(/^198\.1[89]\./);
  });

  it("forgets mappings that are idle, or all at a time", () => {
    const idle = make({ transitoryTimeout: SECOND, midstream: "drop" });
    idle.outward(segment({ flags: SYN }));
    idle.queue.run(SECOND);
    expect(idle.outward(data(1, 10))).toEqual([]);
    const restarted = make({ restartAfter: SECOND, midstream: "drop" });
    restarted.outward(segment({ flags: SYN }));
    expect(restarted.outward(data(1, 10))).toHaveLength(1);
    restarted.queue.run(SECOND);
    expect(restarted.outward(data(11, 10))).toEqual([]);
    expect(restarted.outward(segment({ flags: SYN, sequence: 9 }))).toHaveLength(1);
    expect(restarted.outward(data(10, 10))).toHaveLength(1);
  });

  it("gives another port after it has forgotten, where ports are random", () => {
    const box = make({ restartAfter: SECOND, ports: "random" });
    const first = tcp(box.outward(segment({ flags: SYN }))[0]).sourcePort;
    expect(tcp(box.outward(data(1, 10))[0]).sourcePort).toBe(first);
    box.queue.run(SECOND);
    const second = tcp(box.outward(data(11, 10))[0]).sourcePort;
    expect(second).not.toBe(first);
    // Nobody finds the way back by the old one, nor when the box is switched off.
    box.box.switch(false, SECOND);
    expect(tcp(box.outward(data(21, 10))[0]).sourcePort).toBe(second);
  });
});
