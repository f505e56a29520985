import { describe, expect, it } from "vitest";
import { reportAssets } from "../src/node/index.ts";
import { parseScenario } from "../src/parse.ts";
import { SeriesBuilder } from "../src/record.ts";
import { describeCharts, movesOnly, PAGE_FUNCTIONS, rateOf } from "../src/report/charts.ts";
import { renderReport } from "../src/report/report.ts";
import { runScenario } from "../src/runner.ts";

const TEXT = `name: tiny
title: A <b>tiny</b> run
paths:
  - { name: one, rate: 10 Mb/s, rtt: 20 ms }
  - { name: two, rate: 10 Mb/s, rtt: 40 ms }
workload: { bulk: { bytes: 2 MB } }
changes: [{ at: 500 ms, path: one, state: down }]
`;

function report(): string {
  const scenario = parseScenario(TEXT, "tiny.yaml");
  const { summary, record } = runScenario(scenario, { sample: true, content: "random" });
  const commands = [{ label: "again", command: "mptcp run tiny" }];
  return renderReport({ title: scenario.plan.title, description: "a </script> b", summary, record: record!, scenarioText: TEXT, commands }, reportAssets());
}

describe("report", () => {
  const html = report();

  it("needs nothing but itself", () => {
    const withoutComments = html.replaceAll(/\/\*[^]*?\*\//g, "").replaceAll(/<!--[^]*?-->/g, "");
    expect(withoutComments).not.toMatch(/\b(?:src|href)\s*=\s*["']?(?!#)/i);
    expect(withoutComments).not.toMatch(/@import|url\(\s*["']?(?!data:)|\bfetch\(|XMLHttpRequest|<link|<iframe/i);
    expect(withoutComments).not.toMatch(/https?:\/\//);
  });

  it("escapes what comes from the scenario", () => {
    expect(html).toContain("A &lt;b&gt;tiny&lt;/b&gt; run");
    expect(html).toContain("a &lt;/script&gt; b");
    expect(html.match(/<\/script>/g)).toHaveLength(2);
  });

  it("holds the data, the summary, the scenario and the commands", () => {
    const data = JSON.parse(/<script type="application\/json" id="data">(.*?)<\/script>/.exec(html)![1]!) as { series: { time: number[]; subflows: { name: string }[] }; events: { kind: string; about: string }[] };
    expect(data.series.subflows.map((subflow) => subflow.name)).toEqual(["one", "two"]);
    expect(data.series.time.length).toBeGreaterThan(50);
    expect(data.events).toContainEqual(expect.objectContaining({ kind: "link", about: "one" }));
    expect(html).toContain("changes: [{ at: 500 ms, path: one, state: down }]");
    expect(html).toContain("mptcp run tiny");
    expect(html).toMatch(/SHA-256/);
  });

  it("has a script that parses, with every function it calls", () => {
    const script = html.slice(html.lastIndexOf("<script>") + 8, html.lastIndexOf("</script>"));
    expect(() => new Function(script)).not.toThrow();
    for (const part of PAGE_FUNCTIONS) expect(script).toContain(`function ${part.name}(`);
    expect(script.trimEnd().endsWith("startReport(uPlot);")).toBe(true);
  });
});

describe("charts", () => {
  it("take rates over a moving window", () => {
    const time = [0, 1, 2, 3, 4];
    expect(rateOf(time, [0, 1000, 2000, 2000, 2000], 1)).toEqual([null, 8000, 8000, 0, 0]);
    expect(rateOf(time, [null, null, 0, 1000, 3000], 2)).toEqual([null, null, null, 8000, 12000]);
  });

  it("leave a gap where a subflow is given nothing", () => {
    expect(movesOnly([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0, 5, 5, 5, 5, 5, 9])).toEqual([null, 5, 5, 5, null, null, 9]);
  });

  it("show every subflow beside the application", () => {
    const builder = new SeriesBuilder(1e6);
    builder.row(0, 0, 0, 0);
    const subflow = builder.subflow(1, "wifi");
    builder.set(subflow, { received: 1, dataOffset: 1, rttMs: 20, cwnd: 3, inFlight: 2 });
    const charts = describeCharts(builder.series);
    expect(charts.map((chart) => chart.id)).toEqual(["goodput", "progress", "rtt", "window", "buffers"]);
    expect(charts[0]!.lines.map((line) => line.label)).toEqual(["wifi", "application"]);
  });
});

describe("time series", () => {
  it("keep their columns equally long, also of subflows that come later", () => {
    const builder = new SeriesBuilder(10);
    builder.row(0, 0, 0, 0);
    builder.row(10, 1, 0, 0);
    const late = builder.subflow(2, "late");
    builder.set(late, { received: 5, dataOffset: 6, rttMs: null, cwnd: 7, inFlight: 8 });
    builder.row(20, 2, 0, 0);
    expect(late.received).toEqual([null, 5, null]);
    expect(late.cwnd).toEqual([null, 7, null]);
    expect(builder.series.delivered).toEqual([0, 1, 2]);
  });

  it("are thinned out when they grow too long", () => {
    const builder = new SeriesBuilder(10, 8);
    const subflow = builder.subflow(1, "a");
    for (let i = 0; i < 20; i++) {
      builder.row(i * 1e9, i, 0, 0);
      builder.set(subflow, { received: i, dataOffset: i, rttMs: i, cwnd: i, inFlight: i });
    }
    expect(builder.interval).toBeGreaterThan(10);
    expect(builder.series.time.length).toBeLessThanOrEqual(8);
    expect(subflow.received).toEqual(builder.series.time);
    expect(subflow.received.at(-1)).toBe(19);
  });
});
