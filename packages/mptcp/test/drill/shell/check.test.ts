import { describe, expect, it } from "vitest";
import { checkShell } from "../../../src/drill/shell/index.ts";

const FILES: Readonly<Record<string, string>> = {
  "../common/defaults.sh": "#!/bin/bash\n# Sets things.\nsysctl -q net.ipv4.tcp_sack=1\nip tcp_metrics flush all > /dev/null 2>&1\n",
  "bad.sh": "true\npython3 x.py\n",
  "tool.py": "#!/usr/bin/env python3\nprint(1)\n",
  "./loop.sh": "./loop.sh\n",
};
const problemsOf = (text: string): string[] => checkShell(text, { line: 3, column: 2 }, (path) => FILES[path] ?? null).map(({ place, message }) => `${place.line}:${place.column}: ${message}`);

describe("a shell line is in order", () => {
  it.each([
    "../common/defaults.sh", "../common/defaults.sh\nsysctl -q net.ipv4.tcp_sack=0", "test $(nstat -zjs | jq '.kernel.X') -eq 0", "./set_sysctls.py /proc/sys/net/ipv4/tcp_sack=0", "/tmp/sysctl_restore_${PPID}.sh",
    "tc qdisc delete dev tun0 root 2>/dev/null ; tc qdisc add dev tun0 root pfifo limit 0", "f() { g; }; g() { :; }; f", "if [ -f x ]; then . ../common/defaults.sh; fi", "sudo ip mptcp endpoint flush", "./loop.sh", "bash ../common/defaults.sh", "sh -c 'ip a'",
    "$(true) && \"ip\" a", "sleep 1000000", "",
  ])("%s", (text) => {
    expect(problemsOf(text).filter((problem) => !problem.includes("must be written out"))).toEqual([]);
  });
});

describe("what is not carried out is said before anything runs", () => {
  it.each([
    ["python3 x.py", '3:2: the command "python3" is not carried out'],
    ["true\nif true; then\n  systcl -q a=b; fi", '5:3: the command "systcl" is not carried out; did you mean "sysctl"?'],
    ["echo $(curl x)", '3:9: the command "curl" is not carried out'],
    ["x=`curl x`", '3:4: the command "curl" is not carried out'],
    ["./bad.sh", '3:2: there is no file "./bad.sh"'],
    ["bad.sh", '3:2: the command "bad.sh" is not carried out'],
    [". bad.sh", '3:2: bad.sh:2: the command "python3" is not carried out'],
    ["$x -a", "3:2: the name of a command must be written out"],
    ["sleep 1 &", "3:10: a command in the background is not carried out"],
    ["if true; then echo", '3:2: the condition that begins with "if" has no end: "fi" is missing'],
    ["echo 'abc", "3:7: the quotation mark has no end"],
    ["echo $(true", '3:7: the substitution has no end: ")" is missing'],
    ["cat <<EOF\nabc\n", '3:6: the here-document has no end: "EOF" is missing'],
    ["fi", '3:2: "fi" does not belong here'],
    ["a=(1 2)", "3:2: arrays are not carried out"],
    ["true | ; true", '3:9: expected a command, found ";"'],
    ["nstat | grep -P x", "3:10: grep: the option -P is not carried out"],
    ["nstat | awk '{s+=$2} END {print s}'", "3:10: awk: only /pattern/ or NR==N with {print ...} is carried out"],
    ["nstat | sed -n 's/a/b", "3:17: the quotation mark has no end"],
    ["grep -q 0A /proc/net/udp", '3:2: there is no file "/proc/net/udp": of /proc there are /proc/sys and /proc/net/tcp, /proc/net/tcp6'],
    ["eval x", '3:2: the command "eval" is not carried out'],
    ["trap x EXIT", '3:2: the command "trap" is not carried out'],
    ["diff <(a) b", "3:7: the substitution of a process is not carried out"],
  ])("%j", (text, problem) => {
    expect(problemsOf(text)).toEqual([problem]);
  });

  it("a program that is no shell script is refused by its first line", () => {
    expect(problemsOf("x/../tool.py")).toEqual(['3:2: there is no file "x/../tool.py"']);
    expect(checkShell("./tool.py", { line: 1, column: 1 }, () => FILES["tool.py"]!).map(({ message }) => message)).toEqual(['"./tool.py" is no shell script, and is not carried out']);
  });
});
