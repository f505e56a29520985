import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { BIN, Command, Terminal, terminalObstacle } from "./processes.ts";

const obstacle = terminalObstacle();
if (obstacle !== null) console.warn(`tests at a terminal are skipped: ${obstacle}`);

const folder = mkdtempSync(join(tmpdir(), "mptcp-cli-terminal-"));
afterEach(async () => {
  await Promise.all([Terminal.stopAll(), Command.stopAll()]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const MPTCP = `'${process.execPath}' '${BIN}'`;
const SERVER = "--udp local=127.0.0.1 --udp local=127.0.0.2";
const CLIENT = "--udp local=127.0.0.3 --udp local=127.0.0.4";
const atTerminal = (command: string): Terminal => new Terminal(`${MPTCP} ${command}`, folder);
const data = randomBytes(3_000_000);
writeFileSync(join(folder, "file"), data);

describe.skipIf(obstacle !== null)("at a terminal", () => {
  it("listen ends by itself once the file has come, and the other side only when it is written", async () => {
    const server = atTerminal(`listen 5301 ${SERVER} > received`);
    await server.shows("listening on");
    const client = atTerminal(`connect 127.0.0.1 5301 ${CLIENT} < file`);
    expect(await client.code).toBe(0);
    expect(readFileSync(join(folder, "received")).equals(data)).toBe(true);
    expect(await server.code).toBe(0);
    expect(server.screen).toMatch(/3000000 bytes read, 0 written/);
  });

  it("connect ends by itself once the file has come", async () => {
    const server = atTerminal(`listen 5302 ${SERVER} < file`);
    const client = atTerminal(`connect 127.0.0.1 5302 ${CLIENT} --wait > received`);
    expect([await client.code, await server.code]).toEqual([0, 0]);
    expect(readFileSync(join(folder, "received")).equals(data)).toBe(true);
  });

  it("two people write to each other until one of them presses Ctrl-D", async () => {
    const server = atTerminal(`listen 5303 ${SERVER}`);
    const client = atTerminal(`connect 127.0.0.1 5303 ${CLIENT} --wait`);
    await server.shows("connection from");
    client.type("hello\r");
    await server.shows("hello");
    server.type("good day\r");
    await client.shows("good day");
    client.type("\u0004");
    expect([await client.code, await server.code]).toEqual([0, 0]);
    expect(client.screen).toMatch(/9 bytes read, 6 written/);
    expect(server.screen).toMatch(/6 bytes read, 9 written/);
    // Nothing is drawn over what is typed.
    expect(client.screen + server.screen).not.toContain("\u001B[");
  });

  it("Ctrl-C ends a listener that waits, one that has a connection, and a client that waits for a listener", async () => {
    const alone = atTerminal(`listen 5304 ${SERVER}`);
    await alone.shows("listening on");
    alone.type("\u0003");
    expect(await alone.code).toBe(130);
    const client = atTerminal(`connect 127.0.0.1 5304 ${CLIENT} --wait`);
    await client.shows("waiting for 127.0.0.1:5304");
    const server = atTerminal(`listen 5304 ${SERVER}`);
    await server.shows("connection from");
    server.type("\u0003");
    expect([await server.code, await client.code]).toEqual([130, 1]);
    expect(client.screen).toMatch(/ECONNRESET/);
    const waiting = atTerminal(`connect 127.0.0.1 5304 ${CLIENT} --wait`);
    await waiting.shows("waiting for 127.0.0.1:5304");
    waiting.type("\u0003");
    expect(await waiting.code).toBe(130);
  });

  it("the answer of a pipe is sent to its end, whoever ended before", async () => {
    const server = new Command(["listen", "5305", ...SERVER.split(" ")], { stdin: "pipe" });
    await server.says("listening on");
    const client = atTerminal(`connect 127.0.0.1 5305 ${CLIENT} < file`);
    await server.until(() => server.outputLength === data.length);
    server.input.write("it came, ");
    await client.shows("it came, ");
    server.input.end("all of it\n");
    expect([await client.code, await server.code]).toEqual([0, 0]);
    // Nor over what comes.
    const shown = client.screen.slice(client.screen.indexOf("it came"));
    expect(shown).toMatch(/^it came, all of it\r\n19 bytes read/);
    expect(shown).not.toContain("\u001B");
  });

  it("forward tells of each connection that is over, and Ctrl-C ends it", async () => {
    const server = new Command(["listen", "5306", ...SERVER.split(" "), "--exec", "tr a-z A-Z"]);
    await server.says("listening on");
    const forwarder = atTerminal(`forward 5307 127.0.0.1:5306 ${CLIENT}`);
    await forwarder.shows("forwarding 127.0.0.1:5307 to 127.0.0.1:5306");
    const program = connect({ port: 5307, host: "127.0.0.1", allowHalfOpen: true });
    program.end("hello");
    const [answer] = (await once(program, "data")) as [Buffer];
    expect(String(answer)).toBe("HELLO");
    await forwarder.shows(", 4 subflows\r\n");
    expect(forwarder.screen).toMatch(/\n#1 127\.0\.0\.1:\d+ closed: 5 B sent, 5 B received in \d+\.\d\d s, 4 subflows\r\n/);
    forwarder.type("\u0003");
    expect(await forwarder.code).toBe(130);
    // Where nobody looks, what goes well is not told.
    expect(server.stderr.trim().split("\n")).toHaveLength(1);
  });
});
