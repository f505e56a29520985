import { linuxEndpoints } from "mptcp";
import { at } from "./case-list.ts";
import type { KeyCase } from "./case-list.ts";
import { MIDDLEBOX_CASES } from "./middlebox-cases.ts";


/** The scenarios that the cases begin with. Short: each is run many times. */
export const BASES = {
  paths: `
name: base
paths:
  - { name: a, rate: 8 Mb/s, rtt: 20 ms }
  - { name: b, rate: 4 Mb/s, rtt: 40 ms }
workload: { bulk: { bytes: 100 KB } }`,
  single: `
name: base
paths: [{ name: a, rate: 8 Mb/s, rtt: 20 ms }]
workload: { bulk: { bytes: 100 KB } }
duration: 6 s`,
  topology: `
name: base
topology:
  hosts:
    - { name: phone, interfaces: [{ name: wlan }, { name: wwan }] }
    - { name: web, interfaces: [{ name: eth }, { name: spare }] }
    - { name: tablet, interfaces: [{ name: wlan }] }
  routers: [{ name: home }, { name: isp }]
  links:
    - { name: wlan, ends: [phone.wlan, home], rate: 8 Mb/s, delay: 2 ms }
    - { name: lte, ends: [phone.wwan, isp], rate: 4 Mb/s, delay: 20 ms }
    - { name: tab, ends: [tablet.wlan, home], rate: 6 Mb/s, delay: 2 ms }
    - { name: dsl, ends: [home, isp], rate: 8 Mb/s, delay: 5 ms }
    - { name: eth, ends: [isp, web.eth], rate: 20 Mb/s, delay: 1 ms }
    - { name: spare, ends: [isp, web.spare], rate: 20 Mb/s, delay: 2 ms }
workload: { bulk: { bytes: 100 KB } }`,
} as const satisfies Readonly<Record<KeyCase["base"], string>>;

const SLOWER = 'changes=[{ at: 50 ms, path: a, rate: 1 Mb/s }]';
const DOWN = 'changes=[{ at: 50 ms, path: a, state: down }]';
const BURSTS = "paths.a.loss={ toBad: 10 %, toGood: 30 %, bad: 50 %, good: 1 % }";
const LIVE = "workload={ live: { rate: 400 kb/s, interval: 5 ms, length: 200 ms } }";
const REQUEST = "workload={ request: { count: 5, request: 100 B, response: 5 KB } }";
/** A fast path that waits for a slow one behind the shared window. */
const BLOCKED = ["paths.a.queue={ packets: 80 }", "paths.b={ name: b, rate: 2 Mb/s, rtt: 150 ms, queue: { packets: 500 } }", "protocol.buffers=200 KB", "workload.bulk.bytes=1500 KB"];


/** A queue that is too short for what comes. */
const SHORT_QUEUE = ["paths.a.queue={ packets: 20 }", "workload.bulk.bytes=1 MB"];
/** The parameters of a discipline on the one path. */
const discipline = (name: string, set: Readonly<Record<string, string>>, more: readonly string[] = []): Readonly<Record<string, KeyCase>> =>
  Object.fromEntries(at("single", `paths.a.discipline.${name}.`, "capture", set, [`paths.a.discipline={ ${name}: {} }`, "workload.bulk.bytes=3 MB", ...more]));

/** The keys of each section, by the section's name. */
export const CASES: Readonly<Record<string, Readonly<Record<string, KeyCase>>>> = {
  scenario: Object.fromEntries([
    ...at("paths", "", "summary", { name: "other", duration: "100 ms", measure: "{ from: 50 ms }", expect: "{ maxStall: 1 ms }" }),
    ...at("paths", "", "report", { title: "Another title", description: "Another text." }),
    ...at("paths", "", "capture", { ip: "6", paths: "[{ name: a, rate: 2 Mb/s }]", protocol: "{ transport: tcp }", workload: "{ bulk: { bytes: 50 KB } }", changes: "[{ at: 50 ms, path: a, state: down }]" }),
    ...at("paths", "", "capture", { seed: "2" }),
    ...at("topology", "", "capture", {
      topology: "{ hosts: [{ name: a, interfaces: [{ name: x }] }, { name: b, interfaces: [{ name: y }] }], links: [{ name: l, ends: [a.x, b.y] }] }",
    }),
    ...at("single", "", "summary", { stopWhenStalled: "1 s" }, [DOWN]),
  ]),
  paths: Object.fromEntries([
    ...at("paths", "paths.a.", "summary", { name: "c" }),
    ...at("paths", "paths.a.", "capture", {
      rate: "2 Mb/s", rtt: "60 ms", queue: "{ packets: 3 }", discipline: "{ codel: { target: 1 ms, interval: 5 ms } }", loss: "5 %", jitter: "5 ms",
      client: "10.9.0.1", server: "10.9.0.2", mtu: "1000", middleboxes: "[{ splitter: {} }]", nat: "true", present: "false", up: "{ rtt: 60 ms }", down: "{ rate: 2 Mb/s }",
    }),
    ...at("paths", "paths.a.", "capture", { delay: "30 ms" }, ["paths.a={ name: a, rate: 8 Mb/s }"]),
    ...at("paths", "paths.b.", "capture", { backup: "true" }, ["protocol.mode=backup"]),
  ]),
  "link properties": Object.fromEntries(
    at("paths", "paths.a.down.", "capture", { rate: "2 Mb/s", delay: "30 ms", rtt: "60 ms", queue: "{ packets: 3 }", discipline: "{ codel: { target: 1 ms, interval: 5 ms } }", loss: "5 %", jitter: "5 ms" }),
  ),
  queue: Object.fromEntries([
    ...at("single", "paths.a.queue.", "capture", { packets: "3" }, ["paths.a.queue={ packets: 8 }"]),
    ...at("single", "paths.a.queue.", "capture", { bytes: "5 KB" }, ["paths.a.queue={ bytes: 12 KB }"]),
    ...at("single", "paths.a.queue.", "capture", { bdp: "0.2" }, ["paths.a.queue={ bdp: 0.5 }"]),
  ]),
  discipline: Object.fromEntries(
    ["codel: { target: 1 ms, interval: 5 ms }", "fq-codel: { target: 1 ms, interval: 5 ms }", "pie: { target: 1 ms, update: 5 ms, burst: 0 ms }", "random-drop: {}", "red: {}", "threshold: {}"]
      .map((written): [string, KeyCase] => [written.slice(0, written.indexOf(":")), { base: "single", both: SHORT_QUEUE, set: [`paths.a.discipline={ ${written} }`], shows: "capture" }]),
  ),
  codel: discipline("codel", { target: "1 ms", interval: "5 ms" }),
  "fq-codel": Object.fromEntries([
    ...Object.entries(discipline("fq-codel", { target: "1 ms", interval: "5 ms" })),
    // Two subflows meet there, and take turns or share a queue.
    ...at("topology", "topology.links.eth.discipline.fq-codel.", "capture", { flows: "1", quantum: "300" }, [
      "topology.links.eth={ name: eth, ends: [isp, web.eth], rate: 4 Mb/s, delay: 1 ms, discipline: { fq-codel: {} } }", "workload={ bulk: { bytes: 500 KB, direction: upload } }",
    ]),
  ]),
  pie: Object.fromEntries([
    ...Object.entries(discipline("pie", { target: "1 ms", update: "5 ms", burst: "0 ms", alpha: "1", beta: "10" })),
    ...Object.entries(discipline("pie", { markBelow: "0" }, ["protocol.ecn=on"])),
  ]),
  "random-drop": discipline("random-drop", { which: "oldest" }, ["paths.a.queue={ packets: 20 }"]),
  red: discipline("red", { least: "1", most: "50", probability: "0.5", weight: "0.1", meanPacket: "1500" }),
  threshold: discipline("threshold", { packets: "10" }, ["protocol.ecn=on"]),
  loss: Object.fromEntries([
    ...at("single", "paths.a.loss.", "capture", { toBad: "30 %", toGood: "5 %" }, [BURSTS]),
    ...at("single", "paths.a.loss.", "capture", { bad: "10 %", good: "5 %" }, ["paths.a.loss={ toBad: 10 %, toGood: 30 % }"]),
  ]),
  ...MIDDLEBOX_CASES,
  topology: Object.fromEntries(
    at("topology", "topology.", "capture", {
      hosts: "[{ name: phone, interfaces: [{ name: wlan }, { name: wwan }] }, { name: web, interfaces: [{ name: eth, address: 10.9.0.1 }, { name: spare }] }, { name: tablet, interfaces: [{ name: wlan }] }]",
      routers: "[{ name: home, nat: true }, { name: isp }]",
      links: "[{ name: wlan, ends: [phone.wlan, home] }, { name: lte, ends: [phone.wwan, isp] }, { name: tab, ends: [tablet.wlan, home] }, { name: dsl, ends: [home, isp] }, { name: eth, ends: [isp, web.eth] }, { name: spare, ends: [isp, web.spare] }]",
    }),
  ),
  hosts: Object.fromEntries([
    ...at("topology", "topology.hosts.phone.", "events", { name: ["mobile", "topology.links.wlan.ends=[mobile.wlan, home]", "topology.links.lte.ends=[mobile.wwan, isp]"] }),
    ...at("topology", "topology.hosts.phone.", "capture", { profile: "linux" }),
    ...at("topology", "topology.hosts.phone.", "capture", { interfaces: "[{ name: wwan }, { name: wlan }]" }),
  ]),
  interfaces: Object.fromEntries([
    ...at("topology", "topology.hosts.phone.interfaces.wlan.", "summary", { name: ["wifi", "topology.links.wlan.ends=[phone.wifi, home]"] }),
    ...at("topology", "topology.hosts.phone.interfaces.wlan.", "capture", { address: "10.9.0.1", present: "false" }),
    ...at("topology", "topology.hosts.phone.interfaces.wwan.", "capture", { backup: "true" }, ["protocol.mode=backup"]),
    // The full mesh announces all addresses, this path manager those that ask for it.
    ["signal", { base: "topology", set: ["topology.hosts.web.interfaces.spare.signal=true"], shows: "capture", parts: { pathManager: linuxEndpoints } }],
  ]),
  routers: Object.fromEntries([
    ...at("topology", "topology.routers.isp.", "capture", {
      name: ["net", ...["lte.ends=[phone.wwan, net]", "dsl.ends=[home, net]", "eth.ends=[net, web.eth]", "spare.ends=[net, web.spare]"].map((link) => `topology.links.${link}`)],
    }),
    ...at("topology", "topology.routers.home.", "capture", { nat: "true" }),
  ]),
  links: Object.fromEntries([
    ...at("topology", "topology.links.dsl.", "summary", { name: "cable" }),
    ...at("topology", "topology.links.eth.", "summary", { ends: "[web.eth, isp]" }),
    ...at("topology", "topology.links.dsl.", "capture", {
      rate: "2 Mb/s", delay: "30 ms", queue: "{ packets: 3 }", discipline: "{ codel: { target: 1 ms, interval: 5 ms } }", loss: "5 %", jitter: "5 ms", mtu: "1000", middleboxes: "[{ splitter: {} }]", up: "{ delay: 30 ms }", down: "{ rate: 2 Mb/s }",
    }),
    ...at("topology", "topology.links.dsl.", "capture", { rtt: "60 ms" }, ["topology.links.dsl={ name: dsl, ends: [home, isp], rate: 8 Mb/s }"]),
  ]),
  protocol: Object.fromEntries([
    ...at("paths", "protocol.", "capture", {
      transport: "tcp", mode: "single-path", buffers: "20 KB", initialWindow: "2", timestamps: "false",
      checksum: "true", maxSubflows: "0", version: "0",
    }),
    ...at("paths", "protocol.", "capture", { profile: "linux" }),
    ...at("paths", "protocol.", "capture", { scheduler: "round-robin" }, [LIVE]),
    ...at("single", "protocol.", "capture", { delayedAck: "5 ms" }, ["workload={ live: { rate: 400 kb/s, interval: 30 ms, length: 2 s } }"]),
    ...at("single", "protocol.", "capture", { ecn: "accurate" }),
    ...at("single", "protocol.", "capture", { sack: "false" }, ["paths.a.loss=5 %"]),
    // Controllers differ once a window that was halved grows again.
    ...at("single", "protocol.", "capture", { congestion: "cubic" }, ["paths.a.loss=2 %", "workload.bulk.bytes=1 MB"]),
    ...at("single", "protocol.", "capture", { pacing: "on" }),
    ...at("single", "protocol.", "events", { minRto: "1 s", maxRto: "300 ms", retries: "2" }, [DOWN]),
    ...at("single", "protocol.", "events", { noSubflowTimeout: "500 ms" }, ["changes=[{ at: 50 ms, path: a, address: removed }]"]),
    ...at("single", "protocol.", "capture", { fastOpen: "true" }),
    ...at("single", "protocol.", "capture", { noDelay: "true" }, [LIVE]),
    ...at("paths", "protocol.", "capture", { opportunisticRetransmission: "false", penalisation: "false" }, BLOCKED),
  ]),
  buffers: Object.fromEntries(at("paths", "protocol.buffers.", "capture", { send: "10 KB", receive: "10 KB" })),
  workload: Object.fromEntries([
    ...at("paths", "workload.", "capture", { bulk: "{ bytes: 50 KB }" }),
    ...at("paths", "workload.", "capture", { request: "{ count: 3, request: 100 B, response: 5 KB }" }, [REQUEST]),
    ...at("paths", "workload.", "capture", { live: "{ rate: 200 kb/s, length: 200 ms }" }, [LIVE]),
    ...at("topology", "workload.", "capture", { from: "tablet", to: "tablet" }),
  ]),
  bulk: Object.fromEntries([
    ...at("paths", "workload.bulk.", "capture", { bytes: "50 KB", direction: "upload" }),
    ...at("paths", "workload.bulk.", "summary", { content: "virtual" }),
    ...at("paths", "workload.bulk.", "summary", { file: "true" }, ["workload={ bulk: {} }", "duration=200 ms"]),
  ]),
  request: Object.fromEntries(at("paths", "workload.request.", "capture", { count: "3", request: "200 B", response: "8 KB", interval: "30 ms" }, [REQUEST])),
  live: Object.fromEntries([
    ...at("paths", "workload.live.", "capture", { rate: "200 kb/s", length: "100 ms", direction: "upload" }, [LIVE]),
    ...at("paths", "workload.live.", "capture", { interval: "40 ms" }, ["workload={ live: { rate: 400 kb/s, length: 200 ms } }"]),
  ]),
  changes: Object.fromEntries([
    ...at("paths", "changes.0.", "capture", { at: "30 ms", after: "10 ms", path: "b", rate: "2 Mb/s", direction: "up", state: "down", address: "removed", delay: "50 ms", rtt: "100 ms", loss: "20 %" }, [SLOWER]),
    ...at("paths", "changes.0.", "capture", { middlebox: "a-mss-clamp-2" }, ["paths.a.middleboxes=[{ mss-clamp: { size: 700 } }, { mss-clamp: { size: 600 } }]", "changes=[{ at: 0 ms, middlebox: a-mss-clamp, power: off }]"]),
    ...at("paths", "changes.0.", "capture", { power: "off" }, ["paths.a.middleboxes=[{ ip-header-rewriter: { dscp: 8 } }]", "changes=[{ at: 50 ms, middlebox: a-ip-header-rewriter, power: on }]"]),
    ...at("paths", "changes.0.", "capture", { when: "received 30 KB" }, ["changes=[{ when: received 1/2, path: a, rate: 1 Mb/s }]"]),
    ...at("paths", "changes.0.", "capture", { link: "core" }, ["changes=[{ at: 50 ms, link: a, rate: 1 Mb/s }]"]),
    ...at("paths", "changes.0.", "capture", { interface: "client.b" }, ["changes=[{ at: 50 ms, interface: client.a, rate: 1 Mb/s }]"]),
  ]),
  measure: Object.fromEntries(at("paths", "measure.", "summary", { from: "50 ms", to: "80 ms" })),
  expect: Object.fromEntries(at("paths", "expect.", "summary", { outcome: "stalled", maxStall: "1 ms", minStall: "1 s", fallback: "true" })),
};
