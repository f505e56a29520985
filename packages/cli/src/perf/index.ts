export { registerPerf } from "./options.ts";
