import { InvalidArgumentError } from "commander";
import type { Command } from "commander";
import type { ConnectionReference, ControlClient, ControlPolicyKind, ControlStatus } from "mptcp/node";
import { clientOf, parseConnection } from "./control-target.ts";
import { addressAndPort, addressText, numberIn, readParameters, readWords } from "./control-words.ts";
import { addHelp } from "./help.ts";
import { EXIT } from "./io.ts";
import type { Io } from "./io.ts";
import { endpointLines, subflowLines } from "./status-text.ts";

/** The flags that all commands to a process share. */
interface TargetFlags {
  readonly process?: string;
  readonly connection?: ConnectionReference;
  readonly json?: boolean;
}

/** What a command asks, and says when it is done. @returns the answer, and a line for people; null: none */
type Asking = (client: ControlClient, connection: ConnectionReference) => Promise<readonly [answer: unknown, text: string | null]>;

/**
 * Adds the commands that change something in a running process, with the words of `ip mptcp`: `endpoint`, `limits`, `subflow`, `address`, `policy`.
 * `done` gets their exit codes: 0 done, 1 refused, 2 wrong usage.
 */
export function registerControlCommands(program: Command, io: Io, done: (code: number) => void): void {
  const adding = new Adding(program, io, done);
  addEndpoint(adding);
  addLimits(adding);
  addSubflow(adding);
  addAddress(adding);
  addPolicy(adding);
}

function addEndpoint(adding: Adding): void {
  const group = adding.group("endpoint", "addresses of a running process and what they are for, as ip mptcp endpoint", ENDPOINT_HELP);
  const change = { subflow: ["subflow", true], signal: ["signal", true], backup: ["backup", true], fullmesh: ["fullmesh", true] } as const;
  const flags = { ...change, nosubflow: ["subflow", false], nosignal: ["signal", false], nobackup: ["backup", false], nofullmesh: ["fullmesh", false] } as const;
  const link = ["link", String] as const;
  const values = { id: ["id", numberIn("An address id", 1, 255)], port: ["port", numberIn("A port", 1, 65_535)], link, dev: link } as const;
  adding.command(group, "show", "show them", { isDefault: true }, () => async (client) => {
    const { endpoints } = await client.request("status", {});
    return [endpoints, endpointLines(endpoints).join("\n")];
  });
  adding.command(group, "add <address> [words...]", "add an address: subflow, signal, backup, fullmesh, id N, port N, link NAME", {}, (given: string, words: string[]) => {
    const fields = readWords(words, { flags: change, values });
    // As in Linux it is for what is said; where nothing is, for what the addresses of links are.
    const only = Object.values(fields).includes(true) ? { subflow: false, signal: false } : {};
    const address = addressText(given);
    return async (client) => {
      const answer = await client.request("endpoint.add", { address, ...only, ...fields });
      return [answer, await meshNote(client, fields)];
    };
  });
  adding.command(group, "remove <address> [number]", "remove an address, by itself or as id N: subflows on it end, peers hear of it", { alias: "delete" }, (...given: string[]) => {
    const [which, [extra] = []] = endpointFrom(given.filter((word) => word !== undefined));
    if (extra !== undefined) throw new InvalidArgumentError(`"${extra}" is one word too many.`);
    return quietly((client) => client.request("endpoint.remove", which));
  });
  adding.command(group, "change <address> <words...>", "change what an address, or id N, is for: backup or nobackup, signal or nosignal, ...", {}, (given: string, words: string[]) => {
    const [which, rest] = endpointFrom([given, ...words]);
    if (rest.length === 0) throw new InvalidArgumentError(`Say what it is to be for: ${Object.keys(flags).join(", ")}.`);
    const fields = readWords(rest, { flags });
    return async (client) => {
      const answer = await client.request("endpoint.change", { ...which, ...fields });
      return [answer, await meshNote(client, fields)];
    };
  });
}

/** That what was said of an address has no effect now: a mesh uses every address, and of the words goes by `backup` alone. Null where it has. */
async function meshNote(client: ControlClient, fields: Readonly<Record<string, unknown>>): Promise<string | null> {
  const word = PURPOSES.find((one) => fields[one] !== undefined);
  if (word === undefined) return null;
  const { name } = (await client.request("status", {})).pathManager;
  return MESHES.has(name) ? `noted, without effect so far: ${name} uses every address; "mptcp policy path-manager endpoints" goes by ${PURPOSES.join(", ")}` : null;
}

const PURPOSES = ["subflow", "signal", "fullmesh"] as const;
const MESHES: ReadonlySet<string> = new Set(["full-mesh", "full", "single-path"]);

function addLimits(adding: Adding): void {
  const group = adding.group("limits", "limits of a running process, as ip mptcp limits", LIMITS_HELP);
  const number = numberIn("A limit", 0, 255);
  const values = { subflows: ["subflows", number], "add-addr-accepted": ["addAddrAccepted", number], add_addr_accepted: ["addAddrAccepted", number] } as const;
  adding.command(group, "show", "show them", { isDefault: true, connection: "of this connection" }, () => async (client, connection) => {
    const status = await client.request("status", connection);
    const limits = Object.keys(connection).length === 0 ? status.limits : (status.connections[0]?.limits ?? null);
    return [limits, limits === null ? "regular TCP has none" : limitsText(limits)];
  });
  adding.command(group, "set <words...>", "set them: subflows N, add-addr-accepted N", { connection: "of this connection alone" }, (words: string[]) => {
    const wanted = readWords(words, { values });
    return async (client, connection) => {
      const limits = await client.request("limits.set", { ...connection, ...wanted });
      return [limits, limitsText(limits)];
    };
  });
}

function limitsText({ addAddrAccepted, subflows }: ControlStatus["limits"]): string {
  return `add-addr-accepted ${addAddrAccepted} subflows ${subflows}`;
}

function addSubflow(adding: Adding): void {
  const group = adding.group("subflow", "subflows of a connection in a running process", SUBFLOW_HELP);
  const number = numberIn("A subflow", 1, Number.MAX_SAFE_INTEGER);
  const connection = "in this connection; needed where there are several";
  adding.command(group, "show", "show them and their numbers", { isDefault: true, connection: "of this connection alone" }, () => async (client, of) => {
    const { connections } = await client.request("status", of);
    return [connections.map((one) => ({ connection: one.connection, subflows: one.subflows })), connections.flatMap(subflowLines).join("\n") || "no connection"];
  });
  adding.command(group, "add <local> <remote> [words...]", "open one between addresses that both hosts know: ADDRESS or ADDRESS:PORT each, and backup", { connection }, (from: string, to: string, words: string[]) => {
    const [local, remote] = [addressAndPort(from), addressAndPort(to)];
    const ports = { ...(local.port === null ? {} : { localPort: local.port }), ...(remote.port === null ? {} : { remotePort: remote.port }) };
    const params = { localAddress: local.address, remoteAddress: remote.address, ...ports, ...readWords(words, { flags: { backup: ["backup", true] } }) };
    return async (client, of) => {
      const answer = await client.request("subflow.add", { ...of, ...params });
      return [answer, `subflow ${answer.subflow} is being opened`];
    };
  });
  adding.command(group, "remove <number>", "end one; its connection goes on", { connection, alias: "delete" }, (given: string) => {
    const subflow = number(given);
    return quietly((client, of) => client.request("subflow.remove", { ...of, subflow }));
  });
  adding.command(group, "backup <number> [on|off]", "use one only when others cannot be used, and tell the peer (MP_PRIO); with off as any other", { connection }, (given: string, word = "on") => {
    if (word !== "on" && word !== "off") throw new InvalidArgumentError(`"${word}" is neither on nor off.`);
    const params = { subflow: number(given), backup: word === "on" };
    return quietly((client, of) => client.request("subflow.backup", { ...of, ...params }));
  });
}

function addAddress(adding: Adding): void {
  const group = adding.group("address", "which of the host's addresses a connection in a running process uses (RFC 6897)", ADDRESS_HELP);
  const connection = "of this connection; needed where there are several";
  adding.command(group, "add <address>", "let it use an address of the host", { connection }, (given: string) => {
    const address = addressText(given);
    return quietly((client, of) => client.request("address.add", { ...of, address }));
  });
  adding.command(group, "remove <address>", "have it use one no more: its subflows end once others are there", { connection, alias: "delete" }, (given: string) => {
    const address = addressText(given);
    return quietly((client, of) => client.request("address.remove", { ...of, address }));
  });
}

function addPolicy(adding: Adding): void {
  const group = adding.group("policy", "what decides in the connections of a running process; exchanged while data flows", POLICY_HELP);
  adding.command(group, "show", "show what decides in connections to come, and what there is to choose", { isDefault: true }, () => async (client) => {
    const [names, status] = [await client.request("policy.list", {}), await client.request("status", {})];
    const lines = POLICIES.map(([word, kind]) => `${word.padEnd(WORD)}  ${names[kind].map((name) => (name === status[kind].name ? `[${name}]` : name)).join(" ")}`);
    return [{ ...names, chosen: Object.fromEntries(POLICIES.map(([, kind]) => [kind, status[kind]])) }, lines.join("\n")];
  });
  for (const [word, kind, what] of POLICIES) {
    adding.command(group, `${word} <name> [parameters...]`, `choose the ${what}, with parameters as key=value`, { connection: "of this connection alone" }, (name: string, pairs: string[]) => {
      const params = { kind, name, ...(pairs.length === 0 ? {} : { parameters: readParameters(pairs) }) };
      return async (client, connection) => {
        const answer = await client.request("policy.set", { ...connection, ...params });
        const { connections } = answer;
        return [answer, Object.keys(connection).length > 0 ? null : `exchanged in ${connections} ${connections === 1 ? "connection" : "connections"}, and for those to come`];
      };
    });
  }
}

/** A request whose answer says nothing to people. */
function quietly(request: (client: ControlClient, connection: ConnectionReference) => Promise<unknown>): Asking {
  return async (client, connection) => [await request(client, connection), null];
}

/** How one command is added. */
interface CommandOptions {
  /** It is meant where the group is named alone. */
  readonly isDefault?: boolean;
  readonly alias?: string;
  /** What `--connection` says, for commands that take it. */
  readonly connection?: string;
}

/** Adds groups of commands, and runs them. */
class Adding {
  private readonly program: Command;
  private readonly io: Io;
  private readonly done: (code: number) => void;

  constructor(program: Command, io: Io, done: (code: number) => void) {
    this.program = program;
    this.io = io;
    this.done = done;
  }

  group(name: string, description: string, help: string): Command {
    return addHelp(this.program.command(name).description(description), help);
  }

  command<W extends readonly unknown[]>(
    group: Command, usage: string, description: string, options: CommandOptions, prepare: (...words: W) => Asking,
  ): void {
    const command = group.command(usage, { isDefault: options.isDefault === true }).description(description);
    if (options.alias !== undefined) command.alias(options.alias);
    command.option("-p, --process <process>", "number of the process, or path of its control socket (without: the one that there is)").option("--json", "print the answer as JSON");
    if (options.connection !== undefined) command.option("-c, --connection <token>", `${options.connection}: its number, or its token`, parseConnection);
    // Else a word that is no command of the group would be one too many for the one that is meant without a word.
    if (options.isDefault === true) command.allowExcessArguments();
    command.action(async (...given: unknown[]) => {
      const [extra] = options.isDefault === true ? command.args : [];
      if (extra !== undefined) group.error(`error: '${extra}' is none of ${group.commands.map((one) => one.name()).join(", ")}`);
      // The words, then the flags, then the command.
      const words = given.slice(0, -2) as unknown as W;
      this.done(await this.run(given.at(-2) as TargetFlags, () => prepare(...words)));
    });
  }

  private async run(flags: TargetFlags, prepare: () => Asking): Promise<number> {
    const { io } = this;
    let client: ControlClient | null = null;
    try {
      // What is wrong with the words is known without any process.
      const ask = prepare();
      client = await clientOf(flags.process);
      const [answer, text] = await ask(client, flags.connection ?? {});
      if (flags.json === true) io.stdout.write(`${JSON.stringify(answer)}\n`);
      else if (text !== null) io.stdout.write(`${text}\n`);
      return EXIT.ok;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const { code } = error as NodeJS.ErrnoException;
      io.stderr.write(`${error.message}${HINTS[code ?? ""] ?? ""}\n`);
      return error instanceof InvalidArgumentError || code === "invalid-params" ? EXIT.usage : EXIT.failed;
    } finally {
      client?.close();
    }
  }
}

/** An endpoint by its address, its id, or `id N` as for `ip mptcp`, and the words that follow. @throws InvalidArgumentError */
function endpointFrom(words: readonly string[]): readonly [which: { readonly address: string } | { readonly id: number }, rest: readonly string[]] {
  const id = numberIn("An address id", 1, 255);
  const [which = "", ...rest] = words;
  if (which !== "id") return [/^\d+$/.test(which) ? { id: id(which) } : { address: addressText(which) }, rest];
  const [number = "", ...others] = rest;
  return [{ id: id(number) }, others];
}

/** The words for policies, and their names in the protocol. */
const POLICIES: readonly (readonly [word: string, kind: ControlPolicyKind, what: string])[] = [["scheduler", "scheduler", "scheduler"], ["congestion", "congestion", "congestion control"], ["path-manager", "pathManager", "path manager"]];
const WORD = "path-manager".length;

const HINTS: Readonly<Record<string, string>> = { "which-connection": " (--connection NUMBER; mptcp status shows them)", "no-connection": " (mptcp status shows them)" };

const PROCESS_HELP = `
--process says which process is meant, where there are several. Exit codes: 0 done, 1 refused, or no process, 2 wrong usage.
`;

const ENDPOINT_HELP = `
Examples:
  mptcp endpoint
  mptcp endpoint add 192.0.2.7 signal --process 4242
  mptcp endpoint change 192.0.2.7 backup
  mptcp endpoint remove 192.0.2.7
  mptcp endpoint delete id 3
An address that no link has gets a link over UDP of its own. A port is announced with the address; whoever joins there finds
somebody where the process listens on that port. Without a word an address is for all that a full mesh does with it.

The path managers full-mesh, full and single-path use every address, and of the words go by backup alone; endpoints goes by all of them, as Linux does.
${PROCESS_HELP}`;

const LIMITS_HELP = `
Examples:
  mptcp limits
  mptcp limits set subflows 2 add-addr-accepted 2
  mptcp limits set subflows 0 --connection 1
They hold for the connections that are there and for those to come. What is there already stays, as in Linux.
${PROCESS_HELP}`;

const SUBFLOW_HELP = `
Examples:
  mptcp subflow
  mptcp subflow backup 2
  mptcp subflow remove 2
  mptcp subflow add 192.0.2.7 198.51.100.1 backup --connection 1
${PROCESS_HELP}`;

const ADDRESS_HELP = `
Examples:
  mptcp address remove 192.0.2.7 --connection 1
  mptcp address add 192.0.2.7 --connection 1
${PROCESS_HELP}`;

const POLICY_HELP = `
Examples:
  mptcp policy
  mptcp policy scheduler round-robin
  mptcp policy congestion cubic slowStartLimit=4 --connection 1
  mptcp policy path-manager endpoints --process 4242
${PROCESS_HELP}`;
