import { scenarioNames } from "@mptcp/scenario/node";
import type { LoadedScenario } from "@mptcp/scenario";
import { describe, expect, it } from "vitest";
import type { CaptureReport } from "./report.ts";
import { captureRun, folderScenario, ownScenario } from "./runs.ts";
import type { CapturedRun } from "./runs.ts";
import { HAS_TSHARK, NO_TSHARK } from "./tshark.ts";
import { verifyCapture } from "./verify.ts";

/**
 * tshark and code of its own judge the capture of every scenario, and of some more networks: see verify.ts for what is checked.
 * controls.test.ts shows that the judge sees what is wrong.
 */

if (!HAS_TSHARK) process.stderr.write(NO_TSHARK);

interface Judged {
  readonly run: CapturedRun;
  readonly report: CaptureReport;
}

async function judge(scenario: LoadedScenario, length: number): Promise<Judged> {
  const run = captureRun(scenario, length);
  return { run, report: await verifyCapture(run.file, run.expected) };
}

/** What holds of every transfer over several subflows. */
function expectClean({ run, report }: Judged): void {
  expect(report.problems).toEqual([]);
  const { facts } = report;
  expect(facts.payload).toBeGreaterThanOrEqual(run.expected.length);
  expect(facts.derivedByTshark).toBeGreaterThanOrEqual(2);
  expect(facts.followedByTshark).toBeGreaterThan(0);
  expect(facts.joins).toBeGreaterThan(0);
  expect(facts.joinSynAckHmacs).toBeGreaterThan(0);
  expect(facts.joinAckHmacs).toBeGreaterThan(0);
}

/** Multipath TCP until the options vanish, and from there on what no mapping covers: nothing else is amiss. The data is compared by who reads it. */
function expectFallback({ report }: Judged): void {
  expect(report.facts.multipathSegments).toBeGreaterThan(0);
  expect([report.facts.connections, report.facts.plainConnections]).toEqual([1, 0]);
  expect(report.problems[0]).toContain("data without a mapping");
  expect(report.problems.filter((problem) => !OF_A_STREAM_WITHOUT_MAPPINGS.test(problem))).toEqual([]);
}

/** What a box has changed is found by its checksum, and by nothing else; the other path brings it as it was. The data is compared by who reads it. */
function expectEdited({ report }: Judged): void {
  expect(report.facts.multipathSegments).toBeGreaterThan(0);
  for (const problem of [/^MP_FAIL/, /a wrong DSS checksum/]) expect(report.problems.filter((one) => problem.test(one))).not.toEqual([]);
  expect(report.problems.filter((problem) => !OF_CHANGED_BYTES.test(problem))).toEqual([]);
}

const OF_CHANGED_BYTES = /^MP_FAIL|a wrong DSS checksum|data without a mapping|the same data sequence number with another byte|the content has another SHA-256/;
const OF_A_STREAM_WITHOUT_MAPPINGS = /data without a mapping|the content is not complete|the content has another SHA-256|a direction is not closed/;

describe.skipIf(!HAS_TSHARK)("the capture of every scenario", () => {
  it.each(scenarioNames())("%s", async (name) => {
    const { scenario, length } = await folderScenario(name);
    const judged = await judge(scenario, length);
    const { run, report } = judged;
    expect(scenario.plan.expect.outcomes).toContain(run.summary.outcome);
    const fallsBack = scenario.plan.expect.fallback === true;
    expect(run.summary.fallback !== null).toBe(fallsBack);
    // Every change of the network came to pass before the transfer was over.
    const { link = 0, address = 0 } = run.summary.events;
    expect(link + address).toBeGreaterThanOrEqual(scenario.plan.changes.filter(({ middlebox }) => middlebox === null).length);
    if (scenario.plan.network.links.some(({ middleboxes }) => middleboxes.some(({ kind }) => kind === "payload-editor"))) {
      expectEdited(judged);
      return;
    }
    if (run.expected.transport === "mptcp" && !fallsBack) {
      expectClean(judged);
      return;
    }
    if (fallsBack) {
      expectFallback(judged);
      return;
    }
    expect(report.problems).toEqual([]);
    expect(report.facts.payload).toBeGreaterThan(0);
    expect([report.facts.multipathSegments, report.facts.connections, report.facts.plainConnections]).toEqual([0, 0, 1]);
  });
});

describe.skipIf(!HAS_TSHARK)("the capture of", () => {
  const left = { name: "left", rate: "10 Mb/s", rtt: "20 ms", queue: { bdp: 2 } };
  const right = { name: "right", rate: "10 Mb/s", rtt: "50 ms", queue: { bdp: 2 } };
  const download = { bulk: { file: true, direction: "download" } } as const;
  const upload = { bulk: { file: true, direction: "upload" } } as const;

  it("an upload over IPv6", async () => {
    const judged = await judge(ownScenario({ name: "ipv6", ip: 6, paths: [left, right], workload: upload, duration: "60 s" }), LENGTH);
    expectClean(judged);
    expect(judged.report.facts.ipVersions).toEqual(new Set([6]));
    // The client sends at once, so its first data goes with MP_CAPABLE.
    expect(judged.report.facts.capableMappings).toBeGreaterThan(0);
  });

  it("paths with address translation", async () => {
    const paths = [{ ...left, nat: true }, { ...right, nat: true }];
    const judged = await judge(ownScenario({ name: "nat", paths, workload: download, duration: "60 s" }), LENGTH);
    expectClean(judged);
  });

  it("paths that lose packets", async () => {
    const burst = { toBad: "0.5 %", toGood: "30 %" };
    const paths = [{ ...left, loss: "2 %" }, { ...right, up: { loss: "2 %" }, down: { loss: burst } }];
    const judged = await judge(ownScenario({ name: "loss", seed: 5, paths, workload: download, duration: "60 s" }), LENGTH);
    expectClean(judged);
    // At the receiver's end the capture does not have what was lost.
    expect(judged.run.summary.subflows.some((subflow) => subflow.retransmissions > 0)).toBe(true);
  });

  it("an upload on which one path breaks down", async () => {
    const changes = [{ when: "received 1/3", path: "left", state: "down" as const }];
    const paths = [{ ...left, loss: "1 %" }, { ...right, loss: "1 %" }];
    const judged = await judge(ownScenario({ name: "upload", seed: 6, paths, workload: upload, changes, duration: "60 s" }), LENGTH);
    expectClean(judged);
    expect(judged.report.facts.retransmitted).toBeGreaterThan(0);
    expect(judged.report.facts.reinjected).toBeGreaterThan(0);
  });

  it.each(["download", "upload"] as const)("version 0, a server that announces an address, and losses (%s)", async (direction) => {
    const paths = [{ ...left, loss: "1 %", server: "10.0.101.1" }, { ...right, server: "10.0.102.1" }];
    const judged = await judge(ownScenario({ name: "version-0", seed: 8, paths, protocol: { version: 0, checksum: true }, workload: { bulk: { file: true, direction } }, duration: "60 s" }), LENGTH);
    expectClean(judged);
    const { facts } = judged.report;
    expect([facts.capableMappings, facts.addressesEchoed]).toEqual([0, 0]);
    expect([facts.addressesAnnounced > 0, facts.checksums > LENGTH / 1460]).toEqual([true, true]);
  });

  it("eight-octet data sequence numbers", async () => {
    const scenario = ownScenario({ name: "eight", paths: [left, right], workload: download, duration: "60 s" }, { mptcp: { dataSequenceLength: 8 } });
    const judged = await judge(scenario, LENGTH);
    expectClean(judged);
    expect(judged.report.facts.dsnOctets).toEqual(new Set([8]));
    expect(judged.report.facts.dataAckOctets).toEqual(new Set([8]));
  });

  it.each(["download", "upload"] as const)("checksums, with losses (%s)", async (direction) => {
    const paths = [{ ...left, loss: "1 %" }, { ...right, loss: "1 %" }];
    const workload = { bulk: { file: true, direction } } as const;
    const judged = await judge(ownScenario({ name: "checksums", seed: 7, paths, protocol: { checksum: true }, workload, duration: "60 s" }), LENGTH);
    expectClean(judged);
    expect(judged.run.summary.fallback).toBeNull();
    expect(judged.report.facts.checksums).toBeGreaterThan(LENGTH / 1460);
  });

  it.each([4, 6] as const)("a server that announces an address over IPv%i and takes one away", async (ip) => {
    const [first, second] = ip === 4 ? ["10.0.101.1", "10.0.102.1"] : ["fd00:0:0:101::1", "fd00:0:0:102::1"];
    const paths = [{ ...left, server: first }, { ...right, server: second }];
    const changes = [{ when: "received 1/2", interface: "server.right", address: "removed" as const }];
    const judged = await judge(ownScenario({ name: "announce", ip, paths, workload: download, changes, duration: "60 s" }), LENGTH);
    expectClean(judged);
    const { facts } = judged.report;
    expect(facts.addressesAnnounced).toBeGreaterThan(0);
    expect(facts.addressesEchoed).toBe(facts.addressesAnnounced);
    expect(facts.addressesRemoved).toBeGreaterThan(0);
    expect(facts.ipVersions).toEqual(new Set([ip]));
  });

  it("buffers smaller than what the paths hold", async () => {
    const paths = [left, { ...right, rtt: "150 ms" }];
    const protocol = { buffers: "40 KB" };
    expectClean(await judge(ownScenario({ name: "buffers", paths, protocol, workload: download, duration: "60 s" }), LENGTH));
  });

  it("requests and responses without timestamps and SACK", async () => {
    const workload = { request: { count: 40, request: "3 KB", response: "20 KB", interval: "5 ms" } };
    const protocol = { timestamps: false, sack: false };
    expectClean(await judge(ownScenario({ name: "requests", paths: [{ ...left, loss: "1 %" }, right], protocol, workload, duration: "60 s" }), 0));
  });

  it("a live stream through routers, each link captured", async () => {
    const hosts = [
      { name: "phone", interfaces: [{ name: "wifi" }, { name: "lte" }] },
      { name: "server", interfaces: [{ name: "eth" }] },
    ];
    const links = [
      { name: "home", ends: ["phone.wifi", "box"] as const, rate: "20 Mb/s", delay: "2 ms" },
      { name: "dsl", ends: ["box", "core"] as const, rate: "8 Mb/s", delay: "10 ms" },
      { name: "cell", ends: ["phone.lte", "core"] as const, rate: "8 Mb/s", delay: "30 ms" },
      { name: "rack", ends: ["core", "server.eth"] as const, rate: "1 Gb/s", delay: "100 us" },
    ];
    const topology = { hosts, routers: [{ name: "box", nat: true }, { name: "core" }], links };
    const workload = { live: { rate: "4 Mb/s", direction: "upload" as const, length: "1 s" } };
    const judged = await judge(ownScenario({ name: "live", topology, workload, duration: "20 s" }), 0);
    expectClean(judged);
  });
});

/** Bytes: enough for some hundred segments. */
const LENGTH = 500_000;
