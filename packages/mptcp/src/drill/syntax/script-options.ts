import { IpAddress } from "../../wire/index.ts";
import type { ScriptOption } from "./ast.ts";
import { TOKEN, Unexpected, type Lexer } from "./lexer.ts";
import { nearest } from "./nearest.ts";

type OptionKind = "none" | "number" | "address" | "text" | readonly string[];

/** Options that a script may begin with, and what their values are. */
export const SCRIPT_OPTIONS: Readonly<Record<string, OptionKind>> = {
  tolerance_usecs: "number",
  tolerance_percent: "number",
  ip_version: ["ipv4", "ipv6", "ipv4-mapped-ipv6"],
  local_ip: "address",
  gateway_ip: "address",
  netmask_ip: "address",
  remote_ip: "address",
  bind_port: "number",
  connect_port: "number",
  mtu: "number",
  mss: "number",
  tcp_ts_tick_usecs: "number",
  tcp_ts_ecr_scaled: "none",
  speed: "text",
  strict_segments: "none",
  send_omit_free: "none",
  non_fatal: "text",
  init_scripts: "text",
  code_command: "text",
  code_format: "text",
  code_sockopt: "text",
  psp_udp_port: "number",
  define: "text",
  dry_run: "none",
  verbose: "none",
  debug: "none",
};

/** Takes an option, whose hyphens come next. */
export function parseScriptOption(lexer: Lexer): ScriptOption {
  const place = lexer.here();
  lexer.expect("--", "before an option");
  const name = lexer.match(TOKEN.name);
  if (name === undefined) throw lexer.unexpected("the name of an option");
  // What follows belongs to the option even if that is not known.
  const value = lexer.takes("=") ? (lexer.takesString() ?? lexer.match(/\S+/y)) : undefined;
  if (!Object.hasOwn(SCRIPT_OPTIONS, name)) throw new Unexpected(place, `there is no option --${name}${nearest(name, Object.keys(SCRIPT_OPTIONS))}`);
  checkValue(place, name, SCRIPT_OPTIONS[name]!, value);
  return { name, value, place };
}

function checkValue(place: ScriptOption["place"], name: string, kind: OptionKind, value: string | undefined): void {
  if (kind === "none") {
    if (value !== undefined) throw new Unexpected(place, `--${name} takes no value`);
    return;
  }
  if (value === undefined) throw new Unexpected(place, `--${name} needs a value: --${name}=...`);
  if (kind === "number" && !/^[0-9]{1,15}$/.test(value)) throw new Unexpected(place, `the value of --${name} is a number`);
  if (kind === "address" && IpAddress.parse(value) === null) throw new Unexpected(place, `the value of --${name} is an address`);
  if (typeof kind === "object" && !kind.includes(value)) throw new Unexpected(place, `the value of --${name} is one of ${kind.join(", ")}`);
}
