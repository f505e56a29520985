import { describe, expect, it } from "vitest";
import { HandPeer } from "./hand-peer.ts";

/** Times in ms. The kernel's timers fire up to two ticks of 4 ms later, and those of seconds up to a sixty-fourth. */
describe("linux: what has no answer is sent again when the kernel does", () => {
  it("SYN: five seconds in a row, and then at intervals that double; three of them with MP_CAPABLE", () => {
    const peer = new HandPeer().connect().pass(200_000);
    expect(peer.lines.map((line) => line.includes("mpcapable"))).toEqual([true, true, true, ...new Array<boolean>(8).fill(false)]);
    expect(peer.takeTimes()).toEqual([0, 1000, 2000, 3000, 4000, 5000, 7000, 11_000, 19_000, 35_000, 67_000]);
    expect(peer.connection.error).toBe("ETIMEDOUT");
  });

  it("SYN: for as long as so many intervals would take that double", () => {
    const ends = [1, 2, 3].map((synRetries) => {
      const peer = new HandPeer({ tcp: { synRetries } }).connect();
      while (!peer.connection.closed) peer.pass(1000);
      return [peer.lines.length, peer.now / 1e9];
    });
    expect(ends).toEqual([[3, 3], [6, 7], [8, 19]]);
  });

  it("SYN+ACK: intervals that double, five times", () => {
    expect(new HandPeer().listen().send("S").pass(200_000).takeTimes()).toEqual([0, 1000, 3000, 7000, 15_000, 31_000]);
  });

  it("one segment: no probe before the timeout, which is 200 ms more than the round-trip time", () => {
    const peer = new HandPeer().establish(false).pass(20).write(100).pass(20).send(".").pass(50);
    peer.take();
    // 2.5 ms is what a sample of 20 ms makes of a handshake of none. The first is a tail loss probe.
    expect(peer.write(100).pass(3000).takeTimes()).toEqual([90, 292, 495, 900, 1710]);
  });

  it("several segments: a tail loss probe after two round-trip times and 2 ms", () => {
    const peer = new HandPeer().establish(false).pass(20).write(100).pass(20).send(".").pass(50);
    peer.take();
    peer.write(3000).pass(1000);
    expect(peer.lines[3]).toBe("P. 2997:3101(104) ack 1 win 63 <nop,nop,TS>");
    expect(peer.lines.slice(4)).toEqual([". 101:1549(1448) ack 1 win 63 <nop,nop,TS>", ". 101:1549(1448) ack 1 win 63 <nop,nop,TS>"]);
    expect(peer.takeTimes()).toEqual([90, 90, 90, 97, 299, 704]);
  });

  it("full segments, however often they are lost", () => {
    const peer = new HandPeer().establish(false).pass(20).write(1448).pass(30_000);
    expect(peer.lines.slice(2).every((line) => line.includes("1:1449(1448)"))).toBe(true);
  });

  it("DATA_FIN: after 200 ms twice, then at intervals that double, and without a probe", () => {
    const peer = new HandPeer().establish().send(".", { dss: { ack: 1 } });
    peer.take();
    peer.do((connection, now) => connection.end(now)).pass(7000);
    expect(peer.lines.every((line) => line.endsWith("dsn8 1 ssn 0 dll 1 FIN,nop,nop>"))).toBe(true);
    expect(peer.takeTimes()).toEqual([0, 200, 400, 800, 1600, 3200, 6400]);
  });

  it("small segments wait for a small segment that is outstanding, and not for full ones", () => {
    const peer = new HandPeer().establish().send(".", { dss: { ack: 1 } });
    peer.take();
    expect(peer.write(1500).write(10).take().map((line) => line.split(" ")[1])).toEqual(["1:1425(1424)", "1425:1501(76)"]);
  });
});
