import { fileURLToPath } from "node:url";
import type { SchedulerFactory } from "mptcp";
import { CaptureReader } from "mptcp/capture";
import { decodePacket } from "mptcp/wire";
import { describe, expect, it } from "vitest";
import { callScenario, parseOverride, parseScenario, runScenario, ScenarioRun } from "../src/index.ts";
import type { LoadedScenario, Override, RunOptions, Summary } from "../src/index.ts";
import { findScenario, loadScenario, scenarioNames } from "../src/node/index.ts";

/** Two megabytes in which no two places look alike. */
const FILE = Uint8Array.from({ length: 2_000_000 }, (_, index) => Math.imul(index, 0x9e3779b1) >>> 24);

function overrides(...texts: string[]): Override[] {
  return texts.map((text) => {
    const parsed = parseOverride(text);
    if (typeof parsed === "string") throw new Error(parsed);
    return parsed;
  });
}

function fixture(name: string): string {
  return fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
}

const firstPathOnly: SchedulerFactory = () => ({ name: "first", select: (subflows) => subflows.find((subflow) => subflow.pathIndex === 1 && subflow.hasRoom) ?? null });

async function run(name: string, options: RunOptions = {}, ...set: string[]): Promise<Summary> {
  return runScenario(await loadScenario(findScenario(name), overrides(...set)), options).summary;
}

describe("the scenarios that come with the project", () => {
  it("are all valid, and named like their files", async () => {
    const names = scenarioNames();
    expect(names).toEqual(expect.arrayContaining(["wifi-lte-handover", "two-paths", "wifi-3g", "single-path-tcp", "backup", "break-before-make", "server-two-links", "stripped-options", "changed-payload", "forgetful-firewall"]));
    for (const name of names) expect((await loadScenario(findScenario(name))).plan.name).toBe(name);
  });

  it("wifi-lte-handover: the stream survives a silent loss of Wi-Fi, unchanged", async () => {
    const summary = await run("wifi-lte-handover", { file: FILE });
    expect(summary).toMatchObject({ outcome: "completed", asExpected: true, bytes: FILE.length, fallback: null, multipath: true, intact: true });
    expect(summary.sha256Received).toBe(summary.sha256Sent);
    expect(summary.subflows.map((subflow) => subflow.name)).toEqual(["wifi", "lte"]);
    expect(summary.events["link"]).toBeGreaterThan(0);
    expect(summary.links.find((link) => link.name === "wifi")!.down.droppedDown).toBeGreaterThan(0);
  });

  it("single-path-tcp: the same without Multipath TCP stalls, as expected", async () => {
    const summary = await run("single-path-tcp", { file: FILE });
    expect(summary).toMatchObject({ asExpected: true, multipath: false });
    expect(["stalled", "broken"]).toContain(summary.outcome);
    expect(summary.bytes).toBeLessThan(FILE.length / 2);
    expect(summary.maxStallMs).toBeGreaterThan(10_000);
    expect(summary.intact).toBe(true);
  });

  it("protocol.checksum puts a checksum on every mapping", async () => {
    const summary = await run("two-paths", { file: FILE }, "protocol.checksum=true");
    expect(summary).toMatchObject({ outcome: "completed", asExpected: true, fallback: null, multipath: true, intact: true });
    const options = async (...set: string[]): Promise<number[]> => {
      const chunks: Uint8Array[] = [];
      await run("two-paths", { file: FILE.subarray(0, 100_000), onCapture: (chunk) => chunks.push(chunk) }, ...set);
      const reader = new CaptureReader(Buffer.concat(chunks));
      const found: number[] = [];
      for (const { bytes } of reader) {
        const packet = decodePacket(bytes, 0, bytes.length);
        if (typeof packet === "string") throw new Error(packet);
        for (const option of packet.tcp?.mptcp ?? []) if (option.kind === "dss" && option.dsnLength > 0) found.push(option.checksum);
      }
      expect(found.length).toBeGreaterThan(50);
      return found;
    };
    expect((await options("protocol.checksum=true")).every((checksum) => checksum >= 0)).toBe(true);
    expect((await options()).every((checksum) => checksum < 0)).toBe(true);
  });

  it("two-paths: goodput is near the sum of both", async () => {
    const summary = await run("two-paths", {}, "workload.bulk.bytes=10MB");
    expect(summary).toMatchObject({ outcome: "completed", asExpected: true, sha256Sent: null });
    expect(summary.goodputRatio).toBeGreaterThan(0.85);
    expect(summary.goodputRatio).toBeLessThanOrEqual(1);
  });

  it("backup: LTE carries nothing until Wi-Fi fails", async () => {
    const scenario = await loadScenario(findScenario("backup"));
    const { summary, record } = runScenario(scenario, { file: FILE, sample: true });
    expect(summary).toMatchObject({ outcome: "completed", asExpected: true });
    const lte = record!.series.subflows.find((subflow) => subflow.name === "lte")!;
    const down = record!.events.find((event) => event.kind === "link" && event.about === "wifi")!;
    const before = record!.series.time.findLastIndex((time) => time < down.time);
    expect(lte.received[before] ?? 0).toBe(0);
    expect(lte.received.findLast((value) => value !== null)).toBeGreaterThan(100_000);
  });

  it("break-before-make: the connection lives through two seconds without any subflow", async () => {
    const summary = await run("break-before-make", { file: FILE }, "changes.0.at=1 s", "changes.1.at=3 s");
    expect(summary).toMatchObject({ outcome: "completed", asExpected: true, intact: true });
    expect(summary.maxStallMs).toBeGreaterThanOrEqual(1900);
    expect(summary.events["address"]).toBe(2);
    expect(summary.subflows[0]).toMatchObject({ name: "wifi", closedSeconds: 1, closeReason: "address_removed" });
    expect(summary.subflows[1]!.name).toBe("lte");
    expect(summary.subflows[1]!.establishedSeconds).toBeGreaterThan(3);
  });

  it("wifi-3g: goodput is measured over the window, and is no worse than Wi-Fi alone", async () => {
    const summary = await run("wifi-3g", {}, "duration=30 s", "measure.from=10 s", "measure.to=30 s");
    expect(summary).toMatchObject({ outcome: "completed", bytesExpected: null, measured: { fromSeconds: 10, toSeconds: 30 } });
    expect(summary.goodputBitsPerSecond).toBeGreaterThan(7.4e6);
  });

  it("changed-payload: the subflow through a gateway that puts bytes in is reset, and everything arrives unchanged", async () => {
    const events: string[] = [];
    const onEvent: RunOptions["onEvent"] = (event) => {
      if (event.kind === "subflow_closed" && !["connection_closed", "fin"].includes(event.reason)) events.push(event.reason);
    };
    const summary = await run("changed-payload", { content: "random", onEvent });
    expect(summary).toMatchObject({ outcome: "completed", asExpected: true, multipath: true, fallback: null, intact: true });
    // The client finds it, and the server is told by a RST with MP_FAIL and "middlebox interference" (RFC 8684 §3.6).
    expect(new Set(events)).toEqual(new Set(["checksum_failed", "refused_6"]));
    // Without checksums nobody sees it before the numbers contradict each other.
    const without = await run("changed-payload", { content: "random" }, "protocol.checksum=false");
    expect([without.outcome === "completed" && without.intact, without.asExpected]).not.toEqual([true, false]);
  });

  it("forgetful-firewall: a firewall that is switched on while data flows kills a subflow, which is opened anew", async () => {
    const summary = await run("forgetful-firewall", { content: "random" });
    expect(summary).toMatchObject({ outcome: "completed", asExpected: true, multipath: true, fallback: null, intact: true });
    expect(summary.events["subflow_established"]).toBeGreaterThan(4);
    const off = await run("forgetful-firewall", { content: "random" }, "changes.1.power=off");
    expect([off.outcome, off.events["subflow_established"]]).toEqual(["completed", 4]);
    const single = await run("forgetful-firewall", { content: "random" }, "protocol.transport=tcp");
    expect(["stalled", "broken"]).toContain(single.outcome);
  });

  it("stripped-options: a connection whose options vanish in the middle goes on as regular TCP, unchanged", async () => {
    const summary = await run("stripped-options", { content: "random" });
    expect(summary).toMatchObject({ outcome: "completed", asExpected: true, intact: true, fallback: "options_lost", multipath: false });
    expect(summary.sha256Received).toBe(summary.sha256Sent);
    const before = await run("stripped-options", { content: "random" }, "paths.wifi.middleboxes=[]", "expect.fallback=false");
    expect(before).toMatchObject({ outcome: "completed", asExpected: true, fallback: null, multipath: true });
  });

  it("server-two-links: one link fails, the other carries on", async () => {
    const summary = await run("server-two-links", {}, "workload.bulk.bytes=20 MB", "changes.0.at=50 ms");
    expect(summary).toMatchObject({ outcome: "completed", asExpected: true, sha256Sent: null });
  });
});

const SMALL = `name: small
paths:
  - { name: a, rate: 10 Mb/s, rtt: 20 ms, loss: 1 % }
  - { name: b, rate: 5 Mb/s, rtt: 50 ms, nat: true }
workload: { bulk: { bytes: 1 MB } }
`;

/** A run of the small scenario with all that it writes. */
function once(seed: number): { summary: Summary; capture: Buffer; events: number } {
  const chunks: Uint8Array[] = [];
  let events = 0;
  const { summary } = runScenario(parseScenario(SMALL, "small"), { seed, content: "random", onCapture: (chunk) => chunks.push(chunk), onEvent: () => events++ });
  return { summary, capture: Buffer.concat(chunks), events };
}

describe("runs", () => {
  it("with the same seed are the same, packet for packet, and differ with another", () => {
    const first = once(5);
    const again = once(5);
    expect(again.summary).toEqual(first.summary);
    expect(again.events).toBe(first.events);
    expect(again.capture.equals(first.capture)).toBe(true);
    expect(once(6).capture.equals(first.capture)).toBe(false);
  });

  it("write captures with one interface per path", () => {
    const chunks: Uint8Array[] = [];
    runScenario(parseScenario(SMALL, "small"), { onCapture: (chunk) => chunks.push(chunk) });
    const reader = new CaptureReader(Buffer.concat(chunks));
    const packets = [...reader].length;
    expect(reader.interfaces.map((one) => one.name)).toEqual(["a", "b"]);
    expect(packets).toBeGreaterThan(800);
  });

  it("take a plain value, checked before", () => {
    const path = { rate: "10 Mb/s", rtt: "20 ms" };
    const spec = { name: "quick", paths: [{ name: "a", ...path }, { name: "b", ...path }], workload: { bulk: { bytes: "1 MB" } } };
    const { summary, record } = runScenario(spec);
    expect(summary).toMatchObject({ outcome: "completed", bytes: 1_000_000, sha256Sent: null, wallSeconds: 0 });
    expect(record).toBeNull();
    expect(() => runScenario({ ...spec, duration: "soon" })).toThrow(/scenario: duration: "soon" is not a time/);
  });

  it("change links by time and by progress, in one direction or both", () => {
    const slower = SMALL.replace("loss: 1 %", "queue: { packets: 30 }").concat(`changes:
  - { at: 200 ms, path: a, rate: 1 Mb/s, direction: down }
  - { when: received 500 KB, after: 100 ms, path: b, loss: 100 %, rtt: 80 ms }
`);
    const { summary, record } = runScenario(parseScenario(slower, "slower"), { sample: true });
    expect(summary.outcome).toBe("completed");
    const changes = record!.events.filter((event) => event.kind === "link");
    expect(changes.map((event) => event.about)).toEqual(["a", "b"]);
    expect(changes[0]!.time).toBe(0.2);
    const half = record!.series.time[record!.series.delivered.findIndex((bytes) => bytes >= 500_000)]!;
    expect(changes[1]!.time).toBeGreaterThan(half + 0.08);
    expect(changes[1]!.time).toBeLessThan(half + 0.12);
    expect(summary.links.find((link) => link.name === "b")!.down.droppedRandom).toBeGreaterThan(0);
  });

  it("are the same where middleboxes stand by and do nothing", () => {
    const captureOf = (boxes: string): Buffer => {
      const chunks: Uint8Array[] = [];
      const text = SMALL.replace("loss: 1 %", `loss: 1 %, ${boxes}`).replace("nat: true", `nat: true, ${boxes}`);
      runScenario(parseScenario(text, "small"), { content: "random", onCapture: (chunk) => chunks.push(chunk) });
      return Buffer.concat(chunks);
    };
    const idle = "middleboxes: [{ splitter: { size: 65495 } }, { splitter: { direction: inward, size: 1460 } }, { option-stripper: { afterTime: 1000 s } }]";
    expect(captureOf(idle).equals(captureOf("middleboxes: []"))).toBe(true);
  });

  it("have middleboxes on any link of a topology, which cost no routes, and changes reach the link before them", () => {
    const box = "middleboxes: [{ splitter: { size: 500 } }, { splitter: { size: 400 } }]";
    const topology = (boxes: string): string => `name: boxes
topology:
  hosts:
    - { name: phone, interfaces: [{ name: wlan }, { name: wwan }] }
    - { name: web, interfaces: [{ name: eth }] }
  routers: [{ name: home, nat: true }, { name: isp }, { name: detour }]
  links:
    - { name: wlan, ends: [phone.wlan, home], rate: 8 Mb/s, delay: 2 ms, ${boxes} }
    - { name: lte, ends: [isp, phone.wwan], rate: 4 Mb/s, delay: 20 ms, ${boxes} }
    - { name: dsl, ends: [home, isp], delay: 5 ms, ${boxes} }
    - { name: eth, ends: [isp, web.eth], rate: 20 Mb/s, delay: 1 ms, ${boxes} }
    - { name: there, ends: [home, detour] }
    - { name: back, ends: [detour, isp] }
workload: { bulk: { bytes: 300 KB } }
changes: [{ at: 50 ms, interface: phone.wwan, rate: 1 Mb/s, direction: up }]`;
    const summaryOf = (boxes: string): Summary => runScenario(parseScenario(topology(boxes), "boxes"), { content: "random" }).summary;
    const [plain, boxed] = [summaryOf("mtu: 1500"), summaryOf(box)];
    for (const summary of [plain, boxed]) {
      expect(summary).toMatchObject({ outcome: "completed", intact: true, multipath: true, events: { link: 1 } });
      expect(summary.subflows.map(({ bytesReceived }) => bytesReceived > 0)).toEqual([true, true]);
      expect(summary.links.find((link) => link.name === "back")!.down.packets).toBe(0);
    }
    const packets = ({ links }: Summary): number => links.find((link) => link.name === "wlan")!.down.packets;
    expect(packets(boxed)).toBeGreaterThan(2 * packets(plain));
  });

  it("can be interrupted", () => {
    const active = new ScenarioRun(parseScenario(SMALL, "small"), { sample: true });
    expect(active.advance(200e6)).toBe(true);
    expect(active.status.bytes).toBeGreaterThan(0);
    active.interrupt();
    expect(active.advance(200e6)).toBe(false);
    const { summary, record } = active.finish();
    expect(summary).toMatchObject({ outcome: "interrupted", asExpected: false });
    expect(record!.series.time.at(-1)).toBeCloseTo(0.2, 2);
  });

  it("carry live streams and tell the application's delay", () => {
    const text = SMALL.replace(/workload: .*/, "workload: { live: { rate: 1 Mb/s, interval: 20 ms, length: 2 s } }");
    const { summary } = runScenario(parseScenario(text, "small"), { content: "random" });
    expect(summary).toMatchObject({ outcome: "completed", intact: true });
    expect(summary.applicationDelayMs!.count).toBe(101);
    expect(summary.applicationDelayMs!.median).toBeGreaterThanOrEqual(10);
  });

  it("carry requests and responses", () => {
    const text = SMALL.replace(/workload: .*/, "workload: { request: { count: 20, request: 100 B, response: 10 KB, interval: 50 ms } }");
    const { summary } = runScenario(parseScenario(text, "small"));
    expect(summary).toMatchObject({ outcome: "completed", bytes: 200_000 });
    expect(summary.applicationDelayMs!.count).toBe(20);
  });

  it("upload as well", () => {
    const { summary } = runScenario(parseScenario(SMALL.replace("bytes: 1 MB", "bytes: 1 MB, direction: upload"), "small"), { content: "random" });
    expect(summary).toMatchObject({ outcome: "completed", intact: true });
    expect(summary.links.find((link) => link.name === "a")!.up.bytes).toBeGreaterThan(100_000);
  });

  it("run over IPv6, and over topologies with routers", () => {
    const { summary } = runScenario(parseScenario(SMALL.replace(", nat: true", "").replace("name: small", "name: small\nip: 6"), "small"));
    expect(summary).toMatchObject({ outcome: "completed" });
    expect(summary.subflows[0]!.local).toMatch(/^\[fd00:/);
    const topology = `name: topology
topology:
  hosts:
    - { name: phone, interfaces: [{ name: wlan }, { name: wwan }] }
    - { name: web, interfaces: [{ name: eth }] }
  routers: [{ name: home, nat: true }, { name: isp }]
  links:
    - { name: wlan, ends: [phone.wlan, home], rate: 50 Mb/s, delay: 1 ms }
    - { name: dsl, ends: [home, isp], rate: 8 Mb/s, delay: 10 ms, up: { rate: 1 Mb/s } }
    - { name: lte, ends: [phone.wwan, isp], rate: 20 Mb/s, rtt: 60 ms }
    - { name: eth, ends: [isp, web.eth], rate: 1 Gb/s }
workload: { bulk: { bytes: 2 MB } }
`;
    const result = runScenario(parseScenario(topology, "topology"), { content: "random" }).summary;
    expect(result).toMatchObject({ outcome: "completed", intact: true });
    expect(result.subflows.map((subflow) => subflow.name)).toEqual(["wlan", "wwan"]);
    expect(result.subflows.every((subflow) => subflow.bytesReceived > 100_000)).toBe(true);
  });
});

describe("scenarios in TypeScript", () => {
  it("bring data, or a function with parts of its own", async () => {
    const data = await loadScenario(fixture("data.ts"), overrides("paths.a.rate=2 Mb/s"));
    expect(data.plan).toMatchObject({ name: "data" });
    expect(runScenario(data).summary.outcome).toBe("completed");
    const called = await loadScenario(fixture("function.ts"));
    expect(runScenario(called).summary).toMatchObject({ outcome: "completed", bytes: 300_000 });
  });

  it("see the network before the first event, and may act on it", () => {
    const seen: string[] = [];
    const scenario: LoadedScenario = callScenario((api) => {
      api.define({ name: "own", paths: [{ name: "a", rate: "8 Mb/s", rtt: "20 ms" }, { name: "b", rate: "8 Mb/s", rtt: "20 ms" }], workload: { bulk: { bytes: "500 KB" } } });
      api.use({ scheduler: firstPathOnly });
      api.onStart((live) => {
        seen.push(...live.network.links.keys());
        live.at(100e6, (now) => live.network.links.get("b")!.down(now));
      });
    }, "own.ts");
    const { summary } = runScenario(scenario);
    expect(seen).toEqual(["a", "b", "core"]);
    expect(summary).toMatchObject({ outcome: "completed" });
    expect(summary.subflows.find((subflow) => subflow.name === "b")?.bytesReceived ?? 0).toBe(0);
  });

  it("must define their data once", () => {
    expect(() => callScenario(() => {}, "none.ts")).toThrow(/none\.ts: the function must call api\.define once/);
  });
});
