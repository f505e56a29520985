import { Packet, Payload, IpAddress, TcpSegment, TCP_FLAG } from "mptcp/wire";
import { describe, expect, test } from "vitest";
import { compare, wantedRuns } from "../../src/judge/compare.ts";
import type { WantedRun } from "../../src/judge/compare.ts";
import type { Condition } from "../../src/judge/condition.ts";
import { CONDITIONS } from "../../src/judge/conditions.ts";
import { LostSegmentsModel } from "../../src/judge/lost-segments.ts";
import { pageOf } from "../../src/judge/page.ts";
import { runCondition } from "../../src/judge/run.ts";
import type { RunResult } from "../../src/judge/run.ts";
import { kernelObstacle } from "../../src/kernel/index.ts";

const path = { rate: 20e6, delay: 10e6, queue: { packets: 50 } };
const FLOWS: Condition = { name: "flows", kind: "short flows", family: 4, forward: path, backward: path, workload: { kind: "flows", count: 10, segments: 20, every: 20e6 } };
const REQUESTS: Condition = { ...FLOWS, name: "requests", family: 6, workload: { kind: "requests", count: 4, segments: 20, every: 50e6 } };
const BULK: Condition = { ...FLOWS, name: "bulk", workload: { kind: "bulk", time: 0.6e9 } };
const VIRTUAL = { server: "engine", client: "engine", isReal: false, seed: 1, congestion: "cubic" } as const;

test("there are at least 40 conditions of at least ten kinds, over both families, and each has its name", () => {
  expect(CONDITIONS.length).toBeGreaterThanOrEqual(40);
  expect(new Set(CONDITIONS.map(({ kind }) => kind)).size).toBeGreaterThanOrEqual(10);
  expect(new Set(CONDITIONS.map(({ family }) => family))).toEqual(new Set([4, 6]));
  expect(new Set(CONDITIONS.map(({ name }) => name)).size).toBe(CONDITIONS.length);
});

test("the conditions are of all these kinds; of short flows there are at least 500 in each, and many conditions are over IPv6", () => {
  const kinds = ["tail loss", "burst", "reordering", "delay spikes", "ACK loss", "loss", "round-trip time", "without SACK", "without timestamps", "path MTU", "idle and busy", "short flows", "slow start", "BBR"];
  expect(new Set(CONDITIONS.map(({ kind }) => kind))).toEqual(new Set(kinds));
  for (const { kind, workload } of CONDITIONS) if (kind === "short flows") expect(workload.kind === "flows" && workload.count >= 500).toBe(true);
  expect(CONDITIONS.filter(({ family }) => family === 6).length).toBeGreaterThan(CONDITIONS.length / 5);
});

test("what chance decides is run more often", () => {
  const runs = (condition: Condition): number => wantedRuns(condition, 3, false).filter(({ as }) => as === "engine").length;
  expect([BULK, { ...BULK, runs: 2 }, FLOWS, { ...FLOWS, runs: 3 }].map(runs)).toEqual([3, 6, 1, 3]);
});

describe("in virtual time", () => {
  test("every flow is complete, and the same seed gives the same", () => {
    const lossy = { ...FLOWS, forward: { ...path, loss: 0.05 } };
    const first = runCondition(lossy, VIRTUAL);
    expect(first.flows.map(({ octets }) => octets)).toEqual(Array.from({ length: 10 }, () => 20 * 1448));
    expect(runCondition(lossy, VIRTUAL)).toEqual(first);
    expect(runCondition(lossy, { ...VIRTUAL, seed: 2 })).not.toEqual(first);
  });

  test("a server that could write all that it tried goes on with the next room", () => {
    // Without that this one stood still after 3 MB, when its window had grown beyond what it wrote at once.
    const slow = { ...path, rate: 20e6, delay: 20e6, queue: { packets: 67 } };
    const result = runCondition({ ...BULK, forward: slow, backward: { ...slow, loss: 0.3 }, workload: { kind: "bulk", time: 4e9 } }, { ...VIRTUAL, seed: 5 });
    expect(result.goodput).toBeGreaterThan(10e6);
  });

  test("requests follow one another on one connection", () => {
    const { flows } = runCondition(REQUESTS, VIRTUAL);
    expect(flows.length).toBe(4);
    for (const [at, { startedAt }] of flows.slice(1).entries()) expect(startedAt).toBe((flows[at]?.endedAt ?? 0) + 50e6);
  });

  test("a bulk transfer fills the link", () => {
    expect((runCondition({ ...BULK, workload: { kind: "bulk", time: 5e9 } }, VIRTUAL).goodput ?? 0) / 20e6).toBeGreaterThan(0.9);
  });
});

describe("lost segments", () => {
  const [from, to] = [IpAddress.from("192.0.2.1"), IpAddress.from("192.0.2.2")];
  const packet = (sequence: number, octets: number, flags = 0): Packet => {
    const made = new Packet(from, to);
    made.tcp = Object.assign(new TcpSegment(), { sequence: sequence >>> 0, flags, destinationPort: 5, payload: Payload.virtual(octets) });
    return made;
  };

  test("the first transmission of the last two of ten is lost, and no other packet", () => {
    const model = new LostSegmentsModel({ first: -2, count: 2 }, 10 * 1448);
    const isn = 0xffff_f000;
    expect(model.lose(packet(isn, 0, TCP_FLAG.SYN | TCP_FLAG.ACK))).toBe(false);
    const lost = Array.from({ length: 10 }, (_, at) => model.lose(packet(isn + 1 + at * 1448, 1448)));
    expect(lost).toEqual([...Array.from({ length: 8 }, () => false), true, true]);
    expect(model.lose(packet(isn + 1 + 9 * 1448, 1448))).toBe(false);
    expect(model.lose(packet(isn + 1 + 10 * 1448, 0, TCP_FLAG.FIN))).toBe(false);
  });
});

describe("the verdict", () => {
  const runs = (condition: Condition, engine: number, kernel: number, control: number): { wanted: WantedRun; result: RunResult }[] =>
    wantedRuns(condition, 3, false).map((wanted) => ({ wanted, result: { flows: [], goodput: { engine, kernel, control }[wanted.as], given: [], addedDelay: null } }));
  const verdict = (engine: number, kernel: number, control: number): string | undefined => compare(BULK, runs(BULK, engine, kernel, control)).measures[0]?.verdict;

  test("is that the engine falls short where its interval lies beyond the bound, and nothing where Linux differs from itself by as much", () => {
    expect([verdict(96, 100, 100), verdict(90, 100, 100), verdict(100, 100, 80)]).toEqual(["holds", "falls short", "not decided"]);
  });

  test("stands on the page, with where Linux is worse", () => {
    const page = pageOf([compare(BULK, runs(BULK, 90e6, 100e6, 100e6)), compare({ ...BULK, name: "another" }, runs(BULK, 200e6, 100e6, 100e6))]);
    expect(page).toContain("| short flows | bulk | goodput | 100.00 Mb/s | 90.00 Mb/s | 0.90 (0.90 to 0.90) | 1.00 (1.00 to 1.00) | falls short |");
    expect(page).toContain("- another: goodput 2.00");
  });
});

const obstacle = kernelObstacle();
describe.skipIf(obstacle !== null)(`through devices${obstacle === null ? "" : ` (skipped: ${obstacle})`}`, () => {
  for (const [server, client] of [["kernel", "kernel"], ["engine", "kernel"], ["kernel", "engine"]] as const) {
    test(`${server} to ${client}: every octet comes over the simulated path, flows and requests, both families`, () => {
      for (const condition of [FLOWS, REQUESTS]) {
        const { flows, addedDelay } = runCondition(condition, { ...VIRTUAL, server, client, isReal: true });
        const count = condition.workload.kind === "bulk" ? 0 : condition.workload.count;
        expect(flows.map(({ octets, endedAt }) => [octets, endedAt !== null])).toEqual(Array.from({ length: count }, () => [20 * 1448, true]));
        // Two round trips at the least before the first flow is complete.
        expect((flows[0]?.endedAt ?? 0) - (flows[0]?.startedAt ?? 0)).toBeGreaterThan(condition === FLOWS ? 40e6 : 20e6);
        expect(addedDelay?.packets).toBeGreaterThan(count);
      }
    });
  }
});
