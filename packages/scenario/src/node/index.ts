/**
 * What scenarios need from Node: files to load them from, modules written in TypeScript, a folder to write a run into.
 *
 * @module @mptcp/scenario/node
 */
export { reportAssets } from "./assets.ts";
export { findScenario, scenarioNames, ScenarioNotFound, scenariosFolder } from "./find.ts";
export { loadScenario } from "./load.ts";
export { moduleFault } from "./module-fault.ts";
export { nativeSha256, RunFileError, RunFolder } from "./run-folder.ts";
