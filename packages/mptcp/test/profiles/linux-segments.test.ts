import { describe, expect, it } from "vitest";
import { HandPeer } from "./hand-peer.ts";

/** The lines are those of Linux 6.18 for the same segments, taken from a TUN device; numbers are relative, and windows those of its default buffers. */
describe("linux: what a segment carries is what the kernel's carries", () => {
  it("SYN, third ACK and first data of a client", () => {
    const peer = new HandPeer().establish();
    expect(peer.take()).toEqual(["S 0:0(0) win 64240 <mss 1460,sackOK,TS,nop,wscale 10,mpcapable 4>", ". 1:1(0) ack 1 win 63 <nop,nop,TS,mpcapable 20>"]);
    expect(peer.pass(50).write(100).take()).toEqual(["P. 1:101(100) ack 1 win 63 <nop,nop,TS,mpcapable 22,nop,nop>"]);
  });

  it("SYN+ACK of a server, which says nothing on the third ACK", () => {
    const peer = new HandPeer().listen().open();
    expect(peer.pass(100).take()).toEqual(["S. 0:0(0) ack 1 win 65160 <mss 1460,sackOK,TS,nop,wscale 10,mpcapable 12>"]);
  });

  it("plain TCP's", () => {
    const peer = new HandPeer().establish(false);
    expect(peer.take()).toEqual(["S 0:0(0) win 64240 <mss 1460,sackOK,TS,nop,wscale 10>", ". 1:1(0) ack 1 win 63 <nop,nop,TS>"]);
    expect(new HandPeer().listen().send("S").take()).toEqual(["S. 0:0(0) ack 1 win 65160 <mss 1460,sackOK,TS,nop,wscale 10>"]);
  });

  it("windows of a larger buffer: half of it, in whole segments, rounded up by the scale", () => {
    const receiveBuffer = { initial: 540_000, max: 15 * 1024 * 1024, autoTune: true };
    const peer = new HandPeer({ tcp: { receiveBuffer } }).establish(false);
    expect(peer.take()).toEqual(["S 0:0(0) win 65535 <mss 1460,sackOK,TS,nop,wscale 8>", ". 1:1(0) ack 1 win 1050 <nop,nop,TS>"]);
  });

  it("data sequence numbers of eight octets, and Data ACKs as long as the number of what arrived last, in full segments that keep room for them", () => {
    const peer = new HandPeer().listen().open();
    peer.take();
    peer.send("P.", { data: 100, mptcp: [peer.keys(100)] }).pass(100);
    peer.send("P.", { data: 100, dss: { ack: 1, dsn: 101, length: 100 } }).pass(100);
    peer.send("P.", { data: 100, dss: { ack: 1, dsn: 201, long: true, length: 100 } }).pass(100);
    expect(peer.take()).toEqual([
      ". 1:1(0) ack 101 win 63 <nop,nop,TS,dss dack8 101>",
      ". 1:1(0) ack 201 win 63 <nop,nop,TS,dss dack4 201>",
      ". 1:1(0) ack 301 win 63 <nop,nop,TS,dss dack8 301>",
    ]);
    expect(peer.write(3000).take()).toEqual([
      ". 1:1421(1420) ack 301 win 63 <nop,nop,TS,dss dack8 301 dsn8 1 ssn 1 dll 3000,nop,nop>",
      ". 1421:2841(1420) ack 301 win 63 <nop,nop,TS,dss dack8 301 dsn8 1 ssn 1 dll 3000,nop,nop>",
      "P. 2841:3001(160) ack 301 win 63 <nop,nop,TS,dss dack8 301 dsn8 1 ssn 1 dll 3000,nop,nop>",
    ]);
  });

  it("a super-segment has one mapping", () => {
    const peer = new HandPeer({}, { segmentationLimit: 60_000 }).establish();
    peer.write(100).pass(10).send(".", { dss: { ack: 101 } }).take();
    expect(peer.pass(10).write(5000).take()).toEqual(["P. 101:5101(5000) ack 1 win 63 <nop,nop,TS,dss dack4 1 dsn8 101 ssn 101 dll 5000,nop,nop>"]);
  });

  it("SACK blocks beside a Data ACK, as many as there is room for", () => {
    const peer = new HandPeer().listen().open();
    peer.send("P.", { data: 300, mptcp: [peer.keys(300)] }).pass(100).take();
    peer.read();
    for (const seq of [401, 601]) peer.send("P.", { seq, data: 100, dss: { ack: 1, dsn: seq, length: 100 } }).pass(50);
    // No further one beside a Data ACK of eight octets.
    expect(peer.take()).toEqual([". 1:1(0) ack 301 win 63 <nop,nop,TS,nop,nop,sack 401 501,dss dack8 301>", ". 1:1(0) ack 301 win 63 <nop,nop,TS,nop,nop,sack 601 701,dss dack8 301>"]);
    peer.send("P.", { seq: 801, data: 100, dss: { ack: 1, dsn: 801, length: 100 } }).take();
    peer.send("P.", { seq: 301, data: 100, dss: { ack: 1, dsn: 301, length: 100 } });
    expect(peer.take()).toEqual([". 1:1(0) ack 501 win 63 <nop,nop,TS,nop,nop,sack 801 901 601 701,dss dack4 501>"]);
  });

  it("MP_FASTCLOSE with an MP_TCPRST, timestamps and a window, for what was not read", () => {
    const peer = new HandPeer().establish();
    peer.send(".", { dss: { ack: 1 } }).send("P.", { data: 500, dss: { ack: 1, dsn: 1, length: 500 } }).take();
    expect(peer.do((connection, now) => connection.abandon(now)).take()).toEqual(["R. 1:1(0) ack 501 win 62 <nop,nop,TS,fastclose 12,tcprst 4>"]);
    const plain = new HandPeer().establish(false).send("P.", { data: 100 });
    plain.pass(100).take();
    expect(plain.do((connection, now) => connection.abandon(now)).take()).toEqual(["R. 1:1(0) ack 101 win 63 <nop,nop,TS>"]);
  });
});

describe("linux: a connection ends in the kernel's order", () => {
  it("a DATA_FIN on an ACK of its own behind data that has left; FIN and the Data ACK of the peer's DATA_FIN apart", () => {
    const peer = new HandPeer().listen().open();
    peer.send(".", { dss: { ack: 1 } }).pass(10).take();
    expect(peer.write(1000).do((connection, now) => connection.abandon(now)).take()).toEqual([
      "P. 1:1001(1000) ack 1 win 63 <nop,nop,TS,dss dack4 1 dsn8 1 ssn 1 dll 1000,nop,nop>",
      ". 1001:1001(0) ack 1 win 63 <nop,nop,TS,dss dack4 1 dsn8 1001 ssn 0 dll 1 FIN,nop,nop>",
    ]);
    peer.pass(50).send(".", { dss: { ack: 1002 } }).pass(50);
    expect(peer.take()).toEqual([]);
    peer.send(".", { dss: { ack: 1002, dsn: 1, ssn: 0, length: 1, fin: true } });
    expect(peer.take()).toEqual(["F. 1001:1001(0) ack 1 win 63 <nop,nop,TS,dss dack4 2>", ". 1002:1002(0) ack 1 win 63 <nop,nop,TS,dss dack4 2>"]);
  });

  it("the end that closes second sends its FIN at once", () => {
    const peer = new HandPeer().listen().open();
    peer.send("P.", { data: 100, mptcp: [peer.keys(100)] }).send(".", { dss: { ack: 1, dsn: 101, ssn: 0, length: 1, fin: true } });
    peer.read();
    peer.pass(100).take();
    peer.do((connection, now) => connection.abandon(now)).pass(50).take();
    expect(peer.send(".", { dss: { ack: 2 } }).take()).toEqual(["F. 1:1(0) ack 101 win 63 <nop,nop,TS,dss dack8 102>"]);
  });
});
