import { spawn } from "node:child_process";
import { readdir } from "node:fs/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";

const ROOT = new URL("../../", import.meta.url);
/** Takes the types out of sources as they are loaded, so that examples run as they are, without a build. */
const LOADER = new URL("packages/mptcp/test/node/peers/typescript.mjs", ROOT);

interface Outcome {
  readonly code: number | null;
  readonly lines: readonly string[];
  readonly errors: string;
}

/** Runs an example as a process of its own, as its user would. */
function run(name: string): Promise<Outcome> {
  const file = fileURLToPath(new URL(`examples/src/${name}.ts`, ROOT));
  const child = spawn(process.execPath, ["--conditions=mptcp-source", "--import", pathToFileURL(fileURLToPath(LOADER)).href, file], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 100_000,
  });
  let output = "";
  let errors = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, lines: output.trimEnd().split("\n"), errors }));
  });
}

/** The octets sent and received, as the lines on subflows say, by pair of addresses. */
function subflows({ lines }: Outcome): { readonly pair: string; readonly sent: number; readonly received: number }[] {
  return lines.flatMap((line) => {
    const found = /^ {2}(\S+ -> \S+): sent (\d+), received (\d+)$/.exec(line);
    return found === null ? [] : [{ pair: found[1] as string, sent: Number(found[2]), received: Number(found[3]) }];
  });
}

const PAIRS = ["127.0.0.3 -> 127.0.0.1", "127.0.0.3 -> 127.0.0.2", "127.0.0.4 -> 127.0.0.1", "127.0.0.4 -> 127.0.0.2"];
const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** It ended well, over four subflows of which several carried data both ways or one. */
function expectMultipath(outcome: Outcome, least: { readonly sent: number; readonly received: number }): void {
  expect(outcome.errors).toBe("");
  expect(outcome.code).toBe(0);
  expect(outcome.lines).toContain("one connection, Multipath TCP: true, subflows: 4");
  const used = subflows(outcome);
  expect(used.map(({ pair }) => pair).toSorted()).toEqual(PAIRS);
  expect(sum(used.map(({ sent }) => sent))).toBeGreaterThan(least.sent);
  expect(sum(used.map(({ received }) => received))).toBeGreaterThan(least.received);
  expect(used.filter(({ sent, received }) => sent + received > 10_000).length).toBeGreaterThan(1);
}

describe("examples", () => {
  test("each of them is tested here", async () => {
    const files = await readdir(new URL("examples/src/", ROOT));
    expect(files.toSorted()).toEqual(["http.ts", "https.ts", "paths.ts", "ssh.ts", "undici.ts", "ws.ts"]);
  });

  test("http: a page and an upload on one connection", async () => {
    const outcome = await run("http");
    expectMultipath(outcome, { sent: 4_000_000, received: 4_000_000 });
    expect(outcome.lines.slice(0, 4)).toEqual(["GET: 200 OK", "got 4000000 octets, the same as those sent", "POST: 200 OK", "sent 4000000 octets, their SHA-256 is right"]);
    expect(outcome.lines.filter((line) => line.startsWith("one connection"))).toHaveLength(1);
  });

  test("https: TLS 1.3, with the name in the certificate compared", async () => {
    const outcome = await run("https");
    expectMultipath(outcome, { sent: 0, received: 4_000_000 });
    expect(outcome.lines.slice(0, 2)).toEqual(["GET: 200, TLSv1.3, certificate accepted", "got 4000000 octets, the same as those sent"]);
  });

  test("undici: requests in a pipeline, and fetch", async () => {
    const outcome = await run("undici");
    expectMultipath(outcome, { sent: 8_000_000, received: 8_000_000 });
    expect(outcome.lines.slice(0, 2)).toEqual(["request: 4 of 4 echoes of 2000000 octets are right", 'fetch: 200, "hello"']);
  });

  test("ws: messages small and large, ping, a close with a reason", async () => {
    const outcome = await run("ws");
    expectMultipath(outcome, { sent: 4_000_000, received: 4_000_000 });
    expect(outcome.lines.slice(0, 3)).toEqual(['echo: "hello"', "echo of 4000000 octets: the same", "pong"]);
    expect(outcome.lines.at(-1)).toBe("closed: 1000 done");
  });

  test("ssh: a session survives the loss of a path", async () => {
    const { code, lines, errors } = await run("ssh");
    expect([errors, code]).toEqual(["", 0]);
    const pairs = (word: string): string[] => lines.flatMap((line) => (line.startsWith(`  ${word}`) ? [line.replace(/^\s+\w+\s+|, sent.*$/g, "")] : []));
    expect(pairs("up").toSorted()).toEqual(PAIRS);
    expect(lines).toContain("logged in");
    expect(lines).toContain("half of it is sent over 4 subflows; the link of 127.0.0.3 goes");
    expect(pairs("down").toSorted()).toEqual(PAIRS.slice(0, 2));
    expect(lines.slice(-2)).toEqual(["sha256sum: exit code 0, the sum is right", "one connection, Multipath TCP: true, subflows: 2"]);
  });

  test("paths: what RFC 6897 lets a program decide", async () => {
    const { code, lines, errors } = await run("paths");
    expect([errors, code]).toEqual(["", 0]);
    expect(lines.filter((line) => /^(?:subflow|echo)/.test(line))).toEqual([
      "subflow 1 from 127.0.0.3 is up",
      "echo of 1000000 octets over 127.0.0.3",
      "subflow 2 from 127.0.0.4 is up",
      "subflow 3 from 127.0.0.5 is up",
      "subflow 3 is a backup now, by the local end",
      "echo of 2000000 octets over 127.0.0.3 + 127.0.0.4 + (127.0.0.5)",
      "subflow 1 from 127.0.0.3 is down: fin",
      "echo of 1000000 octets over 127.0.0.4 + (127.0.0.5)",
    ]);
    const text = lines.join(" ");
    expect(text).toMatch(/multipath: true,\s+extraSubflows: 2,\s+subflowsTotal: 2,\s+localAddrUsed: 2,\s+bytesSent: 4000000,\s+bytesReceived: 4000000/);
    expect(text).toMatch(/MPTcpExtMPJoinSynTx: 2, MPTcpExtMPPrioTx: 1, MPTcpExtRmAddrTx: [12] \}/);
    expect(lines.at(-1)).toBe("plain TCP: read ECONNRESET");
  });
});
