export { registerStudy } from "./options.ts";
