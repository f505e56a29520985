import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, linkSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { connectControl, controlFromEnvironment, createStack, findControls, openControl } from "../../src/node/index.ts";
import type { Control, ControlEvent, ControlOptions, Stack } from "../../src/node/index.ts";
import { MemoryLink } from "./memory-link.ts";

const root = mkdtempSync(join(tmpdir(), "mptcp-control-"));
const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;
let folder = "";
let stack: Stack;
const open: Control[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(root, "t"));
  process.env["XDG_RUNTIME_DIR"] = folder;
  stack = createStack({ links: MemoryLink.pair("10.0.0.1", "10.0.0.2") });
});
afterEach(async () => {
  for (const control of open.splice(0)) await control.close();
  await stack.close();
  delete process.env["MPTCP_CONTROL"];
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

async function opened(options: ControlOptions = {}): Promise<Control> {
  const control = await openControl(stack, options);
  open.push(control);
  return control;
}

/** A socket that nobody listens at, as a process leaves it that was killed. */
async function staleAt(path: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(`${path}.made`, resolve));
  linkSync(`${path}.made`, path);
  await new Promise((resolve) => server.close(resolve));
}

describe("a control socket", () => {
  it("is its user's alone, in a folder that is, whatever the umask says", async () => {
    const before = process.umask(0);
    try {
      const { path } = await opened();
      expect(path).toBe(join(folder, "mptcp", `${process.pid}.sock`));
      expect(lstatSync(join(folder, "mptcp")).mode & 0o7777).toBe(0o700);
      expect(lstatSync(path).mode & 0o7777).toBe(0o600);
      expect(lstatSync(path).isSocket()).toBe(true);
      // Nothing is left of its making.
      expect(readdirSync(join(folder, "mptcp"))).toEqual([`${process.pid}.sock`]);
      const named = await opened({ path: join(folder, "named") });
      expect(lstatSync(named.path).mode & 0o7777).toBe(0o600);
      expect(readdirSync(folder).toSorted()).toEqual(["mptcp", "named"]);
    } finally {
      process.umask(before);
    }
  });

  it("answers clients, tells them events, and is gone when it is closed", async () => {
    const control = await opened({ title: "a test" });
    const client = await connectControl(control.path);
    expect(client.hello).toMatchObject({ protocol: 1, pid: process.pid, title: "a test" });
    expect((await client.request("status", {})).endpoints.map(({ address }) => address)).toEqual(["10.0.0.1", "10.0.0.2"]);
    await expect(client.request("subflow.remove", { subflow: 1 })).rejects.toMatchObject({ code: "which-connection", message: "there is no connection in Multipath TCP" });
    const events: ControlEvent[] = [];
    client.onEvent = (event) => events.push(event);
    await client.request("subscribe", {});
    const socket = stack.connect(9, "10.0.0.2");
    await new Promise((resolve) => socket.once("error", resolve));
    await client.request("status", {});
    expect(events.map(({ event }) => event)).toEqual(["sub-closed", "closed"]);
    await control.close();
    await client.closed;
    expect(existsSync(control.path)).toBe(false);
    await expect(client.request("status", {})).rejects.toMatchObject({ code: "ECONNRESET" });
    await expect(connectControl(control.path)).rejects.toMatchObject({ code: "ENOENT", message: `${control.path}: there is no such socket` });
  });

  it("is one for each stack of a process", async () => {
    const first = await opened();
    const second = await opened();
    expect(second.path).toBe(join(folder, "mptcp", `${process.pid}-2.sock`));
    expect((await findControls()).map(({ pid, path }) => [pid, path])).toEqual([[process.pid, second.path], [process.pid, first.path]]);
  });

  it("takes the place of one that was left behind, and of nothing else", async () => {
    const path = join(folder, "s");
    await staleAt(path);
    await (await opened({ path })).close();
    await opened({ path });
    await expect(opened({ path })).rejects.toMatchObject({ code: "EADDRINUSE", message: `another process listens at ${path}` });
    writeFileSync(join(folder, "file"), "");
    await expect(opened({ path: join(folder, "file") })).rejects.toMatchObject({ code: "EEXIST", message: `${join(folder, "file")} is there, and no socket` });
    symlinkSync(path, join(folder, "link"));
    await expect(opened({ path: join(folder, "link") })).rejects.toMatchObject({ code: "EEXIST" });
    expect(readdirSync(folder).toSorted()).toEqual(["file", "link", "s"]);
  });

  it("leaves alone what has taken its place", async () => {
    const path = join(folder, "s");
    const first = await opened({ path });
    unlinkSync(path);
    const second = await opened({ path });
    await first.close();
    expect((await connectControl(second.path)).hello.pid).toBe(process.pid);
  });

  it("says what is wrong with its path", async () => {
    const long = join(folder, "x".repeat(108 - folder.length));
    await expect(opened({ path: long })).rejects.toMatchObject({ code: "ENAMETOOLONG", message: expect.stringContaining("a Unix socket's path has at most 107 octets") });
    await expect(opened({ path: join(folder, "none", "s") })).rejects.toMatchObject({ code: "ENOENT", message: `no control socket at ${join(folder, "none", "s")}: its folder is not there` });
    await expect(opened({ path: "" })).rejects.toMatchObject({ code: "ERR_MPTCP_CONTROL_PATH" });
    const longest = join(folder, "x".repeat(106 - folder.length));
    expect(Buffer.byteLength(longest)).toBe(107);
    await opened({ path: longest });
  });

  it("is opened where the environment asks for one", async () => {
    expect(await controlFromEnvironment(stack)).toBeNull();
    process.env["MPTCP_CONTROL"] = "0";
    expect(await controlFromEnvironment(stack)).toBeNull();
    process.env["MPTCP_CONTROL"] = "1";
    const usual = (await controlFromEnvironment(stack)) as Control;
    open.push(usual);
    expect(usual.path).toBe(join(folder, "mptcp", `${process.pid}.sock`));
    process.env["MPTCP_CONTROL"] = join(folder, "mine");
    const named = (await controlFromEnvironment(stack)) as Control;
    open.push(named);
    expect(named.path).toBe(join(folder, "mine"));
  });

  it.skipIf(!isRoot)("lets no other user in", async () => {
    // Where everybody may look.
    chmodSync(root, 0o755);
    chmodSync(folder, 0o755);
    const { path } = await opened({ path: join(folder, "s") });
    const script = `require("net").connect(${JSON.stringify(path)}).on("connect",()=>{console.log("in");process.exit()}).on("error",(e)=>console.log(e.code))`;
    const as = (...words: string[]): Promise<string> =>
      new Promise((resolve) => {
        const { stdout, stderr } = spawnSync("setpriv", [...words, process.execPath, "-e", script], { encoding: "utf8", cwd: "/" });
        resolve(`${stdout}${stderr}`.trim());
      });
    expect(await as("--reuid=65534", "--regid=65534", "--clear-groups")).toBe("EACCES");
    expect(await as("--clear-groups")).toBe("in");
  });
});

describe("the folder of control sockets", () => {
  const usual = (): string => join(folder, "mptcp");

  it("is refused when others could put something into it", async () => {
    mkdirSync(usual());
    chmodSync(usual(), 0o770);
    await expect(opened()).rejects.toMatchObject({ code: "ERR_MPTCP_CONTROL_FOLDER", message: `${usual()} is open to others: remove it, or name another path` });
    expect(await findControls()).toEqual([]);
  });

  it("is refused when it is a link to somewhere else, or a file", async () => {
    const elsewhere = mkdtempSync(join(folder, "e"));
    symlinkSync(elsewhere, usual());
    await expect(opened()).rejects.toMatchObject({ code: "ERR_MPTCP_CONTROL_FOLDER", message: expect.stringContaining("is no folder") });
    unlinkSync(usual());
    writeFileSync(usual(), "");
    await expect(opened()).rejects.toMatchObject({ code: "ERR_MPTCP_CONTROL_FOLDER" });
  });

  it.skipIf(!isRoot)("is refused when it is somebody else's", async () => {
    mkdirSync(usual(), { mode: 0o700 });
    chownSync(usual(), NOBODY, NOBODY);
    await expect(opened()).rejects.toMatchObject({ code: "ERR_MPTCP_CONTROL_FOLDER", message: expect.stringContaining("belongs to user 65534") });
  });

  it.skipIf(!isRoot)("is in /tmp where there is no runtime directory of this user's", async () => {
    const { path } = await opened();
    chownSync(folder, NOBODY, NOBODY);
    const other = await opened();
    expect(other.path).toBe(`/tmp/mptcp-0/${process.pid}.sock`);
    expect(lstatSync("/tmp/mptcp-0").mode & 0o7777).toBe(0o700);
    chownSync(folder, 0, 0);
    // Both places are looked at.
    expect((await findControls()).filter(({ pid }) => pid === process.pid).map((found) => found.path).toSorted()).toEqual([other.path, path].toSorted());
  });

  it("is not where others could exchange it", async () => {
    chmodSync(folder, 0o777);
    const { path } = await opened();
    expect(path).toBe(`/tmp/mptcp-${process.getuid?.()}/${process.pid}.sock`);
  });

  it("is rid of what processes left there that are gone", async () => {
    mkdirSync(usual(), { mode: 0o700 });
    await staleAt(join(usual(), "99999999.sock"));
    writeFileSync(join(usual(), "notes"), "");
    await opened();
    expect(readdirSync(usual()).toSorted()).toEqual([`${process.pid}.sock`, "notes"].toSorted());
  });
});
