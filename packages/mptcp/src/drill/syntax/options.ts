import type { Expression, Member, OptionItem, Place, TcpOption } from "./ast.ts";
import { OPTION_VALUE, parseExpression, parseList, parseValue } from "./expressions.ts";
import { TOKEN, Unexpected, type Lexer } from "./lexer.ts";
import { nearest } from "./nearest.ts";
import { OPTION_FORMS, type OptionForm } from "./option-forms.ts";

/** Takes `<...>`, or TCP options between angle brackets, the first of which was taken. */
export function parseOptions(lexer: Lexer): readonly TcpOption[] | "any" {
  if (lexer.takes("...")) {
    lexer.expect(">", "after the ellipsis");
    return "any";
  }
  return parseList(lexer, ">", "after the options", () => parseOption(lexer));
}

function parseOption(lexer: Lexer): TcpOption {
  const place = lexer.here();
  const name = lexer.match(TOKEN.optionName);
  if (name === undefined) throw lexer.unexpected("the name of a TCP option");
  if (!Object.hasOwn(OPTION_FORMS, name)) throw new Unexpected(place, `there is no TCP option "${name}"${nearest(name, Object.keys(OPTION_FORMS))}`);
  const form = OPTION_FORMS[name]!;
  const items: OptionItem[] = [];
  while (!lexer.sees(",") && !lexer.sees(">") && !lexer.atEnd()) items.push(parseItem(lexer, name, form));
  checkCounts(lexer, place, name, form, items);
  return { name, items, place };
}

function parseItem(lexer: Lexer, option: string, form: OptionForm): OptionItem {
  const place = lexer.here();
  const named = takeNamed(lexer, form);
  if (named !== undefined) return named;
  if (form.octets !== undefined) {
    const digits = lexer.match(TOKEN.hexadecimal);
    if (digits !== undefined) return { kind: "octets", digits, place };
  }
  const name = lexer.peekName();
  if (form.values === undefined && form.ranges === undefined && form.octets === undefined) {
    if (name === undefined) throw lexer.unexpected(`"," or ">" after the option ${option}`);
    throw new Unexpected(place, `the option ${option} has no field "${name}"${nearest(name, namesOf(form))}`);
  }
  if (form.ranges !== undefined) {
    const from = parseValue(lexer, "a sequence number");
    lexer.expect(":", "between the edges of the range");
    return { kind: "range", from, to: parseValue(lexer, "a sequence number"), place };
  }
  const value = parseExpression(lexer, OPTION_VALUE);
  if (form.variables !== true || value.kind !== "symbol" || !lexer.takes("=")) return { kind: "value", value, place };
  return { kind: "field", name: value.name, assigned: true, value: parseExpression(lexer, OPTION_VALUE), place };
}

/** What begins with a name that the option knows. */
function takeNamed(lexer: Lexer, form: OptionForm): OptionItem | undefined {
  const place = lexer.here();
  const name = lexer.peekName();
  if (name === undefined || !namesOf(form).includes(name)) return undefined;
  lexer.takesName(name);
  if (form.lists?.includes(name) && lexer.takes("[")) return { kind: "list", name, members: parseList(lexer, "]", `after the variables of ${name}`, () => parseMember(lexer)), place };
  if (form.fields?.includes(name)) {
    if (lexer.takes("=")) return { kind: "field", name, assigned: true, value: parseExpression(lexer, OPTION_VALUE), place };
    const value = takeFieldValue(lexer);
    if (value !== undefined) return { kind: "field", name, assigned: false, value, place };
    if (!form.bare?.includes(name)) throw lexer.unexpected(`a value of ${name}`);
    return { kind: "word", name, place };
  }
  if (!form.words?.includes(name)) throw lexer.unexpected(`"[" after ${name}`);
  return { kind: "word", name, place };
}

/** `100`, `0x41`, `...` behind the name of a field; another name there is the next field. */
function takeFieldValue(lexer: Lexer): Expression | undefined {
  const mark = lexer.mark();
  if (lexer.match(TOKEN.number) === undefined && !lexer.takes("...")) return undefined;
  lexer.reset(mark);
  return parseValue(lexer, "a value");
}

function parseMember(lexer: Lexer): Member {
  const place = lexer.here();
  const name = lexer.match(TOKEN.name);
  if (name === undefined) throw lexer.unexpected("the name of a variable");
  return { name, value: lexer.takes("=") ? parseExpression(lexer, OPTION_VALUE) : undefined, place };
}

function checkCounts(lexer: Lexer, place: Place, option: string, form: OptionForm, items: readonly OptionItem[]): void {
  const named = new Set<string>();
  for (const item of items) {
    if (!("name" in item)) continue;
    if (named.has(item.name)) lexer.report(item.place, `the option ${option} has "${item.name}" twice`);
    named.add(item.name);
  }
  // A variable stands for octets, too.
  const unnamed = items.filter((item) => !("name" in item)).length;
  const [least, most] = form.octets ?? form.ranges ?? form.values ?? [0, 0];
  if (unnamed < least) lexer.report(place, `the option ${option} needs a value`);
  else if (unnamed > most) lexer.report(place, `the option ${option} has ${unnamed} values, and may have ${most}`);
}

const namesOf = (form: OptionForm): readonly string[] => [...(form.words ?? []), ...(form.fields ?? []), ...(form.lists ?? [])];
