import { readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { networkInterfaces } from "node:os";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { examplesOf, Installed, PACKAGES, root } from "./installed.ts";

/** Each way into the packages, with a name that it has. */
const ENTRY_POINTS = {
  mptcp: "Host",
  "mptcp/wire": "decodePacket",
  "mptcp/sim": "Simulation",
  "mptcp/capture": "CaptureReader",
  "mptcp/drill": "parseScript",
  "mptcp/testing": "checkScheduler",
  "mptcp/node": "createStack",
  "@mptcp/scenario": "runScenario",
  "@mptcp/scenario/units": "formatRate",
  "@mptcp/scenario/node": "loadScenario",
  "@mptcp/testbed": "kernelTarget",
  "@mptcp/testbed/emulator": "Emulation",
  "@mptcp/testbed/matrix": "Matrix",
  "@mptcp/testbed/study": "StudyClient",
} as const;

let installed: Installed;
beforeAll(() => {
  installed = new Installed();
});
afterAll(() => installed?.remove());

interface Manifest {
  readonly [key: string]: unknown;
  readonly exports?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly version: string;
}
interface SourceMap {
  readonly sources: readonly string[];
  readonly sourcesContent?: readonly (string | null)[];
}
const manifestAt = (folder: string): Manifest => JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
const workspace = manifestAt(root);

describe.each(Object.entries(PACKAGES))("the package %s", (name, folder) => {
  it("says what it is, and where it comes from, as the workspace does", () => {
    const manifest = manifestAt(join(root, folder));
    const { url } = workspace["repository"] as { readonly url: string };
    const { license, author, bugs, engines, version } = workspace;
    expect(manifest).toMatchObject({ name, license, author, bugs, engines, version, type: "module", repository: { type: "git", url, directory: folder }, publishConfig: { access: "public" } });
    expect(manifest["homepage"]).toBe(`${url.replace(/^git\+|\.git$/g, "")}/tree/main/${folder}#readme`);
    expect(manifest["description"]).toMatch(/\.$/);
    expect((manifest["keywords"] as string[]).length).toBeGreaterThan(5);
    expect((manifest["scripts"] as { prepack: string }).prepack).toMatch(/^npm run --silent --prefix \.\.\/\.\. build/);
    expect(readFileSync(join(root, folder, "LICENSE"), "utf8")).toBe(readFileSync(join(root, "LICENSE"), "utf8"));
    // Those of this project go together.
    for (const [other, wanted] of Object.entries(manifest.dependencies)) if (other in PACKAGES) expect([other, wanted]).toEqual([other, version]);
  });

  it("has what is needed, and nothing besides", () => {
    const paths = installed.packed.find((one) => one.name === name)?.files.map(({ path }) => path) ?? [];
    expect(paths).toEqual(expect.arrayContaining(["LICENSE", "README.md", "package.json"]));
    expect(paths.filter((path) => !/^(LICENSE|README\.md|package\.json|(src|dist|scenarios|bin)\/.*)$/.test(path) || /(^|\/)tests?\/|\.test\.|tsbuildinfo|\.new$/.test(path))).toEqual([]);
    // A map leads to a source that is there, or brings that of another package with it.
    for (const path of paths.filter((one) => one.endsWith(".js.map"))) {
      const { sources, sourcesContent = [] } = JSON.parse(readFileSync(join(installed.package(name), path), "utf8")) as SourceMap;
      for (const [i, source] of sources.entries()) {
        const [, other, module = ""] = /^\.\.\/\.\.\/(mptcp|testbed|scenario)\/(src\/.*)$/.exec(source) ?? [];
        if (name !== "@mptcp/cli" || other === undefined) expect(paths).toContain(posix.join(dirname(path), source));
        else expect(sourcesContent[i]).toBe(readFileSync(join(installed.package(other === "mptcp" ? other : `@mptcp/${other}`), module), "utf8"));
      }
    }
  });

  it("is compiled without comments, and declared with them", () => {
    const paths = installed.packed.find((one) => one.name === name)?.files.map(({ path }) => path).filter((path) => path.startsWith("dist/")) ?? [];
    const text = (end: string): string => paths.filter((path) => path.endsWith(end)).map((path) => readFileSync(join(installed.package(name), path), "utf8")).join("\n");
    expect(text(".js")).not.toMatch(/^\s*(\/\*\*|\/\/ )/m);
    expect(text(".d.ts")).toMatch(/^\/\*\*/m);
  });

  it("has no fault that publint finds", async () => {
    const { messages, pkg } = await publint({ pkgDir: installed.package(name), pack: false, strict: true });
    expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([]);
  });
});

describe("the library", () => {
  it("is light: it needs @noble/hashes alone, and runs without koffi", () => {
    const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } = manifestAt(join(root, PACKAGES.mptcp));
    expect([Object.keys(dependencies), Object.keys(optionalDependencies as object)]).toEqual([["@noble/hashes"], ["koffi"]]);
    expect([Object.keys(peerDependencies as object), peerDependenciesMeta]).toEqual([["@types/node"], { "@types/node": { optional: true } }]);
  });

  it("keeps the module that has effects, and no other", () => {
    const { sideEffects, exports = {} } = manifestAt(join(root, PACKAGES.mptcp));
    const { default: compiled, "mptcp-source": source } = exports["./register"] ?? {};
    expect(sideEffects).toEqual([compiled, source]);
  });
});

const programs = (names: readonly string[], load: (name: string) => string): string => names.map((name) => `{ const it = ${load(name)}; if (it[${JSON.stringify(ENTRY_POINTS[name as keyof typeof ENTRY_POINTS])}] === undefined) throw new Error(${JSON.stringify(name)}); }`).join("\n");

describe("in an empty folder", () => {
  const names = Object.keys(ENTRY_POINTS);

  it("every entry point is tried here", () => {
    const all = Object.keys(PACKAGES).flatMap((name) => Object.keys(manifestAt(installed.package(name)).exports ?? {}).map((path) => posix.join(name, path)));
    expect(all.toSorted()).toEqual([...names, "mptcp/register"].toSorted());
  });

  it("every entry point can be imported", () => {
    installed.write("all.mjs", programs(names, (name) => `await import(${JSON.stringify(name)})`));
    expect(installed.run("node", ["all.mjs"])).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  it("and required by CommonJS", () => {
    installed.write("all.cjs", programs(names, (name) => `require(${JSON.stringify(name)})`));
    // Node 20.19 says that this is an experiment of its own.
    expect(installed.run("node", ["--no-warnings", "all.cjs"])).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  it("mptcp/register is for --import", () => {
    const { code, stderr } = installed.run("node", ["--import", "mptcp/register", "-e", ""], { MPTCP_LOG: "1", MPTCP_VIA: "tcp" });
    expect([code, stderr]).toEqual([0, "mptcp: net uses plain TCP, as asked\n"]);
  });

  it("npx finds the command, which runs a scenario", () => {
    expect(installed.ok("npx", ["--no-install", "@mptcp/cli", "--help"])).toMatch(/^Usage: mptcp/);
    const output = installed.ok("npx", ["--no-install", "mptcp", "run", "two-paths", "--set", "workload.bulk={bytes: 200KB, direction: download}", "--out", "run"]);
    expect(output).toContain("run/report.html");
    expect(readFileSync(join(installed.folder, "run/report.html"), "utf8")).toMatch(/uPlot/);
  });

  it("the command is a few files, of which it loads what it needs", () => {
    const dist = join(installed.package("@mptcp/cli"), "dist");
    const modules = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".js"));
    expect(modules).toEqual(expect.arrayContaining(["main.js", "worker.js", "thread.js", "run-command.js"]));
    expect(modules.length).toBeLessThan(60);
    // What it begins with: the modules that it imports, and those that they import.
    const begun = new Set(["main.js"]);
    for (const module of begun) for (const [, other] of readFileSync(join(dist, module), "utf8").matchAll(/^(?:import|export)[^;]*"\.\/([^"]+)";/gm)) begun.add(other as string);
    expect(begun.size).toBeGreaterThan(5);
    expect(begun.size).toBeLessThan(20);
    // Scenarios have the library to themselves that the modules of their users import.
    expect(readFileSync(join(dist, "run-command.js"), "utf8")).toMatch(/from "@mptcp\/scenario"/);
  });

  it("a stack trace of the command leads to the sources, with the names of what was called", () => {
    const dist = JSON.stringify(join(installed.package("@mptcp/cli"), "dist/main.js"));
    const broken = "{ ...io, stdout: Object.assign(Object.create(io.stdout), { write: () => { throw new Error('broken'); } }) }";
    installed.write("broken.mjs", `import { main, processIo } from ${dist};\nconst io = processIo();\nawait main(["key"], ${broken});\n`);
    const { stderr } = installed.run("node", ["--enable-source-maps", "broken.mjs"]);
    const [, line] = /at keyCommand \(.*\/cli\/src\/link-key\.ts:(\d+):\d+\)/.exec(stderr) ?? [];
    const source = readFileSync(join(installed.package("@mptcp/cli"), "src/link-key.ts"), "utf8").split("\n");
    expect(source[Number(line) - 1]).toMatch(/io\.stdout\.write\(text\)/);
  });

  it("a stack trace leads to the sources", () => {
    installed.write("wrong.mjs", 'import { IpAddress } from "mptcp/wire";\nIpAddress.from("nonsense");\n');
    const { stderr } = installed.run("node", ["--enable-source-maps", "wrong.mjs"]);
    const [, line] = /mptcp\/src\/wire\/address\.ts:(\d+):\d+/.exec(stderr) ?? [];
    const source = readFileSync(join(installed.package("mptcp"), "src/wire/address.ts"), "utf8").split("\n");
    expect(source[Number(line) - 1]).toMatch(/throw new/);
  });
});

const STRICTEST: ts.CompilerOptions = {
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  noPropertyAccessFromIndexSignature: true,
  skipLibCheck: false,
  noEmit: true,
  allowJs: true,
  checkJs: true,
  types: ["node"],
  target: ts.ScriptTarget.ES2023,
  lib: ["lib.es2023.d.ts"],
};

/** What the compiler says of files. */
function complaints(files: readonly string[], options: ts.CompilerOptions): string[] {
  const program = ts.createProgram(files, { ...STRICTEST, typeRoots: [join(installed.folder, "node_modules/@types")], ...options });
  return ts.getPreEmitDiagnostics(program).map((found) => `${found.file?.fileName ?? ""}: ${ts.flattenDiagnosticMessageText(found.messageText, "\n")}`);
}

describe("the examples of the packages' READMEs", () => {
  const examples = Object.values(PACKAGES).map((folder) => examplesOf(join(root, folder, "README.md"))).reduce((all, some) => ({ ...all, ...some }));
  const main = /## Use the library\n\n```ts\n([\s\S]*?)```/.exec(readFileSync(join(root, "README.md"), "utf8"))?.[1] ?? "";
  const texts: Readonly<Record<string, string>> = { ...examples, "readme.ts": main };
  const modules = Object.entries(texts).map(([name, text]) => [name.replace(/\.ts$/, ".mts"), text] as const);
  let port = 0;
  beforeAll(async () => {
    for (const [name, text] of modules) installed.write(name, `${text}\nexport {};\n`);
    const socket = createSocket("udp6").bind(0);
    await once(socket, "listening");
    port = socket.address().port;
    socket.close();
  });

  it("are there", () => {
    expect(Object.keys(texts)).toEqual(["sockets.mjs", "simulation.ts", "scheduler.ts", "packets.ts", "scenario.ts", "kernel.ts", "readme.ts"]);
  });

  it("are accepted by the strictest of compilers, with all that the packages declare, where koffi is not installed", () => {
    for (const name of ["koffi", "@koromix"]) rmSync(installed.package(name), { recursive: true, force: true });
    const entries = installed.write("entries.mts", [...Object.keys(ENTRY_POINTS), "mptcp/register"].map((name, i) => `export * as entry${i} from ${JSON.stringify(name)};`).join("\n"));
    const files = modules.map(([name]) => join(installed.folder, name));
    expect(complaints([...files, entries], { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext })).toEqual([]);
    expect(installed.run("node", ["all.mjs"])).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  it("find their modules as node16 and bundlers do", () => {
    const host = ts.createCompilerHost({});
    for (const moduleResolution of [ts.ModuleResolutionKind.Node16, ts.ModuleResolutionKind.Bundler]) {
      for (const name of [...Object.keys(ENTRY_POINTS), "mptcp/register"]) {
        const found = ts.resolveModuleName(name, join(installed.folder, "main.mts"), { ...STRICTEST, moduleResolution }, host, undefined, undefined, ts.ModuleKind.ESNext);
        expect([name, found.resolvedModule?.resolvedFileName]).toEqual([name, expect.stringMatching(/\/dist\/.*\.d\.ts$/)]);
      }
    }
  });

  const noLoopback = Object.values(networkInterfaces()).flat().some((address) => address?.address === "::1") ? null : "there is no ::1 here";
  it.skipIf(noLoopback !== null)("sockets.mjs runs, in plain JavaScript, over two paths", () => {
    installed.write("sockets.mjs", (texts["sockets.mjs"] ?? "").replaceAll("5000", String(port)));
    const { code, stdout, stderr } = installed.run("node", ["sockets.mjs"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout.trimEnd().split("\n").toSorted()).toEqual(["a path: 127.0.0.1 -> 127.0.0.1", "a path: ::1 -> ::1", "the echo: hello"]);
  });

  it.each(["simulation.ts", "readme.ts", "scheduler.ts", "packets.ts", "scenario.ts", "kernel.ts"])("%s runs, and as plain JavaScript", (name) => {
    const { outputText } = ts.transpileModule(texts[name] ?? "", { compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext } });
    const { code, stdout, stderr } = installed.run("node", [installed.write(name.replace(/\.ts$/, ".mjs"), outputText)]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch({ "simulation.ts": /^16000000 octets/, "readme.ts": /^16000000 /, "scheduler.ts": /^0 findings/, "packets.ts": /^10\.0\.0\.1 -> 10\.0\.0\.2, 0 options/, "scenario.ts": /^2 subflows\nTwo paths/, "kernel.ts": /^(a SYN of \d+ octets|not here: )/ }[name] as RegExp);
  });
});
