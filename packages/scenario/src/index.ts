/**
 * Scenarios: networks, protocols and workloads as data; the runner that executes them in virtual time; what comes out, as
 * numbers, time series and a report. Runs in Node and in browsers; what touches files is in `@mptcp/scenario/node`.
 *
 * A scenario goes through {@link parseScenario} (YAML) or {@link checkScenario} (a value), which names line and field of whatever is wrong,
 * and then through {@link runScenario}.
 *
 * @module @mptcp/scenario
 */
export { buildLinks } from "./build-network.ts";
export type { BuiltLinks, Network } from "./build-network.ts";
export { changeLinks } from "./changes.ts";
export { portableSha256 } from "./content.ts";
export type { IncrementalHash } from "./content.ts";
export { CONGESTION_NAMES, SCHEDULER_NAMES } from "./engine-names.ts";
export type { LiveRun, ScenarioApi, ScenarioModule } from "./live-run.ts";
export { parseOverride } from "./overrides.ts";
export type { Override } from "./overrides.ts";
export { callScenario, checkScenario, parseScenario } from "./parse.ts";
export type { LoadedScenario } from "./parse.ts";
export type { Plan, PlanChange } from "./plan.ts";
export type { PlanDirection, PlanEnd, PlanHost, PlanInterface, PlanLink, PlanMiddlebox, PlanNetwork, PlanRouter } from "./plan-network.ts";
export { ScenarioError } from "./problems.ts";
export type { LocatedProblem } from "./problems.ts";
export type { OwnParts } from "./protocol.ts";
export type { MarkedEvent, RunRecord, Series, SubflowSeries } from "./record.ts";
export { runScenario, ScenarioRun } from "./runner.ts";
export type { RunOptions, RunResult, RunStatus, SubflowStatus } from "./runner.ts";
export { SCENARIO_SCHEMA } from "./schema.ts";
export type * from "./spec.ts";
export { delaySummary, summarize } from "./summary.ts";
export type { DelaySummary, LinkSummary, PipeSummary, RunFacts, SubflowSummary, Summary } from "./summary.ts";
export { didYouMean, suggestions } from "./suggest.ts";
export { formatRate, formatSize, formatTime, parseProbability, parseProgress, parseRate, parseSize, parseTime } from "./units.ts";
export { escapeHtml, renderReport } from "./report/report.ts";
export { REPORT_STYLE } from "./report/style.ts";
export type { ReportAssets, ReportInput } from "./report/data.ts";
