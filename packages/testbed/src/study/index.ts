/**
 * study/: what the way to a server does to TCP, by the experiments of Honda et al. ("Is it still possible to extend TCP?", IMC 2011). Two halves, {@link StudyClient} and
 * {@link StudyServer}, without input or output of their own: over links of the simulator, and over real ones.
 *
 * @module @mptcp/testbed/study
 */
export { accessNetworks } from "./access-network.ts";
export type { AccessNetwork, PlacedBox } from "./access-network.ts";
export { StudyClient } from "./client.ts";
export type { StudyClientOptions, StudyProgress } from "./client.ts";
export { NAMED_KINDS } from "./diagnosis.ts";
export { EXPERIMENTS } from "./experiments.ts";
export type { Finding } from "./finding.ts";
export { CONTROL_PORT, PAPER_SHARES, STUDY_PORTS } from "./paper.ts";
export { kindText } from "./kind-text.ts";
export { studyPage, surveyPage } from "./page.ts";
export { boxesOf } from "./report.ts";
export type { NamedBox, PortReport, StudyReport } from "./report.ts";
export { StudyServer } from "./server.ts";
export type { StudyServerOptions } from "./server.ts";
export type { StudyHalf } from "./sim-node.ts";
export { Survey, studyNetwork, surveyIsMet } from "./survey.ts";
export type { Naming, RecoveredShare, StudiedNetwork, SurveyReport } from "./survey.ts";
