import { MP_CAPABLE_FLAG } from "../../wire/index.ts";
import type { Expression, OptionItem, Place, TcpOption } from "../syntax/ast.ts";
import type { AddressBook, Side } from "./addresses.ts";
import { numberOf } from "./addresses.ts";
import type { DssPlan, KeyPlan, MptcpPlan, OptionValue } from "./option-plan.ts";
import { Refused } from "./refused.ts";
import type { Values } from "./values.ts";

const AUTO: OptionValue = { kind: "auto" };
const ANY: OptionValue = { kind: "any" };
/** MP_CAPABLE of older scripts is that of version 0. */
const OLD_NAMES = ["mp_capable", "mp_capable_no_cs"];

/** What options of Multipath TCP are planned with. `side`: the end that sends the packet. */
export interface MptcpContext {
  readonly values: Values;
  readonly addresses: AddressBook;
  readonly side: Side;
}

/** An option of Multipath TCP, or null for any other. Throws {@link Refused}. */
export function planMptcpOption(option: TcpOption, context: MptcpContext): MptcpPlan | null {
  const items = new Items(option, context.values);
  switch (option.name) {
    case "mpcapable":
    case "mp_capable":
    case "mp_capable_no_cs":
      return capable(option, items);
    case "mp_join_syn":
      return { type: "mp_join_syn", backup: items.number("backup", 0, 1) === 1, id: items.value("address_id"), token: items.value("token", AUTO), nonce: items.value("rand") };
    case "mp_join_syn_ack":
      return { type: "mp_join_syn_ack", backup: items.number("backup", 0, 1) === 1, id: items.value("address_id"), hmac: items.hmac("sender_hmac"), nonce: items.value("rand") };
    case "mp_join_ack":
      return { type: "mp_join_ack", hmac: items.hmac("sender_hmac") };
    case "dss":
      return dss(items);
    case "add_address":
    case "add_addr":
      return addAddress(items, context);
    case "remove_address":
    case "remove_addr":
      return { type: "remove_address", ids: items.numbers("address_id") };
    case "mp_prio":
      return { type: "mp_prio", backup: items.number("backup", 0, 1) === 1, id: items.has("address_id") ? items.number("address_id", 0, 0xff) : -1 };
    case "mp_fail":
      return { type: "mp_fail", sequence: items.value("dsn8", AUTO) };
    case "mp_fastclose":
      return { type: "mp_fastclose", key: items.keys()[0] };
    case "mp_reset":
    case "mp_tcprst":
      return { type: "mp_reset", transient: (items.number("flags", 0, 0xf) & 1) === 1, reason: items.reason() };
    default:
      return null;
  }
}

/** What stands in an option, by name. */
class Items {
  readonly place: Place;
  readonly #items: readonly OptionItem[];
  readonly #values: Values;

  constructor(option: TcpOption, values: Values) {
    this.place = option.place;
    this.#items = option.items;
    this.#values = values;
  }

  has(name: string): boolean {
    return this.#items.some((item) => "name" in item && item.name === name);
  }

  field(name: string): Expression | undefined {
    const item = this.#items.find((one) => one.kind === "field" && one.name === name);
    return item?.kind === "field" ? item.value : undefined;
  }

  list(name: string): Extract<OptionItem, { kind: "list" }> | undefined {
    return this.#items.find((item): item is Extract<OptionItem, { kind: "list" }> => item.kind === "list" && item.name === name);
  }

  /** A number; 0 where it is missing. */
  number(name: string, least: number, most: number): number {
    const value = this.field(name);
    return value === undefined ? 0 : this.#values.number(value, name, least, most);
  }

  optional(name: string, most: number): number | undefined {
    const value = this.field(name);
    return value === undefined || value.kind === "ellipsis" ? undefined : this.#values.number(value, name, 0, most);
  }

  numbers(name: string): number[] {
    const value = this.field(name);
    if (value === undefined) throw new Refused(this.place, `the option needs ${name}`);
    const elements = value.kind === "array" ? value.elements : [value];
    if (elements.length === 0 || elements.length > 37) throw new Refused(value.place, `${name} has from 1 to 37 numbers`);
    return elements.map((element) => this.#values.number(element, name, 0, 0xff));
  }

  reason(): number {
    const value = this.field("reason") ?? this.#items.flatMap((item) => (item.kind === "value" ? [item.value] : []))[0];
    return value === undefined ? 0 : this.#values.number(value, "a reason", 0, 0xff);
  }

  /** A number, `auto`, a token or a data sequence number; `missing` where it is not there. */
  value(name: string, missing: OptionValue = ANY): OptionValue {
    const value = this.field(name);
    if (value === undefined) return missing;
    if (value.kind === "ellipsis") return ANY;
    if (value.kind === "symbol" && value.name === "auto") return AUTO;
    return this.#ofKey(value) ?? { kind: "number", value: this.#values.integer(value, name) };
  }

  /** `auto`, or a function of both keys, which is what the protocol wants, too. */
  hmac(name: string): OptionValue {
    const value = this.field(name);
    if (value === undefined) return AUTO;
    if (value.kind === "ellipsis") return ANY;
    if (value.kind === "symbol" && value.name === "auto") return AUTO;
    if (value.kind === "call" && /hmac/.test(value.name)) return AUTO;
    return { kind: "number", value: this.#values.integer(value, name) };
  }

  /** `sha256_32(skey)`, `trunc_r64_hmac(skey)+1`. */
  #ofKey(value: Expression): OptionValue | undefined {
    const operands = value.kind === "chain" && value.operator === "+" ? value.operands : [value];
    const first = operands[0]!;
    if (first.kind !== "call" || first.parameters.length !== 1 || first.parameters[0]!.kind !== "symbol") return undefined;
    const plus = operands.slice(1).reduce((sum, operand) => sum + this.#values.integer(operand, "what is added"), 0n);
    const key = first.parameters[0]!.name;
    const version = first.name.startsWith("sha1_") ? 0 : first.name.includes("sha256") ? 1 : null;
    if (/^sha256_32$|^sha1_32$|^token$/.test(first.name)) return { kind: "token", key, plus, version };
    if (/^trunc_r64_(?:hmac|sha256)$|^idsn$/.test(first.name)) return { kind: "sequence", key, plus, version };
    throw new Refused(first.place, `there is no function "${first.name}" of a key: there are sha256_32, sha1_32 and trunc_r64_hmac`);
  }

  /** Keys in the order that they stand in. */
  keys(): KeyPlan[] {
    const members = this.list("key")?.members.map(({ name, value }) => ({ name, value: value === undefined ? undefined : this.#key(value) })) ?? [];
    const older = this.#items.flatMap((item): KeyPlan[] => {
      if (item.kind === "field" && !["flags", "mpcdatalen", "checksum"].includes(item.name)) return [{ name: item.name, value: this.#key(item.value) }];
      if (item.kind !== "value") return [];
      return [item.value.kind === "symbol" ? { name: item.value.name, value: undefined } : { name: undefined, value: this.#key(item.value) }];
    });
    return [...members, ...older];
  }

  #key(value: Expression): bigint {
    return BigInt.asUintN(64, this.#values.integer(value, "a key"));
  }
}

function capable(option: TcpOption, items: Items): MptcpPlan {
  const flagged = items.list("flags")?.members.map(({ name }) => name) ?? [];
  const words = option.items.flatMap((item) => (item.kind === "word" && item.name.startsWith("flag_") ? [item.name] : []));
  let flags = items.has("flags") && items.list("flags") === undefined ? items.number("flags", 0, 0xff) : 0;
  for (const name of [...flagged, ...words]) flags |= flagOf(name, option.place);
  const isOld = OLD_NAMES.includes(option.name);
  if (isOld && flags === 0) flags = MP_CAPABLE_FLAG.H | (option.name === "mp_capable" ? MP_CAPABLE_FLAG.A : 0);
  const keys = items.keys();
  if (keys.length > 2) throw new Refused(option.place, `${option.name} has two keys at most`);
  const version = items.has("v0") || (isOld && !items.has("v1")) ? 0 : 1;
  return { type: "mp_capable", version, flags, keys, dataLength: items.optional("mpcdatalen", 0xffff), checksum: items.has("checksum") ? items.value("checksum", AUTO) : undefined };
}

function flagOf(name: string, place: Place): number {
  const letter = /^flag_([a-h])$/.exec(name)?.[1];
  if (letter === undefined) throw new Refused(place, `there is no flag "${name}": there are flag_a to flag_h`);
  return 0x80 >> "abcdefgh".indexOf(letter);
}

function dss(items: Items): DssPlan {
  const lengthOf = (four: string, eight: string): 0 | 4 | 8 => (items.has(eight) ? 8 : items.has(four) ? 4 : 0);
  const ackLength = lengthOf("dack4", "dack8");
  const sequenceLength = lengthOf("dsn4", "dsn8");
  return {
    type: "dss",
    ackLength,
    ack: items.value(`dack${ackLength}`, ANY),
    sequenceLength,
    sequence: items.value(`dsn${sequenceLength}`, ANY),
    subflowSequence: items.optional("ssn", 0xffff_ffff),
    dataLength: items.optional("dll", 0xffff),
    checksum: items.has("nocs") ? "none" : items.has("checksum") ? items.value("checksum", AUTO) : undefined,
    fin: items.has("fin") || items.has("FIN"),
  };
}

function addAddress(items: Items, { addresses, side, values }: MptcpContext): MptcpPlan {
  const member = items.list("addr")?.members[0];
  const value = items.field("ipv4") ?? items.field("ipv6");
  if (member === undefined && value === undefined) throw new Refused(items.place, "the option needs an address: addr[NAME]");
  const echo = items.has("addr_echo");
  // An echo says the address of who hears it.
  const owner: Side = echo ? (side === "local" ? "remote" : "local") : side;
  // A name that stands here first is the stack's to choose.
  const isFree = member !== undefined && member.value === undefined && side === "local" && !echo && !addresses.has(member.name);
  const address = member === undefined ? values.address(value!) : addresses.find(member.name, member.value, owner, member.place);
  const isV0 = !echo && !items.has("hmac");
  const missing: OptionValue = member === undefined ? ANY : { kind: "any" };
  const id = items.value("address_id", missing);
  const number = member === undefined ? 0 : numberOf(member.name);
  const isSentUnnamed = side === "remote" && id.kind === "any";
  return {
    type: "add_address",
    version: isV0 ? 0 : 1,
    echo,
    id: isSentUnnamed ? { kind: "number", value: BigInt(number) } : id,
    name: member?.name,
    address: isFree ? undefined : String(address),
    port: items.number("port", 0, 0xffff),
    hmac: items.hmac("hmac"),
  };
}
