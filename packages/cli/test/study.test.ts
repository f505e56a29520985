import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pc from "picocolors";
import { afterAll, describe, expect, it } from "vitest";
import type { SurveyReport } from "@mptcp/testbed/study";
import { main } from "../src/main.ts";
import type { Io } from "../src/main.ts";
import { studyText } from "../src/study/text.ts";

const folder = mkdtempSync(join(tmpdir(), "mptcp-study-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function mptcp(args: readonly string[], { interrupt = false, columns = 0 } = {}): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  let stdout = "";
  let stderr = "";
  const colors = pc.createColors(false);
  const io: Io = {
    stdout: { write: (text) => void (stdout += text), columns, colors },
    stderr: { write: (text) => void (stderr += text), columns, colors },
    onInterrupt: (stop) => {
      if (interrupt) setImmediate(() => stop("SIGINT"));
      return () => {};
    },
    clock: () => 0,
    pipes: () => ({ input: process.stdin, isTyped: false, output: process.stdout, inputSize: null }),
  };
  const code = await main(["study", ...args], io);
  return { code, stdout, stderr };
}

describe("mptcp study", () => {
  it("surveys emulated networks, as text, as JSON and as a page", async () => {
    const page = join(folder, "survey.html");
    const { code, stdout, stderr } = await mptcp(["--survey", "4", "--json", "--out", page]);
    const report = JSON.parse(stdout) as SurveyReport;
    expect(report).toMatchObject({ seed: 1, networks: 4, naming: { alarms: 0 } });
    // Four networks have no share of 6 %.
    expect(code).toBe(1);
    expect(stderr).toMatch(/4 of 4 networks\n$/);
    expect(readFileSync(page, "utf8")).toMatch(/<!doctype html>[^]*<svg[^]*<\/html>/);
    const text = await mptcp(["--survey", "4", "--seed", "2"]);
    expect(text.stdout).toMatch(/^4 access networks, seed 2;[^]*port 34343 +port 443 +port 80[^]*boxes named/);
  });

  it("stops between two networks when it is interrupted", async () => {
    expect(await mptcp(["--survey", "5000"], { interrupt: true })).toMatchObject({ code: 130, stdout: "" });
  });

  it("exits with 2 for what it cannot do", async () => {
    const tun = ["--tun", "name=mp0,host=10.1.0.2,kernel=10.1.0.1/24"];
    const wrong: [readonly string[], RegExp][] = [
      [[], /say what is to be done/],
      [["192.0.2.1", "--server", ...tun], /say what is to be done/],
      [["192.0.2.1"], /one --tun is needed/],
      [["--server", ...tun, ...tun], /one --tun is needed/],
      [["--survey", "0"], /whole number/],
      [["--survey", "5", ...tun], /need no --tun/],
      [["192.0.2.1", ...tun, "--ports", "80,80"], /twice/],
      [["192.0.2.1", ...tun, "--ports", "80,34344"], /that of --control/],
      [["example.org", ...tun], /no IP address/],
      [["2001:db8::1", ...tun], /different families/],
      [["--server", ...tun, "--out", "x"], /--out is for the client/],
    ];
    for (const [args, message] of wrong) {
      const { code, stderr } = await mptcp(args);
      expect([args, code]).toEqual([args, 2]);
      expect(stderr).toMatch(message);
    }
  });

  it("says what could not be written", async () => {
    const { code, stderr } = await mptcp(["--survey", "1", "--out", join(folder, "missing", "page.html")]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/no such file or folder/);
  });

  it("tells of a path without boxes, and of one with some on one port", () => {
    const colors = pc.createColors(false);
    const path = { client: "10.1.0.2", seenAs: "198.18.0.1", server: "192.0.2.1", roundTrip: 0.0301, problem: null };
    const finding = { aspect: "mss", way: "out", verdict: "lowered", option: "", segment: "", detail: "MSS 1220 for 1400" } as const;
    expect(studyText({ ...path, ports: [{ port: 80, tried: 25, findings: [], boxes: [] }] }, colors)).toMatch(/seen there as 198\.18\.0\.1, 30\.1 ms there and back\n\nnothing was found on port 80/);
    const clear = { port: 443, tried: 25, findings: [], boxes: [] };
    const text = studyText({ ...path, ports: [clear, { port: 80, tried: 25, findings: [finding], boxes: [{ kind: "mss-clamp", because: [finding] }] }] }, colors);
    expect(text).toMatch(/mss-clamp on port 80: Lowers the maximum segment size in SYNs\.\n {4}-> MSS 1220 for 1400 \(port 80\)\n/);
  });
});
