/** drill/: `mptcp drill`, packet scripts from the command line. */
export { registerDrill } from "./drill-options.ts";
