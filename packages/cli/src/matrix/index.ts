/** matrix/: `mptcp matrix`, every middlebox at every place between our ends and the kernel's, beside what the RFCs prescribe. */
export { registerMatrix } from "./options.ts";
