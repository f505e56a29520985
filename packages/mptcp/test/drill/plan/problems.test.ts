import { expect, test } from "vitest";
import { planProblems } from "../run/running.ts";

test.each([
  ["0 soket(..., SOCK_STREAM, 0) = 3", '1:3: there is no system call "soket"; did you mean "socket"?'],
  ["0 socket(..., SOCK_STREM, 0) = 3", '1:15: there is no symbol "SOCK_STREM"; did you mean "SOCK_STREAM"?'],
  ["0 socket(..., SOCK_STREAM) = 3", "1:3: socket has 2 parameters here; its form is socket(domain, type, protocol)"],
  ["0 read(3, ..., 10) = -1 EAGAN", '1:3: there is no error "EAGAN"; did you mean "EAGAIN"?'],
  ["0 read(3, ..., 10) = 10 EAGAIN", "1:22: a call that gives 10 has no error EAGAIN"],
  ["0 read(3, ..., 999999999) = 1", "1:16: a length is 999999999, and must be from 0 to 67108864"],
  ["0 writev(3, [{NULL, 1}, {..., 1}], 2) = -1", "1:26: where one buffer of a call is NULL all are"],
  ["0 bind(3, {sa_family = AF_INET, sin_prt = htons(1)}, ...) = 0", '1:33: an address has no field "sin_prt"; did you mean "sin_port"?'],
  ['0 bind(3, {sa_family = AF_INET, sin_addr = inet_addr("1.2.3")}, ...) = 0', '1:54: "1.2.3" is no address'],
  ['0 bind(3, {sa_family = AF_INET, sin_addr = inet_addr("::1")}, ...) = 0', "1:44: the address is not of the family that sa_family says"],
  ["0 poll([{fd=3, events=POLLIN}], 2, 0) = 1", "1:33: there are 1 descriptors, not 2"],
  ["0 setsockopt(3, SOL_TCP, TCP_MD5SIG, {a=1}, 8) = 0", "1:38: the value of an option is [number], a string, {onoff=1, linger=0} or {tv_sec=1, tv_usec=0}: other structures are not carried out"],
  ["0 close(3) = 0\n.2~.3 > . 1:1(0) ack 1\n+.1 < . 1:1(0) ack 1\n.25 close(3) = 0", "4:1: the time is before that of the event before, which is at 0.3 s at the earliest"],
  ["0~1 read(3, ..., 1) = 1", "1:1: a call has a time, neither a range nor *: those are for packets that are expected"],
  ["* < . 1:1(0) ack 1", "1:1: a packet that is sent has a time, neither a range nor *: those are for packets that are expected"],
  ["0 < . 1:1(0) ack 1 <...>", "1:5: a packet that is sent has options of its own, not <...>"],
  ["0 < S 0:0(0) <mss ...>", "1:15: an option of a packet that is sent has a value, not ..."],
  ["0 < S 0:0(0) <TS val ... ecr 0>", "1:15: timestamps of a packet that is sent have values, not ..."],
  ["0 < . 1:70001(70000) ack 1", "1:5: a packet with 70000 octets of data is too long for IP: 65415 fit"],
  ["0 < S 0:0(0) <TS val 1 ecr 2, mpcapable v1 flags[flag_h] key[a, b] mpcdatalen 2, sack 1:2>", "1:5: the options have 42 octets, and 40 fit"],
  ["0 < gre: . 1:1(0)", "1:5: headers around a packet are not carried out: tunnels are not built"],
  ["0 < . 1:1(0) {mut tcp seq 1}", "1:3: changes of octets are not carried out"],
  ["0 < icmp unreachabl [1:1(0)]", '1:5: there is no ICMP type "unreachabl"; did you mean "unreachable"?'],
  ["0 < icmp unreachable host_unreachabl [1:1(0)]", '1:5: there is no ICMP code "host_unreachabl"; did you mean "host_unreachable"?'],
  ["0 < S 0:0(0) <FO COOKIE>", '1:18: "COOKIE" is not defined: --define=COOKIE=OCTETS'],
  ["0 < S 0:0(0) <mp_join_syn token=md5_32(b)>", '1:33: there is no function "md5_32" of a key: there are sha256_32, sha1_32 and trunc_r64_hmac'],
  ["0 < S 0:0(0) <mp_join_syn token=sha256_33(b)>", '1:33: there is no function "sha256_33" of a key: there are sha256_32, sha1_32 and trunc_r64_hmac'],
  ["0 < S 0:0(0) <mpcapable flags[flag_z]>", '1:15: there is no flag "flag_z": there are flag_a to flag_h'],
  ["0 < . 1:1(0) ack 1 <ECN ceb 1 e0b 1>", "1:21: the counters of AccECN are in the order e0b ceb e1b, or e1b ceb e0b"],
  ["0 `curl x`", '1:4: the command "curl" is not carried out'],
  ["0 %{ assert tcpi_stat == 1 }%", '1:13: there is no name "tcpi_stat"; did you mean "tcpi_state"?'],
  ["--mtu=10\n0 close(3) = 0", "1:1: the value of --mtu is a number from 68 to 65535"],
  ["--ip_version=ipv6\n--local_ip=1.2.3.4\n0 close(3) = 0", "2:1: the value of --local_ip is no address of IPv6, which --ip_version asks for"],
  ["--netmask_ip=255.0.255.0\n0 close(3) = 0", "1:1: the value of --netmask_ip has ones behind zeros"],
  ["--define=X=Y\n--define=Y=X\n0 close(X) = 0", '3:9: the definition of "X" leads to itself'],
  ["--define=X=1/0\n0 close(X) = 0", '2:9: "X" is defined to be "1/0", which is neither a number nor a symbol'],
  ["--define=1=2\n0 close(3) = 0", "1:1: the value of --define is NAME=VALUE"],
  ["--non_fatal=all\n0 close(3) = 0", '1:1: --non_fatal has no kind "all": there are packet, syscall, command'],
  ["--psp_udp_port=1000\n0 close(3) = 0", "1:1: --psp_udp_port is not carried out: there is no PSP"],
  ["+1...0.5 read(3, ..., 1) = 1", "1:10: the call returns before it begins"],
])("%s", (text, problem) => {
  expect(planProblems(text)).toEqual([problem]);
});

test("each event has a problem of its own, and they are in the order of the file", () => {
  expect(planProblems("0 a() = 0\n+0 close(3) = 0\n+0 b() = 0\n+0 c() = 0").map((problem) => problem.split(":")[0])).toEqual(["1", "3", "4"]);
});
