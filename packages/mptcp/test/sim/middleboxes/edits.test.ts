import { describe, expect, it } from "vitest";
import { randomBelow, SeededRandom } from "../../../src/core/index.ts";
import { middleboxes, StreamEdits } from "../../../src/sim/index.ts";
import { Payload, sequenceAdd } from "../../../src/wire/index.ts";
import { ACK, BoxBench, bytes, data, FIN, ranges, segment, SYN, tcp } from "./bench.ts";

const text = (payload: Payload): string => new TextDecoder("latin1").decode(payload.toUint8Array());
const payloadOf = (from: string): Payload => Payload.of(new TextEncoder().encode(from));

/** The bench behind a handshake: streams begin at 101 and 501. */
function open(kind: string, parameters: Record<string, unknown> = {}, maxPacket = 65_535): BoxBench {
  const box = new BoxBench(middleboxes[kind]!(parameters), maxPacket);
  const destinationPort = kind === "ftp-alg" ? 21 : 80;
  box.outward(segment({ flags: SYN, sequence: 100, destinationPort }));
  box.inward(segment({ flags: SYN | ACK, sequence: 500, acknowledgment: 101, sourcePort: destinationPort }, "server"));
  box.out.length = 0;
  box.in.length = 0;
  return box;
}

describe("a payload editor", () => {
  it("exchanges octets, so that nothing is moved", () => {
    const box = open("payload-editor", { at: 4, octets: 2 });
    const [out] = box.outward(data(101, 10));
    const [before, after] = [bytes(101, 10).toUint8Array(), tcp(out).payload.toUint8Array()];
    expect([...after].map((octet, i) => octet === before[i])).toEqual([true, true, true, true, false, false, true, true, true, true]);
    const [ack] = box.inward(segment({ sequence: 501, acknowledgment: 111 }, "server"));
    expect(tcp(ack).acknowledgment).toBe(111);
    // Once, unless it is told how often.
    const whole = data(111, 50);
    const payload = tcp(whole).payload.toUint8Array();
    expect([...tcp(box.outward(whole)[0]).payload.toUint8Array()]).toEqual([...payload]);
  });

  it.each([["longer", 4], ["shorter", -4]])("makes the stream %s, and moves both sequence spaces", (length, by) => {
    const box = open("payload-editor", { length, at: 5, direction: "outward" });
    box.outward(data(101, 20));
    box.outward(data(121, 10));
    box.outward(segment({ flags: ACK | FIN, sequence: 131 }));
    expect(ranges(box.out)).toEqual([`101+${20 + by}`, `${121 + by}+10`, `${131 + by}+0`]);
    // What is sent again is changed again, however it is cut.
    box.outward(data(101, 8));
    box.outward(data(109, 30));
    expect(ranges(box.out.slice(3))).toEqual([length === "longer" ? "101+12" : "101+5", `${length === "longer" ? 113 : 106}+${length === "longer" ? 30 : 29}`]);
    const back = (acknowledgment: number): number => tcp(box.inward(segment({ sequence: 501, acknowledgment }, "server"))[0]).acknowledgment;
    expect([back(101), back(104), back(121 + by), back(132 + by)]).toEqual([101, 104, 121, 132]);
    const [sack] = box.inward(segment({ sequence: 501, acknowledgment: 101, sackBlocks: [121 + by, 131 + by] }, "server"));
    expect(tcp(sack).sackBlocks).toEqual([121, 131]);
  });

  it("acknowledges no octet whose replacement is not all there", () => {
    const box = open("payload-editor", { length: "longer", at: 0, octets: 10, direction: "outward" });
    box.outward(data(101, 5));
    const back = (acknowledgment: number): number => tcp(box.inward(segment({ sequence: 501, acknowledgment }, "server"))[0]).acknowledgment;
    expect([back(105), back(111), back(112), back(116)]).toEqual([101, 101, 102, 106]);
  });

  it("cuts what does not fit the link any more", () => {
    const box = open("payload-editor", { length: "longer", at: 0, octets: 20, direction: "outward" }, 1500);
    expect(ranges(box.outward(data(101, 1460)))).toEqual(["101+1460", "1561+20"]);
  });

  it("changes nothing new when it is switched off, and goes on with what it has moved", () => {
    const box = open("payload-editor", { length: "longer", every: 10, octets: 1, direction: "outward" });
    box.outward(data(101, 20));
    box.box.switch(false, 0);
    box.outward(data(121, 20));
    expect(ranges(box.out)).toEqual(["101+22", "123+20"]);
    box.box.switch(true, 0);
    expect(ranges(box.outward(data(141, 20)))).toEqual(["143+22"]);
  });
});

describe("edits of a stream", () => {
  it("give the same stream however it is cut, and numbers that lead back (seed 7)", () => {
    const random = new SeededRandom(7);
    for (let run = 0; run < 60; run++) {
      const initial = random.uint32();
      const edits = new StreamEdits(initial);
      const whole = bytes(0, 400);
      let at = 0;
      for (let i = 0; i < 6; i++) {
        at += randomBelow(random, 40);
        const removed = 1 + randomBelow(random, 8);
        edits.add({ at, removed, inserted: new Uint8Array(randomBelow(random, 9)).fill(200 + i) });
        at += removed;
      }
      const want = edits.apply(0, whole).toUint8Array();
      const got: number[] = [];
      for (let from = 0; from < 400; ) {
        const to = Math.min(400, from + 1 + randomBelow(random, 30));
        const number = edits.forth(sequenceAdd(initial, from));
        expect((number - initial) >>> 0).toBe(got.length);
        got.push(...edits.apply(from, whole.slice(from, to)).toUint8Array());
        // Everything that leaves is acknowledged as everything that came; bytes that are taken out behind it are nobody's.
        const back = (edits.back(sequenceAdd(initial, got.length)) - initial) >>> 0;
        expect(edits.forth(sequenceAdd(initial, back))).toBe(sequenceAdd(initial, got.length));
        expect(back).toBeGreaterThanOrEqual(to);
        edits.seen = to;
        from = to;
      }
      expect(got).toEqual([...want]);
    }
  });
});

describe("a gateway for FTP", () => {
  const control = (sequence: number, command: string) => segment({ sequence, destinationPort: 21, payload: payloadOf(command) });

  it("writes another address into PORT, and moves what follows", () => {
    const box = open("ftp-alg", { address: "203.0.113.254" });
    const [out] = box.outward(control(101, "PORT 10,0,0,1,200,10\r\n"));
    expect(text(tcp(out).payload)).toBe("PORT 203,0,113,254,200,10\r\n");
    const [next] = box.outward(control(123, "LIST\r\n"));
    expect([tcp(next).sequence, text(tcp(next).payload)]).toEqual([128, "LIST\r\n"]);
    const [ack] = box.inward(segment({ sequence: 501, acknowledgment: 128, sourcePort: 21 }, "server"));
    expect(tcp(ack).acknowledgment).toBe(123);
    // Again.
    expect(text(tcp(box.outward(control(101, "PORT 10,0,0,1,200,10\r\n"))[0]).payload)).toBe("PORT 203,0,113,254,200,10\r\n");
    const [shorter] = open("ftp-alg", { address: "1.2.3.4" }).outward(control(101, "NOOP\r\nPORT 192,168,100,200,4,1\r\n"));
    expect(text(tcp(shorter).payload)).toBe("NOOP\r\nPORT 1,2,3,4,4,1\r\n");
  });

  it("does so with EPRT, and with the answer of a server inside to PASV", () => {
    expect(text(tcp(open("ftp-alg").outward(control(101, "EPRT |1|10.0.0.1|5282|\r\n"))[0]).payload)).toBe("EPRT |1|203.0.113.254|5282|\r\n");
    const answer = segment({ sequence: 101, sourcePort: 21, destinationPort: 4000, payload: payloadOf("227 Entering Passive Mode (10,0,0,1,195,80).\r\n") });
    expect(text(tcp(open("ftp-alg").outward(answer)[0]).payload)).toBe("227 Entering Passive Mode (203,0,113,254,195,80).\r\n");
  });

  it.each(["PORT 10,0,0,1,200\r\n", "PORT 10,0,0,999,200,10\r\n", "XPORT 10,0,0,1,200,10\r\n", "PORT 10,0,0,1,200,10", "USER anonymous\r\n"])("leaves %j", (command) => {
    expect(text(tcp(open("ftp-alg").outward(control(101, command))[0]).payload)).toBe(command);
  });

  it("looks at its port, on the way out", () => {
    const packet = segment({ sequence: 101, destinationPort: 2121, payload: payloadOf("PORT 10,0,0,1,200,10\r\n") });
    expect(open("ftp-alg").outward(packet)).toEqual([packet]);
    const inward = segment({ sequence: 501, sourcePort: 21, payload: payloadOf("PORT 10,0,0,1,200,10\r\n") }, "server");
    expect(text(tcp(open("ftp-alg").inward(inward)[0]).payload)).toBe("PORT 10,0,0,1,200,10\r\n");
  });
});
