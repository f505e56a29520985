import type { IpAddress } from "../../../wire/index.ts";
import type { CallAction, Expression, Place, StructField } from "../../syntax/ast.ts";
import { nearest } from "../../syntax/nearest.ts";
import { CONSTANTS, type Call, type SocketAddress } from "../../system/index.ts";
import type { Filled } from "../plan.ts";
import { Refused } from "../refused.ts";
import type { Settings } from "../settings.ts";
import type { Values } from "../values.ts";

/** The most octets that a call may write or read: far more than scripts do, and little enough for memory. */
export const MAX_OCTETS = 1 << 26;
/** The most descriptors, events or buffers of a call. */
export const MAX_ELEMENTS = 1024;
/** Linux's limit (UIO_MAXIOV). */
const ANY_ADDRESS = { ipv4: "0.0.0.0", ipv6: "::" } as const;

/** A call as a plan has it, but for its result. */
export interface PlannedCall {
  readonly call: Call | null;
  readonly filled?: readonly Filled[];
  /** Whether the result is a descriptor. */
  readonly descriptor?: boolean;
}

function isNullPointer(expression: Expression): boolean {
  return expression.kind === "symbol" && expression.name === "NULL";
}

/** What a planned call reads its parameters with. Throws {@link Refused}. */
export class Arguments {
  readonly settings: Settings;
  readonly values: Values;
  readonly action: CallAction;
  /** Addresses that the call names. */
  readonly named: IpAddress[];

  constructor(action: CallAction, settings: Settings, values: Values, named: IpAddress[]) {
    this.action = action;
    this.settings = settings;
    this.values = values;
    this.named = named;
  }

  get place(): Place {
    return this.action.place;
  }

  at(index: number): Expression {
    return this.action.parameters[index]!;
  }

  /** A descriptor of the script. */
  descriptor(index: number, what = "a descriptor"): number {
    return this.values.number(this.at(index), what, -1, 0xffff);
  }

  number(index: number, what: string, least?: number, most?: number): number {
    return this.values.number(this.at(index), what, least, most);
  }

  /** A number of octets that a call writes or reads. */
  octets(index: number, what = "a length"): number {
    return this.values.number(this.at(index), what, 0, MAX_OCTETS);
  }

  isEllipsis(index: number): boolean {
    return this.at(index).kind === "ellipsis";
  }

  isNull(index: number): boolean {
    const expression = this.at(index);
    return isNullPointer(expression) || (expression.kind === "number" && expression.value === 0n);
  }

  /** What a call writes: a string, filled up with zeros, or zeros. */
  data(expression: Expression, length: number): Uint8Array {
    const octets = new Uint8Array(length);
    if (expression.kind === "ellipsis") return octets;
    if (isNullPointer(expression)) return octets;
    octets.set(this.values.string(expression, "what is written").subarray(0, length));
    return octets;
  }

  /** Whether buffers lead nowhere: where one is NULL, all are. */
  nowhere(buffers: readonly Expression[]): { readonly isNowhere?: true } {
    const at = buffers.findIndex(isNullPointer);
    if (at < 0) return {};
    const other = buffers.find((buffer) => !isNullPointer(buffer));
    if (other !== undefined) throw new Refused(other.place, "where one buffer of a call is NULL all are");
    return { isNowhere: true };
  }

  /** A parameter that is filled with data: `...`, or a string, which is not compared; or NULL. */
  buffer(index: number): { readonly isNowhere?: true } {
    const expression = this.at(index);
    if (expression.kind !== "ellipsis" && expression.kind !== "string" && !isNullPointer(expression)) throw new Refused(expression.place, "where a call puts what it reads there is ...");
    return this.nowhere([expression]);
  }

  /** The address that `bind` has without one, or `connect`. */
  defaultAddress(which: "local" | "remote"): SocketAddress {
    const { ipVersion, local, remote, bindPort, connectPort } = this.settings;
    const address = which === "local" ? local : remote;
    const port = which === "local" ? bindPort : connectPort;
    if (ipVersion === "ipv4") return { family: CONSTANTS["AF_INET"]!, address: String(address), port };
    return { family: CONSTANTS["AF_INET6"]!, address: ipVersion === "ipv6" ? String(address) : `::ffff:${address}`, port };
  }

  /** `...`, `{sa_family = AF_INET, sin_port = htons(8080), sin_addr = inet_addr("192.0.2.1")}`, or `AF_UNSPEC`. */
  address(index: number, which: "local" | "remote"): SocketAddress {
    const expression = this.at(index);
    if (expression.kind === "ellipsis") return this.defaultAddress(which);
    if (expression.kind === "symbol") return { family: this.values.number(expression, "a protocol family", 0, 0xffff), address: "", port: 0 };
    const fields = this.structure(expression, "an address", ["sa_family", "sin_family", "sin6_family", "sin_port", "sin6_port", "sin_addr", "sin6_addr", "sin6_flowinfo", "sin6_scope_id"]);
    const family = fields.get("sa_family") ?? fields.get("sin_family") ?? fields.get("sin6_family");
    if (family === undefined) throw new Refused(expression.place, "an address has a field sa_family");
    const number = this.values.number(family.value, "sa_family", 0, 0xffff);
    if (number === CONSTANTS["AF_UNSPEC"]) return { family: 0, address: "", port: 0 };
    return { family: number, address: this.#host(fields, number), port: this.#port(fields, which) };
  }

  #host(fields: ReadonlyMap<string, StructField>, family: number): string {
    const field = fields.get("sin_addr") ?? fields.get("sin6_addr");
    if (field === undefined) return family === CONSTANTS["AF_INET6"] ? ANY_ADDRESS.ipv6 : ANY_ADDRESS.ipv4;
    if (field.value.kind === "ellipsis") return String(this.settings.local);
    const address = this.values.address(field.value);
    this.named.push(address.unmapped());
    if ((address.family === 6) !== (family === CONSTANTS["AF_INET6"])) throw new Refused(field.value.place, "the address is not of the family that sa_family says");
    return String(address);
  }

  #port(fields: ReadonlyMap<string, StructField>, which: "local" | "remote"): number {
    const field = fields.get("sin_port") ?? fields.get("sin6_port");
    if (field === undefined) return 0;
    if (field.value.kind === "ellipsis") return this.defaultAddress(which).port;
    return this.values.number(field.value, "a port", 0, 0xffff);
  }

  /** Fields of a structure by name; `names` are those that there are. */
  structure(expression: Expression, what: string, names: readonly string[]): Map<string, StructField> {
    if (expression.kind !== "struct") throw new Refused(expression.place, `${what} is {${names.slice(0, 3).join("=..., ")}=...}`);
    const fields = new Map<string, StructField>();
    for (const field of expression.fields) {
      if (field.name === undefined) throw new Refused(field.place, `the fields of ${what} have names: ${names.join(", ")}`);
      if (!names.includes(field.name)) throw new Refused(field.place, `${what} has no field "${field.name}"${nearest(field.name, names)}`);
      if (fields.has(field.name)) throw new Refused(field.place, `the field "${field.name}" is there twice`);
      fields.set(field.name, field);
    }
    return fields;
  }

  /** Elements of an array, or the one that stands without brackets. */
  elements(expression: Expression, what: string): readonly Expression[] {
    const elements = expression.kind === "array" ? expression.elements : [expression];
    if (elements.length > MAX_ELEMENTS) throw new Refused(expression.place, `${what} are ${MAX_ELEMENTS} at most`);
    return elements;
  }

  /** What stands alone in brackets, or without. */
  single(expression: Expression, what: string): Expression {
    if (expression.kind !== "array") return expression;
    if (expression.elements.length !== 1) throw new Refused(expression.place, `${what} is one value`);
    return expression.elements[0]!;
  }
}
