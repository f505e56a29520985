import { describe, expect, it } from "vitest";
import { Shell } from "../../../src/drill/shell/index.ts";
import { FakeWorld, shown } from "./world.ts";

describe("the language of the shell", () => {
  it.each([
    // Words and quotation marks.
    ["echo a  'b  c' \"d  $((1+2))\" e\\ f", "a b  c d  3 e f\n"], ["echo a#b # a comment", "a#b\n"], ["echo 'it'\"'\"'s'", "it's\n"], ["echo one; echo two\necho three", "one\ntwo\nthree\n"],
    ["echo a \\\n  b", "a b\n"], ["echo \"\\$x \\`y\\` \\\\ \\n\"", "$x `y` \\ \\n\n"], ["echo -n a; echo -e 'b\\tc'", "ab\tc\n"],
    // Variables.
    ["x=5; echo $x ${x} \"${x}y\" $xy.", "5 5 5y .\n"], ["x='a  b'; echo $x; echo \"$x\"", "a b\na  b\n"], ["echo ${x:-d} ${x-e} ${x:+f}.", "d e .\n"], ["x=; echo ${x:-d}.${x-e}.${x:+f}.", "d...\n"],
    ["echo ${x:=v} $x", "v v\n"], ["echo ${x:?no value}", "[x: no value](2)"], ["x=a.b.c; echo ${x%.*} ${x%%.*} ${x#*.} ${x##*.} ${#x}", "a.b a b.c c 5\n"],
    ["x=abcabc; echo ${x/b/X} ${x//b/X} ${x//[ab]} ${x/#a/Y} ${x/%c/Z} ${x:1:2} ${x: -2}", "aXcabc aXcaXc cc Ybcabc abcabZ bc bc\n"], ["x=a; x+=b; echo $x", "ab\n"],
    ["flags=signal; flags=${flags:+$flags }subflow; echo $flags", "signal subflow\n"], ["set -- a 'b c' d; echo $# $2; for i in \"$@\"; do echo \"<$i>\"; done", "3 b c\n<a>\n<b c>\n<d>\n"],
    ["set -- 1 2 3; shift; echo $*", "2 3\n"], ["echo ${PPID}", "1\n"], ["set -u; echo $nothing", "[nothing is not set](2)"],
    // Arithmetic.
    ["echo $((15*1024*1024)) $(( (1+2) * 3 % 4 )) $((1<<4|1)) $((7/2)) $((-7/2)) $((2**10))", "15728640 1 17 3 -3 1024\n"], ["x=3; echo $((x+1)) $(($x*2)) $((x++)) $x $((x>3?10:20))", "4 6 3 4 10\n"],
    ["echo $((0x10)) $((010)) $((16#ff)) $((1 && 0)) $((!0))", "16 8 255 0 1\n"], ["echo $((1/0))", "[a division by 0](2)"], ["let a=2+3 b=(a+1)*2; echo $a $b", "5 12\n"], ["((1 > 2)) || echo no", "no\n"],
    // Conditions.
    ["if true; then echo yes; else echo no; fi", "yes\n"], ["if false; then echo 1; elif [ a = a ]; then echo 2; else echo 3; fi", "2\n"], ["true && echo a || echo b; false && echo c || echo d", "a\nd\n"],
    ["! true; echo $?", "1\n"], ["[ 3 -gt 2 -a x = x ] && echo yes", "yes\n"], ["[ ! -z \"\" -o 1 -eq 1 ] && echo yes", "yes\n"], ["[ -n \"$x\" ] || echo empty", "empty\n"], ["test 5 -lt 3; echo $?", "1\n"],
    ["[ a -eq 3 ]; echo $?", "2\n[\"a\" is no number]"], ["[[ abc == a* && ! abc == b* ]] && echo yes", "yes\n"], ["[[ \"a*\" == \"a*\" && abc != \"a*\" ]] && echo yes", "yes\n"],
    ["[[ 192.168.0.1 =~ ([0-9]+[.][0-9]+[.][0-9]+[.])([0-9]+) ]] && echo ${BASH_REMATCH[1]} ${BASH_REMATCH[2]}", "192.168.0. 1\n"], ["[[ -n $x || ( 3 -gt 2 && 2 -lt 3 ) ]] && echo yes", "yes\n"],
    ["case abc in x) echo 1;; a*|y) echo 2 ;; *) echo 3; esac", "2\n"], ["case x in (a) echo 1;; *) echo other\nesac", "other\n"],
    // Loops.
    ["for i in 1 2 3; do echo $i; done", "1\n2\n3\n"], ["i=0; while [ $i -lt 3 ]; do i=$((i+1)); [ $i -eq 2 ] && continue; echo $i; done", "1\n3\n"], ["until true; do echo no; done; echo end", "end\n"],
    ["for i in a b; do for j in 1 2; do [ $j = 2 ] && continue 2; echo $i$j; done; done", "a1\nb1\n"], ["while :; do break; done; echo $?", "0\n"], ["seq 3 | while read n; do echo \"n=$n\"; done", "n=1\nn=2\nn=3\n"],
    // Functions, groups, subshells.
    ["f() { local x=1; echo $1 $x; return 3; }; x=9; f a; echo $? $x", "a 1\n3 9\n"], ["function g { echo $#; }; g a b", "2\n"], ["(x=1; exit 4); echo $? $x.", "4 .\n"], ["{ echo a; echo b; } | tail -n 1", "b\n"],
    ["f() { f; }; f", "[commands are too deep in one another](2)"], ["exit 7; echo no", "(7)"], ["false", "(1)"], ["set -e; false; echo no", "(1)"], ["set -e; if false; then :; fi; false || echo on; ! true; echo end", "on\nend\n"],
    // Substitutions.
    ["echo $(echo a; echo b) `echo c` \"$(printf 'd\\n\\n')\"", "a b c d\n"], ["x=$(false); echo $?", "1\n"], ["echo $(echo $(echo \"deep $(echo er)\"))", "deep er\n"], ["echo `echo \\`echo x\\``", "x\n"],
    // Redirections and here-documents.
    ["echo a > /dev/null; echo b 2>&1; echo c >&2", "b\n[c]"], ["nonsense 2>/dev/null; echo $?", "127\n"], ["echo x > /tmp/f; echo y >> /tmp/f; cat < /tmp/f; cat /tmp/f | wc -l", "x\ny\n2\n"],
    ["cat <<EOF\nx=$((1+1)) $(echo sub)\nEOF\necho end", "x=2 sub\nend\n"], ["cat <<'EOF'\n$x\nEOF", "$x\n"], ["cat <<-E\n\ta\n\tE\n", "a\n"], ["cat <<< \"a b\"", "a b\n"], ["IFS=. read a b c <<< 1.2.3.4; echo $a-$b-$c", "1-2-3.4\n"],
    ["echo a &> /dev/null; echo b > /etc/x", "[/etc/x cannot be written: files are written below /tmp and /proc/sys alone](1)"],
    // Programs by their folders, blocks of zeros, and the table of sockets.
    ["echo x > /tmp/f; /bin/rm -f /tmp/f; cat /tmp/f || echo none", "none\n[cat: there is no file \"/tmp/f\"]"], ["/bin/dd bs=2 count=3 if=/dev/zero of=/tmp/f status=none; wc -c < /tmp/f", "6\n"],
    ["dd skip=3", "[dd: \"skip=3\" is not carried out](1)"], ["grep -c ' 01 ' /proc/net/tcp; grep -o '0100A8C0:1F90 010200C0:0FA0 01' /proc/net/tcp", "1\n0100A8C0:1F90 010200C0:0FA0 01\n"],
    // Options of a function or file.
    ["set -- -b -e 3 -msignal x; while getopts :be:m: o; do echo $o $OPTARG; done; shift $((OPTIND-1)); echo $1", "b\ne 3\nm signal\nx\n"], ["getopts a o -z; echo $? $o", "0 ?\n[illegal option -- z]"],
    ["printf '%s=%d|%04x|%5.1f\\n' a 10 255 2.25 b 0x10 1 1", "a=10|00ff|  2.3\nb=16|0001|  1.0\n"], ["printf '%s:%x' fd00 $(($(printf '%d' 0x1f)+1))", "fd00:20"], ["type ls", "[there is no command \"type\"](127)"],
    ["command -v ip; command -v nothing || echo none", "ip\nnone\n"], ["sh -c 'echo $0 $1' a b", "a b\n"], ["exec echo x; echo y", "x\n"],
  ])("%s", (text, wanted) => {
    expect(shown(text)).toBe(wanted);
  });
});

describe("programs that turn text into text", () => {
  const input = "printf 'TcpExt one 1\\nUdp two 20\\nTcpExt three 3\\n' | ";
  it.each([
    ["grep Tcp", "TcpExt one 1\nTcpExt three 3\n"], ["grep -c Tcp", "2\n"], ["grep -v Tcp", "Udp two 20\n"], ["grep -q ' 20$'", ""], ["grep -qi TCP", ""], ["grep nothing", "(1)"], ["grep -oE '[a-z]+ [0-9]{2}'", "two 20\n"],
    ["grep -w two -n", "2:Udp two 20\n"], ["grep -F '1' -m1", "TcpExt one 1\n"], ["egrep 'one|two' | wc -l", "2\n"], ["grep 'one\\|two' | wc -l", "2\n"], ["head -n1", "TcpExt one 1\n"], ["head -1", "TcpExt one 1\n"],
    ["tail -n 1", "TcpExt three 3\n"], ["tail -n +3", "TcpExt three 3\n"], ["cut -d' ' -f2,3", "one 1\ntwo 20\nthree 3\n"], ["cut -c1-3", "Tcp\nUdp\nTcp\n"], ["tr a-z A-Z | head -n 1", "TCPEXT ONE 1\n"], ["tr -d '\\n'", "TcpExt one 1Udp two 20TcpExt three 3"],
    ["tr -s e | tail -n1", "TcpExt thre 3\n"], ["sed -n 's/.*two \\([0-9]*\\).*/\\1/p'", "20\n"], ["sed 's/Tcp/&-/g;/Udp/d'", "Tcp-Ext one 1\nTcp-Ext three 3\n"], ["sed -E 's/([a-z]+) ([0-9]+)$/\\2 \\1/' | head -n 1", "TcpExt 1 one\n"],
    ["sed -n 2p", "Udp two 20\n"], ["awk '{print $2}'", "one\ntwo\nthree\n"], ["awk '/Udp/ {print $1 \"=\" $3, NR}'", "Udp=20 2\n"], ["awk -F'x' 'NR==1{print $NF}'", "t one 1\n"], ["sort -rn -u | wc -l", "3\n"], ["awk '{s+=$3} END {print s}'", "[awk: only /pattern/ or NR==N with {print ...} is carried out](1)"],
    ["grep -P x", "[grep: the option -P is not carried out](1)"],
  ])("%s", (text, wanted) => {
    expect(shown(input + text)).toBe(wanted);
  });

  it.each([
    ["echo '{\"a\":{\"b\":[1,\"x\"]}}' | jq .a.b[0]", "1\n"], ["echo '{\"a\":\"x\"}' | jq -r .a", "x\n"], ["echo '{\"a\":\"x\"}' | jq '.b // 0'", "0\n"], ["echo '{\"a\":1}' | jq '.a | length'", "[jq: the filter \".a | length\" is not carried out, only paths are](1)"],
    ["basename /a/b.sh .sh; dirname /a/b/; dirname x", "b\n/a\n.\n"],
  ])("%s", (text, wanted) => {
    expect(shown(text)).toBe(wanted);
  });
});

describe("what public scripts do", () => {
  it("counters are compared", () => {
    expect(shown("test $(nstat -zjs | jq '.kernel.MPTcpExtMPCapableSYNRX') -eq 1")).toBe("");
    expect(shown("test $(nstat -zjs | jq '.kernel.MPTcpExtMPCapableSYNRX') -eq 0")).toBe("(1)");
    expect(shown("nstat | grep TcpExtBeyondWindow | grep -q ' 3 '")).toBe("");
    expect(shown("nstat > /dev/null")).toBe("");
  });

  it("sysctls are set by set_sysctls.py, and set back by the file that it leaves", () => {
    const world = new FakeWorld();
    const shell = new Shell(world);
    expect(shell.run("../common/set_sysctls.py /proc/sys/net/ipv4/tcp_sack=0 \\\n  /proc/sys/net/ipv4/tcp_rmem='1 2 3'").status).toBe(0);
    expect([...world.sysctls.values()]).toEqual(["0", "1 2 3", "0"]);
    expect(shell.run("/tmp/sysctl_restore_${PPID}.sh")).toEqual({ status: 0, output: "", errors: "" });
    expect([...world.sysctls.values()]).toEqual(["1", "4096\t131072\t6291456", "0"]);
  });

  it("sysctls are files below /proc/sys", () => {
    const world = new FakeWorld();
    expect(shown("cat /proc/sys/net/ipv4/tcp_sack; echo 0 > /proc/sys/net/ipv4/tcp_sack; sysctl -n net.ipv4.tcp_sack", world)).toBe("1\n0\n");
    expect(shown("echo 1 > /proc/sys/net/nothing", world)).toBe("[there is no sysctl net.nothing](1)");
  });

  it("commands of the stack get their words as they are", () => {
    const world = new FakeWorld();
    expect(shown("sysctl -q net.ipv4.tcp_rmem=\"4096 540000 $((15*1024*1024))\"\nip mptcp endpoint flush; tc qdisc add dev tun0 root pfifo 2>/dev/null", world)).toBe("");
    expect(world.calls).toEqual(["sysctl -q net.ipv4.tcp_rmem=4096 540000 15728640", "ip mptcp endpoint flush", "tc qdisc add dev tun0 root pfifo"]);
  });

  it("sleep lets time go on", () => {
    const world = new FakeWorld();
    expect(shown("sleep 1.5; sleep 2m", world)).toBe("");
    expect(world.slept).toBe(121.5e9);
  });

  it("a file is called, with parameters and what was exported, or read into the shell", () => {
    const world = new FakeWorld({
      "../common/server.sh": "#!/bin/bash\nlocal_ip=$OPT_LOCAL_IP\nif [[ $OPT_LOCAL_IP =~ ([0-9.]+[.])([0-9]+) ]]; then\n let next=${BASH_REMATCH[2]}+1\nelse exit 1; fi\nip addr add ${BASH_REMATCH[1]}$next/$1 dev $OPT_LOCAL_DEV\nexport A=2; x=3",
      "vars.sh": "x=5; f() { echo from $1; }\nreturn 0\necho no",
    });
    expect(shown("../common/server.sh 16; echo \"$x$A.\"", world)).toBe(".\n");
    expect(world.calls).toEqual(["ip addr add 192.168.0.2/16 dev tun0"]);
    expect(shown(". vars.sh; f $x", world)).toBe("from 5\n");
    expect(shown("./missing.sh", world)).toBe('[there is no file "./missing.sh"](127)');
  });

  it("endpoints are made for each of several addresses", () => {
    const script = [
      "create() {",
      "    local host= flags= ep=1 max=$1 hn=$2 nn=$3 pl=$4 sig=${5:-0} sub=${6:-0}",
      "    [ $sig -eq 1 ] && flags=signal",
      "    [ $sub -eq 1 ] && flags=${flags:+$flags }subflow",
      "    while [ ${ep} -le ${max} ]; do",
      "        host=${nn}$((hn+ep))",
      "        ip mptcp endpoint add $host/$pl $flags",
      "        ep=$((ep+1))",
      "    done",
      "}",
      "IFS=. read a b c d <<-EOF",
      "   `echo $OPT_NETMASK_IP`",
      "EOF",
      "network=0",
      "for o in $d $c $b $a; do",
      "    case $o in 255) l=8 ;; 0)   l=0 ;; *) echo invalid; exit 1 ;; esac",
      "    if [ $l -lt 8 -a $network -gt 0 ]; then echo bad 1>&2 ; exit 1; fi",
      "    network=$((network+l))",
      "done",
      "create 2 1 192.168.0. $network 1 1",
    ].join("\n");
    const world = new FakeWorld();
    expect(shown(script, world)).toBe("");
    expect(world.calls).toEqual(["ip mptcp endpoint add 192.168.0.2/16 signal subflow", "ip mptcp endpoint add 192.168.0.3/16 signal subflow"]);
  });

  it("what ss says is searched", () => {
    const script = "if ! out=\"$(ss -inmHM \"sport = :${port:-8080}\")\"; then exit 1; fi\nval=$(echo \"${out}\" | grep -A0 '^ESTAB')";
    expect(shown(script)).toBe("[grep: the option -A is not carried out](1)");
    const works = "out=\"$(ss -inmHM)\"; val=$(echo $out | grep '^ESTAB' | head -1 |\n\tsed -n \"s/.*${field:-subflows}:\\([0-9]*\\).*/\\1/p\")\n[ \"${val:-0}\" != 1 ] && exit 1; echo $val";
    expect(shown(works)).toBe("1\n");
  });
});
