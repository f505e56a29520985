import { describe, expect, it } from "vitest";
import { HandPeer } from "./hand-peer.ts";

function server(multipath = false): HandPeer {
  const peer = new HandPeer().listen().open(multipath).pass(20);
  peer.take();
  return peer;
}

/** When, after its arrival, each of `count` segments of 100 octets is acknowledged, ms. */
function delays(peer: HandPeer, count: number, pause: number, read = false): number[] {
  const found: number[] = [];
  for (let i = 0; i < count; i++) {
    const { now } = peer;
    peer.send("P.", { data: 100 });
    if (read) {
      peer.pass(2);
      peer.read();
    }
    peer.pass(pause - (read ? 2 : 0));
    found.push(...peer.takeTimes().map((time) => time - Math.floor(now / 1e6)));
  }
  return found;
}

describe("linux: ACKs leave when the kernel's do", () => {
  it("at once for the first sixteen segments, then after 40 ms, and at once again after a pause", () => {
    const peer = server();
    expect(delays(peer, 16, 50)).toEqual(new Array(16).fill(0));
    expect(delays(peer, 3, 50)).toEqual([40, 40, 40]);
    peer.pass(300);
    expect(delays(peer, 3, 50)).toEqual([0, 0, 0]);
  });

  it("at once where the application reads everything", () => {
    const peer = server();
    delays(peer, 16, 5, true);
    expect(delays(peer, 10, 5, true)).toEqual(new Array(10).fill(2));
  });

  it("with the answer where the application answers", () => {
    const peer = server();
    for (let i = 0; i < 3; i++) {
      peer.send("P.", { data: 100 }).pass(20);
      peer.read();
      peer.write(50).pass(10).send(".").pass(100);
    }
    // The first before anybody knew.
    expect(peer.take()).toEqual([
      ". 1:1(0) ack 101 win 64 <nop,nop,TS>",
      "P. 1:51(50) ack 101 win 64 <nop,nop,TS>",
      "P. 51:101(50) ack 201 win 64 <nop,nop,TS>",
      "P. 101:151(50) ack 301 win 64 <nop,nop,TS>",
    ]);
  });

  it("once in 30 to 40 ms for full segments that nobody reads, and at once when somebody does", () => {
    const peer = server();
    // Four of them widen the window, and sixteen follow.
    for (let i = 0; i < 5; i++) for (let j = 0; j < 5; j++) peer.send(".", { data: 1448 });
    expect(peer.take().length).toBe(20);
    expect(peer.read()).toBe(25 * 1448);
    expect(peer.take().length).toBe(1);
  });

  it("with Multipath TCP too", () => {
    const peer = server(true);
    peer.send("P.", { data: 100, mptcp: [peer.keys(100)] });
    for (let i = 1; i < 16; i++) peer.send("P.", { data: 100, dss: { ack: 1, dsn: 1 + 100 * i, length: 100 } });
    expect(peer.take().length).toBe(16);
    peer.send("P.", { data: 100, dss: { ack: 1, dsn: 1601, length: 100 } });
    expect(peer.take()).toEqual([]);
    peer.pass(5);
    peer.read();
    expect(peer.take()).toEqual([expect.stringContaining("dack4 1701")]);
  });
});

describe("linux: segments that are not acceptable are answered as by the kernel", () => {
  it("without data once in 500 ms, with data each", () => {
    const peer = server();
    for (let i = 0; i < 3; i++) peer.send("S", { seq: 1 + i }).pass(30);
    expect(peer.takeTimes()).toEqual([20]);
    peer.pass(500);
    const far = { seq: 10_000_000, data: 10 };
    for (let i = 0; i < 3; i++) peer.send("P.", far).pass(100);
    expect(peer.take().length).toBe(3);
    peer.pass(500).take();
    peer.send("R", { seq: 30, timestamps: false }).pass(50).send("R", { seq: 30, timestamps: false });
    expect(peer.take().length).toBe(1);
  });

  it("a timestamp that is too old, with data: each", () => {
    const peer = server().pass(1000);
    peer.send("P.", { data: 10 }).take();
    for (let i = 0; i < 2; i++) peer.send("P.", { data: 10, timestamp: 1 }).pass(50);
    expect(peer.take().length).toBe(2);
  });
});
