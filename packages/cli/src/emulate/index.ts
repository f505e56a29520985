/** emulate/: `mptcp emulate`, a scenario's network between devices of the kernel, and `mptcp change`. */
export { registerEmulate } from "./options.ts";
