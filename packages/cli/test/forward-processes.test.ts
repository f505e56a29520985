import { spawn, spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer as createWebServer } from "node:http";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { kernelMptcp } from "mptcp/node";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { kernelTestObstacle, Namespace } from "../../mptcp/test/node/namespace.ts";
import { BIN, Command } from "./processes.ts";

const folder = mkdtempSync(join(tmpdir(), "mptcp-cli-forward-"));
const servers: Server[] = [];
const namespaces: Namespace[] = [];
const obstacle = kernelTestObstacle();
afterEach(async () => {
  await Command.stopAll();
  for (const namespace of namespaces.splice(0)) await namespace.close();
  for (const server of servers.splice(0)) server.close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SERVER = ["--udp", "local=127.0.0.1", "--udp", "local=127.0.0.2"];
const CLIENT = ["--udp", "local=127.0.0.3", "--udp", "local=127.0.0.4"];
const has = (program: string): boolean => spawnSync(program, ["--version"]).error === undefined && spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;

/** A TCP server of the test's; its port. */
async function target(onConnection: (socket: Socket) => void): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    // It may be reset.
    onConnection(socket.on("error", () => {}));
  }).listen(0, "127.0.0.1");
  return await listening(server);
}

async function listening(server: Server): Promise<number> {
  servers.push(server);
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** A listener that passes on, and a forwarder to it. @param way of the listener, such as --to */
async function tunnel(port: number, way: readonly string[], flags: readonly string[] = []): Promise<{ readonly listener: Command; readonly forwarder: Command }> {
  const listener = new Command(["listen", String(port), ...SERVER, ...way]);
  const forwarder = new Command(["forward", String(port + 1), `127.0.0.1:${port}`, ...CLIENT, ...flags]);
  await Promise.all([listener.says("listening on"), forwarder.says("forwarding")]);
  return { listener, forwarder };
}

function dial(port: number): Socket {
  return connect({ port, host: "127.0.0.1", allowHalfOpen: true });
}

async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(socket, "end");
  return Buffer.concat(chunks);
}

async function closeOf(socket: Socket): Promise<string | null> {
  const [error] = (await Promise.race([once(socket, "close").then(() => [null]), once(socket, "error")])) as [NodeJS.ErrnoException | null];
  return error?.code ?? null;
}

describe("programs that know TCP alone, over mptcp forward and mptcp listen --to,", () => {
  const big = randomBytes(3_000_000);

  it.skipIf(!has("curl"))("curl fetches a file and sends one, and each connection is told in a line", async () => {
    const web = createWebServer((request, response) => {
      const hash = createHash("sha256");
      request.on("data", (chunk: Buffer) => hash.update(chunk)).on("end", () => response.end(request.method === "PUT" ? hash.digest("hex") : big));
    }).listen(0, "127.0.0.1");
    const { listener, forwarder } = await tunnel(5401, ["--to", `127.0.0.1:${await listening(web)}`, "--verbose"], ["--json"]);
    writeFileSync(join(folder, "big"), big);
    const curl = async (...args: readonly string[]): Promise<Buffer> => {
      const child = spawn("curl", ["-sS", ...args, "http://127.0.0.1:5402/"], { stdio: ["ignore", "pipe", "inherit"] });
      const chunks: Buffer[] = [];
      child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
      await once(child, "close");
      return Buffer.concat(chunks);
    };
    expect((await curl()).equals(big)).toBe(true);
    expect(String(await curl("-T", join(folder, "big")))).toBe(createHash("sha256").update(big).digest("hex"));
    await listener.says("#2 127.0.0.3:");
    await listener.until(() => listener.stderr.split(" closed: ").length === 3);
    expect(listener.stderr).toMatch(/^#1 127\.0\.0\.[34]:\d+ opened$/m);
    expect(listener.stderr).toMatch(/^#1 127\.0\.0\.[34]:\d+ closed: 2\.86 MiB sent, \d+ B received in \d+\.\d\d s, 4 subflows$/m);
    forwarder.signal("SIGTERM");
    expect(await forwarder.code).toBe(143);
    const lines = forwarder.stderr.trim().split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as Record<string, unknown> & { subflows: unknown[] });
    const [first, second, total] = lines;
    expect(first).toMatchObject({ event: "closed", connection: 1, error: null, multipath: true, fallback: null });
    expect(first?.subflows).toHaveLength(4);
    expect(second?.bytesWritten).toBeGreaterThan(big.length);
    expect(total).toMatchObject({ connections: 2, failed: 0, bytesRead: Number(first?.bytesRead) + Number(second?.bytesRead) });
  });

  it.skipIf(!has("ab"))("ab makes 200 requests, 50 at a time", async () => {
    const web = createWebServer((_, response) => response.end("small")).listen(0, "127.0.0.1");
    const { listener, forwarder } = await tunnel(5403, ["--to", String(await listening(web))]);
    const child = spawn("ab", ["-q", "-n", "200", "-c", "50", "http://127.0.0.1:5404/"]);
    let report = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (report += text));
    await once(child, "close");
    expect(report).toMatch(/Complete requests: +200\n/);
    expect(report).toMatch(/Failed requests: +0\n/);
    // Where nobody looks, what goes well is not told.
    for (const command of [listener, forwarder]) expect(command.stderr.trim().split("\n")).toHaveLength(1);
  });

  it("each direction ends by itself", async () => {
    const port = await target((socket) => void readAll(socket).then((all) => socket.end(`${all.length} bytes`)));
    await tunnel(5405, ["--to", String(port)]);
    const socket = dial(5406);
    socket.end(big);
    expect(String(await readAll(socket))).toBe(`${big.length} bytes`);
    const other = dial(5406);
    other.end();
    expect(String(await readAll(other))).toBe("0 bytes");
  });

  it("a reset is passed on as a reset, from either side", async () => {
    let taken: (socket: Socket) => void = () => {};
    const port = await target((socket) => taken(socket));
    const { listener, forwarder } = await tunnel(5407, ["--to", String(port), "--verbose"], ["--verbose"]);
    for (const side of ["client", "target"] as const) {
      const accepted = new Promise<Socket>((resolve) => (taken = resolve));
      const client = dial(5408);
      client.write("hello");
      const server = await accepted;
      await once(server, "data");
      const [breaks, hears] = side === "client" ? [client, server] : [server, client];
      breaks.resetAndDestroy();
      expect(await closeOf(hears.resume())).toBe("ECONNRESET");
    }
    await forwarder.says("; client: read ECONNRESET");
    await listener.says("; target: read ECONNRESET");
  });

  it("who comes when nobody is there, or there are too many, is reset, with a line that says why", async () => {
    const port = await target((socket) => void socket.resume());
    const { listener, forwarder } = await tunnel(5409, ["--to", String(port)], ["--max", "1"]);
    const first = dial(5410);
    first.write("hello");
    await once(servers[0] as Server, "connection");
    expect(await closeOf(dial(5410).resume())).toBe("ECONNRESET");
    await forwarder.says("turned away: 1 at a time is the limit (--max)");
    first.resetAndDestroy();
    (servers.pop() as Server).close();
    // There is room again once the first one is over.
    for (;;) {
      const next = dial(5410).resume();
      await closeOf(next);
      if (listener.stderr.includes("ECONNREFUSED")) break;
    }
    expect(listener.stderr).toMatch(/^#\d+ 127\.0\.0\.[34]:\d+: connect ECONNREFUSED 127\.0\.0\.1:\d+: no server listens there; start it, or see what listens: ss -lntx$/m);
    listener.signal("SIGTERM");
    await listener.code;
    expect(await closeOf(dial(5410).resume())).toBe("ECONNRESET");
    await forwarder.says("connect ECONNREFUSED 127.0.0.1:5409: nobody listens there; start `mptcp listen` on the other side first, over the same kind of link\n");
    forwarder.signal("SIGTERM");
    await forwarder.code;
    // Who was turned away was no connection; who came when nobody was there was one that failed.
    expect(forwarder.stderr).toMatch(/, \d+ connections, 1 failed\n$/);
  });

  it.skipIf(obstacle !== null)("a transfer goes on when one of two uplinks is lost", async () => {
    const namespace = new Namespace();
    namespaces.push(namespace);
    const options = { namespace: namespace.name, unprivileged: true };
    writeFileSync(join(folder, "long"), Buffer.concat(Array<Buffer>(8).fill(big)));
    chmodSync(folder, 0o755);
    const listener = new Command(["listen", "5431", ...SERVER, "--exec", `cat '${join(folder, "long")}'`], options);
    const forwarder = new Command(["forward", "5432", "127.0.0.1:5431", ...CLIENT, "--verbose"], options);
    await Promise.all([listener.says("listening on"), forwarder.says("forwarding")]);
    const client = spawn("ip", ["netns", "exec", namespace.name, "bash", "-c", "exec cat < /dev/tcp/127.0.0.1/5432"], { stdio: ["ignore", "pipe", "inherit"] });
    const hash = createHash("sha256");
    let [length, isCut] = [0, false];
    client.stdout.on("data", (chunk: Buffer) => {
      hash.update(chunk);
      length += chunk.length;
      if (isCut || length < big.length) return;
      isCut = true;
      const cut = ["from", "to"].map((side) => `ip rule add pref 1 ${side} 127.0.0.4 blackhole`).join(" && ");
      namespace.run("sh", "-c", `ip rule add pref 10 lookup local && ${cut} && ip rule del pref 0`);
    });
    await once(client, "close");
    expect([length, isCut]).toEqual([8 * big.length, true]);
    expect(hash.digest("hex")).toBe(createHash("sha256").update(Buffer.concat(Array<Buffer>(8).fill(big))).digest("hex"));
    await forwarder.says("22.9 MiB received");
  });

  it("Unix sockets are as good as ports, for their owner alone", async () => {
    const [inner, outer] = [join(folder, "inner"), join(folder, "outer")];
    const server = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(inner);
    servers.push(server);
    const listener = new Command(["listen", "5411", ...SERVER, "--to", `unix:${inner}`]);
    const forwarder = new Command(["forward", outer, "127.0.0.1:5411", ...CLIENT]);
    await Promise.all([listener.says("listening on"), forwarder.says(`forwarding ${outer} to 127.0.0.1:5411`)]);
    expect(statSync(outer).mode & 0o777).toBe(0o600);
    const socket = connect({ path: outer, allowHalfOpen: true });
    socket.end("there and back");
    expect(String(await readAll(socket))).toBe("there and back");
    // One that is in use is left alone, one that was left behind is not in the way.
    const second = new Command(["forward", outer, "127.0.0.1:5411", ...CLIENT]);
    expect(await second.code).toBe(1);
    expect(second.stderr).toBe(`${outer} is there, and another process listens at it, or it is no socket\n`);
    forwarder.signal("SIGKILL");
    await forwarder.code;
    expect(existsSync(outer)).toBe(true);
    const third = new Command(["forward", outer, "127.0.0.1:5411", ...CLIENT]);
    await third.says("forwarding");
    third.signal("SIGINT");
    expect(await third.code).toBe(130);
    expect(existsSync(outer)).toBe(false);
  });

  it("who says nothing for too long is reset", async () => {
    const port = await target((socket) => void socket.resume());
    const { forwarder } = await tunnel(5413, ["--to", String(port)], ["--idle-timeout", "0.3", "--verbose"]);
    const socket = dial(5414);
    socket.write("hello");
    expect(await closeOf(socket.resume())).toBe("ECONNRESET");
    await forwarder.says("; nothing came for 0.3 s");
  });

  it("Ctrl-C lets those that are there end, and takes nobody else; a second one resets them", async () => {
    const port = await target((socket) => void socket.pipe(socket));
    const { forwarder } = await tunnel(5415, ["--to", String(port)]);
    const socket = dial(5416);
    socket.write("hello");
    await once(socket, "data");
    forwarder.signal("SIGINT");
    await forwarder.says("1 connection is open: waiting 10 s for it");
    expect(await closeOf(dial(5416))).toBe("ECONNREFUSED");
    socket.end("the rest");
    expect(String(await readAll(socket))).toBe("the rest");
    expect(await forwarder.code).toBe(130);
    const again = new Command(["forward", "5416", "127.0.0.1:5415", ...CLIENT]);
    await again.says("forwarding");
    const other = dial(5416);
    other.write("hello");
    await once(other, "data");
    again.signal("SIGTERM");
    await again.says("waiting");
    again.signal("SIGTERM");
    expect(await closeOf(other.resume())).toBe("ECONNRESET");
    expect(await again.code).toBe(143);
  });

  it.skipIf(!kernelMptcp().available)("the kernel's Multipath TCP does it as well", async () => {
    const port = await target((socket) => void readAll(socket).then((all) => socket.end(`${all.length} bytes`)));
    const listener = new Command(["listen", "5417", "--via", "kernel", "--to", String(port), "--verbose"]);
    await listener.says("listening on");
    const forwarder = new Command(["forward", "127.0.0.1:5418", "localhost:5417", "--via", "kernel", "--verbose"]);
    await forwarder.says("forwarding");
    const socket = dial(5418);
    socket.end(big);
    expect(String(await readAll(socket))).toBe(`${big.length} bytes`);
    await forwarder.says("1 subflow");
    await listener.says("1 subflow");
  });
});

const hasSsh = process.getuid?.() === 0 && ["ssh", "ssh-keygen", "unshare", "/usr/sbin/sshd"].every((name) => spawnSync("sh", ["-c", `command -v ${name}`]).status === 0);
describe.skipIf(!hasSsh)("ssh", () => {
  it("goes over several paths by its ProxyCommand, to an sshd for each connection, and nothing is said that is not its own", async () => {
    for (const name of ["host", "user"]) spawnSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, name)]);
    const settings = [`HostKey ${folder}/host`, `AuthorizedKeysFile ${folder}/user.pub`, "StrictModes no", "UsePAM no", "PermitRootLogin yes", "PasswordAuthentication no", "PrintMotd no", "PidFile none"];
    writeFileSync(join(folder, "config"), `${settings.join("\n")}\n`);
    // sshd wants a folder in /run, which it gets where nobody else sees it.
    const daemon = `exec unshare -m sh -c 'mount -t tmpfs none /run && mkdir /run/sshd && exec /usr/sbin/sshd -i -e -f ${folder}/config'`;
    const listener = new Command(["listen", "5419", ...SERVER, "--exec", daemon]);
    await listener.says("listening on");
    const proxy = [process.execPath, BIN, "connect", "127.0.0.1", "5419", "--quiet", ...CLIENT].join(" ");
    const options = ["-F", "none", "-i", `${folder}/user`, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "BatchMode=yes", "-o", `ProxyCommand=${proxy}`];
    const ssh = spawn("ssh", [...options, "root@127.0.0.1", 'read line; echo "answer to $line"; head -c 2000000 /dev/zero; exit 7']);
    let [length, said] = [0, ""];
    let output = "";
    ssh.stdout.on("data", (chunk: Buffer) => {
      length += chunk.length;
      output = (output + chunk.toString("latin1")).slice(0, 100);
    });
    ssh.stderr.on("data", (chunk: Buffer) => (said += String(chunk)));
    ssh.stdin.write("the question\n");
    const [code] = (await once(ssh, "close")) as [number];
    expect([code, said, length]).toEqual([7, "", 2_000_000 + "answer to the question\n".length]);
    expect(output).toMatch(/^answer to the question\n/);
  });
});

describe("mptcp listen --exec and mptcp connect --exec", () => {
  it("serve each connection by a process of its own", async () => {
    const { listener } = await tunnel(5421, ["--exec", 'read line; echo "$line from $MPTCP_REMOTE_ADDRESS"; cat']);
    const sockets = ["one", "two"].map((text) => {
      const socket = dial(5422);
      socket.write(`${text}\n`);
      return socket;
    });
    // All of them at a time: the first ends last.
    for (const [at, socket] of [...sockets.entries()].toReversed()) {
      socket.end("rest");
      expect(String(await readAll(socket))).toMatch(new RegExp(`^${["one", "two"][at]} from 127\\.0\\.0\\.[34]\nrest$`));
    }
    listener.signal("SIGINT");
    expect(await listener.code).toBe(130);
  });

  it("one at each end move data, and end by themselves", async () => {
    const file = join(folder, "moved");
    const listener = new Command(["listen", "5423", ...SERVER, "--exec", `cat > '${file}'; echo "$(wc -c < '${file}') came"`]);
    await listener.says("listening on");
    const client = new Command(["connect", "127.0.0.1", "5423", ...CLIENT, "--exec", "head -c 2000000 /dev/zero; exec >&-; cat >&2"]);
    expect(await client.code).toBe(0);
    expect(client.stderr).toMatch(/13 bytes read, 2000000 written/);
    expect(client.stderr).toContain("2000000 came\n");
    const failing = new Command(["connect", "127.0.0.1", "5423", ...CLIENT, "--exec", "kill -9 $$"]);
    expect(await failing.code).toBe(1);
    expect(failing.stderr).toMatch(/^the command was ended by SIGKILL$/m);
  });
});
