import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CONSTANTS } from "mptcp/drill";
import { Bench, IPPROTO_MPTCP, IPPROTO_TCP, obstacle, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_STREAM, SOL_TCP } from "./bench.ts";

describe.skipIf(obstacle !== null)("commands in the kernel's namespace", () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });
  afterEach(() => bench.close());

  /** What a command says, on one line. */
  const say = (line: string): string => {
    const { status, output, errors } = bench.target.command(line.split(" "));
    return `${status}: ${output}${errors}`.trim();
  };

  it("sysctl sets and gives what is of the namespace, in it alone", () => {
    const other = new Bench();
    expect(say("sysctl -q net.mptcp.enabled=0 net.ipv4.tcp_syn_retries=3")).toBe("0:");
    expect(bench.target.command(["sysctl", "net.ipv4.tcp_rmem=4096 10000 20000"])).toEqual({ status: 0, output: "net.ipv4.tcp_rmem = 4096 10000 20000\n", errors: "" });
    expect(say("sysctl -n net.mptcp.enabled net.ipv4.tcp_rmem net/ipv4/tcp_syn_retries")).toBe("0: 0\n4096\t10000\t20000\n3");
    expect(say("sysctl net/ipv4/tcp_syn_retries")).toBe("0: net.ipv4.tcp_syn_retries = 3");
    expect(bench.give({ name: "socket", domain: 2, type: SOCK_STREAM, protocol: IPPROTO_MPTCP })).toBe("ENOPROTOOPT");
    expect(other.target.command(["sysctl", "-n", "net.mptcp.enabled"]).output).toBe("1\n");
    expect(other.socket(IPPROTO_MPTCP)).toBeGreaterThan(0);
    other.close();
  });

  it.each([IPPROTO_TCP, IPPROTO_MPTCP])("congestion control of protocol %d is the namespace's, also one that the machine does not allow to everybody", (protocol) => {
    const used = (fd: number): string => new TextDecoder().decode(bench.do({ name: "getsockopt", fd, level: SOL_TCP, option: CONSTANTS["TCP_CONGESTION"] as number, value: new Uint8Array(16) }).option).split("\0")[0] ?? "";
    const available = bench.target.command(["sysctl", "-n", "net.ipv4.tcp_available_congestion_control"]).output.trim().split(" ");
    expect(say("sysctl -n net.ipv4.tcp_congestion_control")).toBe(`0: ${available.includes("cubic") ? "cubic" : "reno"}`);
    for (const name of available) {
      expect(say(`sysctl -q net.ipv4.tcp_congestion_control=${name}`)).toBe("0:");
      expect([say("sysctl net.ipv4.tcp_congestion_control"), used(bench.socket(protocol))]).toEqual([`0: net.ipv4.tcp_congestion_control = ${name}`, name]);
    }
    expect(say("sysctl -q net.ipv4.tcp_congestion_control=none")).toMatch(/^1: sysctl: setting key/);
    expect(bench.socket(0, SOCK_DGRAM)).toBeGreaterThan(0);
  });

  it("sysctl refuses what is the whole machine's, what is not there and what is no value", () => {
    expect(say("sysctl kernel.pid_max=100000")).toBe("1: sysctl: kernel.pid_max is not below net");
    expect(say("sysctl net/../kernel/pid_max=100000")).toMatch(/^1: sysctl: /);
    expect(say("sysctl net.core.rmem_max=1")).toMatch(/^1: sysctl: (setting key "net.core.rmem_max": Permission denied|net.core.rmem_max is the whole)/);
    expect(say("sysctl -q net.ipv4.tcp_nothing=1")).toBe("1: sysctl: cannot stat /proc/sys/net/ipv4/tcp_nothing: No such file or directory");
    expect(say("sysctl -e net.ipv4.tcp_nothing=1")).toBe("0:");
    expect(say("sysctl net.ipv4.tcp_rmem=abc")).toBe('1: sysctl: setting key "net.ipv4.tcp_rmem": Invalid argument');
    expect(say("sysctl net.ipv4")).toBe("1: sysctl: net.ipv4 is a folder");
    expect(say("sysctl -p /etc/sysctl.conf")).toBe("1: sysctl: option -p is not carried out here");
  });

  it("ip shows and changes addresses, routes and the path manager", () => {
    expect(say("ip -o -4 address show dev tun0")).toMatch(/inet 192\.168\.0\.1\/16/);
    expect(say("ip addr add 10.9.9.1/24 dev tun0")).toBe("0:");
    expect(say("ip mptcp limits set subflows 2 add_addr_accepted 2")).toBe("0:");
    expect(say("ip mptcp endpoint add 10.9.9.1 dev tun0 signal")).toBe("0:");
    expect(say("ip mptcp endpoint show")).toBe("0: 10.9.9.1 id 1 signal dev tun0");
    expect(say("ip route add 203.0.113.0/24 dev tun0")).toBe("0:");
    expect(bench.give({ name: "connect", fd: bench.socket(IPPROTO_TCP, SOCK_STREAM | SOCK_NONBLOCK), address: bench.at("203.0.113.7", 1) })).toBe("EINPROGRESS");
    expect(say("ss -Htn state syn-sent")).toMatch(/203\.0\.113\.7:1/);
    expect(say("tc qdisc add dev tun0 root pfifo")).toBe("0:");
    expect(say("tc qdisc show dev tun0")).toMatch(/pfifo/);
  });

  it("nstat counts from its last time on, by the names that the machine's own has", () => {
    expect(say("nstat -n")).toBe("0:");
    bench.do({ name: "connect", fd: bench.socket(IPPROTO_TCP, SOCK_STREAM | SOCK_NONBLOCK), address: bench.at(bench.remote, 1) });
    expect(say("nstat TcpActiveOpens")).toMatch(/TcpActiveOpens\s+1\s/);
    expect(say("nstat -z TcpActiveOpens")).toMatch(/TcpActiveOpens\s+0\s/);
    const names = (text: string): string[] => text.trim().split("\n").map((line) => line.split(" ")[0] ?? "");
    const theirs = spawnSync("nstat", ["-azs"], { encoding: "utf8", env: { ...process.env, NSTAT_HISTORY: "/dev/null" } });
    if (theirs.status === 0) expect(names(bench.target.command(["nstat", "-az"]).output).filter((name) => !name.startsWith("IcmpMsg") && !name.startsWith("Icmp6"))).toEqual(names(theirs.stdout).filter((name) => !name.startsWith("IcmpMsg") && !name.startsWith("Icmp6")));
  });

  it("refuse what would leave the namespace, run something or touch files", () => {
    const lines = ["sh -c true", "cat /etc/passwd", "ip netns add somewhere", "ip -n somewhere link", "ip -netns somewhere link", "ip -b /tmp/x", "ip link set tun0 netns 1", "ip vrf exec x true", "ip link add a type veth peer b netns 1", "tc -b /tmp/x", "tc exec bpf", "tc filter add dev tun0 bpf obj /tmp/x", "ss -N somewhere", "ss -tnD /tmp/x", "ss --filter=/tmp/x"];
    for (const line of lines) expect([line, say(line)]).toEqual([line, expect.stringMatching(/^(1: \w+: .* is not carried out here|127: \w+: no command of packet scripts)$/)]);
    expect(existsSync("/run/netns/somewhere")).toBe(false);
    expect(bench.target.command([]).status).toBe(127);
  });
});
