import { IpAddress } from "../../wire/index.ts";
import type { Expression, Place } from "../syntax/ast.ts";
import { nearest } from "../syntax/nearest.ts";
import { CONSTANTS, ERRORS } from "../system/index.ts";
import { Refused } from "./refused.ts";

/** Other names that scripts have for numbers. */
const OTHERS: Readonly<Record<string, number>> = { NULL: 0, INADDR_ANY: 0, INADDR_LOOPBACK: 0x7f00_0001, ENOTSUP: 95, EWOULDBLOCK: 11 };

/** How many definitions may lead to one another. */
const MAX_DEFINITIONS = 10;

/** Characters of a definition that are shown. */
const SHOWN = 60;

/** Values of expressions, with what the script's settings define. Throws {@link Refused} for what has none. */
export class Values {
  readonly #definitions: ReadonlyMap<string, string>;

  constructor(definitions: ReadonlyMap<string, string>) {
    this.#definitions = definitions;
  }

  /** What a symbol is defined to be, as text; undefined without a definition. */
  defined(name: string): string | undefined {
    return this.#definitions.get(name);
  }

  /** A whole number, of up to 64 bits. */
  integer(expression: Expression, what: string): bigint {
    if (expression.kind === "number") return expression.value;
    if (expression.kind === "symbol") return this.#symbol(expression.name, expression.place);
    if (expression.kind === "chain") return expression.operands.reduce((sum, operand) => (expression.operator === "|" ? sum | this.integer(operand, what) : sum + this.integer(operand, what)), 0n);
    if (expression.kind === "call") return this.#call(expression, what);
    throw new Refused(expression.place, `${what} is a number`);
  }

  /** A number from `least` to `most`, which are safe integers. */
  number(expression: Expression, what: string, least = -(2 ** 31), most = 2 ** 32 - 1): number {
    const value = this.integer(expression, what);
    if (value < BigInt(least) || value > BigInt(most)) throw new Refused(expression.place, `${what} is ${value}, and must be from ${least} to ${most}`);
    return Number(value);
  }

  /** The octets of a string; of one that goes on, its beginning. */
  string(expression: Expression, what: string): Uint8Array {
    if (expression.kind !== "string") throw new Refused(expression.place, `${what} is a string`);
    return unescape(expression.raw);
  }

  /** An address in an expression: `inet_addr("192.0.2.1")`, `inet6_addr("...")`, a string, `INADDR_ANY`. */
  address(expression: Expression): IpAddress {
    const text = expression.kind === "call" && /^inet6?_addr$|^inet_pton$/.test(expression.name) ? expression.parameters.at(-1) : expression;
    if (text?.kind === "symbol" && text.name === "INADDR_ANY") return IpAddress.from("0.0.0.0");
    if (text?.kind === "symbol" && text.name === "in6addr_any") return IpAddress.from("::");
    if (text?.kind !== "string") throw new Refused(expression.place, 'an address is inet_addr("...") or inet6_addr("...")');
    const address = IpAddress.parse(text.raw);
    if (address === null) throw new Refused(text.place, `"${text.raw}" is no address`);
    return address;
  }

  #symbol(name: string, place: Place): bigint {
    let current = name;
    for (let count = 0; count < MAX_DEFINITIONS; count++) {
      const text = this.#definitions.get(current);
      if (text === undefined) break;
      const number = /^[-+]?(?:0[xX][0-9a-fA-F]{1,16}|[0-9]{1,20})$/.test(text) ? text : undefined;
      if (number !== undefined) return number.startsWith("-") ? -BigInt(number.slice(1)) : BigInt(number.replace("+", ""));
      current = text;
    }
    for (const table of [CONSTANTS, ERRORS, OTHERS]) if (Object.hasOwn(table, current)) return BigInt(table[current]!);
    if (this.#definitions.has(current)) throw new Refused(place, `the definition of "${name}" leads to itself`);
    if (current !== name) throw new Refused(place, `"${name}" is defined to be "${current.slice(0, SHOWN)}", which is neither a number nor a symbol`);
    const known = [...this.#definitions.keys(), ...Object.keys(CONSTANTS), ...Object.keys(ERRORS), ...Object.keys(OTHERS)];
    throw new Refused(place, `there is no symbol "${current}"${nearest(current, known)}`);
  }

  #call(expression: Extract<Expression, { kind: "call" }>, what: string): bigint {
    const { name, parameters, place } = expression;
    // Numbers are values here; only a structure has an order of octets.
    if (/^(?:htons|htonl|ntohs|ntohl)$/.test(name) && parameters.length === 1) return this.integer(parameters[0]!, what);
    throw new Refused(place, `there is no function "${name}" here${nearest(name, ["htons", "htonl"])}`);
  }
}

const ESCAPES: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, a: 7, b: 8, f: 12, v: 11 };

/** Octets of a string as C has them: `\n`, `\x41`, `\0`; others in UTF-8. */
export function unescape(raw: string): Uint8Array {
  const octets: number[] = [];
  for (const [piece, escape] of raw.matchAll(/\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|.)|[^\\]|\\/gsu)) {
    if (escape === undefined) pushUtf8(octets, piece.codePointAt(0)!);
    else if (/^x./.test(escape)) octets.push(Number.parseInt(escape.slice(1), 16));
    else if (/^[0-7]/.test(escape)) octets.push(Number.parseInt(escape, 8) & 0xff);
    else if (Object.hasOwn(ESCAPES, escape)) octets.push(ESCAPES[escape]!);
    else pushUtf8(octets, escape.codePointAt(0)!);
  }
  return Uint8Array.from(octets);
}

function pushUtf8(octets: number[], point: number): void {
  const rest = (shift: number): number => 0x80 | ((point >>> shift) & 0x3f);
  if (point < 0x80) octets.push(point);
  else if (point < 0x800) octets.push(0xc0 | (point >>> 6), rest(0));
  else if (point < 0x1_0000) octets.push(0xe0 | (point >>> 12), rest(6), rest(0));
  else octets.push(0xf0 | (point >>> 18), rest(12), rest(6), rest(0));
}
