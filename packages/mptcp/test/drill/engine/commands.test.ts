import { describe, expect, test } from "vitest";
import { CONSTANTS } from "../../../src/drill/system/index.ts";
import type { CommandOutcome, Target } from "../../../src/drill/system/index.ts";
import { accepted, brief, call, ip4, listening, SECOND, stack, WirePeer } from "./wire-peer.ts";

const { AF_INET, IPPROTO_MPTCP, IPPROTO_TCP, MPTCP_INFO, SOCK_NONBLOCK, SOCK_STREAM, SOL_MPTCP } = CONSTANTS;

/** Runs a line of words. */
function run(target: Target, line: string): CommandOutcome {
  return target.command(line.split(" "));
}

const OK = { status: 0, output: "", errors: "" };

describe("ip mptcp", () => {
  test("has endpoints with ids, flags and devices, as ip shows them", () => {
    const target = stack();
    for (const line of ["192.168.0.1 signal", "192.168.0.2 id 5 subflow backup dev tun0", "fd00::1 signal subflow", "192.168.0.9 subflow fullmesh", "192.168.0.11"]) {
      expect(run(target, `ip mptcp endpoint add ${line}`)).toEqual(OK);
    }
    expect(run(target, "ip mptcp endpoint show").output).toBe(
      "192.168.0.1 id 1 signal \n192.168.0.2 id 5 subflow backup dev tun0 \nfd00::1 id 6 signal subflow \n192.168.0.9 id 7 subflow fullmesh \n192.168.0.11 id 8 \n",
    );
    expect(run(target, "ip mptcp endpoint delete id 5")).toEqual(OK);
    expect(run(target, "ip mptcp endpoint show id 5")).toEqual({ status: 2, output: "", errors: "Error: address not found.\n" });
    expect(run(target, "ip mptcp endpoint change id 7 nofullmesh backup")).toEqual(OK);
    expect(run(target, "ip mptcp endpoint show id 7").output).toBe("192.168.0.9 id 7 subflow backup \n");
    expect(run(target, "ip mptcp endpoint flush")).toEqual(OK);
    expect(run(target, "ip mptcp endpoint").output).toBe("");
  });

  test.each([
    ["endpoint add 192.168.0.1 signal", 2, "Error: too many addresses or duplicate one: -17."],
    ["endpoint add 192.168.0.10 id 1 subflow", 2, "Error: too many addresses or duplicate one: -16."],
    ["endpoint add 192.168.0.4 port 999 subflow", 255, 'Error: argument "port" is wrong: flags must have signal when using port'],
    ["endpoint add 192.168.0.9 signal fullmesh", 255, 'Error: argument "fullmesh" is wrong: flags mustn\'t have both signal and fullmesh'],
    ["endpoint add 192.168.0.12 bogus", 1, 'Error: any valid address is expected rather than "bogus".'],
    ["endpoint add", 255, 'Error: argument "ADDRESS" is required'],
    ["endpoint delete id 9", 2, "Error: address not found."],
    ["endpoint delete id 0", 255, 'Error: argument "ID" is wrong: address is needed for deleting id 0 address'],
    ["endpoint list", 255, 'Command "list" is unknown, try "ip mptcp help".'],
    ["limits set subflow 9", 2, "Error: limit greater than maximum (8)."],
  ])("refuses `%s` as ip does", (line, status, message) => {
    const target = stack();
    run(target, "ip mptcp endpoint add 192.168.0.1 signal");
    const outcome = run(target, `ip mptcp ${line}`);
    expect([outcome.status, outcome.errors.trimEnd()]).toEqual([status, message]);
  });

  test("limits are what connections are told to keep to", () => {
    const target = stack();
    expect(run(target, "ip mptcp limits").output).toBe("add_addr_accepted 0 subflows 2 \n");
    expect(run(target, "ip mptcp limits set subflow 3 add_addr_accepted 4")).toEqual(OK);
    expect(run(target, "ip mptcp limits show").output).toBe("add_addr_accepted 4 subflows 3 \n");
    call(target, { name: "socket", domain: AF_INET, type: SOCK_STREAM, protocol: IPPROTO_MPTCP });
    const { option } = call(target, { name: "getsockopt", fd: 3, level: SOL_MPTCP, option: MPTCP_INFO, value: new Uint8Array(16) });
    expect(Array.from(option?.subarray(0, 6) ?? [])).toEqual([0, 0, 0, 3, 0, 4]);
  });
});

describe("ip address, route and link", () => {
  test("an address that was added can be bound, and cannot once it is gone", () => {
    const target = stack();
    const bind = (fd: number): number | string => brief(target, { name: "bind", fd, address: ip4("10.0.0.1", 80) });
    for (let fd = 3; fd < 6; fd++) call(target, { name: "socket", domain: AF_INET, type: SOCK_STREAM, protocol: 0 });
    expect(bind(3)).toBe("EADDRNOTAVAIL");
    expect(run(target, "ip addr add 10.0.0.1/24 dev tun0")).toEqual(OK);
    expect(run(target, "ip addr add 10.0.0.1/24 dev tun0")).toEqual({ status: 2, output: "", errors: "Error: ipv4: Address already assigned.\n" });
    expect(bind(4)).toBe(0);
    expect(run(target, "ip addr del 10.0.0.1/24 dev tun0")).toEqual(OK);
    expect(bind(5)).toBe("EADDRNOTAVAIL");
  });

  test("routes say where one can connect to, and from which address", () => {
    const target = stack();
    call(target, { name: "socket", domain: AF_INET, type: SOCK_STREAM | SOCK_NONBLOCK, protocol: 0 });
    const connect = (): number | string => brief(target, { name: "connect", fd: 3, address: ip4("10.9.0.1", 80) });
    expect(connect()).toBe("ENETUNREACH");
    expect(run(target, "ip route add unreachable 10.9.0.0/16")).toEqual(OK);
    expect(connect()).toBe("EHOSTUNREACH");
    run(target, "ip addr add 10.1.0.1/24 dev tun0");
    expect(run(target, "ip route replace 10.9.0.0/16 dev tun0 src 10.1.0.1")).toEqual(OK);
    expect(connect()).toBe("EINPROGRESS");
    expect(call(target, { name: "getsockname", fd: 3 }).address?.address).toBe("10.1.0.1");
    expect(run(target, "ip route del 10.9.0.0/16")).toEqual(OK);
    expect(run(target, "ip route del 10.9.0.0/16").errors).toBe("RTNETLINK answers: No such process\n");
    expect(run(target, "ip route get 192.0.2.1").output).toBe("192.0.2.1 dev tun0 src 192.168.0.1 uid 0 \n    cache \n");
  });

  test("another MTU is another MSS for connections to come", () => {
    const target = stack();
    expect(run(target, "ip link set dev tun0 mtu 1400")).toEqual(OK);
    expect(run(target, "ip link set dev tun9 up")).toEqual({ status: 1, output: "", errors: 'Cannot find device "tun9"\n' });
    const peer = listening(target);
    peer.send("S", { syn: { maximumSegmentSize: 1460 } });
    const packet = target.take();
    expect(Array.from(packet?.octets.subarray(40, 44) ?? [])).toEqual([2, 4, 1360 >> 8, 1360 & 255]);
  });
});

describe("sysctl", () => {
  test.each([
    ["net.ipv4.tcp_sack", { status: 0, output: "net.ipv4.tcp_sack = 1\n", errors: "" }],
    ["-n net.ipv4.tcp_sack", { status: 0, output: "1\n", errors: "" }],
    ["-w net.ipv4.tcp_sack=0", { status: 0, output: "net.ipv4.tcp_sack = 0\n", errors: "" }],
    ["-q net.ipv4.tcp_sack=0", OK],
    ["net/ipv4/tcp_sack", { status: 0, output: "net.ipv4.tcp_sack = 1\n", errors: "" }],
    ["net.bogus=1", { status: 1, output: "", errors: "sysctl: cannot stat /proc/sys/net/bogus: No such file or directory\n" }],
    ["-e net.bogus", OK],
    ["net.ipv4.tcp_sack=abc", { status: 1, output: "", errors: 'sysctl: setting key "net.ipv4.tcp_sack": Invalid argument\n' }],
    ["net.ipv4.tcp_congestion_control=xyz", { status: 1, output: "", errors: 'sysctl: setting key "net.ipv4.tcp_congestion_control": No such file or directory\n' }],
  ])("%s", (line, outcome) => {
    expect(run(stack(), `sysctl ${line}`)).toEqual(outcome);
  });

  test("sizes of buffers are three numbers", () => {
    const target = stack();
    expect(target.command(["sysctl", "-q", "net.ipv4.tcp_rmem=4096 540000 15728640"])).toEqual(OK);
    expect(run(target, "sysctl -n net.ipv4.tcp_rmem").output).toBe("4096\t540000\t15728640\n");
  });

  test("what is set holds for listeners that are there", () => {
    const target = stack();
    const peer = listening(target);
    run(target, "sysctl -q net.ipv4.tcp_timestamps=0");
    peer.send("S", { syn: { maximumSegmentSize: 1000, hasTimestamps: true, timestampValue: 7 } });
    // An MSS is all that there is.
    expect(target.take()?.octets.length).toBe(44);
  });
});

test("nstat shows what counters have gone up by since it was asked last", () => {
  const target = stack();
  run(target, "nstat -n");
  accepted(target);
  expect(run(target, "nstat -z TcpPassiveOpens TcpActiveOpens").output).toBe(`#kernel\n${"TcpActiveOpens".padEnd(32)}0                  0.0\n${"TcpPassiveOpens".padEnd(32)}1                  0.0\n`);
  expect(JSON.parse(run(target, "nstat -zjs TcpPassiveOpens").output)).toEqual({ kernel: { TcpPassiveOpens: 0 } });
  expect(JSON.parse(run(target, "nstat -aj TcpPassive*").output)).toEqual({ kernel: { TcpPassiveOpens: 1 } });
});

test("ss shows listeners or connections", () => {
  const target = stack();
  accepted(target);
  expect(run(target, "ss -tlnH").output).toBe("LISTEN 0 9 192.168.0.1:8080 0.0.0.0:*\n");
  expect(run(target, "ss -tnH").output).toBe("ESTAB 0 0 192.168.0.1:8080 192.0.2.1:5000\n");
});

test("ethtool takes features of a device, which make no difference", () => {
  const target = stack();
  expect(run(target, "ethtool -K tun0 gso off tso off")).toEqual(OK);
  expect(run(target, "ethtool -K eth7 gso off").status).toBe(71);
  for (const line of ["ethtool -K tun0 gso", "ethtool -K tun0", "ethtool -K tun0 gso no", "ethtool -f tun0 x"]) expect(run(target, line).status).toBe(1);
});

test("tc has one queueing discipline at a time", () => {
  const target = stack();
  expect(run(target, "tc qdisc add dev tun0 root pfifo")).toEqual(OK);
  expect(run(target, "tc qdisc add dev tun0 root pfifo")).toEqual({ status: 2, output: "", errors: "Error: Exclusivity flag on, cannot modify.\n" });
  expect(run(target, "tc qdisc del dev tun0 root")).toEqual(OK);
});

test("a command that there is not is not found", () => {
  expect(run(stack(), "iptables -L").status).toBe(127);
  expect(run(stack(), "ip bogus")).toEqual({ status: 1, output: "", errors: 'Object "bogus" is unknown, try "ip help".\n' });
});

test("a listener on one machine answers a connection from the same machine", () => {
  const target = stack();
  listening(target);
  call(target, { name: "socket", domain: AF_INET, type: SOCK_STREAM, protocol: IPPROTO_TCP });
  expect(brief(target, { name: "connect", fd: 4, address: ip4("192.168.0.1", 8080) })).toBe(0);
  expect(brief(target, { name: "accept", fd: 3, flags: 0 })).toBe(5);
  expect(new WirePeer(target, { local: 0, remote: 0 }).all()).toEqual([]);
  target.advance(SECOND);
  target.close();
});
