import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import type { Socket as NetSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { roundRobin } from "../../src/mptcp/index.ts";
import { createStack } from "../../src/node/index.ts";
import type { Socket, Stack } from "../../src/node/index.ts";
import { cubic } from "../../src/tcp/index.ts";
import type { TunLink } from "../../src/node/tun/index.ts";
import { tunLink } from "../../src/node/tun/index.ts";
import { CONNECTIONS } from "./kernel-lab.ts";
import { kernelTestObstacle, Namespace } from "./namespace.ts";

const obstacle = kernelTestObstacle();
if (obstacle !== null) console.warn(`tests against the kernel are skipped: ${obstacle}`);

/** Programs that are not here, as the reason for skipping a test. */
function missing(...programs: string[]): boolean {
  const absent = obstacle === null ? programs.filter((program) => spawnSync("sh", ["-c", `command -v ${program}`]).status !== 0) : programs;
  if (obstacle === null && absent.length > 0) console.warn(`a test is skipped, for want of ${absent.join(", ")}: see .ci/run`);
  return absent.length > 0;
}

const undo: (() => void | Promise<void>)[] = [];

afterEach(async () => {
  for (const action of undo.splice(0).toReversed()) await action();
});

interface Bench {
  readonly namespace: Namespace;
  readonly stack: Stack;
  readonly links: readonly TunLink[];
}

/** Our sockets on two devices, and the kernel at the other end of both, which joins what we announce. */
async function setUp(): Promise<Bench> {
  const namespace = new Namespace();
  undo.push(() => namespace.close());
  namespace.limits(8, 8);
  // The kernel gives a silent subflow up after one timeout rather than four.
  namespace.sysctl("net.mptcp.stale_loss_cnt", 1);
  const links: TunLink[] = [];
  for (const n of [1, 2]) links.push(await tunLink({ name: `tun${n}`, host: `10.${n}.0.2`, kernel: `10.${n}.0.1/24`, namespace: namespace.path }));
  // In turns and uncoupled: where the machine itself is the only bottleneck, chance would decide which path LIA prefers.
  const stack = createStack({ links, mptcp: { scheduler: roundRobin, congestion: cubic, penalisation: false } });
  undo.push(() => stack.close());
  return { namespace, stack, links };
}

/** A folder of this test. */
function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "mptcp-clients-"));
  undo.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A process in the namespace, ended with the test. */
function start(namespace: Namespace, command: readonly string[]): ChildProcess {
  const child = spawn("ip", ["netns", "exec", namespace.name, ...command], { stdio: ["pipe", "pipe", "pipe"] });
  undo.push(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    await exit;
  });
  return child;
}

/** What a process prints, and its exit code. */
async function outcome(child: ChildProcess): Promise<{ code: number | null; out: string; err: string }> {
  const text = { out: "", err: "" };
  child.stdout?.on("data", (chunk: Buffer) => (text.out += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (text.err += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, ...text };
}

/** An unmodified `http` server on our sockets. */
function webServer(stack: Stack, handle: http.RequestListener, onSocket: (socket: Socket) => void = () => {}): void {
  const web = http.createServer(handle);
  const listener = stack.createServer((socket) => {
    onSocket(socket);
    web.emit("connection", socket);
  });
  listener.listen({ port: 80, backlog: 511 });
  undo.push(() => void listener.close());
}

describe.skipIf(obstacle !== null)("programs over the kernel's Multipath TCP", () => {
  it.skipIf(missing("mptcpize", "curl", "sha256sum"))("curl fetches 200 MB over two paths from an http server on our sockets", async () => {
    const { namespace, stack } = await setUp();
    const length = 200_000_000;
    const block = randomBytes(1_000_000);
    const hash = createHash("sha256");
    const sockets: Socket[] = [];
    let shares: number[] = [];
    webServer(
      stack,
      (_request, response) => {
        response.writeHead(200, { "content-length": length, connection: "close" });
        void (async () => {
          // The second subflow comes with the request; what both carry is to be compared.
          const [socket] = sockets as [Socket];
          while (socket.mptcp.info().subflows.filter((subflow) => subflow.established).length < 2) await once(socket, "subflowUp");
          for (let sent = 0; sent < length; sent += block.length) {
            hash.update(block);
            if (!response.write(block)) await once(response, "drain");
          }
          shares = socket.mptcp.info().subflows.map((subflow) => subflow.bytesSent);
          response.end();
        })();
      },
      (socket) => sockets.push(socket),
    );
    const { code, out, err } = await outcome(start(namespace, ["sh", "-c", "mptcpize run curl -sS -o - http://10.1.0.2/file | sha256sum"]));
    expect([code, err]).toEqual([0, ""]);
    expect(out.split(" ")[0]).toBe(hash.digest("hex"));
    expect(sockets).toHaveLength(1);
    expect(shares).toHaveLength(2);
    for (const share of shares) expect(share).toBeGreaterThan(length / 10);
    const counters = namespace.counters();
    expect([counters.get("MPTcpExtMPCapableSYNACKRX"), counters.get("MPTcpExtMPJoinSynAckRx"), counters.get("MPTcpExtMPJoinSynAckHMacFailure"), counters.get("MPTcpExtDSSNotMatching")]).toEqual([1, 1, 0, 0]);
  });

  it.skipIf(missing("mptcpize", "ab"))(`ab has ${CONNECTIONS} requests answered, 100 at a time, none failed`, async () => {
    const { namespace, stack } = await setUp();
    let requests = 0;
    webServer(stack, (_request, response) => {
      requests++;
      response.end("hello\n");
    });
    const { code, out, err } = await outcome(start(namespace, ["mptcpize", "run", "ab", "-q", "-n", String(CONNECTIONS), "-c", "100", "http://10.1.0.2/"]));
    expect([code, err.trim()]).toEqual([0, ""]);
    expect(/Complete requests: +(\d+)\n/.exec(out)?.[1]).toBe(String(CONNECTIONS));
    expect(out).toMatch(/Failed requests: +0\n/);
    expect(out).not.toContain("Non-2xx");
    expect(requests).toBeGreaterThanOrEqual(CONNECTIONS);
    console.info(`ab: ${/Requests per second: +([\d.]+)/.exec(out)?.[1]} requests/s`);
    expect(namespace.counter("MPTcpExtMPCapableSYNACKRX")).toBeGreaterThanOrEqual(CONNECTIONS);
    expect(namespace.counter("MPTcpExtMPCapableFallbackSYNACK")).toBe(0);
    // The tests of the runtime watch what stays behind; here only that nothing waits for ever.
    expect(stack.runtime.host.counters.value("MPTcpExtMPCapableSYNRX")).toBeGreaterThanOrEqual(CONNECTIONS);
  });

  it.skipIf(missing("mptcpize"))("our http client downloads from a server of the kernel over two paths", async () => {
    const { namespace, stack } = await setUp();
    // Every join is ours.
    namespace.limits(8, 0);
    const path = folder();
    const content = randomBytes(50_000_000);
    writeFileSync(join(path, "file"), content);
    const server = start(namespace, ["mptcpize", "run", "python3", "-u", "-m", "http.server", "-d", path, "8000"]);
    let printed = "";
    server.stdout?.on("data", (chunk: Buffer) => (printed += chunk.toString()));
    while (!printed.includes("Serving")) await once(server.stdout as NodeJS.EventEmitter, "data");
    const sockets: Socket[] = [];
    const agent = new http.Agent();
    agent.createConnection = () => {
      const socket = stack.connect(8000, "10.1.0.1");
      sockets.push(socket);
      return socket as unknown as NetSocket;
    };
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => http.get({ host: "10.1.0.1", port: 8000, path: "/file", agent }, resolve).on("error", reject));
    const hash = createHash("sha256");
    let received = 0;
    let most = 0;
    for await (const chunk of response) {
      hash.update(chunk as Buffer);
      received += (chunk as Buffer).length;
      most = Math.max(most, sockets[0]?.mptcp.info().subflows.filter((subflow) => subflow.established && subflow.bytesReceived > 0).length ?? 0);
    }
    expect([response.statusCode, received]).toEqual([200, content.length]);
    expect(hash.digest("hex")).toBe(createHash("sha256").update(content).digest("hex"));
    expect(most).toBe(2);
    expect(namespace.counter("MPTcpExtMPCapableACKRX")).toBe(1);
    expect(namespace.counter("MPTcpExtMPJoinAckRx")).toBe(1);
  });

  it.skipIf(missing("mptcpize", "ssh", "ssh-keygen", "unshare", "/usr/sbin/sshd"))("a session of ssh survives the loss of a path", async () => {
    const { namespace, stack, links } = await setUp();
    const path = folder();
    chmodSync(path, 0o755);
    for (const name of ["host", "user"]) expect(spawnSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(path, name)]).status).toBe(0);
    const content = randomBytes(40_000_000);
    writeFileSync(join(path, "file"), content);
    const settings = [`HostKey ${path}/host`, `AuthorizedKeysFile ${path}/user.pub`, "StrictModes no", "UsePAM no", "PermitRootLogin yes", "PasswordAuthentication no", "PrintMotd no", "PidFile none"];
    writeFileSync(join(path, "config"), `${settings.join("\n")}\n`);
    let log = "";
    // Our end hands each connection to an sshd of its own. That wants a folder in /run, which it gets where nobody else sees it.
    const listener = stack.createServer((socket) => {
      const daemon = spawn("unshare", ["-m", "sh", "-c", `mount -t tmpfs none /run && mkdir /run/sshd && exec /usr/sbin/sshd -i -e -f ${path}/config`], { stdio: ["pipe", "pipe", "pipe"] });
      undo.push(() => void daemon.kill("SIGKILL"));
      daemon.stderr.on("data", (chunk: Buffer) => (log += chunk.toString()));
      daemon.stdin.on("error", () => {});
      socket.on("error", () => {});
      socket.pipe(daemon.stdin);
      daemon.stdout.pipe(socket);
      sockets.push(socket);
    });
    const sockets: Socket[] = [];
    listener.listen(22);
    undo.push(() => void listener.close());

    const options = ["-F", "none", "-i", `${path}/user`, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "BatchMode=yes"];
    const client = start(namespace, ["mptcpize", "run", "ssh", ...options, "root@10.1.0.2", `cat ${path}/file; read line; echo "answer to $line"`]);
    const done = once(client, "close") as Promise<[number | null]>;
    let err = "";
    client.stderr?.on("data", (chunk: Buffer) => (err += chunk.toString()));
    const hash = createHash("sha256");
    let received = 0;
    let tail = "";
    let cutAt = -1;
    let before: number[] = [];
    const packets = (): number[] => links.map((link) => link.counters.packetsOut + link.counters.packetsIn);
    client.stdout?.on("data", (chunk: Buffer) => {
      const rest = Math.max(0, content.length - received);
      hash.update(chunk.subarray(0, rest));
      received += chunk.length;
      tail += chunk.subarray(rest).toString();
      if (cutAt < 0 && received > content.length / 4) {
        cutAt = received;
        before = packets();
        namespace.run("ip", "link", "set", "tun1", "down");
      }
      // Asked when one path has long been gone, and all that was sent has arrived.
      if (received === content.length) client.stdin?.write("the question\n");
    });
    const [code] = await done;
    expect([code, err], log).toEqual([0, ""]);
    expect(tail).toBe("answer to the question\n");
    expect(hash.digest("hex")).toBe(createHash("sha256").update(content).digest("hex"));
    expect(cutAt).toBeLessThan(content.length / 2);
    expect((packets()[1] ?? 0) - (before[1] ?? 0)).toBeGreaterThan(100);
    expect(sockets).toHaveLength(1);
    expect(sockets[0]?.mptcp.info().fallback).toBeNull();
    expect(namespace.counter("MPTcpExtMPJoinSynAckRx")).toBe(1);
  });
});
