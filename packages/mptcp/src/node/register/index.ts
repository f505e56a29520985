/**
 * `node --import mptcp/register app.js`: any program's `net`, and so its `http`, `https`, `tls` and `http2`, over Multipath TCP without a line changed. docs/register.md has the environment
 * variables and the file that say which.
 *
 * @module mptcp/register
 */
import { register } from "./register.ts";

const WHO = "mptcp/register: ";

const registered = await register(process.env).catch(complain);

/** What does not go with the settings is said in a line, before the program begins. */
function complain(error: unknown): never {
  if (!(error instanceof Error) || typeof (error as NodeJS.ErrnoException).code !== "string") throw error;
  const { message } = error;
  process.stderr.write(`${message.startsWith(WHO) ? message : WHO + message}\n`);
  process.exit(1);
}

/** What was chosen, for people. */
export const choice: string = registered.choice;
