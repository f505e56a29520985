import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** The packages that are published, and where they are. */
export const PACKAGES = { mptcp: "packages/mptcp", "@mptcp/scenario": "packages/scenario", "@mptcp/testbed": "packages/testbed", "@mptcp/cli": "packages/cli" } as const;

/** A package as npm describes it when it has packed it. */
export interface Packed {
  readonly name: string;
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string; readonly size: number }[];
}

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The packages, packed and installed in a folder that has nothing else. */
export class Installed {
  readonly folder = mkdtempSync(join(tmpdir(), "mptcp-package-"));
  readonly packed: readonly Packed[];

  constructor() {
    const expected = this.ok("npm", ["run", "--silent", "build"], root);
    if (expected !== "") throw new Error(expected);
    // What is packed with the scenarios brings a step of its own; the others' is the build alone.
    const pack = (...args: string[]) => JSON.parse(this.ok("npm", ["pack", "--silent", "--json", "--pack-destination", this.folder, ...args], root)) as Packed[] | Readonly<Record<string, Packed>>;
    this.packed = [pack("--ignore-scripts", "--workspace=mptcp", "--workspace=@mptcp/testbed", "--workspace=@mptcp/cli"), pack("--workspace=@mptcp/scenario")].flatMap((all) => Object.values(all));
    this.install();
  }

  /** Where an installed package is. */
  package(name: string): string {
    return join(this.folder, "node_modules", name);
  }

  /** Runs a command in the folder. */
  run(command: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}, cwd = this.folder): Outcome {
    // What npm tells those that it starts, this test for one, is not for others.
    const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_(?!config_(cache|registry|userconfig))|NODE_OPTIONS|INIT_CWD|VITEST)/.test(name)));
    const { status: code, stdout, stderr } = spawnSync(command, args, { cwd, env: { ...inherited, ...environment }, encoding: "utf8", timeout: 100_000 });
    return { code, stdout, stderr };
  }

  /** Runs a command that succeeds and has nothing to complain of. @returns what it writes */
  ok(command: string, args: readonly string[], cwd = this.folder, environment: Readonly<Record<string, string>> = {}): string {
    const { code, stdout, stderr } = this.run(command, args, environment, cwd);
    if (code !== 0) throw new Error(`${command} ${args.join(" ")}: ${code}\n${stderr}${stdout}`);
    return stdout;
  }

  /** Writes a file beside what is installed. @returns its path */
  write(name: string, text: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, text);
    return path;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** What the packages need is taken in the versions of this checkout, whose tarballs npm has kept. */
  private install(): void {
    const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as { readonly packages: Readonly<Record<string, Locked>> };
    const tarballs = Object.fromEntries(this.packed.map(({ name, filename }) => [name, `file:${basename(filename)}`]));
    const packages: Record<string, object> = { "": { dependencies: tarballs } };
    const needed = Object.keys(tarballs);
    for (let name = needed.shift(); name !== undefined; name = needed.shift()) {
      const path = `node_modules/${name}`;
      if (packages[path] !== undefined) continue;
      const own = name in PACKAGES ? (lock.packages[PACKAGES[name as keyof typeof PACKAGES]] as Locked) : lock.packages[path];
      if (own === undefined) throw new Error(`${name} is not in package-lock.json`);
      const { dev: _, link: __, ...entry } = { ...own, ...(tarballs[name] === undefined ? {} : { resolved: tarballs[name] }) };
      packages[path] = entry;
      needed.push(...Object.keys({ ...own.dependencies, ...own.optionalDependencies }));
    }
    const manifest = { name: "empty", version: "1.0.0", private: true, type: "commonjs", dependencies: tarballs };
    this.write("package.json", JSON.stringify(manifest));
    this.write("package-lock.json", JSON.stringify({ ...manifest, lockfileVersion: 3, requires: true, packages }));
    this.ok("npm", ["ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]);
    // What a program in TypeScript has besides.
    mkdirSync(join(this.folder, "node_modules/@types"));
    symlinkSync(join(root, "node_modules/@types/node"), join(this.folder, "node_modules/@types/node"));
  }
}

interface Locked {
  readonly resolved?: string;
  readonly dev?: boolean;
  readonly link?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** The examples of a README, by the name of the file that they are to be. */
export function examplesOf(page: string): Readonly<Record<string, string>> {
  const text = readFileSync(page, "utf8");
  return Object.fromEntries(Array.from(text.matchAll(/<!-- example: (\S+) -->\n```\w+\n([\s\S]*?)```/g), ([, name, code]) => [name as string, code as string]));
}
