import { createHash, randomBytes } from "node:crypto";
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectControl, generateUdpKey } from "mptcp/node";
import type { ConnectionStatus, ControlClient, ControlEvent, ControlStatus } from "mptcp/node";
import pc from "picocolors";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { expectMessage, expectResult } from "../../mptcp/test/node/control-lab.ts";
import { main } from "../src/main.ts";
import type { Io, Output } from "../src/main.ts";
import { Command, rightsOf } from "./processes.ts";
import type { CommandOptions } from "./processes.ts";

const root = mkdtempSync(join(tmpdir(), "mptcp-cli-control-"));
chmodSync(root, 0o755);
const clients: ControlClient[] = [];
/** The runtime directory of each test's own. */
let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(root, "t"));
  process.env["XDG_RUNTIME_DIR"] = folder;
  delete process.env["MPTCP_CONTROL"];
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await Command.stopAll();
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const SERVER = ["--udp", "local=127.0.0.1", "--udp", "local=127.0.0.2"];
const CLIENT = ["--udp", "local=127.0.0.3", "--udp", "local=127.0.0.4"];

function run(args: readonly string[], options: CommandOptions = {}): Command {
  const { environment, ...rest } = options;
  return new Command(args, { ...rest, environment: { XDG_RUNTIME_DIR: folder, ...environment } });
}

async function listen(port: number, args: readonly string[], options: CommandOptions = {}): Promise<Command> {
  const command = run(["listen", String(port), ...args], options);
  await command.says("listening on");
  return command;
}

/** Runs a command within this process, which is another one than those that it is about. */
async function told(...args: readonly string[]): Promise<Outcome> {
  const result = { stdout: "", stderr: "" };
  const colors = pc.createColors(false);
  const output = (name: "stdout" | "stderr"): Output => ({ write: (text) => void (result[name] += text), columns: 0, colors });
  const io: Io = { stdout: output("stdout"), stderr: output("stderr"), onInterrupt: () => () => {}, clock: () => performance.now() / 1000, pipes: () => ({ input: process.stdin, isTyped: false, output: process.stdout, inputSize: null }) };
  return { code: await main(args, io), ...result };
}

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end, in a process of its own. */
async function outcome(args: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
  const command = run(args, options);
  const code = await command.code;
  return { code, stdout: command.text, stderr: command.stderr };
}

const socketOf = (command: Command): string => join(folder, "mptcp", `${command.pid}.sock`);

async function controlOf(command: Command): Promise<ControlClient> {
  const client = await connectControl(socketOf(command));
  clients.push(client);
  return client;
}

/** Asks until something holds. */
async function until(client: ControlClient, holds: (connection: ConnectionStatus, status: ControlStatus) => boolean): Promise<ConnectionStatus> {
  for (;;) {
    const status = await client.request("status", { counters: true });
    expectResult("status", status);
    const [connection] = status.connections;
    if (connection !== undefined && holds(connection, status)) return connection;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Writes what is drawn to a process until it is told to end. */
class Source {
  private readonly hash = createHash("sha256");
  private isOver = false;
  private readonly done: Promise<void>;

  constructor(command: Command) {
    this.done = this.feed(command);
  }

  private async feed(command: Command): Promise<void> {
    while (!this.isOver) {
      const chunk = randomBytes(20_000);
      this.hash.update(chunk);
      if (!command.input.write(chunk)) await new Promise((resolve) => command.input.once("drain", resolve));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    command.input.end();
  }

  /** The digest of all of it. */
  async end(): Promise<string> {
    this.isOver = true;
    await this.done;
    return this.hash.digest("hex");
  }
}

describe("links with a key", () => {
  it("are what comes for an address that somebody adds, too", async () => {
    const environment = { MPTCP_KEY: generateUdpKey() };
    const server = await listen(5309, ["--udp", "local=127.0.0.1"], { environment });
    const client = run(["connect", "127.0.0.1", "5309", "--udp", "local=127.0.0.3"], { stdin: "pipe", environment });
    await server.says("connection from");
    const here = await controlOf(client);
    await until(here, ({ subflows }) => subflows.some(({ established }) => established));
    expect((await told("endpoint", "add", "127.0.0.5", "--process", String(client.pid))).code).toBe(0);
    // In the clear it would not be answered.
    await until(here, ({ subflows }) => subflows.some(({ established, localAddress }) => established && localAddress === "127.0.0.5"));
  });
});

describe("a transfer between two processes over two links each", () => {
  it("is looked at, monitored and commanded by others while it goes on, and nothing is lost", async () => {
    const server = await listen(5301, SERVER);
    const client = run(["connect", "127.0.0.1", "5301", ...CLIENT], { stdin: "pipe" });
    await server.says("connection from");
    const source = new Source(client);
    const [here, there] = [await controlOf(client), await controlOf(server)];
    const all = await until(here, ({ subflows }) => subflows.filter(({ established }) => established).length === 4);
    const monitor = run(["monitor", String(client.pid), "--json"]);
    await monitor.says(`monitoring process ${client.pid}, connect 127.0.0.1 5301`);
    const act = async (...args: string[]): Promise<void> => {
      const { code, stderr } = await told(...args, "--process", String(client.pid));
      expect([code, stderr]).toEqual([0, ""]);
    };

    // A backup, of which the peer hears: its end of that subflow is one, and gets no more data.
    const [, second] = all.subflows;
    expect(await outcome(["subflow", "backup", String(second?.subflow), "--process", String(client.pid)])).toEqual({ code: 0, stdout: "", stderr: "" });
    const atPeer = await until(there, ({ subflows }) => subflows.some(({ backup, remotePort }) => backup && remotePort === second?.localPort));
    expect(atPeer.subflows.filter(({ backup }) => backup)).toHaveLength(1);
    const listed = (await told("subflow", "--process", String(client.pid))).stdout;
    expect(listed.trimEnd().split("\n")).toHaveLength(4);
    expect(listed).toMatch(new RegExp(`^connection 1  subflow ${second?.subflow}  127\\.0\\.0\\.\\d:${second?.localPort} > 127\\.0\\.0\\.\\d:5301  backup$`, "m"));

    // An address goes: the peer hears of it, and its subflows with it are gone.
    const gone = (await here.request("status", {})).endpoints.find(({ address }) => address === "127.0.0.4");
    await act("endpoint", "delete", "id", String(gone?.id));
    await until(there, ({ remoteAddresses, subflows }) => !remoteAddresses.some(({ address }) => address === "127.0.0.4") && !subflows.some(({ remoteAddress }) => remoteAddress === "127.0.0.4"));
    // One comes, which no link has.
    await act("endpoint", "add", "127.0.0.5");
    const joined = await until(there, ({ subflows }) => subflows.filter(({ established, remoteAddress }) => established && remoteAddress === "127.0.0.5").length === 2);
    expect(joined.remoteAddresses.map(({ address }) => address)).toContain("127.0.0.5");

    // A mesh does not go by what an address is for, and says so; a path manager that does says nothing.
    const change = ["endpoint", "change", "127.0.0.5", "nosignal", "--process", String(client.pid)];
    expect(await told(...change)).toEqual({ code: 0, stdout: 'noted, without effect so far: full-mesh uses every address; "mptcp policy path-manager endpoints" goes by subflow, signal, fullmesh\n', stderr: "" });
    await act("endpoint", "change", "127.0.0.5", "nobackup");

    // Turn by turn: each subflow carries something.
    await act("policy", "scheduler", "round-robin");
    const before = await until(here, ({ scheduler }) => scheduler?.name === "round-robin");
    await until(here, ({ subflows }) => subflows.every(({ bytesSent, subflow }) => bytesSent > (before.subflows.find((one) => one.subflow === subflow)?.bytesSent ?? 0)));

    // Limits hold at once: what is closed is not opened again.
    await act("limits", "set", "subflows", "2");
    await act("subflow", "remove", String(before.subflows.at(-1)?.subflow));
    await until(there, ({ subflows }) => subflows.length === 3);
    expect((await told("subflow", "add", "127.0.0.5", "127.0.0.2", "--process", String(client.pid))).stderr).toBe("there are 3 subflows, and the limit is 1 and 2\n");

    const sent = await source.end();
    expect([await client.code, await server.code]).toEqual([0, 0]);
    expect(createHash("sha256").update(Buffer.concat(server.output)).digest("hex")).toBe(sent);
    expect(await monitor.code).toBe(0);
    expect(monitor.stderr).toMatch(new RegExp(`process ${client.pid} has (ended|closed its control socket)\\n$`));
    const events = monitor.text.trimEnd().split("\n").map((line) => JSON.parse(line) as ControlEvent);
    for (const event of events) expectMessage(event);
    const kinds = events.map(({ event }) => event);
    expect(kinds.slice(0, 7)).toEqual(["sub-priority", "sub-closed", "sub-closed", "endpoint-removed", "endpoint-added", "sub-established", "sub-established"]);
    expect(kinds).toContain("closed");
    expect(readdirSync(join(folder, "mptcp"))).toEqual([]);
  });

  it("is shown with rates and counters, in lines of 80 columns, and watched", async () => {
    const server = await listen(5302, SERVER);
    const client = run(["connect", "127.0.0.1", "5302", ...CLIENT], { stdin: "pipe" });
    await server.says("connection from");
    const source = new Source(client);
    await until(await controlOf(client), ({ subflows }) => subflows.filter(({ established }) => established).length === 4);
    const [all, one, json] = await Promise.all([outcome(["status"]), told("status", String(client.pid), "--counters"), told("status", socketOf(server), "--json")]);
    expect(all).toMatchObject({ code: 0, stderr: "" });
    expect(all.stdout).toContain(`${server.pid}  listen 5302  since `);
    expect(all.stdout).toContain(`${client.pid}  connect 127.0.0.1 5302  since `);
    for (const line of all.stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    expect(one.stdout).toMatch(/\n {2}endpoints {2}id 1 {2}127\.0\.0\.3 {2}subflow signal {2}on udp 127\.0\.0\.3\n {13}id 2 {2}127\.0\.0\.4 /);
    expect(one.stdout).toMatch(/\n {4}token [0-9a-f]{8}, client, Multipath TCP, lowest-time-distance, lia, full-mesh\n/);
    expect(one.stdout).toMatch(/\n {4}# .* resent\n {20,}[\d.]+ [kMG]b\/s +0 b\/s +[\d.]+ [KMG]iB .*\n/);
    expect(one.stdout).toMatch(/\n {4}1 .* ms .*\n {7}127\.0\.0\.3:\d+ > 127\.0\.0\.1:5302\n/);
    expect(one.stdout).toMatch(/\n {2}MPTcpExtMPCapableSYNTX +1\n/);
    const [state] = JSON.parse(json.stdout) as readonly { readonly pid: number; readonly status: ControlStatus }[];
    expect(state?.pid).toBe(server.pid);
    expectResult("status", state?.status);
    const watching = run(["status", String(client.pid), "--watch", "0.1"]);
    await watching.until(() => watching.text.split("connect 127.0.0.1 5302").length > 3);
    watching.signal("SIGINT");
    expect(await watching.code).toBe(130);
    // As in `mptcp status --watch | head`.
    const unread = [run(["status", String(client.pid), "--watch", "0.1"]), run(["monitor", String(client.pid), "--decisions"])];
    for (const command of unread) {
      await command.until(() => command.outputLength > 0);
      command.stopReading();
      expect(await command.code).toBe(0);
    }
    await source.end();
    expect([await client.code, await server.code]).toEqual([0, 0]);
  });

  it("is told event by event, of one connection and with decisions where that is wanted, until Ctrl-C", async () => {
    const server = await listen(5303, [...SERVER, "--echo", "--keep"]);
    const plain = run(["monitor"]);
    // Nobody has number 1 yet.
    expect(await told("monitor", "--connection", "1")).toEqual({ code: 1, stdout: "", stderr: "there is no connection 1\n" });
    await plain.says("monitoring");
    const first = run(["connect", "127.0.0.1", "5303", ...CLIENT], { stdin: "pipe" });
    await plain.until(() => plain.text.includes("sub-established  #1.4"));
    const one = run(["monitor", String(server.pid), "--decisions", "--connection", "1"]);
    await one.says("monitoring");
    const second = run(["connect", "127.0.0.1", "5303", "--udp", "local=127.0.0.6", "--source", "1000"]);
    expect(await second.code).toBe(0);
    first.input.end("hello");
    expect(await first.code).toBe(0);
    await plain.until(() => plain.text.includes("closed           #2"));
    await one.until(() => / closed +#1 /.test(one.text));
    expect(plain.text).toMatch(/^\d\d:\d\d:\d\d\.\d{6} created {10}#1 {4}token [0-9a-f]{8} 127\.0\.0\.1:5303 > 127\.0\.0\.3:\d+ server\n/);
    expect(plain.text).toMatch(/ established {6}#1 {4}the peer has our key: subflows may be added\n/);
    expect(plain.text).toMatch(/ closed {11}#2 {4}done\n/);
    expect(one.text).toMatch(/ decision {9}#1\.1 {2}.* -> .*\n/);
    expect(one.text).not.toContain("#2");
    plain.signal("SIGINT");
    one.signal("SIGTERM");
    expect([await plain.code, await one.code]).toEqual([130, 143]);
    server.signal("SIGINT");
    expect(await server.code).toBe(130);
  });
});

describe("the process that is meant", () => {
  it("is the one that there is; among several it has to be chosen, and what is none is said", async () => {
    expect(await told("status")).toEqual({ code: 1, stdout: "", stderr: "no process of this user has a control socket at the usual place; mptcp listen and mptcp connect open one, programs by openControl or MPTCP_CONTROL\n" });
    const one = await listen(5304, SERVER);
    expect(await told("limits")).toEqual({ code: 0, stdout: "add-addr-accepted 8 subflows 8\n", stderr: "" });
    const other = await listen(5305, SERVER);
    const several = await told("policy", "scheduler", "round-robin");
    expect(several.code).toBe(1);
    expect(several.stderr).toBe(`there are several processes; say which by its number:\n${[one, other].map(({ pid }, at) => `  ${String(pid).padStart(7)}  listen ${5304 + at}\n`).toSorted().join("")}`);
    expect((await told("monitor", "99999999")).stderr).toMatch(/^there is no process 99999999; there are \d+, \d+\n$/);
    expect((await told("status", String(process.pid))).stderr).toMatch(new RegExp(`^process ${process.pid} has no control socket at the usual place: `));
    expect(await told("status", join(folder, "none.sock"))).toEqual({ code: 1, stdout: "", stderr: `${join(folder, "none.sock")}: there is no such socket\n` });
    // One that was killed leaves its socket behind, which nobody takes for a process.
    one.signal("SIGKILL");
    await one.code;
    expect(existsSync(socketOf(one))).toBe(true);
    expect((await told("policy")).stdout).toMatch(/^scheduler {5}\[lowest-time-distance\] round-robin shortest-queue\n/);
    expect(existsSync(socketOf(one))).toBe(false);
  });

  it("is told wrong words without being asked", async () => {
    for (const [args, problem] of [
      [["endpoint", "add", "nowhere"], /^"nowhere" is no IP address\.\n$/],
      [["endpoint", "add", "10.0.0.1", "signal", "port"], /^"port" takes a value after it\.\n$/],
      [["endpoint", "change", "10.0.0.1", "backup", "nobackup"], /once more, or otherwise/],
      [["endpoint", "delete", "id"], /^An address id is a whole number from 1 to 255\.\n$/],
      [["endpoint", "remove", "3", "4"], /^"4" is one word too many\.\n$/],
      [["endpoint", "change", "id", "2"], /^Say what it is to be for: subflow, signal, backup, /],
      [["limits", "set", "subflows", "300"], /^A limit is a whole number from 0 to 255\.\n$/],
      [["subflow", "backup", "2", "maybe"], /neither on nor off/],
      [["policy", "congestion", "cubic", "beta"], /write key=value/],
      [["status", "--watch", "0"], /number of seconds/],
      [["monitor", "--connection", "x"], /A connection is its number/],
    ] as const) {
      const { code, stderr } = await told(...args);
      expect([args.join(" "), code]).toEqual([args.join(" "), 2]);
      expect(stderr).toMatch(problem);
    }
  });

  it.skipIf(process.getuid?.() !== 0)("is no other user's", async () => {
    const ours = await listen(5306, ["--udp", "local=127.0.0.1", "--control", join(folder, "s")]);
    chmodSync(folder, 0o755);
    const theirs = mkdtempSync(join(root, "t"));
    chownSync(theirs, 65_534, 65_534);
    const options = { unprivileged: true, environment: { XDG_RUNTIME_DIR: theirs } };
    const other = await listen(5307, ["--udp", "local=127.0.0.1"], options);
    // Nothing is made but where the socket is to be.
    await listen(5314, ["--udp", "local=127.0.0.1", "--control", join(theirs, "s")], options);
    // Where nobody may not read the program, root without any right has root's files all the same.
    if (!rightsOf(other.pid).user.startsWith("65534")) return;
    expect(readdirSync(theirs).toSorted()).toEqual(["mptcp", "s"]);
    expect(readdirSync(join(theirs, "mptcp"))).toEqual([`${other.pid}.sock`]);
    expect(await outcome(["status", join(folder, "s")], options)).toEqual({ code: 1, stdout: "", stderr: `${join(folder, "s")}: permission denied: it belongs to another user\n` });
    expect((await outcome(["monitor", String(ours.pid)], options)).stderr).toBe(`process ${ours.pid}: permission denied, it is another user's; there are ${other.pid}\n`);
  });
});

describe("mptcp listen", () => {
  it("has its control socket where it is told, or none", async () => {
    const named = await listen(5308, ["--udp", "local=127.0.0.1", "--control", join(folder, "named")]);
    const asked = await listen(5309, ["--udp", "local=127.0.0.1"], { environment: { MPTCP_CONTROL: join(folder, "asked") } });
    const none = await listen(5310, ["--udp", "local=127.0.0.1", "--no-control"], { environment: { MPTCP_CONTROL: join(folder, "not this") } });
    expect(readdirSync(folder).toSorted()).toEqual(["asked", "named"]);
    expect((await told("status", join(folder, "asked"))).stdout).toContain(`${asked.pid}  listen 5309`);
    const taken = await told("listen", "5311", "--udp", "local=127.0.0.1", "--control", join(folder, "named"));
    expect([taken.code, taken.stderr]).toEqual([1, `another process listens at ${join(folder, "named")}\n`]);
    for (const command of [named, asked, none]) command.signal("SIGTERM");
    for (const command of [named, asked, none]) expect(await command.code).toBe(143);
    expect(readdirSync(folder)).toEqual([]);
    const kernel = await told("listen", "5311", "--via", "kernel", "--control");
    expect([kernel.code, kernel.stderr]).toEqual([2, expect.stringContaining("--via kernel has no control socket")]);
  });

  it("does without the usual one where that cannot be had, and says so", async () => {
    mkdirSync(join(folder, "mptcp"));
    chmodSync(join(folder, "mptcp"), 0o777);
    const server = await listen(5312, ["--udp", "local=127.0.0.1"]);
    expect(server.stderr).toMatch(/^no control socket, so that mptcp status does not see this process: .*mptcp is open to others: remove it, or name another path\n/);
    const explicit = await told("listen", "5313", "--udp", "local=127.0.0.1", "--control");
    expect([explicit.code, explicit.stderr]).toEqual([1, expect.stringContaining("is open to others")]);
  });
});
