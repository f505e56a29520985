import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { chmod, chown, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Child } from "./child.ts";
import type { Place, Start } from "./places.ts";

/** A server that a program's test stops and starts. */
export interface RunningServer {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** The end of it. */
  close(): Promise<void>;
  /** What was written to standard error by those of its processes that speak Multipath TCP. */
  readonly log: string;
}

/** Where a server keeps its files, and what there is for it. */
export interface Workshop {
  readonly folder: string;
  readonly certificate: string;
  readonly certificateKey: string;
}

/** A server of the system, in C or Go. */
export interface SystemServer {
  readonly port: number;
  /** The file that is run; it is not there where the package is not installed. */
  readonly file: string;
  /** What is done once, before the first start. */
  prepare?(workshop: Workshop): Promise<void>;
  words(workshop: Workshop, host: string, port: number): readonly string[];
  /** What it writes when it is ready; else it is when it listens. */
  readonly ready?: RegExp;
  /** SIGKILL unless given. */
  readonly stopsBy?: NodeJS.Signals;
  /** It is linked in a way that `mptcpize` has no hold of. */
  readonly isStatic?: boolean;
  /** What it runs as: who refuses to be root's is nobody's. */
  readonly as?: readonly string[];
}

const isRoot = process.getuid?.() === 0;
/** Debian's "nobody". */
const NOBODY = 65_534;
/** Some servers refuse to be root's. None outlives who started it. */
const AS_NOBODY = ["setpriv", "--pdeathsig=KILL", ...(isRoot ? [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"] : [])];

/** Makes a file for a server, which may be nobody's. */
export async function place(folder: string, name: string, text: string, mode = 0o600): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, text);
  await chmod(file, mode);
  if (isRoot) await chown(file, NOBODY, NOBODY);
  return file;
}

/** As {@link place}, of what everybody may read. */
function writeNow(file: string, text: string): string {
  writeFileSync(file, text);
  chmodSync(file, 0o644);
  return file;
}

/** sshd wants a folder in /run, which it gets where nobody else sees it. */
const WITH_OWN_RUN = isRoot ? ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /run && mkdir /run/sshd && exec setpriv --pdeathsig=KILL "$@"', "sh"] : AS_NOBODY;

function run(command: readonly string[], input = ""): void {
  const [file = "", ...words] = command;
  const { status, stderr, stdout, error } = spawnSync(file, words, { encoding: "utf8", input });
  if (status !== 0) throw new Error(`${command.join(" ")}: ${error?.message ?? stdout + stderr}`);
}

const POSTGRES = ["17", "16", "15", "14", "13"].map((version) => `/usr/lib/postgresql/${version}/bin`).find((folder) => existsSync(folder)) ?? "/usr/lib/postgresql/bin";

export const redis: SystemServer = {
  port: 21_000,
  file: "/usr/bin/redis-server",
  words: ({ folder }, host, port) => ["--bind", host, "--port", String(port), "--requirepass", "secret", "--save", "", "--dir", folder],
};

export const postgresql: SystemServer = {
  port: 21_010,
  file: `${POSTGRES}/postgres`,
  prepare: async ({ folder, certificate, certificateKey }) => {
    const password = await place(folder, "password", "secret\n");
    run([...AS_NOBODY, `${POSTGRES}/initdb`, "-D", join(folder, "data"), "-U", "postgres", "-A", "scram-sha-256", "--pwfile", password, "--no-sync", "--no-locale", "-E", "UTF8"]);
    await place(join(folder, "data"), "pg_hba.conf", "host all all 0.0.0.0/0 scram-sha-256\n");
    await place(join(folder, "data"), "server.crt", readFileSync(certificate, "utf8"));
    await place(join(folder, "data"), "server.key", readFileSync(certificateKey, "utf8"));
  },
  words: ({ folder }, host, port) => ["-D", join(folder, "data"), "-h", host, "-p", String(port), "-k", "", "-c", "ssl=on", "-c", "fsync=off", "-c", "shared_buffers=4MB", "-c", "autovacuum=off"],
  ready: /ready to accept connections/,
  // Its other processes end with it.
  stopsBy: "SIGINT",
};

export const mariadb: SystemServer = {
  port: 21_020,
  file: "/usr/sbin/mariadbd",
  prepare: async ({ folder }) => {
    const words = [`--datadir=${join(folder, "data")}`, "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve", "--innodb-log-file-size=8M"];
    run([...AS_NOBODY, "mariadb-install-db", "--no-defaults", ...words]);
    await place(folder, "users.sql", "CREATE USER IF NOT EXISTS program@'%' IDENTIFIED BY 'secret';\n");
  },
  words: ({ folder }, host, port) => [
    "--no-defaults",
    `--datadir=${join(folder, "data")}`,
    `--bind-address=${host}`,
    `--port=${port}`,
    `--socket=${join(folder, "socket")}`,
    `--init-file=${join(folder, "users.sql")}`,
    "--skip-name-resolve",
    "--max-allowed-packet=64M",
    "--innodb-buffer-pool-size=8M",
    "--innodb-log-file-size=8M",
    "--innodb-flush-log-at-trx-commit=0",
  ],
  ready: /ready for connections/,
};

export const nats: SystemServer = {
  port: 21_030,
  file: "/usr/sbin/nats-server",
  words: (_workshop, host, port) => ["--addr", host, "--port", String(port), "--auth", "secret"],
  isStatic: true,
};

export const mosquitto: SystemServer = {
  port: 21_040,
  file: "/usr/sbin/mosquitto",
  prepare: async ({ folder }) => {
    await place(folder, "passwords", "program:secret\n");
    run([...AS_NOBODY, "mosquitto_passwd", "-U", join(folder, "passwords")]);
  },
  words: ({ folder }, host, port) => {
    const text = `listener ${port} ${host}\npassword_file ${join(folder, "passwords")}\nallow_anonymous false\npersistence false\n`;
    return ["-c", writeNow(join(folder, "mosquitto.conf"), text)];
  },
};

export const memcached: SystemServer = {
  port: 21_050,
  file: "/usr/bin/memcached",
  words: (_workshop, host, port) => ["-l", host, "-p", String(port), "-U", "0", "-I", "32m", "-m", "128", "-t", "1"],
};

export const sshd: SystemServer = {
  port: 21_060,
  file: "/usr/sbin/sshd",
  prepare: async ({ folder }) => {
    for (const key of ["host", "user"]) run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", join(folder, key)]);
  },
  words: ({ folder }, host, port) => {
    const settings = { HostKey: join(folder, "host"), AuthorizedKeysFile: join(folder, "user.pub"), PidFile: "none", StrictModes: "no", UsePAM: "no", PasswordAuthentication: "no", PermitRootLogin: "prohibit-password" };
    return ["-D", "-e", "-f", "/dev/null", "-o", `ListenAddress=${host}:${port}`, ...Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`])];
  },
  as: WITH_OWN_RUN,
};

/** A server of the system, and where it does not speak Multipath TCP itself, a relay in front of it. */
export class System implements RunningServer {
  private readonly server: SystemServer;
  private readonly at: Place;
  private readonly workshop: Workshop;
  private readonly relay: Script | null;
  private child: Child | null = null;

  constructor(server: SystemServer, at: Place, workshop: Workshop) {
    const isRelayed = !at.isNative || (server.isStatic === true && at.host !== at.plainHost);
    this.server = server;
    this.at = at;
    this.workshop = workshop;
    this.relay = isRelayed ? new Script(at.server("servers/relay.mjs", [at.host, server.port, 0, at.plainHost, server.port])) : null;
  }

  async start(): Promise<void> {
    const { server, at, workshop, relay } = this;
    const host = relay === null ? at.host : at.plainHost;
    const words = [...(server.as ?? AS_NOBODY), server.file, ...server.words(workshop, host, server.port)];
    const { command, environment } = at.foreign(words, relay !== null);
    const child = new Child(command, environment);
    this.child = child;
    while (!isListening(child, host, server.port) || server.ready?.test(child.errors) === false) {
      if (!child.isRunning) throw new Error(`${words.join(" ")}: ${child.errors}`);
      await sleep(10);
    }
    await relay?.start();
  }

  async stop(): Promise<void> {
    await this.child?.kill(this.server.stopsBy);
    await this.relay?.stop();
  }

  async close(): Promise<void> {
    await this.child?.kill(this.server.stopsBy);
    await this.relay?.close();
  }

  get log(): string {
    return this.relay?.log ?? "";
  }
}

/** A server in JavaScript: of the folder `programs/servers`. */
export class Script implements RunningServer {
  private readonly child: Child;

  constructor({ command, environment }: Start) {
    this.child = new Child(command, environment);
  }

  start(): Promise<void> {
    return this.tell("start");
  }

  stop(): Promise<void> {
    return this.tell("stop");
  }

  private async tell(what: string): Promise<void> {
    this.child.write(what);
    const answer = await this.child.line();
    if (answer !== what) throw new Error(`a server in JavaScript was told to ${what}, and answered ${answer}: ${this.child.errors}`);
  }

  async close(): Promise<void> {
    this.child.process.stdin?.end();
    // Its connections are for it to close.
    const timer = setTimeout(() => void this.child.kill(), 3000);
    await this.child.end();
    clearTimeout(timer);
  }

  get log(): string {
    return this.child.errors;
  }
}

/** Whether somebody in the process's network listens there. */
function isListening({ process: { pid } }: Child, host: string, port: number): boolean {
  const file = `/proc/${pid}/net/tcp`;
  if (!existsSync(file)) return false;
  const octets = Buffer.from(host.split(".").map(Number)).toReversed();
  const wanted = `${Buffer.from(octets).toString("hex")}:${port.toString(16).padStart(4, "0")} 00000000:0000 0a`;
  return readFileSync(file, "latin1").toLowerCase().includes(wanted);
}
