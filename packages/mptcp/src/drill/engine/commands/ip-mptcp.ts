import type { CommandOutcome } from "../../system/index.ts";
import { IpAddress } from "../../../wire/index.ts";
import { ENDPOINT_FLAGS } from "../machine/endpoints.ts";
import type { EndpointFlag, MptcpEndpoint } from "../machine/endpoints.ts";
import type { Machine } from "../machine/machine.ts";
import { failed, succeeded } from "./outcome.ts";
import { Words } from "./words.ts";

/** `ip mptcp endpoint ...` and `ip mptcp limits ...`. */
export function ipMptcp(machine: Machine, words: readonly string[]): CommandOutcome {
  const [object = "endpoint", action = "show", ...rest] = words;
  const table = "endpoint".startsWith(object) && object !== "" ? ENDPOINT : "limits".startsWith(object) && object !== "" ? LIMITS : null;
  if (table === null) return failed(255, `Object "${object}" is unknown, try "ip mptcp help".`);
  const name = Object.keys(table).find((key) => key.startsWith(action) && action !== "");
  const act = name === undefined ? undefined : table[name];
  return act === undefined ? failed(255, `Command "${action}" is unknown, try "ip mptcp help".`) : act(machine, new Words(rest));
}

type Act = (machine: Machine, words: Words) => CommandOutcome;

/** What a command says of an endpoint. */
interface Named {
  address: IpAddress | null;
  id: number | null;
  port: number;
  device: string;
  /** Flags that are to be, or not to be. */
  readonly flags: Map<EndpointFlag, boolean>;
}

/** @returns an error's text */
function read(words: Words, mayNegate: boolean): Named | string {
  const named: Named = { address: null, id: null, port: 0, device: "", flags: new Map() };
  while (!words.isEmpty) {
    const word = words.next();
    const flag = ENDPOINT_FLAGS.find((name) => name === word || (mayNegate && `no${name}` === word));
    if (flag !== undefined) named.flags.set(flag, flag === word);
    else if (word === "id") {
      const id = words.number(255);
      if (id === null) return 'invalid for "ID"';
      named.id = id;
    } else if (word === "port") {
      const port = words.number(65_535);
      if (port === null) return 'invalid for "PORT"';
      named.port = port;
    } else if (word === "dev") named.device = words.next();
    else {
      const address = named.address === null ? IpAddress.parse(word) : null;
      if (address === null) return word;
      named.address = address;
    }
  }
  return named;
}

function add({ endpoints }: Machine, words: Words): CommandOutcome {
  const named = read(words, false);
  if (typeof named === "string") return wrongWord(named);
  if (named.address === null) return failed(255, 'Error: argument "ADDRESS" is required');
  const flags = flagsOf(named);
  if (named.port !== 0 && !flags.signal) return wrong("port", "flags must have signal when using port");
  if (flags.signal && flags.fullmesh) return wrong("fullmesh", "flags mustn't have both signal and fullmesh");
  const error = endpoints.add({ address: named.address, id: named.id ?? 0, port: named.port, device: named.device, flags });
  return error === 0 ? succeeded() : failed(2, `Error: too many addresses or duplicate one: ${error}.`);
}

function change({ endpoints }: Machine, words: Words): CommandOutcome {
  const named = read(words, true);
  if (typeof named === "string") return wrongWord(named);
  const { address, id, port } = named;
  const found = endpoints.all.find((entry) => (id === null || id === entry.id) && (address === null || (entry.address.equals(address) && entry.port === port)));
  if ((id === null || id === 0) && address === null) return failed(255, 'Error: argument "ID" is wrong: address is needed for changing id 0 address');
  if (found === undefined) return failed(2, "Error: address not found.");
  const flags = { ...found.flags, ...Object.fromEntries(named.flags) };
  if (flags.signal && flags.fullmesh) return failed(2, "Error: invalid addr flags.");
  endpoints.change(found, flags);
  return succeeded();
}

function remove({ endpoints }: Machine, words: Words): CommandOutcome {
  const named = read(words, false);
  if (typeof named === "string") return wrongWord(named);
  const { address, id } = named;
  if (id === null) return failed(255, 'Error: argument "ID" is required');
  if (id === 0) {
    if (address === null) return wrong("ID", "address is needed for deleting id 0 address");
    endpoints.removeInitial(address);
    return succeeded();
  }
  if (address !== null) return wrong("ADDRESS", "invalid for non-zero id address");
  const found = endpoints.find(id);
  if (found === undefined) return failed(2, "Error: address not found.");
  endpoints.remove(found);
  return succeeded();
}

function show({ endpoints }: Machine, words: Words): CommandOutcome {
  const named = read(words, false);
  if (typeof named === "string") return wrongWord(named);
  const { id } = named;
  if (id === null) return succeeded(endpoints.all.map(lineOf).join(""));
  const found = endpoints.find(id);
  return found === undefined ? failed(2, "Error: address not found.") : succeeded(lineOf(found));
}

function flush({ endpoints }: Machine): CommandOutcome {
  endpoints.flush();
  return succeeded();
}

function setLimits({ endpoints }: Machine, words: Words): CommandOutcome {
  let { addAddrAccepted, subflows } = endpoints.limits;
  while (!words.isEmpty) {
    const word = words.next();
    const value = words.number(0xffff_ffff);
    if (value === null) return failed(255, `Error: argument "${word}" is wrong: invalid`);
    if (value > MOST) return failed(2, `Error: limit greater than maximum (${MOST}).`);
    if (word === "subflow" || word === "subflows") subflows = value;
    else if (word === "add_addr_accepted") addAddrAccepted = value;
    else return failed(255, `Error: unknown limit "${word}"`);
  }
  endpoints.setLimits({ addAddrAccepted, subflows });
  return succeeded();
}

function showLimits({ endpoints: { limits } }: Machine): CommandOutcome {
  return succeeded(`add_addr_accepted ${limits.addAddrAccepted} subflows ${limits.subflows} \n`);
}

function flagsOf(named: Named): MptcpEndpoint["flags"] {
  const has = (flag: EndpointFlag): boolean => named.flags.get(flag) === true;
  return { signal: has("signal"), subflow: has("subflow"), backup: has("backup"), fullmesh: has("fullmesh"), implicit: has("implicit") };
}

function lineOf({ address, device, flags, id, port }: MptcpEndpoint): string {
  const set = ENDPOINT_FLAGS.filter((flag) => flags[flag]);
  const parts = [String(address), ...(port === 0 ? [] : ["port", String(port)]), "id", String(id), ...set, ...(device === "" ? [] : ["dev", device])];
  return `${parts.join(" ")} \n`;
}

function wrong(argument: string, why: string): CommandOutcome {
  return failed(255, `Error: argument "${argument}" is wrong: ${why}\n`);
}

function wrongWord(word: string): CommandOutcome {
  return failed(1, `Error: any valid address is expected rather than "${word}".`);
}

/** MPTCP_SUBFLOWS_MAX. */
const MOST = 8;
const ENDPOINT: Readonly<Record<string, Act>> = { add, change, delete: remove, show, flush };
const LIMITS: Readonly<Record<string, Act>> = { set: setLimits, show: showLimits };
