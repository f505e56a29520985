import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Duplex } from "node:stream";
import { describe, expect, it } from "vitest";
import { ProcessEnd } from "../src/process-end.ts";
import { splice } from "../src/splice.ts";
import type { End } from "../src/splice.ts";

/** An end in memory: the test is its peer. */
class Fake extends Duplex implements End {
  readonly got: string[] = [];
  isReset = false;
  isClosedSoon = false;
  /** Whether it takes what is written. */
  takes = true;
  private waiting: (() => void) | null = null;

  constructor() {
    super({ allowHalfOpen: true, highWaterMark: 16 });
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.got.push(String(chunk));
    if (this.takes) callback();
    else this.waiting = callback;
  }

  /** Takes what it was given, and what comes. */
  drain(): void {
    this.takes = true;
    this.waiting?.();
    this.waiting = null;
  }

  resetAndDestroy(): void {
    this.isReset = true;
    this.destroy();
  }

  destroySoon(): void {
    this.isClosedSoon = true;
    this.destroy();
  }
}

const NO_LIMITS = { idle: 0, halfClosed: 0 };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("two spliced ends", () => {
  it("pass on bytes and each direction's end by itself", async () => {
    const [one, other] = [new Fake(), new Fake()];
    const over = splice(one, other, NO_LIMITS);
    one.push("question");
    one.push(null);
    await turn();
    expect([other.got, other.writableFinished, other.readableEnded]).toEqual([["question"], true, false]);
    other.push("answer");
    await turn();
    expect([one.got, one.writableFinished]).toEqual([["answer"], false]);
    other.push(null);
    expect(await over).toBeNull();
    expect([one.isReset, other.isReset]).toEqual([false, false]);
  });

  it("take no more from one than the other takes", async () => {
    const [one, other] = [new Fake(), new Fake()];
    const over = splice(one, other, NO_LIMITS);
    other.takes = false;
    let isWanted = true;
    for (let count = 0; isWanted && count < 100; count++) {
      isWanted = one.push("0123456789");
      await turn();
    }
    expect(isWanted).toBe(false);
    const before = other.got.length;
    await turn();
    expect(other.got).toHaveLength(before);
    other.drain();
    await turn();
    expect(other.got.length).toBeGreaterThan(before);
    for (const end of [one, other]) end.push(null);
    expect(await over).toBeNull();
  });

  it("reset the other end of one that breaks, or that is closed before its end", async () => {
    for (const error of [Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }), undefined]) {
      const [one, other] = [new Fake(), new Fake()];
      const over = splice(one, other, NO_LIMITS);
      one.destroy(error);
      expect(await over).toEqual(error === undefined ? null : { error, at: one });
      expect(other.isReset).toBe(true);
    }
  });

  it("close the other end of one that has given all and takes no more", async () => {
    const [one, other] = [new Fake(), new Fake()];
    const over = splice(one, other, NO_LIMITS);
    one.push("all");
    one.push(null);
    await turn();
    one.destroy();
    expect(await over).toBeNull();
    expect([other.got, other.isReset, other.isClosedSoon]).toEqual([["all"], false, true]);
  });

  it("are reset when nothing comes for too long, sooner once one direction has ended", async () => {
    const idle = [new Fake(), new Fake()] as const;
    expect((await splice(...idle, { idle: 20, halfClosed: 0 }))?.error.message).toBe("nothing came for 0.02 s");
    expect(idle.map((end) => end.isReset)).toEqual([true, true]);
    const halfClosed = [new Fake(), new Fake()] as const;
    const over = splice(...halfClosed, { idle: 3_600_000, halfClosed: 20 });
    halfClosed[0].push(null);
    expect(await over).toMatchObject({ at: null });
  });
});

describe("a command as an end", () => {
  const peers = { localAddress: "192.0.2.1", localPort: 5000, remoteAddress: "192.0.2.7", remotePort: 40000 };
  const run = async (command: string, input: string): Promise<{ output: string; problem: unknown; peer: Fake }> => {
    const peer = new Fake();
    const over = splice(peer, new ProcessEnd(command, peers), NO_LIMITS);
    if (input !== "") peer.push(input);
    peer.push(null);
    const problem = (await over)?.error.message ?? null;
    return { output: peer.got.join(""), problem, peer };
  };

  it("has what comes as its input, until its end, and sends its output", async () => {
    expect(await run("tr a-z A-Z; echo over", "hello\n")).toMatchObject({ output: "HELLO\nover\n", problem: null });
  });

  it("is told who is there", async () => {
    const { output } = await run('echo "$MPTCP_LOCAL_ADDRESS $MPTCP_LOCAL_PORT $MPTCP_REMOTE_ADDRESS $MPTCP_REMOTE_PORT"', "");
    expect(output).toBe("192.0.2.1 5000 192.0.2.7 40000\n");
  });

  it("need not read what comes", async () => {
    expect(await run("echo done", "x".repeat(1_000_000))).toMatchObject({ output: "done\n", problem: null });
  });

  it("has all the time it wants for what came, also when its output is over", async () => {
    const file = join(mkdtempSync(join(tmpdir(), "mptcp-cli-splice-")), "came");
    expect(await run(`exec >&-; sleep 0.2; cat > '${file}'`, "hello")).toMatchObject({ output: "", problem: null });
    expect(readFileSync(file, "utf8")).toBe("hello");
    rmSync(dirname(file), { recursive: true });
  });

  it("breaks the connection when it cannot be run, or is ended by a signal: what it sent is not all", async () => {
    expect(await run("/no/such/command 2> /dev/null", "")).toMatchObject({ problem: "the command cannot be run (127)", peer: { isReset: true } });
    expect(await run("echo part; kill -9 $$", "")).toMatchObject({ problem: "the command was ended by SIGKILL", peer: { isReset: true } });
  });

  it("ends with the connection, with all that it started", async () => {
    const peer = new Fake();
    const command = new ProcessEnd("sleep 1000 & echo $!; wait", peers);
    const over = splice(peer, command, NO_LIMITS);
    while (peer.got.length === 0) await turn();
    const pid = Number(peer.got.join(""));
    expect(process.kill(pid, 0)).toBe(true);
    peer.destroy(new Error("broken"));
    expect(await over).toMatchObject({ at: peer });
    await command.gone;
    const isThere = (): boolean => existsSync(`/proc/${pid}/stat`) && !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
    while (isThere()) await turn();
  });

  it("does not outlive the process that reset it, though it ignores SIGTERM", async () => {
    const command = new ProcessEnd("trap '' TERM; echo up; while :; do sleep 1; done", peers);
    await once(command, "data");
    const before = process.listeners("exit");
    command.resetAndDestroy();
    const added = process.listeners("exit").filter((listener) => !before.includes(listener));
    expect(added).toHaveLength(1);
    added[0]?.(0);
    await command.gone;
    expect(process.listeners("exit")).toEqual(before);
  });
});
