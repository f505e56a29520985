/**
 * How a program of this folder and its test talk: the program prints a line of JSON for each thing that came out, which must be the same over plain TCP and over Multipath TCP, and asks for
 * its server to be stopped and started again.
 */
import { createHash, randomBytes } from "node:crypto";
import { createInterface } from "node:readline";

/** Where the server is, and a port where none is. */
export const [host = "127.0.0.1", port = 0, closedPort = 0] = process.argv.slice(2).map((word, i) => (i === 0 ? word : Number(word)));

/** What is carried each way. */
export const data = randomBytes(Number(process.env.PROGRAM_OCTETS ?? 2_000_000));

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Something that came out. Addresses and ports are another run's. */
export function say(what, value) {
  const text = JSON.stringify([what, value ?? null]);
  process.stdout.write(`${text.replaceAll(/\d+\.\d+\.\d+\.\d+(?::\d+)?/g, "ADDRESS")}\n`);
}

/** Has the test stop or start the server; it is done when this resolves. */
export async function ask(what) {
  process.stdout.write(`${JSON.stringify({ ask: what })}\n`);
  await answers.next();
}

/** No more is asked. */
export function done() {
  process.stdin.destroy();
}

/** Whether that is what was sent: by its SHA-256. */
export function isData(bytes) {
  return digest(bytes) === digest(data);
}

export function digest(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}

/** The error that a promise is rejected with, as far as it is the same each time. */
export async function errorOf(promise) {
  try {
    await promise;
  } catch (error) {
    return { name: error.constructor.name, code: error.code, message: error.message };
  }
  return null;
}

/** Tries until it does not fail: while a server starts again. */
export async function until(attempt) {
  for (let tries = 0; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if (tries === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** A server that a test starts, stops and starts again. */
export async function serve({ start, stop }) {
  for await (const line of answers) {
    await (line === "start" ? start() : stop());
    process.stdout.write(`${line}\n`);
  }
  await stop();
  process.exit();
}
