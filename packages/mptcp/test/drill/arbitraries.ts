import * as fc from "fast-check";
import type { Arbitrary } from "fast-check";
import type { Action, Encapsulation, EventTime, Expression, IcmpMessage, IpField, Member, OptionItem, PacketAction, Script, SequenceRange, TcpOption, TcpSegment } from "../../src/drill/index.ts";
import { OPTION_FORMS, type OptionForm } from "../../src/drill/syntax/option-forms.ts";

/** Trees of scripts as the parser makes them, but for their places, which `PLACE` stands for. */
const PLACE = { line: 1, column: 1 };
const place = fc.constant(PLACE);

// Words of the language itself mean something of their own where a symbol may stand.
const name = fc.stringMatching(/^[A-Z_][A-Za-z0-9_]{0,8}$/);
const number = fc.record({ kind: fc.constant("number" as const), value: fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }), hexadecimal: fc.boolean(), place });
const unsigned = fc.record({ kind: fc.constant("number" as const), value: fc.bigInt({ min: 0n, max: 2n ** 64n }), hexadecimal: fc.boolean(), place });
const symbol = fc.record({ kind: fc.constant("symbol" as const), name, place });
const ellipsis = fc.record({ kind: fc.constant("ellipsis" as const), place });
const value: Arbitrary<Expression> = fc.oneof(number, symbol, ellipsis);
const raw = fc.stringMatching(/^([a-z #/`{}<]|\\["\\nx]){0,12}$/);
const string = fc.record({ kind: fc.constant("string" as const), raw, beginning: fc.boolean(), place });

/** Expressions whose chains have this operator; calls are there unless it is a result. */
function expression(operator: "|" | "+", calls: boolean): Arbitrary<Expression> {
  return fc.letrec<{ operand: Expression; expression: Expression }>((tie) => ({
    expression: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      tie("operand"),
      fc.record({ kind: fc.constant("chain" as const), operator: fc.constant(operator), operands: fc.array(tie("operand"), { minLength: 2, maxLength: 3 }), place }),
    ),
    operand: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      value,
      string,
      fc.record({ kind: fc.constant("array" as const), elements: fc.array(tie("expression"), { maxLength: 3 }), place }),
      fc.record({
        kind: fc.constant("struct" as const),
        fields: fc.array(fc.oneof(
          fc.record({ name: fc.option(name, { nil: undefined }), count: fc.constant(undefined), value: tie("expression"), place }),
          ...(calls ? [fc.record({ name, count: tie("expression"), value: tie("expression"), place })] : []),
        ), { maxLength: 3 }),
        place,
      }),
      ...(calls ? [fc.record({ kind: fc.constant("call" as const), name, parameters: fc.array(tie("expression"), { maxLength: 3 }), place })] : []),
    ),
  })).expression;
}
const parameter = expression("|", true);
const result = expression("|", false);
const optionValue = expression("+", true);

const nanoseconds = fc.integer({ min: 0, max: 10 ** 12 });
const time: Arbitrary<EventTime> = fc.oneof(
  fc.record({ kind: fc.constant("any" as const), place }),
  fc.record({ kind: fc.constant("at" as const), relative: fc.boolean(), at: nanoseconds, place }),
  fc.tuple(fc.boolean(), nanoseconds, nanoseconds).map(([relative, from, more]) => ({ kind: "range" as const, relative, from, to: from + more, place: PLACE })),
);

const shell = fc.record({ kind: fc.constant("shell" as const), text: fc.stringMatching(/^([a-z #/*"%{}\n]|\\`)*$/), place });
const code = fc.record({ kind: fc.constant("code" as const), text: fc.stringMatching(/^[a-z #/*"{\n`=]*$/), place });
const call = fc.record({
  kind: fc.constant("call" as const),
  until: fc.option(nanoseconds, { nil: undefined }),
  name,
  parameters: fc.array(parameter, { maxLength: 4 }),
  result,
  errno: fc.option(name, { nil: undefined }),
  note: fc.option(fc.stringMatching(/^[a-z |,]*$/), { nil: undefined }),
  place,
});

const sequence: Arbitrary<SequenceRange> = fc.tuple(fc.nat(2 ** 31), fc.nat(2 ** 31)).map(([from, length]) => ({ from, to: (from + length) % 2 ** 32, length, place: PLACE }));
const flags = fc.oneof(
  fc.shuffledSubarray([..."SFRP.UEWA"]).map((letters) => ({ letters: letters.join(""), ace: undefined, place: PLACE })),
  fc.tuple(fc.shuffledSubarray([..."SFRP.U"]), fc.nat(7)).map(([letters, ace]) => ({ letters: letters.join(""), ace, place: PLACE })),
);
const udp = fc.record({ kind: fc.constant("udp" as const), length: fc.nat(0xffff), place });
const icmp: Arbitrary<IcmpMessage> = fc.record({
  kind: fc.constant("icmp" as const),
  type: name,
  code: fc.option(name, { nil: undefined }),
  mtu: fc.option(value, { nil: undefined }),
  quotes: fc.option(fc.oneof(sequence, udp), { nil: undefined }),
  place,
});

/** Anything that an option's form allows. */
const option: Arbitrary<TcpOption> = fc.constantFrom(...Object.entries(OPTION_FORMS)).chain(([optionName, form]) =>
  fc.record({ name: fc.constant(optionName), items: itemsOf(form), place }),
);

function itemsOf(form: OptionForm): Arbitrary<OptionItem[]> {
  const named = [...new Set([...(form.words ?? []), ...(form.fields ?? []), ...(form.lists ?? [])])];
  return fc
    .tuple(fc.shuffledSubarray(named).chain((names) => fc.tuple(...names.map((one) => namedItem(one, form)))), unnamedItems(form))
    .map(([first, second]) => [...first, ...second]);
}

function namedItem(itemName: string, form: OptionForm): Arbitrary<OptionItem> {
  const kinds: Arbitrary<OptionItem>[] = [];
  const fixed = fc.constant(itemName);
  if (form.words?.includes(itemName) || form.bare?.includes(itemName)) kinds.push(fc.record({ kind: fc.constant("word" as const), name: fixed, place }));
  if (form.lists?.includes(itemName)) kinds.push(fc.record({ kind: fc.constant("list" as const), name: fixed, members: fc.array(member, { maxLength: 3 }), place }));
  if (form.fields?.includes(itemName)) {
    kinds.push(fc.record({ kind: fc.constant("field" as const), name: fixed, assigned: fc.constant(true), value: optionValue, place }));
    kinds.push(fc.record({ kind: fc.constant("field" as const), name: fixed, assigned: fc.constant(false), value: fc.oneof(number, ellipsis), place }));
  }
  return fc.oneof(...kinds);
}

const member: Arbitrary<Member> = fc.record({ name, value: fc.option(optionValue, { nil: undefined }), place });

function unnamedItems(form: OptionForm): Arbitrary<OptionItem[]> {
  const [minLength, maxLength] = form.octets ?? form.ranges ?? form.values ?? [0, 0];
  if (form.octets !== undefined) return fc.array(fc.record({ kind: fc.constant("octets" as const), digits: fc.stringMatching(/^([0-9a-f]{2}){1,16}$/), place }), { minLength, maxLength });
  if (form.ranges !== undefined) return fc.array(fc.record({ kind: fc.constant("range" as const), from: value, to: value, place }), { minLength, maxLength });
  return fc.array(fc.record({ kind: fc.constant("value" as const), value: optionValue, place }), { minLength, maxLength });
}

const tcp: Arbitrary<TcpSegment> = fc.record({
  kind: fc.constant("tcp" as const),
  flags,
  sequence,
  ack: fc.option(value, { nil: undefined }),
  window: fc.option(value, { nil: undefined }),
  urgent: fc.option(value, { nil: undefined }),
  options: fc.oneof(fc.constant(undefined), fc.constant("any" as const), fc.array(option, { maxLength: 4 })),
  place,
});

const field = (names: readonly string[]) => fc.record({ name: fc.constantFrom(...names), value: unsigned, place });
const encapsulation: Arbitrary<Encapsulation> = fc.oneof(
  fc.record({ kind: fc.constant("ip" as const), version: fc.constant(4 as const), source: fc.ipV4(), destination: fc.ipV4(), place }),
  fc.record({ kind: fc.constant("ip" as const), version: fc.constant(6 as const), source: fc.constantFrom("fd::1", "2001:db8::", "::"), destination: fc.constantFrom("1:2:3:4:5:6:7:8", "::1"), place }),
  fc.record({ kind: fc.constant("gre" as const), transport: fc.boolean(), fields: fc.array(field(["flags", "sum", "off", "key", "seq"]), { maxLength: 3 }), place }),
  fc.record({ kind: fc.constant("psp" as const), transport: fc.boolean(), fields: fc.array(field(["spi", "vc"]), { maxLength: 2 }), place }),
  fc.record({ kind: fc.constant("mpls" as const), labels: fc.array(fc.record({ fields: fc.array(field(["label", "tc", "ttl"]), { minLength: 1, maxLength: 3 }), bottom: fc.boolean(), place }), { minLength: 1, maxLength: 2 }), place }),
);
const ipField: Arbitrary<IpField> = fc.oneof(
  fc.record({ name: fc.constantFrom("noecn", "ect0", "ect1", "ect01", "ce"), value: fc.constant(undefined), place }),
  fc.record({ name: fc.constantFrom("ecn", "tos", "ttl", "flowlabel"), value, place }),
);
const addresses = fc.oneof(
  fc.constant({ source: undefined, destination: undefined }),
  fc.record({ source: fc.option(member, { nil: undefined }), destination: member }),
);
const packet: Arbitrary<PacketAction> = fc
  .tuple(
    fc.record({
      kind: fc.constant("packet" as const),
      direction: fc.constantFrom("inbound", "outbound"),
      encapsulations: fc.array(encapsulation, { maxLength: 3 }),
      ip: fc.array(ipField, { maxLength: 2 }),
      transport: fc.oneof(tcp, udp, icmp),
      socket: fc.option(value, { nil: undefined }),
      mutation: fc.option(fc.stringMatching(/^[a-z0-9 ]+$/), { nil: undefined }),
      place,
    }),
    addresses,
  )
  .map(([one, ends]) => ({ ...one, ...ends }));

const event = fc.oneof(
  fc.record({ time, action: fc.oneof<Arbitrary<Action>[]>(shell, code, call, packet, packet), place }),
  fc.record({ time: fc.constant(undefined), action: shell, place }),
);
const scriptOption = fc.oneof(
  fc.record({ name: fc.constantFrom("mtu", "tolerance_usecs"), value: fc.nat().map(String), place }),
  fc.record({ name: fc.constant("dry_run"), value: fc.constant(undefined), place }),
  fc.record({ name: fc.constant("local_ip"), value: fc.oneof(fc.ipV4(), fc.constant("fd::1")), place }),
  fc.record({ name: fc.constantFrom("init_scripts", "define"), value: fc.stringMatching(/^[a-z#/=][a-z #/=]*$/), place }),
);

export const script: Arbitrary<Script> = fc.record({ options: fc.array(scriptOption, { maxLength: 3 }), events: fc.array(event, { maxLength: 6 }) });
