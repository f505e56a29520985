import { describe, expect, it } from "vitest";
import { MILLISECOND, SECOND } from "../../../src/core/index.ts";
import { BulkSender, middleboxes, multiPath, patternSource, Simulation, Sink } from "../../../src/sim/index.ts";
import type { TerminatingProxy } from "../../../src/sim/index.ts";
import { CheckedPeer } from "../../../src/testing/checked-peer.ts";
import type { MptcpOption } from "../../../src/wire/index.ts";
import { Dss } from "../../../src/wire/index.ts";
import { ACK, BoxBench, data, FIN, ranges, segment, SYN, tcp } from "./bench.ts";

const CAPABLE: MptcpOption = { kind: "mp_capable", version: 1, flags: 1, senderKey: null, receiverKey: null, dataLength: -1, checksum: -1 };

/** The bench behind a handshake: the client's data begins at 101, the server's at 501. */
function open(parameters: Record<string, unknown> = {}, mptcp: readonly MptcpOption[] = []): BoxBench {
  const box = new BoxBench(middleboxes["proactive-acker"]!(parameters));
  box.outward(segment({ flags: SYN, sequence: 100, mptcp, windowScale: 2, hasTimestamps: true, timestampValue: 1 }));
  box.inward(segment({ flags: SYN | ACK, sequence: 500, acknowledgment: 101, mptcp, windowScale: 2, window: 10_000, hasTimestamps: true, timestampValue: 70, timestampEcho: 1 }, "server"));
  box.outward(segment({ sequence: 101, acknowledgment: 501, mptcp, hasTimestamps: true, timestampValue: 2, timestampEcho: 70 }));
  box.out.length = 0;
  box.in.length = 0;
  box.times.length = 0;
  return box;
}

const stamped = { acknowledgment: 501, hasTimestamps: true, timestampValue: 5, timestampEcho: 70 };

describe("a proactive acker", () => {
  it("acknowledges in the receiver's name, within the window that it told", () => {
    const box = open();
    expect(ranges(box.outward(data(101, 400, stamped)))).toEqual(["101+400"]);
    expect(box.in.map((packet) => tcp(packet))).toMatchObject([
      { flags: ACK, sequence: 501, acknowledgment: 501, window: (10_000 - 400) / 4, hasTimestamps: true, timestampValue: 70, timestampEcho: 5, sourcePort: 80, destinationPort: 1000, mptcp: [] },
    ]);
    // The receiver's own ACK says no more than that, and stays here.
    expect(box.inward(segment({ sequence: 501, acknowledgment: 301, window: 2500 }, "server"))).toEqual([]);
    expect(tcp(box.inward(segment({ sequence: 501, acknowledgment: 501, window: 2500 }, "server"))[0]).acknowledgment).toBe(501);
  });

  it("says a Data ACK that the receiver has said, and nothing before it has", () => {
    const box = open({ options: "last" }, [CAPABLE]);
    box.outward(data(101, 100, stamped));
    expect(box.in).toEqual([]);
    const dss = Object.assign(new Dss(), { dataAckLength: 4, dataAckLow: 77, dsnLength: 4, dataLength: 5, subflowSequence: 1 });
    box.inward(segment({ sequence: 501, acknowledgment: 201, window: 2500, mptcp: [dss] }, "server"));
    box.outward(data(201, 100, stamped));
    expect(tcp(box.in[1])).toMatchObject({ acknowledgment: 301, mptcp: [{ kind: "dss", dataAckLow: 77, dsnLength: 0 }] });
  });

  it("lifts what else the receiver says to what was promised, and its window with it", () => {
    const box = open();
    box.outward(data(101, 400, stamped));
    const [lifted] = box.inward(segment({ sequence: 501, acknowledgment: 101, window: 2500, sackBlocks: [200, 300], mptcp: [{ kind: "remove_addr", addressIds: [1] }] }, "server"));
    expect(tcp(lifted)).toMatchObject({ acknowledgment: 501, window: 2400, sackBlocks: [] });
  });

  it("sends again what is lost behind it: after three duplicates, or a time", () => {
    const box = open();
    for (const from of [101, 201, 301, 401, 501]) box.outward(data(from, 100, stamped));
    expect(ranges(box.out)).toEqual(["101+100", "201+100", "301+100", "401+100", "501+100"]);
    box.out.length = 0;
    for (let i = 0; i < 3; i++) box.inward(segment({ sequence: 501, acknowledgment: 101, window: 2500 }, "server"));
    expect(ranges(box.out)).toEqual(["101+100"]);
    // While losses are made good each ACK brings two.
    box.inward(segment({ sequence: 501, acknowledgment: 201, window: 2500 }, "server"));
    expect(ranges(box.out)).toEqual(["101+100", "201+100", "301+100"]);
    box.inward(segment({ sequence: 501, acknowledgment: 601, window: 2500 }, "server"));
    box.out.length = 0;
    box.outward(data(601, 100, { ...stamped, timestampValue: 9 }));
    box.queue.run(30 * SECOND);
    expect(new Set(ranges(box.out))).toEqual(new Set(["601+100"]));
    expect(box.out.length).toBeGreaterThan(4);
    expect(tcp(box.out.at(-1)).timestampValue).toBe(9);
  });

  it("leaves FIN, holes and what its buffer does not hold to the ends, and repeats its ACK", () => {
    const box = open({ buffer: 150 });
    box.outward(data(201, 100, stamped));
    box.outward(segment({ flags: ACK | FIN, sequence: 301, ...stamped }));
    expect(box.in).toEqual([]);
    box.outward(data(101, 100, stamped));
    expect(box.in.map((packet) => tcp(packet).acknowledgment)).toEqual([201]);
    expect(box.outward(data(101, 100, stamped))).toEqual([]);
    expect(box.in.map((packet) => tcp(packet).acknowledgment)).toEqual([201, 201]);
    expect(box.outward(data(201, 100, stamped))).toHaveLength(1);
    expect(box.in).toHaveLength(2);
  });
});

describe("a terminating proxy", () => {
  function through(parameters: Record<string, unknown>, family: 4 | 6, direction: "up" | "down"): { proxy: TerminatingProxy; peers: readonly CheckedPeer[] } {
    const simulation = new Simulation({ seed: 4 });
    const path = { rate: 10e6, delay: 10 * MILLISECOND, queue: { packets: 50 }, loss: 0.01, family, middleboxes: [middleboxes["terminating-proxy"]!(parameters)] };
    const built = multiPath(simulation, { paths: [path] });
    const [upload, download] = direction === "up" ? [400_000, 1000] : [1000, 400_000];
    const peers = [new CheckedPeer(upload, download), new CheckedPeer(download, upload)];
    built.server.listen(80, () => peers[1]!);
    built.client.connect(built.serverAddresses[0][0], 80, peers[0]!);
    simulation.run(300 * SECOND);
    return { proxy: built.middleboxes[0]![0] as TerminatingProxy, peers };
  }

  it.each([[4, "up"], [4, "down"], [6, "up"], [6, "down"]] as const)("carries both directions over IPv%i, and ends them (%s)", (family, direction) => {
    const { proxy, peers } = through({ buffer: 20_000 }, family, direction);
    expect(peers.flatMap((peer, i) => peer.problems(String(i)))).toEqual([]);
    expect(proxy.carried).toBe(0);
  });

  it("resets one half where the other is reset, and refuses where the server does", () => {
    const simulation = new Simulation({ seed: 4 });
    const built = multiPath(simulation, { paths: [{ rate: 10e6, delay: 10 * MILLISECOND, middleboxes: [middleboxes["terminating-proxy"]!()] }] });
    const sink = new Sink();
    const sender = new BulkSender({ source: patternSource });
    built.server.listen(80, () => sink);
    const connection = built.client.connect(built.serverAddresses[0][0], 80, sender);
    const refused = new Sink();
    built.client.connect(built.serverAddresses[0][0], 81, refused);
    simulation.at(SECOND, (now) => {
      connection.abort(now);
      built.client.poke();
    });
    simulation.run(10 * SECOND);
    expect([sink.error, refused.error, (built.middleboxes[0]![0] as TerminatingProxy).carried]).toEqual(["ECONNRESET", "ECONNRESET", 0]);
  });

  it("lets other ports pass, and carries no more than so many", () => {
    const other = segment({ flags: SYN, destinationPort: 443, mptcp: [CAPABLE] });
    const box = new BoxBench(middleboxes["terminating-proxy"]!({ port: 80 }));
    expect(box.outward(other)).toEqual([other]);
    box.outward(segment({ flags: SYN, sequence: 100, mptcp: [CAPABLE] }));
    expect(tcp(box.in[0])).toMatchObject({ flags: SYN | ACK, acknowledgment: 101, mptcp: [] });
  });
});
