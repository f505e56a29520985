import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Target } from "mptcp/drill";
import { kernelTarget } from "../src/index.ts";
import { Bench, MS, obstacle, WIRING } from "./bench.ts";

/** Descriptors of this process but for those that look. */
const descriptors = (): number => readdirSync("/proc/self/fd").length;
const threads = (): number => readdirSync("/proc/self/task").length;
const namespace = (): string => readlinkSync("/proc/thread-self/ns/net");

/** A connection, a call that blocks for ever, and one whose thread lingers: all that is left open. */
function used(): Target {
  const bench = new Bench();
  const { fd } = bench.accepted();
  bench.begin({ name: "read", fd, lengths: [1] });
  bench.begin({ name: "poll", descriptors: [], timeout: -1 });
  bench.fd({ name: "epoll_create", flags: 0 });
  bench.fd({ name: "pipe", flags: 0 });
  bench.target.command(["sysctl", "-q", "net.ipv4.tcp_syn_retries=1"]);
  bench.target.advance(bench.target.now + MS / 10);
  return bench.target;
}

describe.skipIf(obstacle !== null)("a target that is closed", () => {
  it("leaves no descriptor and no thread, fifty times over", () => {
    used().close();
    const before = [descriptors(), threads(), namespace()];
    for (let i = 0; i < 50; i++) used().close();
    expect([descriptors(), threads(), namespace()]).toEqual(before);
  });

  it("may be closed twice, and does nothing any more", () => {
    const target = used();
    target.close();
    target.close();
    expect(() => target.advance(MS)).toThrow(/closed/);
  });

  it("leaves nothing either when it could not be made", () => {
    used().close();
    const before = [descriptors(), namespace()];
    const wrong = [{ local: ["192.168.0.1/77"] }, { remote: ["nowhere"] }, { mtu: 3 }, { local: ["192.168.0.1/16", "192.168.0.1/16"] }];
    for (const part of wrong) expect(() => kernelTarget({ ...WIRING, ...part })).toThrow(expect.objectContaining({ code: "ERR_MPTCP_TUN" }));
    expect([descriptors(), namespace()]).toEqual(before);
  });

  it("is none of the others' business", () => {
    const [first, second] = [new Bench(), new Bench()];
    const { fd } = first.accepted();
    second.listener();
    second.close();
    const read = first.begin({ name: "read", fd, lengths: [1] });
    first.arrive({ flags: "F.", sequence: 1001, acknowledgment: 0 });
    expect(read.result).toBeNull();
    first.arrive({ flags: "R", sequence: 1001 });
    expect(first.result(read).errno).toBe("ECONNRESET");
    first.close();
  });

  it("this thread comes before others from the first call on, and no longer than the last target is open", () => {
    const [first, second] = [new Bench(), new Bench()];
    const rank = (): string => readFileSync("/proc/thread-self/stat", "latin1").split(") ")[1]?.split(" ").slice(37, 39).join(" ") ?? "";
    const before = rank();
    first.socket();
    const during = rank();
    second.socket();
    first.close();
    expect([during, rank()]).toEqual(["1 2", "1 2"]);
    second.close();
    expect(rank()).toBe(before);
  });

  it("this thread is in its own namespace whenever no call is made", () => {
    const outside = namespace();
    const bench = new Bench();
    bench.socket();
    expect(namespace()).toBe(outside);
    bench.target.command(["ip", "link"]);
    expect(namespace()).toBe(outside);
    bench.close();
  });
});
