import { describeFailure, describeProblem, engineTarget, parseScript, planScript, printScript, recordPlan, runPlan, transcribePlan } from "mptcp/drill";
import { SeededRandom } from "mptcp";
import { describe, expect, it } from "vitest";
import { suite } from "./suite/scripts.ts";

const SCRIPTS = suite();
const NUMBERS = ["0", "-1", "65535", "65536", "2147483647", "4294967295", "4294967296", "18446744073709551615", "99999", "999999999999999999999", "0x7fffffff", "67108864"];
/** Lines that ask for more than there is: power, memory, time, depth. */
const HOSTILE = [
  "%{ assert 2**99999999 > 0 }%", "%{ x = 9**9**9 }%", "%{ assert 1 << 99999999 }%", "%{ assert 'a' * 999999999 == '' }%", "%{ print('%999999999d' % 1) }%", `%{ assert ${"(".repeat(3000)}1${")".repeat(3000)} }%`,
  "`while true; do :; done`", "`x=a; while :; do x=$x$x; done`", "`seq 1 99999999`", "`f() { f; }; f`", "`. ./self.sh`", "`printf '%999999999s' x`", "`sleep 999999999`", "`echo $((1/0))`",
  "`echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa | sed 's/\\(a*\\)*b/x/'`", "`echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa | grep -E '(a|a)*b'`", "`sysctl -w net.ipv4.tcp_rmem='999999999999 1 0'`", "`ip link set mtu 1 dev tun0`",
  "+14399 read(4, ..., 1) = 1", "+0 < . 1:65001(65000) ack 1 win 1", "+0 < P. 1:65001(65000) ack 1 win 65535 <dss dack8=99999999999999999999 dsn8=18446744073709551615 ssn=4294967295 dll=65535 nocs>",
  "+0 setsockopt(3, SOL_SOCKET, SO_RCVBUF, [2147483647], 4) = 0", "+0 write(4, ..., 67108864) = 67108864", "+0 poll([{fd=4, events=POLLIN}], 1, -1) = 1", "+0 close(4) = 0", "\u0000", "/*", "+0~+999999 > . 1:1(0) ack 1", "* > . 1:1(0)",
];

const readFile = (path: string): string | null => (path === "./self.sh" ? ". ./self.sh\n" : path.endsWith("defaults.sh") ? "" : null);

/** Whatever a script is: nothing is thrown, all ends, and what is wrong can be told. @returns whether it was carried out */
function survives(text: string, way: number): boolean {
  const { script, problems } = parseScript(text);
  const planned = planScript(script, { readFile });
  for (const problem of [...problems, ...planned.problems]) describeProblem("x.pkt", text, problem);
  if (problems.length + planned.problems.length > 0) return false;
  const target = engineTarget(planned.plan.wiring);
  if (way === 0) printScript(recordPlan(planned.plan, target, script, { readFile, tail: 100e6 }).recording.script());
  else {
    const outcome = way === 1 ? runPlan(planned.plan, target, { readFile }) : transcribePlan(planned.plan, target, { readFile }).outcome;
    if (!outcome.passed) describeFailure("x.pkt", text, outcome.failure);
  }
  target.close();
  return true;
}

function damaged(text: string, random: SeededRandom): string {
  const below = (count: number): number => random.uint32() % count;
  const lines = text.split("\n");
  for (let left = 1 + below(3); left > 0; left--) {
    const at = below(lines.length);
    const other = below(lines.length);
    const line = lines[at] ?? "";
    const damages = [
      () => lines.splice(at, 1),
      () => lines.splice(at, 0, HOSTILE[below(HOSTILE.length)]!),
      () => (lines[at] = line.replace(/\d+/, () => NUMBERS[below(NUMBERS.length)]!)),
      () => lines.splice(at, 0, ...SCRIPTS[below(SCRIPTS.length)]!.text.split("\n").slice(-3)),
      () => ([lines[at], lines[other]] = [lines[other]!, line]),
      () => (lines[at] = line.slice(0, below(line.length + 1))),
      () => lines.splice(at, 0, ...Array.from({ length: 50 }, () => line)),
    ];
    damages[below(damages.length)]!();
  }
  return lines.join("\n");
}

describe("whole runs survive", () => {
  it("scripts in which lines are missing, cut, exchanged, repeated, taken from others, or ask for more than there is", () => {
    const random = new SeededRandom(20);
    let carriedOut = 0;
    for (let run = 0; run < 120; run++) if (survives(damaged(SCRIPTS[random.uint32() % SCRIPTS.length]!.text, random), run % 3)) carriedOut++;
    expect(carriedOut).toBeGreaterThan(30);
  });

  it.each(HOSTILE.map((line) => [JSON.stringify(line).slice(0, 60), line] as const))("%s", (_, line) => {
    const head = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind(3, ..., ...) = 0\n+0 listen(3, 1) = 0\n+0 < S 0:0(0) win 1000 <mss 1000>\n+0 > S. 0:0(0) ack 1 <...>\n+0 < . 1:1(0) ack 1 win 1000\n+0 accept(3, ..., ...) = 4\n";
    survives(`${head}${line}\n`, 1);
  });

  it("thousands of sockets, packets and shell lines", () => {
    const many = (count: number, line: (index: number) => string): string => Array.from({ length: count }, (_, index) => line(index)).join("\n");
    expect(survives(many(3000, (index) => `+0 socket(..., SOCK_STREAM, IPPROTO_MPTCP) = ${3 + index}`), 1)).toBe(true);
    expect(survives(`${many(1000, (index) => `+0 < addr[a${index}=inet_addr("192.0.2.${index % 250}")] > addr[b] S 0:0(0) win 1 <mss 1000>`)}`, 1)).toBe(true);
    expect(survives(`0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind(3, ..., ...) = 0\n+0 listen(3, 5) = 0\n${many(1000, (index) => `+0 < S ${index}:${index}(0) win 1 <mss 1000>`)}`, 2)).toBe(true);
    expect(survives(many(500, () => "`sysctl -q net.ipv4.tcp_sack=0`"), 1)).toBe(true);
  });
});
