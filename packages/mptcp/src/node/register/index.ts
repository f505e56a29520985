/**
 * `node --import mptcp/register app.js`: any program's `net`, and so its `http`, `https`, `tls` and `http2`, over Multipath TCP without a line changed. docs/register.md has the environment
 * variables and the file that say which.
 *
 * @module mptcp/register
 */
import { register } from "./register.ts";

const registered = await register(process.env);

/** What was chosen, for people. */
export const choice: string = registered.choice;
