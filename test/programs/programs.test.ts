import { chmod, chown, mkdtemp, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generate } from "selfsigned";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Child } from "./child.ts";
import { essence, EXPECTED } from "./expected.ts";
import { KernelPlace, kernelObstacle, PlainPlace, UserspacePlace } from "./places.ts";
import type { Counters, Place } from "./places.ts";
import { mariadb, memcached, mosquitto, nats, place, postgresql, redis, Script, sshd, System } from "./servers.ts";
import type { RunningServer, SystemServer, Workshop } from "./servers.ts";

/** Octets that each program carries each way. */
const OCTETS = Number(process.env["PROGRAM_MEGABYTES"] ?? 2) * 1_000_000;

/** A program of the folder `programs/clients`, and its server. */
interface Program {
  readonly name: string;
  readonly script: string;
  readonly server: SystemServer | { readonly script: string; readonly port: number };
}

const PROGRAMS: readonly Program[] = [
  { name: "redis, with redis-server", script: "redis.mjs", server: redis },
  { name: "pg, with PostgreSQL, by TLS", script: "pg.cjs", server: postgresql },
  { name: "mysql2, with MariaDB", script: "mysql2.mjs", server: mariadb },
  { name: "nats, with nats-server", script: "nats.mjs", server: nats },
  { name: "mqtt, with mosquitto", script: "mqtt.mjs", server: mosquitto },
  { name: "memjs, with memcached", script: "memjs.cjs", server: memcached },
  { name: "ssh2, with sshd", script: "ssh2.mjs", server: sshd },
  { name: "@grpc/grpc-js, by TLS", script: "grpc.mjs", server: { script: "grpc.mjs", port: 21_100 } },
  { name: "proxy-chain, with TLS through it", script: "proxy-chain.mjs", server: { script: "proxy-chain.mjs", port: 21_110 } },
  { name: "nodemailer, with smtp-server, by STARTTLS", script: "nodemailer.cjs", server: { script: "smtp.mjs", port: 21_120 } },
  { name: "socket.io", script: "socket-io.mjs", server: { script: "socket-io.mjs", port: 21_130 } },
  { name: "https, http2, fetch and ws", script: "web.mjs", server: { script: "web.mjs", port: 21_140 } },
];

const kernel = kernelObstacle();
if (kernel !== null) console.warn(`programs over the kernel's Multipath TCP are skipped: ${kernel}`);

const root = join(tmpdir(), "mptcp-programs-");
let workshop: Workshop;

beforeAll(async () => {
  const folder = await folderForAll(await mkdtemp(root));
  const { cert, private: key } = await generate([{ name: "commonName", value: "program.example" }], { keySize: 2048, algorithm: "sha256", extensions: [{ name: "subjectAltName", altNames: [{ type: 2, value: "program.example" }] }] });
  workshop = { folder, certificate: await place(folder, "certificate", cert, 0o644), certificateKey: await place(folder, "key", key, 0o644) };
});

afterAll(async () => {
  await rm(workshop.folder, { recursive: true, force: true });
});

/** Servers that are nobody's keep files there. */
async function folderForAll(folder: string): Promise<string> {
  if (process.getuid?.() === 0) await chown(folder, 65_534, 65_534);
  await chmod(folder, 0o755);
  return folder;
}

/** What came of a program, line by line, and the counters of both ends. */
interface Outcome {
  readonly said: readonly string[];
  readonly code: number | null;
  readonly counters: readonly Counters[];
}

/** A program, one place after the other: its server's files are there once. */
class Runs {
  private readonly program: Program;
  private readonly number: number;
  private last: Promise<unknown> = Promise.resolve();
  private prepared: Promise<Workshop> | null = null;
  private plain: Promise<Outcome> | null = null;

  constructor(program: Program, number: number) {
    this.program = program;
    this.number = number;
  }

  overPlainTcp(): Promise<Outcome> {
    this.plain ??= this.over(() => new PlainPlace(this.number));
    return this.plain;
  }

  inUserspace(): Promise<Outcome> {
    return this.over(() => new UserspacePlace(this.number));
  }

  overTheKernel(): Promise<Outcome> {
    return this.over(() => new KernelPlace());
  }

  private over(at: () => Place): Promise<Outcome> {
    const run = this.last.then(() => this.run(at()));
    this.last = run.catch(() => {});
    return run;
  }

  private async prepare(): Promise<Workshop> {
    const { server } = this.program;
    const own = { ...workshop, folder: await folderForAll(await mkdtemp(join(workshop.folder, "server-"))) };
    if (!("script" in server)) await server.prepare?.(own);
    return own;
  }

  private async run(at: Place): Promise<Outcome> {
    this.prepared ??= this.prepare();
    const own = await this.prepared;
    const { server: settings, script } = this.program;
    const { port } = settings;
    const shared = { PROGRAM_OCTETS: String(OCTETS), PROGRAM_CERTIFICATE: own.certificate, PROGRAM_CERTIFICATE_KEY: own.certificateKey, PROGRAM_KEY: join(own.folder, "user") };
    const start = ({ command, environment }: { command: readonly string[]; environment: Readonly<Record<string, string>> }) => ({ command, environment: { ...shared, ...environment } });
    const server: RunningServer = "script" in settings ? new Script(start(at.server(`servers/${settings.script}`, [at.host, port]))) : new System(settings, at, own);
    let client: Child | null = null;
    try {
      await server.start();
      const { command, environment } = start(at.program(`clients/${script}`, [at.host, port, port + 5]));
      client = new Child(command, environment);
      const said = await attend(client, server);
      const code = await client.end();
      await server.close();
      if (code !== 0) throw new Error(`${script} ended with ${code} after ${said.join()}: ${client.errors}`);
      return { said, code, counters: at.counters({ program: client.errors, server: server.log }) };
    } finally {
      await client?.kill();
      await server.close();
      await at.close();
    }
  }
}

/** Does what a program asks for; what it said. */
async function attend(client: Child, server: RunningServer): Promise<string[]> {
  const said: string[] = [];
  for (let line = await client.line(); line !== null; line = await client.line()) {
    const { ask } = JSON.parse(line) as { ask?: string };
    if (ask === undefined) {
      said.push(line);
      continue;
    }
    await (ask === "stop" ? server.stop() : server.start());
    client.write(ask);
  }
  return said;
}

/** Both ends had connections by Multipath TCP, and joined them. */
function expectMultipath([client = {}, server = {}]: readonly Counters[]): void {
  for (const name of ["MPTcpExtMPCapableSYNACKRX", "MPTcpExtMPJoinSynAckRx"]) expect(client[name] ?? 0, name).toBeGreaterThan(0);
  for (const name of ["MPTcpExtMPCapableACKRX", "MPTcpExtMPJoinAckRx"]) expect(server[name] ?? 0, name).toBeGreaterThan(0);
}

describe.concurrent.each(PROGRAMS)("$name", { timeout: 300_000 }, (program) => {
  const { server } = program;
  const runs = new Runs(program, PROGRAMS.indexOf(program));
  const missing = "script" in server || existsSync(server.file) ? null : server.file;
  if (missing !== null) console.warn(`${program.name}: skipped, there is no ${missing}`);

  test.skipIf(missing !== null)("says over plain TCP what it shall", async () => {
    const { said } = await runs.overPlainTcp();
    expect(said.map((line) => (JSON.parse(line) as unknown[]).map(essence))).toEqual(EXPECTED[program.script]);
  });

  test.skipIf(missing !== null)("says the same in user space, by Multipath TCP", async () => {
    const [{ said: plain }, { said, counters }] = [await runs.overPlainTcp(), await runs.inUserspace()];
    expect(said).toEqual(plain);
    expectMultipath(counters);
  });

  test.skipIf(missing !== null || kernel !== null)("says the same over the kernel's Multipath TCP", async () => {
    const [{ said: plain }, { said, counters }] = [await runs.overPlainTcp(), await runs.overTheKernel()];
    expect(said).toEqual(plain);
    expectMultipath(counters);
  });
});
