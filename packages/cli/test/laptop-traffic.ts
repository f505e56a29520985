import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import type { Hash } from "node:crypto";
import { existsSync, mkdtempSync, rmSync, writeFileSync, chmodSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SERVER_4, SERVER_6 } from "./laptop.ts";
import type { Laptop } from "./laptop.ts";
import { BIN, Command } from "./processes.ts";

/** Something that goes on between the laptop and the server all day. */
export interface Traffic {
  readonly name: string;
  /** Octets that have arrived, in each direction. */
  readonly progress: readonly number[];
  /** Ends it in good order. @throws Error when something was lost, or changed */
  finish(): Promise<void>;
}

/** How the laptop is connected. */
export const CLIENT_LINKS = ["--udp", "dev=wlan0", "--udp", "dev=eth0", "--udp", "dev=wwan0,backup"];
const SERVER_LINKS = ["--udp", `local=${SERVER_4}`, "--udp", `local=${SERVER_6}`];

/** `mptcp connect` and `mptcp listen` with data in both directions at some megabytes a second. */
export async function startTransfer(laptop: Laptop, port = 5001): Promise<Traffic> {
  const server = new Command(["listen", String(port), ...SERVER_LINKS, "--json"], { namespace: laptop.server.name, unprivileged: true, stdin: "pipe" });
  await server.says("listening on");
  const client = new Command(["connect", SERVER_4, String(port), ...CLIENT_LINKS, "--json"], { namespace: laptop.host.name, unprivileged: true, stdin: "pipe" });
  return transferBetween(client, server);
}

/** A connection on which nothing is said unless somebody is asked to. */
export async function startTalk(laptop: Laptop, port = 5001): Promise<Talk> {
  const server = new Command(["listen", String(port), ...SERVER_LINKS], { namespace: laptop.server.name, unprivileged: true, stdin: "pipe" });
  await server.says("listening on");
  const client = new Command(["connect", SERVER_4, String(port), ...CLIENT_LINKS], { namespace: laptop.host.name, unprivileged: true, stdin: "pipe" });
  const say = async (from: Command, to: Command): Promise<number> => {
    const before = to.outputLength;
    const at = performance.now();
    from.input.write("a line of forty octets, as somebody types\n");
    await to.until(() => to.outputLength >= before + 42);
    return performance.now() - at;
  };
  return { up: () => say(client, server), down: () => say(server, client) };
}

/** Each says a line. @returns ms until it is there */
export interface Talk {
  up(): Promise<number>;
  down(): Promise<number>;
}

/** A transfer as in {@link startTransfer}, but the laptop is the server. */
export async function startServing(laptop: Laptop, port = 5001): Promise<Traffic> {
  const server = new Command(["listen", String(port), ...CLIENT_LINKS, "--json", "--verbose"], { namespace: laptop.host.name, unprivileged: true, stdin: "pipe" });
  await server.says("listening on");
  const address = /wlan0 \(([\d.]+):/.exec(server.stderr)?.[1] ?? "";
  const client = new Command(["connect", address, String(port), ...SERVER_LINKS, "--json"], { namespace: laptop.server.name, unprivileged: true, stdin: "pipe" });
  return transferBetween(client, server);
}

function transferBetween(client: Command, server: Command): Traffic {
  const ends = [client, server].map((command, at) => ({ command, sent: new Feed(command.input, at + 1) }));
  return {
    name: "transfer",
    get progress() {
      return [client.outputLength, server.outputLength];
    },
    finish: async () => {
      for (const { sent } of ends) sent.end();
      const codes = await Promise.all(ends.map(({ command }) => command.code));
      if (codes.some((code) => code !== 0)) throw new Error(`transfer: ${codes.join(", ")}: ${ends.map(({ command }) => command.stderr).join("\n")}`);
      for (const [at, { sent }] of ends.entries()) {
        const received = createHash("sha256");
        for (const chunk of (ends[1 - at] as (typeof ends)[number]).command.output) received.update(chunk);
        if (received.digest("hex") !== sent.digest) throw new Error(`transfer: what ${at === 0 ? "client" : "server"} sent is not what arrived`);
      }
    },
  };
}

/** A session of `ssh` through `mptcp connect`, in which a line is typed five times a second and comes back. */
export async function startSsh(laptop: Laptop, port = 5022): Promise<Traffic> {
  const folder = mkdtempSync(join(tmpdir(), "mptcp-laptop-ssh-"));
  chmodSync(folder, 0o755);
  for (const name of ["host", "user"]) if (spawnSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, name)]).status !== 0) throw new Error("ssh-keygen fails");
  const settings = [`HostKey ${folder}/host`, `AuthorizedKeysFile ${folder}/user.pub`, "StrictModes no", "UsePAM no", "PermitRootLogin yes", "PasswordAuthentication no", "PrintMotd no", "PidFile none"];
  writeFileSync(join(folder, "config"), `${settings.join("\n")}\n`);
  // That wants a folder in /run, which it gets where nobody else sees it.
  const daemon = spawn("unshare", ["-m", "sh", "-c", `mount -t tmpfs none /run && mkdir /run/sshd && exec /usr/sbin/sshd -i -e -f ${folder}/config`], { stdio: ["pipe", "pipe", "ignore"] });
  const server = spawn("ip", ["netns", "exec", laptop.server.name, process.execPath, BIN, "listen", String(port), ...SERVER_LINKS], { stdio: ["pipe", "pipe", "pipe"] });
  server.stdout.pipe(daemon.stdin);
  daemon.stdout.pipe(server.stdin);
  await new Promise<void>((resolve) => server.stderr.once("data", () => resolve()));
  const proxy = [process.execPath, BIN, "connect", SERVER_4, String(port), ...CLIENT_LINKS].join(" ");
  const options = ["-F", "none", "-i", `${folder}/user`, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "BatchMode=yes", "-o", `ProxyCommand=${proxy}`];
  const client = spawn("ip", ["netns", "exec", laptop.host.name, "ssh", ...options, "root@laptop", "cat; echo over"], { stdio: ["pipe", "pipe", "pipe"] });
  const children: readonly ChildProcess[] = [client, server, daemon];
  for (const child of children) child.stdin?.on("error", () => {});
  let shown = "";
  let complaint = "";
  let typed = 0;
  client.stdout.on("data", (chunk: Buffer) => (shown += chunk.toString()));
  client.stderr.on("data", (chunk: Buffer) => (complaint += chunk.toString()));
  const closed = new Promise<number | null>((resolve) => client.once("close", resolve));
  const timer = setInterval(() => client.stdin.write(`line ${typed++}\n`), 200);
  const undo = (): void => {
    clearInterval(timer);
    for (const child of children) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  };
  undos.add(undo);
  return {
    name: "ssh",
    get progress() {
      return [shown.length];
    },
    finish: async () => {
      clearInterval(timer);
      client.stdin.end();
      const code = await closed;
      const expected = Array.from({ length: typed }, (_, line) => `line ${line}\n`).join("");
      undo();
      undos.delete(undo);
      if (code !== 0 || shown !== `${expected}over\n`) throw new Error(`ssh: ended with ${String(code)}, ${shown.length} of ${expected.length} octets came back: ${complaint}`);
    },
  };
}

/** A download by a program that knows TCP alone, through `mptcp forward`, at the pace at which the server gives it. */
export async function startDownload(laptop: Laptop, port = 5080): Promise<Traffic> {
  const serving = new Command(["listen", String(port), ...SERVER_LINKS, "--to", "127.0.0.1:8080"], { namespace: laptop.server.name, unprivileged: true });
  await serving.says("listening on");
  const forwarding = new Command(["forward", "8080", `${SERVER_4}:${port}`, ...CLIENT_LINKS], { namespace: laptop.host.name, unprivileged: true });
  const server = spawn("ip", ["netns", "exec", laptop.server.name, process.execPath, "-e", DOWNLOAD_SERVER], { stdio: ["pipe", "pipe", "inherit"] });
  const undo = (): void => void server.kill("SIGKILL");
  undos.add(undo);
  await new Promise<void>((resolve) => server.stdout.once("data", () => resolve()));
  const client = spawn("ip", ["netns", "exec", laptop.host.name, "curl", "-sSN", "--retry", "20", "--retry-delay", "1", "--retry-connrefused", "http://127.0.0.1:8080/"], { stdio: ["ignore", "pipe", "pipe"] });
  const received = createHash("sha256");
  let octets = 0;
  let complaint = "";
  client.stdout.on("data", (chunk: Buffer) => {
    octets += chunk.length;
    received.update(chunk);
  });
  client.stderr.on("data", (chunk: Buffer) => (complaint += chunk.toString()));
  const closed = new Promise<number | null>((resolve) => client.once("close", resolve));
  return {
    name: "download",
    get progress() {
      return [octets];
    },
    finish: async () => {
      const sum = new Promise<string>((resolve) => server.stdout.once("data", (chunk: Buffer) => resolve(chunk.toString().trim())));
      server.stdin.end();
      const [code, sent] = await Promise.all([closed, sum]);
      undo();
      undos.delete(undo);
      for (const command of [forwarding, serving]) command.signal("SIGTERM");
      await Promise.all([forwarding.code, serving.code]);
      if (code !== 0 || received.digest("hex") !== sent) throw new Error(`download: curl ended with ${String(code)} after ${octets} octets: ${complaint}${forwarding.stderr}${serving.stderr}`);
    },
  };
}

/** Gives 32 KiB every 20 ms until its standard input ends, and then says what that was. */
const DOWNLOAD_SERVER = `
  const hash = require("node:crypto").createHash("sha256");
  require("node:http").createServer((request, response) => {
    const timer = setInterval(() => {
      if (response.writableLength > 200_000) return;
      const piece = require("node:crypto").randomBytes(32768);
      hash.update(piece);
      response.write(piece);
    }, 20);
    process.stdin.resume().once("end", () => { clearInterval(timer); response.end(); console.log(hash.digest("hex")); });
  }).listen(8080, "127.0.0.1", () => console.log("ready"));
`;

/** Why there can be no download here; null when there can. */
export function downloadObstacle(): string | null {
  if (spawnSync("which", ["curl"]).status !== 0) return "there is no curl";
  const help = spawnSync(process.execPath, [BIN, "--help"], { encoding: "utf8" }).stdout;
  return /^ +forward\b/m.test(help) ? null : "there is no mptcp forward";
}

/** Why there can be no session of ssh here; null when there can. */
export function sshObstacle(): string | null {
  const lacking = ["/usr/sbin/sshd"].filter((path) => !existsSync(path));
  for (const name of ["ssh", "ssh-keygen", "unshare"]) if (spawnSync("which", [name]).status !== 0) lacking.push(name);
  return lacking.length === 0 ? null : `there is no ${lacking.join(", ")}`;
}

/** Ends what a test that failed left running. */
export async function stopTraffic(): Promise<void> {
  for (const undo of undos) undo();
  undos.clear();
  await Command.stopAll();
}

const undos = new Set<() => void>();

/** Octets that nobody could guess, in small pieces, as long as they are taken. */
class Feed {
  private readonly hash: Hash = createHash("sha256");
  private readonly timer: NodeJS.Timeout;
  private readonly to: NodeJS.WritableStream;

  constructor(to: NodeJS.WritableStream, seed: number) {
    this.to = to;
    let state = seed;
    this.timer = setInterval(() => {
      if ((to as NodeJS.WritableStream & { readonly writableLength: number }).writableLength > 4 * PIECE) return;
      const piece = Buffer.alloc(PIECE);
      for (let i = 0; i < PIECE; i += 4) piece.writeUInt32LE((state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0), i);
      this.hash.update(piece);
      to.write(piece);
    }, 20);
  }

  end(): void {
    clearInterval(this.timer);
    this.to.end();
  }

  get digest(): string {
    return this.hash.copy().digest("hex");
  }
}

const PIECE = 64 * 1024;
