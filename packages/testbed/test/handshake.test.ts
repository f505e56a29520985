import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MP_CAPABLE_FLAG, TCP_FLAG } from "mptcp/wire";
import type { MpCapable } from "mptcp/wire";
import { Bench, IPPROTO_MPTCP, IPPROTO_TCP, obstacle, SOCK_NONBLOCK, SOCK_STREAM, SO_ERROR, SOL_SOCKET, WIRING } from "./bench.ts";

const capable = (senderKey: Uint8Array | null, receiverKey: Uint8Array | null = null): MpCapable => ({ kind: "mp_capable", version: 1, flags: MP_CAPABLE_FLAG.H, senderKey, receiverKey, dataLength: -1, checksum: -1 });

describe.skipIf(obstacle !== null).each([4, 6] as const)("connections of the kernel over IPv%d", (family) => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench(WIRING, family);
  });
  afterEach(() => bench.close());

  it("TCP is accepted", () => {
    const { fd, isn } = bench.accepted();
    expect(bench.do({ name: "getpeername", fd })).toEqual({ value: 0, errno: null, address: bench.at(bench.remote, 40_000) });
    bench.arrive({ flags: "P.", sequence: 1001, acknowledgment: isn + 1, payload: Uint8Array.of(1, 2, 3) });
    expect(bench.do({ name: "read", fd, lengths: [100] })).toEqual({ value: 3, errno: null, data: Uint8Array.of(1, 2, 3) });
    expect(bench.segment().acknowledgment).toBe(1004);
    expect(bench.give({ name: "write", fd, data: [Uint8Array.of(4, 5)] })).toBe(2);
    expect(bench.segment()).toMatchObject({ sequence: isn + 1, payload: { length: 2 } });
  });

  it("Multipath TCP is accepted", () => {
    const listener = bench.listener(IPPROTO_MPTCP);
    bench.arrive({ flags: "S", sequence: 1000, mss: 1000, mptcp: [capable(null)] });
    const answer = bench.segment();
    const [option] = answer.mptcp as readonly MpCapable[];
    expect([answer.flags, option?.kind, option?.version, option?.senderKey?.length]).toEqual([TCP_FLAG.SYN | TCP_FLAG.ACK, "mp_capable", 1, 8]);
    bench.arrive({ flags: ".", sequence: 1001, acknowledgment: answer.sequence + 1, mptcp: [capable(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 7), option?.senderKey ?? null)] });
    const fd = bench.fd({ name: "accept", fd: listener, flags: 0 });
    expect(bench.give({ name: "write", fd, data: [Uint8Array.of(1)] })).toBe(1);
    expect(bench.segment().mptcp.map(({ kind }) => kind)).toContain("dss");
  });

  it("a connect that blocks returns when the peer has answered", () => {
    const fd = bench.socket();
    const started = bench.begin({ name: "connect", fd, address: bench.at(bench.remote, 80) });
    expect(started.result).toBeNull();
    const syn = bench.segment();
    expect([syn.flags, syn.destinationPort]).toEqual([TCP_FLAG.SYN, 80]);
    bench.arrive({ flags: "S.", sequence: 500, acknowledgment: syn.sequence + 1, mss: 1000 }, syn.sourcePort, 80);
    expect(bench.segment()).toMatchObject({ flags: TCP_FLAG.ACK, acknowledgment: 501 });
    expect(bench.result(started)).toEqual({ value: 0, errno: null });
    expect(started.at).toBeGreaterThan(syn.at);
  });

  it("a connect that does not block is under way, then there, or refused", () => {
    const fd = bench.socket(IPPROTO_TCP, SOCK_STREAM | SOCK_NONBLOCK);
    const address = bench.at(bench.remote, 80);
    expect(bench.give({ name: "connect", fd, address })).toBe("EINPROGRESS");
    expect(bench.give({ name: "connect", fd, address })).toBe("EALREADY");
    const syn = bench.segment();
    bench.arrive({ flags: "R.", sequence: 0, acknowledgment: syn.sequence + 1 }, syn.sourcePort, 80);
    const { option } = bench.do({ name: "getsockopt", fd, level: SOL_SOCKET, option: SO_ERROR, value: new Uint8Array(4) });
    expect(option).toEqual(Uint8Array.of(111, 0, 0, 0));
  });
});
