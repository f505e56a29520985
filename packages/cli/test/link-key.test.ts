import { once } from "node:events";
import { createSocket } from "node:dgram";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { generateUdpKey } from "mptcp/node";
import pc from "picocolors";
import { afterAll, describe, expect, it } from "vitest";
import { givenKey } from "../src/link-key.ts";
import { main } from "../src/main.ts";
import type { Io } from "../src/main.ts";

const folder = mkdtempSync(join(tmpdir(), "mptcp-cli-key-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

class Run {
  stdout = "";
  stderr = "";
  readonly received: Buffer[] = [];
  readonly code: Promise<number>;
  private told: (() => void) | null = null;

  constructor(args: readonly string[], input = "") {
    const colors = pc.createColors(false);
    const output = new PassThrough().on("data", (chunk: Buffer) => this.received.push(chunk));
    const io: Io = {
      stdout: { write: (text) => void (this.stdout += text), columns: 0, colors },
      stderr: {
        write: (text) => {
          this.stderr += text;
          this.told?.();
        },
        columns: 0,
        colors,
      },
      onInterrupt: () => () => {},
      clock: () => 0,
      pipes: () => ({ input: Readable.from(input === "" ? [] : [Buffer.from(input)]), isTyped: false, output, inputSize: null }),
    };
    this.code = main(args, io);
  }

  async says(text: string): Promise<void> {
    while (!this.stderr.includes(text)) await new Promise<void>((resolve) => (this.told = resolve));
  }
}

function keyFile(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

describe("mptcp key", () => {
  it("writes a key of 32 octets to standard output", async () => {
    const run = new Run(["key"]);
    expect(await run.code).toBe(0);
    expect(Buffer.from(run.stdout, "base64").length).toBe(32);
  });

  it("writes it to a file of its owner's alone, and over none that is there", async () => {
    const path = join(folder, "made.key");
    expect(await new Run(["key", "--out", path]).code).toBe(0);
    const text = readFileSync(path, "utf8");
    expect(Buffer.from(text, "base64").length).toBe(32);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const again = new Run(["key", "--out", path]);
    expect(await again.code).toBe(1);
    expect(again.stderr).toContain("not written over");
    expect(readFileSync(path, "utf8")).toBe(text);
  });
});

describe("listen and connect with --key", () => {
  it("speak to each other, and count who speaks without it", async () => {
    const path = keyFile("secret.key", `${generateUdpKey()}\n`);
    const server = new Run(["listen", "5861", "--udp", "local=127.0.0.1", "--key", path]);
    await server.says("listening on");
    const stranger = createSocket("udp4");
    stranger.send(Buffer.from("5002ffff0000000100000000", "hex"), 5861, "127.0.0.1");
    stranger.send(Buffer.concat([Buffer.of(1, 0, 0, 0), Buffer.alloc(100)]), 5861, "127.0.0.1", () => stranger.close());
    await once(stranger, "close");
    const client = new Run(["connect", "127.0.0.1", "5861", "--udp", "local=127.0.0.2", "--key", path], "a message");
    expect([await client.code, await server.code]).toEqual([0, 0]);
    expect(String(Buffer.concat(server.received))).toBe("a message");
    expect(server.stderr).toContain("dropped 1 handshakes by another key, and 1 datagrams by none");
    expect(client.stderr).not.toContain("dropped");
  });

  it("speak to each other over links by device, too", async () => {
    const path = keyFile("device.key", generateUdpKey());
    const server = new Run(["listen", "5863", "--udp", "local=127.0.0.1", "--key", path]);
    await server.says("listening on");
    const client = new Run(["connect", "127.0.0.1", "5863", "--udp", "dev=lo", "--key", path], "a message");
    expect([await client.code, await server.code]).toEqual([0, 0]);
    expect(String(Buffer.concat(server.received))).toBe("a message");
    expect(server.stderr).not.toContain("dropped");
  });

  it("go nowhere with a file that holds none, is not there, or with links that have no key", async () => {
    const good = keyFile("good.key", generateUdpKey());
    const passphrase = keyFile("passphrase", "correct horse battery staple");
    const cases = [
      [["--udp", "local=127.0.0.1", "--key", passphrase], "32 octets as base64"],
      [["--udp", "dev=lo", "--key", passphrase], "32 octets as base64"],
      [["--udp", "local=127.0.0.1", "--key", join(folder, "nowhere")], "no such file"],
      [["--udp", "local=127.0.0.1", "--tun", "name=mp9,host=10.9.0.2", "--key", good], "in the clear"],
      [["--via", "kernel", "--key", good], "in the clear"],
    ] as const;
    for (const [args, text] of cases) {
      const run = new Run(["connect", "127.0.0.1", "5862", ...args]);
      expect(await run.code).toBe(2);
      expect(run.stderr).toContain(text);
      expect(run.stderr).not.toContain("horse");
    }
  });

  it("take it from MPTCP_KEY where no file is named; an empty one is no link in the clear", () => {
    const notices: string[] = [];
    const notice = (text: string): void => void notices.push(text);
    const key = generateUdpKey();
    const path = keyFile("file.key", "of the file");
    expect(givenKey(null, {}, notice)).toBeNull();
    expect(givenKey(null, { MPTCP_KEY: key }, notice)).toEqual({ key, origin: "MPTCP_KEY" });
    expect(givenKey(path, { MPTCP_KEY: key }, notice)?.key).toBe("of the file");
    expect(() => givenKey(null, { MPTCP_KEY: " " }, notice)).toThrow("MPTCP_KEY is empty");
    expect(notices).toEqual([]);
    chmodSync(path, 0o644);
    givenKey(path, {}, notice);
    expect(notices).toEqual([expect.stringContaining("others can read it")]);
  });
});
