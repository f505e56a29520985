import { describe, expect, it } from "vitest";
import { parseScript } from "../../src/drill/index.ts";
import { action, read } from "./reading.ts";

const symbol = (name: string) => ({ kind: "symbol", name });
const number = (value: number) => ({ kind: "number", value: BigInt(value), hexadecimal: false });
const ELLIPSIS = { kind: "ellipsis" };

describe("options of a script", () => {
  it("are a name and what is behind the equals sign", () => {
    const text = `--tolerance_usecs=10000
      --ip_version=ipv4-mapped-ipv6 --local_ip=fd3d:a0b:17d6::1 // for a v4 peer
      --init_scripts="a b.sh" --define=COOKIE=0x12
      --dry_run`;
    expect(read(text).options).toEqual([
      { name: "tolerance_usecs", value: "10000" },
      { name: "ip_version", value: "ipv4-mapped-ipv6" },
      { name: "local_ip", value: "fd3d:a0b:17d6::1" },
      { name: "init_scripts", value: "a b.sh" },
      { name: "define", value: "COOKIE=0x12" },
      { name: "dry_run", value: undefined },
    ]);
  });
});

describe("comments", () => {
  it("stand to the end of the line, or between marks, anywhere", () => {
    expect(read("// one\n# two\n/* three\n * lines **/ +0 close(3) /* in a line */ = 0 // behind\n").events).toHaveLength(1);
  });

  it("do not end in shell lines and strings", () => {
    expect(action("+0 `echo // # /*`")).toEqual({ kind: "shell", text: "echo // # /*" });
    expect(action('+0 open("/tmp//a#b", O_RDONLY) = 5')).toMatchObject({ parameters: [{ raw: "/tmp//a#b" }, symbol("O_RDONLY")] });
  });
});

describe("times", () => {
  const timeOf = (text: string) => read(`${text} close(3) = 0`).events[0]!.time;

  it.each([
    ["0", { kind: "at", relative: false, at: 0 }],
    ["1.25", { kind: "at", relative: false, at: 1_250_000_000 }],
    ["+.002", { kind: "at", relative: true, at: 2_000_000 }],
    ["+0.000000001", { kind: "at", relative: true, at: 1 }],
    ["0.1~0.2", { kind: "range", relative: false, from: 100_000_000, to: 200_000_000 }],
    ["+0~+.01", { kind: "range", relative: true, from: 0, to: 10_000_000 }],
    ["*", { kind: "any" }],
  ])("%s", (text, time) => {
    expect(timeOf(text)).toEqual(time);
  });

  it("have an end for calls that block", () => {
    for (const text of ["+0...0.2", "+0 ... 0.200", "0.000...0.200"]) expect(action(`${text} accept(3, ..., ...) = 4`)).toMatchObject({ until: 200_000_000 });
    expect(action("+0 accept(3, ..., ...) = 4")).toMatchObject({ until: undefined });
  });
});

describe("shell lines and code", () => {
  it("may span lines", () => {
    expect(read("`./defaults.sh\nsysctl -q a=1`\n+0 %{\nassert tcpi_rtt < 5, tcpi_rtt\n}%").events).toEqual([
      { time: undefined, action: { kind: "shell", text: "./defaults.sh\nsysctl -q a=1" } },
      { time: { kind: "at", relative: true, at: 0 }, action: { kind: "code", text: "\nassert tcpi_rtt < 5, tcpi_rtt\n" } },
    ]);
  });

  it("keep what backslashes protect", () => {
    expect(action("+0 `a \\` b`")).toEqual({ kind: "shell", text: "a \\` b" });
    expect(action("+0 `a \\\\`")).toEqual({ kind: "shell", text: "a \\\\" });
    expect(action("+0 %{ a \\}%")).toEqual({ kind: "code", text: " a \\" });
  });
});

describe("system calls", () => {
  it("have parameters and a result", () => {
    expect(action("+0 socket(..., SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_MPTCP) = 3")).toEqual({
      kind: "call",
      until: undefined,
      name: "socket",
      parameters: [ELLIPSIS, { kind: "chain", operator: "|", operands: [symbol("SOCK_STREAM"), symbol("SOCK_NONBLOCK")] }, symbol("IPPROTO_MPTCP")],
      result: number(3),
      errno: undefined,
      note: undefined,
    });
  });

  it("fail with an errno, which may be explained, or not", () => {
    expect(action("+0 read(4,...,1) = -1 EAGAIN (Resource temporarily unavailable)")).toMatchObject({ result: number(-1), errno: "EAGAIN", note: "Resource temporarily unavailable" });
    expect(action("+0 read(4, ..., 1) = -1 EAGAIN")).toMatchObject({ errno: "EAGAIN", note: undefined });
    expect(action("+0 read(4, ..., 1) = -1 (Invalid argument)")).toMatchObject({ errno: undefined, note: "Invalid argument" });
    expect(action("+0 fcntl(3, F_GETFL) = 0x2 (flags O_RDWR)")).toMatchObject({ result: { value: 2n, hexadecimal: true }, errno: undefined, note: "flags O_RDWR" });
  });

  it.each(["psp_key_rotate() = 0", "read (3, ..., 1) = ...", "fcntl(3, F_GETFL) = O_RDWR|O_NONBLOCK (both)"])("%s", (text) => {
    expect(action(`+0 ${text}`)).toMatchObject({ kind: "call" });
  });

  it("take strings and beginnings of strings, as they are written", () => {
    expect(action('+0 write(4, "a\\x00\\"b"..., 9) = 9')).toMatchObject({ parameters: [number(4), { kind: "string", raw: 'a\\x00\\"b', beginning: true }, number(9)] });
  });

  it("take arrays and structures in each other, over several lines", () => {
    const text = `+0 recvmsg(4, {msg_name(...)=...,
                       msg_iov(2)=[{..., 10}, {iov_base=..., iov_len=2}], // two of them
                       msg_flags=MSG_ERRQUEUE|MSG_TRUNC,
                       msg_control=[{cmsg_level=SOL_TCP, cmsg_type=TCP_CM_INQ, cmsg_data={ee_errno=0}}]}, 0) = 12`;
    expect(action(text)).toMatchObject({
      parameters: [
        number(4),
        {
          kind: "struct",
          fields: [
            { name: "msg_name", count: ELLIPSIS, value: ELLIPSIS },
            {
              name: "msg_iov",
              count: number(2),
              value: {
                kind: "array",
                elements: [
                  { kind: "struct", fields: [{ name: undefined, count: undefined, value: ELLIPSIS }, { name: undefined, value: number(10) }] },
                  { kind: "struct", fields: [{ name: "iov_base", value: ELLIPSIS }, { name: "iov_len", value: number(2) }] },
                ],
              },
            },
            { name: "msg_flags", value: { operator: "|", operands: [symbol("MSG_ERRQUEUE"), symbol("MSG_TRUNC")] } },
            { name: "msg_control", value: { elements: [{ fields: [{ name: "cmsg_level" }, { name: "cmsg_type" }, { name: "cmsg_data", value: { fields: [{ name: "ee_errno" }] } }] }] } },
          ],
        },
        number(0),
      ],
    });
  });

  it.each([
    'bind(3, {sa_family = AF_INET, sin_port = htons(8080), sin_addr = inet_addr("192.0.2.1")}, ...) = 0',
    "poll([{fd=4, events=POLLIN, revents=POLLIN|POLLHUP}, {fd=5, events=POLLOUT}], 2, 0) = 1",
    "epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLOUT|EPOLLET, fd=4}) = 0",
    "epoll_wait(5, {events=0, ptr=0}, 1, 0) = 0",
    "setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0",
    "getsockopt(3, SOL_TCP, TCP_NOTSENT_LOWAT, [0xffffffff], [4]) = 0",
    "writev(4, [{..., 100}, {..., 200}], 2) = 300",
    "splice(4, NULL, 6, NULL, 99, 0) = 99",
    "pipe([5, 6]) = 0",
    "ioctl(4, SIOCINQ, [1000]) = 0",
    "shutdown(4, SHUT_WR) = 0",
    "sendfile(4, 5, [0], 5) = 5",
    'setsockopt(3, SOL_TCP, TCP_CONGESTION, "reno", 4) = 0',
    "connect(4, AF_UNSPEC, ...) = 0",
    "sendmsg(4, {msg_name(...)=..., msg_iov(1)=[{..., 9}], msg_flags=0, msg_control=[]}, MSG_MORE) = 9",
  ])("%s", (text) => {
    expect(action(`+0 ${text}`)).toMatchObject({ kind: "call", name: /^\w+/.exec(text)![0] });
  });
});

describe("places", () => {
  it("are the line and column where something begins", () => {
    const { script } = parseScript("--mtu=1500\n\n +0 read(4, ...,\n    [10]) = 10\n+0 > P. 1:2(1) ack 1 <nop, dss dack8=1>\n");
    const [call, packet] = script.events;
    expect([script.options[0]!.place, call!.place, call!.time!.place, call!.action.place]).toEqual([
      { line: 1, column: 1 },
      { line: 3, column: 2 },
      { line: 3, column: 2 },
      { line: 3, column: 5 },
    ]);
    expect(call!.action).toMatchObject({ parameters: [{ place: { line: 3, column: 10 } }, { place: { line: 3, column: 13 } }, { place: { line: 4, column: 5 } }], result: { place: { line: 4, column: 13 } } });
    expect(packet!.action).toMatchObject({
      place: { line: 5, column: 4 },
      transport: { flags: { place: { column: 6 } }, sequence: { place: { column: 9 } }, options: [{ place: { column: 23 } }, { place: { column: 28 }, items: [{ place: { column: 32 } }] }] },
    });
  });
});
