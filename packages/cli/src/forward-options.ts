import type { Command } from "commander";
import { parseHostPort, parsePlace } from "./endpoint-text.ts";
import type { Place } from "./endpoint-text.ts";
import { forwardCommand } from "./forward-command.ts";
import type { ForwardFlags } from "./forward-command.ts";
import { addHelp } from "./help.ts";
import type { Io } from "./io.ts";
import { DEFAULTS, LINKS_HELP, linkOptions, RELAY_DEFAULTS, relayOptions } from "./socket-options.ts";

/** Adds `mptcp forward` to the program; `done` hears its exit code. */
export function registerForward(program: Command, io: Io, done: (code: number) => void): void {
  const command = program
    .command("forward")
    .argument("<from>", "where programs connect to: PORT of 127.0.0.1, ADDR:PORT, or a Unix socket as PATH", parsePlace)
    .argument("<to>", "where their connections go by Multipath TCP: HOST:PORT", parseHostPort)
    .description("take plain TCP connections, and open one over Multipath TCP for each, the other end of listen --to");
  relayOptions(linkOptions(addHelp(command, HELP)))
    .option("-v, --verbose", "tell of every connection, also when it is opened, and of devices as they come and go")
    .option("-q, --quiet", "tell of nothing but what goes wrong")
    .option("--json", "tell of every connection, when it is over, as a line of JSON on standard error")
    .action(async (from: Place, to: { readonly host: string; readonly port: number }, flags: Partial<ForwardFlags>) => {
      done(await forwardCommand(from, to, { ...DEFAULTS, ...RELAY_DEFAULTS, ...flags }, io));
    });
}

const HELP = `
Examples:
  A web server at 192.0.2.1, used over two uplinks:
    # beside the server
    mptcp listen 5000 --udp local=192.0.2.1 --udp local=198.51.100.1 --to 80
    # here
    mptcp forward 8080 192.0.2.1:5000 --udp local=10.0.0.7 \\
        --udp local=172.20.0.4
    curl http://127.0.0.1:8080/
  A server that speaks Multipath TCP itself:
    mptcp forward 8080 example.org:80 --via kernel
  ssh does without a port:
    mptcp listen 5000 --udp local=192.0.2.1 --udp local=198.51.100.1 --to 22
    ssh -o "ProxyCommand mptcp connect %h 5000 --quiet \\
        --udp local=10.0.0.7 --udp local=172.20.0.4" 192.0.2.1

Connections end as their ends end them: half close, resets and slow readers are passed on. At a terminal each that is over is told in a line,
elsewhere only what goes wrong, unless --verbose or --json asks for more. Ctrl-C or SIGTERM takes no more connections and waits for those that
are there (--grace); a second one resets them.
${LINKS_HELP}
Exit codes: 1 it cannot listen, or has no link, 2 wrong usage, 130 interrupted (Ctrl-C), 143 terminated.
`;
