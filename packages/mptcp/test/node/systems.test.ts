import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

interface Told {
  readonly loading: readonly string[];
  readonly asked: readonly string[];
  readonly choice: string;
  readonly command: string;
  readonly batched: boolean;
  readonly isSame: boolean;
  readonly subflows: number;
  readonly used: number;
  readonly kernel: { readonly available: boolean };
  readonly refused: readonly string[];
}

/** What a program tells of another system. */
function elsewhere(system: string): Promise<Told> {
  const preloads = ["typescript", "other-system"].flatMap((name) => ["--import", new URL(`peers/${name}.mjs`, import.meta.url).href]);
  const program = fileURLToPath(new URL("peers/elsewhere.ts", import.meta.url));
  const child = spawn(process.execPath, ["--conditions=mptcp-source", ...preloads, program], { env: { ...process.env, OTHER_SYSTEM: system }, stdio: ["ignore", "pipe", "pipe"], timeout: 60_000 });
  let [output, errors] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once("close", (code) => (code === 0 && errors === "" ? resolve(JSON.parse(output) as Told) : reject(new Error(`${code}: ${errors}${output}`))));
  });
}

describe.each(["darwin", "win32"])("on %s, without koffi and what Linux alone has,", (system) => {
  it("everything loads and asks for none of it, UDP links through node:dgram carry a file over several paths, and what is missing says so", async () => {
    const told = await elsewhere(system);
    expect(told.loading).toEqual([]);
    expect(told.asked).toEqual([]);
    expect(told).toMatchObject({ command: "function", batched: false, isSame: true, subflows: 4 });
    expect(told.used).toBeGreaterThan(1);
    expect(told.choice).toMatch(/^net uses plain TCP: no links are configured, and the kernel has no Multipath TCP for it: this is /);
    expect(told.kernel).toEqual({ available: false, reason: `this is ${system}`, remedy: 'use Linux 5.6 or newer, or via: "userspace"' });
    const kernel = `ERR_MPTCP_KERNEL: no Multipath TCP from the kernel: this is ${system}; use Linux 5.6 or newer, or via: "userspace"`;
    expect(told.refused).toEqual([`ERR_MPTCP_PLATFORM: TUN links need Linux, this is ${system}; use UDP links here`, kernel, kernel]);
  });
});

it("who asks for koffi is noticed", async () => {
  const { loading, asked, batched, isSame, refused } = await elsewhere("linux");
  expect({ loading, asked, batched, isSame }).toEqual({ loading: ["koffi"], asked: ["koffi"], batched: false, isSame: true });
  expect(refused[0]).toMatch(/^ERR_MPTCP_KOFFI_MISSING: TUN links need the optional dependency koffi: npm install koffi@3/);
});
