import { describe, expect, it } from "vitest";
import { describeFailure, parseScript, planScript, runPlan } from "mptcp/drill";
import { kernelTarget } from "../src/index.ts";
import { obstacle } from "./bench.ts";

/** What a script does on the kernel: null when it passes, else what is said of it. Times are not what is tested here. */
function fault(text: string, tolerance = 2_000_000): string | null {
  // The window's scale follows from the largest buffer.
  const whole = `--tolerance_usecs=${tolerance}\n\`sysctl -q net.ipv4.tcp_rmem="4096 540000 15728640"\`\n${text}`;
  const { script, problems } = parseScript(whole);
  const planned = planScript(script);
  const wrong = [...problems, ...planned.problems].map(({ place, message }) => `${place.line}: ${message}`);
  if (wrong.length > 0) return wrong.join("\n");
  const target = kernelTarget(planned.plan.wiring);
  try {
    const outcome = runPlan(planned.plan, target);
    return outcome.passed ? null : describeFailure("script", whole, outcome.failure);
  } finally {
    target.close();
  }
}

/** A connection that the stack accepts as descriptor 4. */
const ACCEPTED = `
0    socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0   setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0
+0   bind(3, ..., ...) = 0
+0   listen(3, 1) = 0
+0   < S 0:0(0) win 32792 <mss 1000,sackOK,nop,nop,nop,wscale 7>
+0   > S. 0:0(0) ack 1 <mss 1460,nop,nop,sackOK,nop,wscale 8>
+.01 < . 1:1(0) ack 1 win 257
+0   accept(3, ..., ...) = 4
`;

/** The same of Multipath TCP. */
const MULTIPATH = `
0    socket(..., SOCK_STREAM, IPPROTO_MPTCP) = 3
+0   bind(3, ..., ...) = 0
+0   listen(3, 1) = 0
+0   < addr[caddr0] > addr[saddr0] S 0:0(0) win 65535 <mss 1460, sackOK, nop, nop, nop, wscale 8, mpcapable v1 flags[flag_h] nokey>
+0   > S. 0:0(0) ack 1 <mss 1460, nop, nop, sackOK, nop, wscale 8, mpcapable v1 flags[flag_h] key[skey]>
+.01 < . 1:1(0) ack 1 win 256 <mpcapable v1 flags[flag_h] key[ckey=2, skey]>
+0   accept(3, ..., ...) = 4
+0   < P. 1:3(2) ack 1 win 256 <nop, nop, dss dack8=1 dsn8=1 ssn=1 dll=2 nocs>
+0   > . 1:1(0) ack 3 <dss dack8=3 nocs>
`;

const SCRIPTS = {
  "data goes both ways, and both ends close": `${ACCEPTED}
+0   < P. 1:101(100) ack 1 win 257
+0   > . 1:1(0) ack 101
+0   read(4, ..., 1000) = 100
+0   write(4, ..., 2500) = 2500
+0   > P. 1:2501(2500) ack 101
+0   < . 101:101(0) ack 2501 win 257
+0   close(4) = 0
+0   > F. 2501:2501(0) ack 101
+0   < F. 101:101(0) ack 2502 win 257
+0   > . 2502:2502(0) ack 102`,

  "a call blocks until what it waits for has come": `${ACCEPTED}
+0...0.03 read(4, ..., 2000) = 1000
+.02 < P. 1:1001(1000) ack 1 win 257
+0   > . 1:1(0) ack 1001`,

  "a lost segment is sent again, and the kernel tells of it": `${ACCEPTED}
+0   write(4, ..., 4000) = 4000
+0   > P. 1:4001(4000) ack 1
+.01 < . 1:1(0) ack 1 win 257 <sack 1001:2001,nop,nop>
+0   < . 1:1(0) ack 1 win 257 <sack 1001:3001,nop,nop>
+0   < . 1:1(0) ack 1 win 257 <sack 1001:4001,nop,nop>
+0   > . 1:1001(1000) ack 1
+0   %{ assert tcpi_total_retrans == 1, tcpi_total_retrans }%`,

  "settings and counters are the namespace's": `
\`sysctl -q net.ipv4.tcp_timestamps=0 net.ipv4.tcp_sack=0
nstat -n\`
0    socket(..., SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 3
+0   connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)
+0   > S 0:0(0) <mss 1460,nop,wscale 8>
+0   \`nstat | grep -q "TcpActiveOpens *1 "\`
+0   < icmp unreachable port_unreachable [0:0(0)]
+0   getsockopt(3, SOL_SOCKET, SO_ERROR, [ECONNREFUSED], [4]) = 0`,

  "a subflow joins, carries data, and the connection ends": `${MULTIPATH}
+.01 < addr[caddr1] > addr[saddr0] S 0:0(0) win 65535 <mss 1460, sackOK, nop, nop, nop, wscale 8, mp_join_syn address_id=1 token=sha256_32(skey)>
+0   > S. 0:0(0) ack 1 <mss 1460, nop, nop, sackOK, nop, wscale 8, mp_join_syn_ack address_id=0 sender_hmac=auto>
+.01 < . 1:1(0) ack 1 win 256 <mp_join_ack sender_hmac=auto>
+0   > . 1:1(0) ack 1 <dss dack8=3 nocs>
+0   < P. 1:11(10) ack 1 win 256 <nop, nop, dss dack8=1 dsn8=3 ssn=1 dll=10 nocs>
+0   > . 1:1(0) ack 11 <dss dack8=13 nocs>
+0   read(4, ..., 100) = 12`,

  "an address is announced, and its echo is taken": `
\`ip mptcp limits set subflows 2 add_addr_accepted 2
ip addr add 192.168.0.2/16 dev tun0\`
${MULTIPATH}
+0   \`ip mptcp endpoint add 192.168.0.2 id 7 signal\`
+0   > . 1:1(0) ack 3 <add_address address_id=7 addr[saddr1] hmac=auto>
+0   < . 3:3(0) ack 1 win 256 <add_address address_id=7 addr[saddr1] addr_echo>`,
} as const;

describe.skipIf(obstacle !== null)("a script, of which the kernel is the judge", () => {
  it.each(Object.entries(SCRIPTS))("%s", (_, text) => {
    expect(fault(text)).toBeNull();
  });

  it("that asks for what the kernel does not do fails at the line that does", () => {
    const soon = 100_000;
    expect(fault(`${ACCEPTED}\n+0 write(4, ..., 10) = 10\n+0 > P. 1:12(11) ack 1\n`, soon)).toMatch(/^script:14:4: the packet that left is not the one that is expected/);
    expect(fault(`${ACCEPTED}\n+0 read(3, ..., 10) = 10\n`, soon)).toMatch(/^script:13:4: read/);
    expect(fault(`${ACCEPTED}\n+0 %{ assert tcpi_snd_mss == 999 }%\n`, soon)).toMatch(/^script:13:4: .*1000 == 999/);
  });
});
