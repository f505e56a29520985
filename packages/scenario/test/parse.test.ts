import { describe, expect, it } from "vitest";
import { parseOverride } from "../src/overrides.ts";
import type { Override } from "../src/overrides.ts";
import { checkScenario, parseScenario } from "../src/parse.ts";
import { ScenarioError } from "../src/problems.ts";
import type { ScenarioSpec } from "../src/spec.ts";

const GOOD = `name: two-paths
paths:
  - name: wifi
    rate: 8 Mb/s
    rtt: 20 ms
    queue: { packets: 80 }
  - name: lte
    rate: 20 Mb/s
    rtt: 60 ms
protocol:
  buffers: 500 KB
workload:
  bulk: { bytes: 1 MB }
changes:
  - when: received 1/3
    path: wifi
    state: down
`;

function problemsOf(text: string, ...set: string[]): string[] {
  try {
    parseScenario(text, "x.yaml", overrides(...set));
  } catch (error) {
    if (error instanceof ScenarioError) return error.message.split("\n");
    throw error;
  }
  return [];
}

function overrides(...set: string[]): Override[] {
  return set.map((text) => {
    const parsed = parseOverride(text);
    if (typeof parsed === "string") throw new Error(parsed);
    return parsed;
  });
}

describe("scenario files", () => {
  it("become numbers", () => {
    const { plan } = parseScenario(GOOD, "x.yaml");
    expect(plan.network.hosts[0]!.interfaces.map((own) => `${own.name} ${own.address.toString()}`)).toEqual(["wifi 10.0.1.2", "lte 10.0.2.2"]);
    const wifi = plan.network.links.find((link) => link.name === "wifi")!;
    expect(wifi.up).toEqual({ rate: 8e6, delay: 10e6, queue: { packets: 80 }, discipline: null, loss: 0, jitter: 0 });
    // One bandwidth-delay product of 20 Mb/s and 60 ms.
    expect(plan.network.links.find((link) => link.name === "lte")!.down.queue).toEqual({ packets: 100 });
    expect(plan.protocol.buffers).toEqual({ send: 500_000, receive: 500_000 });
    expect(plan.changes[0]).toMatchObject({ when: { kind: "fraction", value: 1 / 3 }, state: "down", host: "client", interface: "wifi" });
  });

  it("name what is wrong with a queue discipline", () => {
    const problems = (written: string): string[] => problemsOf(GOOD.replace("rate: 8 Mb/s", `rate: 8 Mb/s\n    discipline: ${written}`));
    expect(problems("{ codle: {} }")).toEqual([
      expect.stringMatching(/paths\.wifi\.discipline\.codle: unknown field; did you mean "codel"\?/),
      expect.stringMatching(/paths\.wifi\.discipline: needs exactly one of codel, fq-codel, pie, random-drop, red, threshold/),
    ]);
    expect(problems("{ codel: {}, red: {} }")).toEqual([expect.stringMatching(/needs exactly one of .* \(has codel, red\)/)]);
    expect(problems("{ codel: { target: 5 } }")).toEqual([expect.stringMatching(/paths\.wifi\.discipline\.codel\.target: .*time/)]);
    expect(problems("{ red: { probability: 1.5 } }")).toEqual([expect.stringMatching(/paths\.wifi\.discipline\.red\.probability: 1\.5 is too large: at most 1/)]);
    expect(problems("{ red: { } }")).toEqual([]);
  });

  it("name the line, the column and the field of a wrong quantity", () => {
    expect(problemsOf(GOOD.replace("rate: 8 Mb/s", "rate: 8 Mbps"))).toEqual([
      expect.stringMatching(/^x\.yaml:4:11: paths\.wifi\.rate: "8 Mbps": "Mbps" is no unit of a rate/),
    ]);
  });

  it("reject unknown fields with a suggestion, at the field's name", () => {
    expect(problemsOf(GOOD.replace("    rtt: 60 ms", "    rrt: 60 ms"))).toEqual([
      'x.yaml:9:5: paths.lte.rrt: unknown field; did you mean "rtt"?',
    ]);
    expect(problemsOf(`${GOOD}wrokload: 3\n`)[0]).toMatch(/^x\.yaml:18:1: wrokload: unknown field; did you mean "workload"\?$/);
  });

  it("say which fields are missing or exclude each other", () => {
    expect(problemsOf("name: x\nworkload:\n  bulk: {}\n")).toEqual(["x.yaml:1:1: needs exactly one of paths, topology"]);
    expect(problemsOf("name: x\npaths: [{ name: a }]\n")).toEqual(['x.yaml:1:1: the field "workload" is missing']);
    expect(problemsOf(GOOD.replace("  - when: received 1/3\n    path", "  - path"))).toEqual(["x.yaml:15:5: changes.0: needs exactly one of at, when"]);
    expect(problemsOf(GOOD.replace("{ bytes: 1 MB }", "{ bytes: 1 MB, file: true }"))[0]).toMatch(/^x\.yaml:13:3: workload\.bulk: needs at most one of bytes, file/);
  });

  it("check names against the engine and against each other", () => {
    expect(problemsOf(GOOD.replace("buffers: 500 KB", "scheduler: round-robbin"))[0]).toMatch(/^x\.yaml:11:14: protocol\.scheduler: "round-robbin" is not allowed; did you mean "round-robin"\?/);
    expect(problemsOf(GOOD.replace("path: wifi", "path: wfi"))).toEqual(['x.yaml:16:11: changes.0.path: there is no path "wfi"; did you mean "wifi"?']);
    expect(problemsOf(GOOD.replace("name: lte", "name: wifi"))[0]).toMatch(/the name "wifi" is used twice/);
    expect(problemsOf(GOOD.replace("    queue: { packets: 80 }", "    client: 10.0.0.256"))).toEqual([
      'x.yaml:6:13: paths.wifi.client: "10.0.0.256" is not an IP address',
    ]);
  });

  it("refuse a share of endless work", () => {
    expect(problemsOf(GOOD.replace("{ bytes: 1 MB }", "{}"))).toEqual(["x.yaml:15:11: changes.0.when: endless work has no share; give a number of bytes"]);
    expect(problemsOf(GOOD.replace("{ bytes: 1 MB }", "{}").replace("1/3", "1 MB"))).toEqual([]);
  });

  it("check fields that may be a value or a group", () => {
    expect(problemsOf(GOOD.replace("500 KB", "big"))[0]).toMatch(/^x\.yaml:11:12: protocol\.buffers: "big" is neither "auto" nor a size/);
    expect(problemsOf(GOOD.replace("500 KB", "{ sned: 1 KB }"))).toEqual(['x.yaml:11:14: protocol.buffers.sned: unknown field; did you mean "send"?']);
    expect(problemsOf(GOOD.replace("queue: { packets: 80 }", "loss: [1]"))[0]).toMatch(/paths\.wifi\.loss: \[1\] is not a probability/);
    expect(problemsOf(`${GOOD}expect: { outcome: [stalled, brokn] }\n`)).toEqual(['x.yaml:18:11: expect.outcome: "brokn" is not allowed; did you mean "broken"?']);
  });

  it("check bounds", () => {
    expect(problemsOf(GOOD.replace("{ packets: 80 }", "{ packets: 0 }"))).toEqual(["x.yaml:6:23: paths.wifi.queue.packets: 0 is too small: at least 1"]);
    expect(problemsOf(GOOD.replace("{ packets: 80 }", "{ bytes: 0 B }"))).toEqual(['x.yaml:6:21: paths.wifi.queue.bytes: "0 B" is too small: must be above 0']);
    expect(problemsOf(GOOD.replace("500 KB", "0 B"))).toEqual(['x.yaml:11:12: protocol.buffers: "0 B" is too small: must be above 0']);
    expect(problemsOf(GOOD.replace("bulk: { bytes: 1 MB }", "live: { rate: 1 Mb/s, length: 1 s, interval: 0 s }"))).toEqual([
      'x.yaml:13:48: workload.live.interval: "0 s" is too small: must be above 0',
    ]);
  });

  it("switch boxes that are there, and nothing else by `power`", () => {
    const withChange = (change: string): string[] => problemsOf(GOOD.replace("queue: { packets: 80 }", "middleboxes: [{ splitter: {} }]").replace("changes:\n", `changes:\n  - { at: 1 s, ${change} }\n`)).map((problem) => problem.replace(/^x\.yaml:\d+:\d+: /, ""));
    expect(withChange("middlebox: wifi-splitter, power: off")).toEqual([]);
    expect(withChange("middlebox: wifi-spliter, power: off")).toEqual(['changes.0.middlebox: there is no middlebox "wifi-spliter"; did you mean "wifi-splitter"?']);
    expect(withChange("path: wifi, power: on")).toEqual(["changes.0.power: only a middlebox is switched on and off; name one"]);
    expect(withChange("middlebox: wifi-splitter, rate: 1 Mb/s")).toEqual(["changes.0.rate: a middlebox has none; it is switched by `power`"]);
  });

  it("check middleboxes and their parameters against the registry of the simulator", () => {
    const withBox = (box: string): string[] => problemsOf(GOOD.replace("queue: { packets: 80 }", `middleboxes: [${box}]`));
    expect(withBox("{ option-stripper: {} }, { option-stripper: { options: [mp_join, 30], segments: syn, afterTime: 2 s } }")).toEqual([]);
    expect(withBox("{ option-striper: {} }")).toContain('x.yaml:6:21: paths.wifi.middleboxes.0.option-striper: unknown field; did you mean "option-stripper"?');
    expect(withBox("{ splitter: {}, coalescer: {} }")).toEqual([
      "x.yaml:6:19: paths.wifi.middleboxes.0: needs exactly one of ack-filter, black-hole, coalescer, corrupter, duplicator, ecn-bleacher, ftp-alg, hole-holder, ip-header-rewriter, isn-randomiser, mss-clamp, nat44, normaliser, option-duplicator, option-reorderer, option-stripper, payload-editor, proactive-acker, reorderer, rst-injector, splitter, stateful-firewall, syn-ack-rewriter, syn-data-dropper, terminating-proxy, window-clamp, window-scale-rewriter (has coalescer, splitter)",
    ]);
    expect(withBox("{ splitter: { sice: 3 } }")).toEqual(['x.yaml:6:33: paths.wifi.middleboxes.0.splitter.sice: unknown field; did you mean "size"?']);
    expect(withBox("{ splitter: { size: 70000 } }")).toEqual(["x.yaml:6:39: paths.wifi.middleboxes.0.splitter.size: 70000 is too large: at most 65495"]);
    expect(withBox("{ coalescer: { wait: 3 } }")[0]).toMatch(/^x\.yaml:6:40: paths\.wifi\.middleboxes\.0\.coalescer\.wait: 3 has no unit; a time is written like "20 ms"$/);
    expect(withBox("{ black-hole: { options: [mp_joint, 30] } }")).toEqual([
      'x.yaml:6:35: paths.wifi.middleboxes.0.black-hole.options: "mp_joint" is not allowed; did you mean "mp_join"? (numbers from 2 to 255 are)',
    ]);
    expect(withBox("{ black-hole: { options: 256 } }")[0]).toMatch(/256 is not allowed; known: mptcp, .* \(numbers from 2 to 255 are\)$/);
    const named = GOOD.replace("queue: { packets: 80 }", "middleboxes: [{ splitter: {} }]").replace("name: lte", "name: wifi-splitter");
    expect(problemsOf(named)[0]).toMatch(/the name "wifi-splitter" is used twice/);
  });

  it("report broken YAML with its place, and several problems at once", () => {
    expect(problemsOf("name: x\npaths: [}\n")[0]).toMatch(/^x\.yaml:2:\d+: /);
    expect(problemsOf("name: x\nname: y\n")[0]).toMatch(/^x\.yaml:2:1: .*unique/);
    expect(problemsOf(GOOD.replace("8 Mb/s", "fast").replace("60 ms", "slow"))).toHaveLength(2);
    expect(problemsOf("- just\n- a list\n")).toEqual(["x.yaml:1:1: must be a group of fields, not a list"]);
    expect(problemsOf("")).toEqual(["x.yaml:1:1: must be a group of fields, not nothing"]);
  });

  it("may have aliases, within limits", () => {
    const aliased = GOOD.replace("queue: { packets: 80 }", "queue: &queue { packets: 80 }").replace("    rtt: 60 ms", "    rtt: 60 ms\n    queue: *queue");
    expect(parseScenario(aliased, "x.yaml").plan.network.links.find((link) => link.name === "lte")).toMatchObject({ up: { queue: { packets: 80 } } });
    const bomb = ["title: x", "a: &a [x, x, x, x, x, x, x, x, x]", ...[..."bcdefghi"].map((name, at) => `${name}: &${name} [${Array(9).fill(`*${"abcdefgh"[at]}`).join(", ")}]`)].join("\n");
    expect(problemsOf(`${GOOD}${bomb}`)).toEqual(["x.yaml:23:8: alias *d: with this one, aliases stand for more than 10000 values"]);
    expect(problemsOf(`${GOOD}seed: *none\n`)).toEqual(["x.yaml:18:7: alias *none: there is no such anchor before it"]);
    expect(problemsOf(`${GOOD}measure: &m { from: *m }\n`)).toEqual(["x.yaml:18:21: alias *m: it stands inside of what it stands for"]);
  });

  it("can be any network", () => {
    const text = `name: x
topology:
  hosts:
    - { name: phone, interfaces: [{ name: wlan, address: 10.1.0.2 }, { name: wwan }] }
    - { name: web, interfaces: [{ name: eth }] }
  routers: [{ name: r }, { name: home, nat: true }]
  links:
    - { name: wlan, ends: [phone.wlan, home], rate: 8 Mb/s, delay: 1 ms }
    - { name: dsl, ends: [home, r], rate: 8 Mb/s, delay: 9 ms, up: { rate: 1 Mb/s } }
    - { name: lte, ends: [phone.wwan, r], rate: 20 Mb/s, rtt: 60 ms, loss: { toBad: 1 %, toGood: 30 % } }
    - { name: eth, ends: [r, web.eth], rate: 1 Gb/s }
workload: { live: { rate: 1 Mb/s } }
changes: [{ at: 1 s, interface: phone.wwan, address: removed }]
`;
    const { plan } = parseScenario(text, "x.yaml");
    expect(plan.network.links.find((link) => link.name === "dsl")).toMatchObject({ up: { rate: 1e6 }, down: { rate: 8e6 } });
    expect(plan.network.links.find((link) => link.name === "lte")!.up.loss).toEqual({ p: 0.01, r: 0.3, lossGood: 0, lossBad: 1 });
    expect(plan.network.routers[1]).toMatchObject({ insideLink: "wlan" });
    expect(problemsOf(text.replace("ends: [r, web.eth]", "ends: [rr, web.eth]"))[0]).toMatch(/^x\.yaml:11:27: topology\.links\.eth\.ends\.0: there is no "rr"/);
    expect(problemsOf(text.replace("phone.wwan, address", "phone.wan, address"))[0]).toMatch(/did you mean .*"phone\.wwan"/);
  });
});

describe("--set", () => {
  it("reaches items of lists by name or index, and makes groups on the way", () => {
    const { plan } = parseScenario(GOOD, "x.yaml", overrides("paths.wifi.rate=5Mb/s", "paths.1.queue={packets: 7}", "protocol.scheduler=round-robin", "seed=9", "measure.from=1 s"));
    const link = (name: string): unknown => plan.network.links.find((one) => one.name === name);
    expect(link("wifi")).toMatchObject({ up: { rate: 5e6 } });
    expect(link("lte")).toMatchObject({ up: { queue: { packets: 7 } } });
    expect(plan).toMatchObject({ seed: 9, protocol: { scheduler: "round-robin" }, measure: { from: 1e9 } });
  });

  it("is checked by the same schema", () => {
    expect(problemsOf(GOOD, "paths.wifi.rate=5Mbps")).toEqual([expect.stringMatching(/^--set paths\.wifi\.rate=5Mbps: paths\.wifi\.rate: "5Mbps": "Mbps" is no unit/)]);
    expect(problemsOf(GOOD, "paths.wfi.rate=5Mb/s")).toEqual(['--set paths.wfi.rate=5Mb/s: paths: there is no "wfi"; did you mean "wifi"?']);
    expect(problemsOf(GOOD, "protocol.shceduler=lia")).toEqual(['--set protocol.shceduler=lia: protocol.shceduler: unknown field; did you mean "scheduler"?']);
    expect(problemsOf(GOOD, "measure.x.y=1")).toEqual(["--set measure.x.y=1: measure.x: unknown field; known: from, to"]);
    expect(problemsOf(GOOD.slice(0, GOOD.indexOf("changes")), "changes.0.at=3 s")).toEqual(['--set changes.0.at=3 s: changes: there is no "0"; the list is empty']);
    expect(problemsOf(GOOD, "name.x=1")).toEqual(['--set name.x=1: name: has no fields, so "x" cannot be set']);
  });

  it("must be path=value", () => {
    expect(parseOverride("paths.wifi.rate")).toMatch(/write it as path=value/);
    expect(parseOverride("=3")).toMatch(/path=value/);
    expect(parseOverride("a..b=3")).toMatch(/empty step/);
    expect(parseOverride("__proto__.x=3")).toMatch(/no such field/);
    expect(parseOverride("a=[1")).toMatch(/not valid YAML/);
    expect(parseOverride("seed=*b")).toBe("--set seed=*b: alias *b: there is no such anchor before it");
  });
});

describe("scenarios as values", () => {
  it("are checked like files", () => {
    const value = { name: "x", paths: [{ name: "a", rate: "1 Mb/s" }], workload: { bulk: { bytes: "1 KB" } } };
    expect(checkScenario(value, "x.ts").plan.workload).toMatchObject({ kind: "bulk", bytes: 1000, download: true });
    expect(() => checkScenario({ ...value, pahts: [] }, "x.ts")).toThrow('x.ts: pahts: unknown field; did you mean "paths"?');
  });

  it("are checked by the compiler as well", () => {
    const good: ScenarioSpec = { name: "x", paths: [{ name: "a", loss: { toBad: 0.01, toGood: "30 %" } }], workload: { bulk: {} }, expect: { outcome: ["stalled", "broken"] } };
    expect(checkScenario(good, "x.ts").plan.expect.outcomes).toEqual(["stalled", "broken"]);
    // @ts-expect-error: there is no such field
    expect(() => checkScenario({ ...good, protocol: { shceduler: "lia" } } satisfies ScenarioSpec, "x.ts")).toThrow(/unknown field/);
    // @ts-expect-error: a path has a name
    expect(() => checkScenario({ ...good, paths: [{ rate: "1 Mb/s" }] } satisfies ScenarioSpec, "x.ts")).toThrow(/"name" is missing/);
    // @ts-expect-error: no outcome of that name
    expect(() => checkScenario({ ...good, expect: { outcome: "done" } } satisfies ScenarioSpec, "x.ts")).toThrow(/"done" is not allowed/);
  });
});
