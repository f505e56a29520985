import pc from "picocolors";
import { describe, expect, it } from "vitest";
import type { CheckState, DoctorReport, System } from "mptcp/node";
import { doctorCommand } from "../src/doctor-command.ts";
import { main } from "../src/main.ts";
import type { Io } from "../src/main.ts";

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(act: (io: Io) => Promise<number>, colored = false): Promise<Outcome> {
  let stdout = "";
  let stderr = "";
  const output = (write: (text: string) => void): Io["stdout"] => ({ write, columns: colored ? 120 : 0, colors: pc.createColors(colored) });
  const io: Io = {
    stdout: output((text) => (stdout += text)),
    stderr: output((text) => (stderr += text)),
    onInterrupt: () => () => {},
    clock: () => 0,
    pipes: () => ({ input: process.stdin, isTyped: false, output: process.stdout, inputSize: null }),
  };
  const code = await act(io);
  return { code, stdout, stderr };
}

/** A machine that is not Linux, or an old Node. */
const elsewhere = (nodeVersion: string): System => ({
  platform: "darwin",
  release: "24",
  nodeVersion,
  userId: 501,
  readFile: () => null,
  run: () => ({ kind: "missing" }),
  openObstacle: () => "ENOENT",
  koffiObstacle: () => Promise.resolve("TUN links need Linux"),
  tunFeatures: () => Promise.resolve(null),
  offloads: () => Promise.resolve(null),
});

const PLAIN = { for: [], json: false, fixScript: false } as const;

describe("mptcp doctor", () => {
  it("prints checks by section, and exits by whether one failed", async () => {
    const good = await run((io) => doctorCommand(PLAIN, io, elsewhere("22.0.0")));
    expect(good.code).toBe(0);
    expect(good.stdout).toMatch(/^kernel\n {2}warn {4}Multipath TCP: this is darwin/);
    expect(good.stdout).toMatch(/\nuser space\n {2}ok {6}Node: 22\.0\.0\n/);
    expect(good.stdout).toMatch(/\n0 failed, 2 warned, 1 ok\n$/);
    const bad = await run((io) => doctorCommand(PLAIN, io, elsewhere("18.1.0")));
    expect(bad.code).toBe(1);
    expect(bad.stdout).toMatch(/ {2}fail {4}Node: 18\.1\.0, and 20\.19 is needed\n/);
    expect((await run((io) => doctorCommand({ ...PLAIN, for: ["kernel"] }, io, elsewhere("22.0.0")))).code).toBe(1);
  });

  it("uses colours on a terminal only", async () => {
    const escape = "\u001B[";
    expect((await run((io) => doctorCommand(PLAIN, io, elsewhere("22.0.0")))).stdout).not.toContain(escape);
    expect((await run((io) => doctorCommand(PLAIN, io, elsewhere("22.0.0")), true)).stdout).toContain(escape);
  });

  it("looks at this machine, as JSON and as a script", async () => {
    const asked = await run((io) => main(["doctor", "--json"], io));
    const report = JSON.parse(asked.stdout) as DoctorReport;
    expect(asked.code).toBe(report.fit ? 0 : 1);
    const known: readonly CheckState[] = ["ok", "note", "warn", "fail", "unknown"];
    expect(report.checks.every((check) => known.includes(check.state))).toBe(true);
    expect(report.checks.find((check) => check.id === "node.version")?.state).toBe("ok");
    const script = await run((io) => main(["doctor", "--fix-script"], io));
    expect(script.stdout).toMatch(/^#!\/bin\/sh\n/);
  });

  it("refuses what it does not know", async () => {
    const wrong = await run((io) => main(["doctor", "--for", "ipx"], io));
    expect(wrong).toMatchObject({ code: 2, stdout: "" });
    expect(wrong.stderr).toMatch(/one of kernel, tun, udp/);
  });
});
