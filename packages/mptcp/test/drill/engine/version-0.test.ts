import { describe, expect, test } from "vitest";
import { engineTarget } from "../../../src/drill/index.ts";
import { planned, told } from "../run/running.ts";

/** Runs a script on the engine; "passed", or what is wrong. */
function run(lines: string): string {
  const script = `--tolerance_usecs=40000\n0 \`sysctl -q net.mptcp.mptcp_version=0 net.ipv4.tcp_rmem="4096 540000 15728640"\`\n${lines}`;
  return told(script, engineTarget(planned(script).wiring));
}

const LISTEN = `+0 socket(..., SOCK_STREAM, IPPROTO_MPTCP) = 3
+0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0
+0 bind(3, ..., ...) = 0
+0 listen(3, 5) = 0
`;
const ACCEPT = `${LISTEN}+.05 < S 0:0(0) win 65535 <mss 1460,nop,wscale 7,mpcapable v0 flags[flag_h] key[ckey=2]>
+0 > S. 0:0(0) ack 1 <mss 1460,nop,wscale 8,mpcapable v0 flags[flag_h] key[skey]>
+.05 < . 1:1(0) ack 1 win 512 <mpcapable v0 flags[flag_h] key[ckey, skey]>
+0 accept(3, ..., ...) = 4
`;
const CONNECT = `+0 socket(..., SOCK_STREAM, IPPROTO_MPTCP) = 3
+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+.05 connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)
+0 > S 0:0(0) <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 8,mpcapable v0 flags[flag_h] key[ckey]>
`;

describe("scripts of version 0 of Multipath TCP (RFC 6824), which net.mptcp.mptcp_version asks for", () => {
  test("a listener answers with its key, and reads what is mapped by numbers of SHA-1", () => {
    expect(run(`${ACCEPT}+.01 < P. 1:11(10) ack 1 win 512 <dss dack4=trunc_r64_hmac(skey)+1 dsn4=trunc_r64_hmac(ckey)+1 ssn=1 dll=10 nocs>
* > . 1:1(0) ack 11 <dss dack4=11>
+0 read(4, ..., 100) = 10
`)).toBe("passed");
  });

  test("a client sends its key with the SYN, both on the third ACK, and a DSS with its data", () => {
    expect(run(`${CONNECT}+.05 < S. 0:0(0) ack 1 win 65535 <mss 1460,nop,wscale 7,mpcapable v0 flags[flag_h] key[skey=3]>
+0 > . 1:1(0) ack 1 <mpcapable v0 flags[flag_h] key[ckey, skey]>
+.01 write(3, ..., 100) = 100
+0 > P. 1:101(100) ack 1 <dss dack4=1 dsn8=1 ssn=1 dll=100 nocs,nop,nop>
+.05 < . 1:1(0) ack 101 win 512 <dss dack4=101>
`)).toBe("passed");
  });

  test("data of a listener has numbers of its key's SHA-1", () => {
    expect(run(`${ACCEPT}+.01 write(4, ..., 50) = 50
+0 > P. 1:51(50) ack 1 <dss dack4=1 dsn8=trunc_r64_hmac(skey)+1 ssn=1 dll=50 nocs,nop,nop>
`)).toBe("passed");
  });

  test("a join is verified by HMAC-SHA1, with a token of SHA-1", () => {
    expect(run(`${ACCEPT}+.01 < P. 1:11(10) ack 1 win 512 <dss dack4=1 dsn4=1 ssn=1 dll=10 nocs>
* > . 1:1(0) ack 11 <dss dack4=11>
+.05 < addr[caddr1] > addr[saddr0] S 0:0(0) win 65535 <mss 1460,nop,wscale 7,mp_join_syn address_id=1 token=sha1_32(skey)>
+0 > S. 0:0(0) ack 1 <mss 1460,nop,wscale 8,mp_join_syn_ack address_id=0 sender_hmac=auto>
+.05 < addr[caddr1] > addr[saddr0] . 1:1(0) ack 1 win 512 <mp_join_ack sender_hmac=auto>
* > . 1:1(0) ack 1 <dss dack4=11>
`)).toBe("passed");
  });

  test("a SYN of version 1 is one of plain TCP to it", () => {
    expect(run(`${LISTEN}+.05 < S 0:0(0) win 65535 <mss 1460,nop,wscale 7,mpcapable v1 flags[flag_h] nokey>
+0 > S. 0:0(0) ack 1 <mss 1460,nop,wscale 8>
+.05 < . 1:1(0) ack 1 win 512
+0 accept(3, ..., ...) = 4
`)).toBe("passed");
  });

  test("a key, and a number, of the other hash is told from it", () => {
    const text = run(`${ACCEPT}+.01 write(4, ..., 50) = 50
+0 > P. 1:51(50) ack 1 <dss dack4=1 dsn8=trunc_r64_sha256(skey)+1 ssn=1 dll=50 nocs,nop,nop>
`);
    expect(text).toContain("option 1 differs");
  });
});
