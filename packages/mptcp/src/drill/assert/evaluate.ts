import { callFunction } from "./functions.ts";
import { CODE_CONSTANTS, FIELD_NAMES } from "./names.ts";
import { compare, operate, operateOne } from "./operators.ts";
import { FUNCTIONS, parseCode } from "./parser.ts";
import { CodeProblem } from "./tokens.ts";
import type { Node, Statement } from "./tree.ts";
import { CodeError, isSequence, isTrue, represent, sequence, textOf, type Value } from "./values.ts";

/** How many parts of the code are evaluated at the most. */
const MAX_STEPS = 100_000;

/** Variables that code of a script has assigned; they live as long as the script runs. */
export type CodeScope = Map<string, Value>;

/** What came of code. */
export interface CodeOutcome {
  /** The assertion that does not hold, with the values of its sides; or what kept the code from going on. Null: all is as asserted. */
  readonly failure: string | null;
  /** Whether the failure is an assertion that does not hold. */
  readonly isAssertion: boolean;
  /** What it printed, a line each. */
  readonly printed: readonly string[];
}

/**
 * Evaluates the code between `%{` and `}%`. Nothing is executed: it is a tree of assertions that is walked here.
 *
 * @param scope variables of the script's code, which this code may change
 * @param values fields that the stack tells of the socket (`tcpi_snd_cwnd`), by name
 */
export function evaluateCode(text: string, scope: CodeScope, values: ReadonlyMap<string, bigint>): CodeOutcome {
  const evaluation = new Evaluation(text, scope, values);
  try {
    evaluation.run(parseCode(text));
    return { failure: null, isAssertion: false, printed: evaluation.printed };
  } catch (error) {
    if (!(error instanceof CodeError || error instanceof CodeProblem)) throw error;
    return { failure: error.message, isAssertion: error instanceof AssertionFailure, printed: evaluation.printed };
  }
}

/** An assertion that does not hold. */
class AssertionFailure extends CodeError {}

class Evaluation {
  readonly printed: string[] = [];
  readonly #text: string;
  readonly #scope: CodeScope;
  readonly #values: ReadonlyMap<string, bigint>;
  #steps = 0;

  constructor(text: string, scope: CodeScope, values: ReadonlyMap<string, bigint>) {
    this.#text = text;
    this.#scope = scope;
    this.#values = values;
  }

  run(statements: readonly Statement[]): void {
    for (const statement of statements) this.#statement(statement);
  }

  #statement(statement: Statement): void {
    switch (statement.kind) {
      case "assert":
        this.#assert(statement.condition, statement.message);
        break;
      case "assign": {
        const value = this.#value(statement.value);
        this.#scope.set(statement.name, statement.operator === undefined ? value : operate(statement.operator, this.#name(statement.name), value));
        break;
      }
      case "print":
        this.printed.push(statement.values.map((value) => textOf(this.#value(value))).join(" "));
        break;
      case "expression":
        this.#value(statement.value);
        break;
      case "if":
        this.run(isTrue(this.#value(statement.condition)) ? statement.body : statement.otherwise);
        break;
      default:
    }
  }

  #assert(condition: Node, message: Node | undefined): void {
    if (isTrue(this.#value(condition))) return;
    const note = message === undefined ? "" : this.#note(condition, this.#value(message));
    throw new AssertionFailure(`${this.#explain(condition)}${note}`);
  }

  /** A message that only repeats a value which is shown already is left out. */
  #note(condition: Node, message: Value): string {
    const text = textOf(message);
    const isShown = condition.kind === "comparison" && condition.operands.some((operand) => textOf(this.#value(operand)) === text);
    return isShown ? "" : ` (${text})`;
  }

  /** `tcpi_snd_cwnd == 10: 12 == 10`: what does not hold, and the values of its sides. */
  #explain(node: Node): string {
    if (node.kind === "logic" && node.operator === "and") return this.#explain(isTrue(this.#value(node.left)) ? node.right : node.left);
    const source = this.#text.slice(node.start, node.end).replace(/\s*\\?\s*\n\s*/g, " ");
    if (node.kind === "logic") return `${source}: ${this.#explain(node.left)}, and ${this.#explain(node.right)}`;
    if (node.kind !== "comparison") return `${source}: ${represent(this.#value(node))}${this.#named([node])}`;
    const sides = node.operands.map((operand) => represent(this.#value(operand)));
    const shown = sides.map((side, index) => (index === 0 ? side : `${node.operators[index - 1]} ${side}`)).join(" ");
    return `${source}: ${shown}${this.#named(node.operands)}`;
  }

  /** Values of the names that are parts of these, and not shown by themselves. */
  #named(nodes: readonly Node[]): string {
    const names = new Set<string>();
    for (const node of nodes) if (node.kind !== "name") collectNames(node, names);
    const known = [...names].filter((name) => this.#values.has(name) || this.#scope.has(name));
    return known.length === 0 ? "" : `, where ${known.map((name) => `${name} is ${represent(this.#name(name))}`).join(", ")}`;
  }

  #value(node: Node): Value {
    if (++this.#steps > MAX_STEPS) throw new CodeError("the code takes too many steps");
    switch (node.kind) {
      case "value":
        return node.value;
      case "name":
        return this.#name(node.name);
      case "sequence":
        return sequence(node.type, node.items.map((item) => this.#value(item)));
      case "call":
        if (!Object.hasOwn(FUNCTIONS, node.name)) throw new CodeError(`there is no function "${node.name}"`);
        return callFunction(node.name, node.parameters.map((parameter) => this.#value(parameter)));
      case "index":
        return itemOf(this.#value(node.of), this.#value(node.at));
      case "unary":
        return node.operator === "not" ? !isTrue(this.#value(node.operand)) : operateOne(node.operator, this.#value(node.operand));
      case "binary":
        return operate(node.operator, this.#value(node.left), this.#value(node.right));
      case "logic": {
        const left = this.#value(node.left);
        return isTrue(left) === (node.operator === "or") ? left : this.#value(node.right);
      }
      case "comparison":
        return this.#comparison(node.operands, node.operators);
      default:
        return this.#value(isTrue(this.#value(node.condition)) ? node.body : node.otherwise);
    }
  }

  #comparison(operands: readonly Node[], operators: readonly string[]): boolean {
    let left = this.#value(operands[0]!);
    for (const [index, operator] of operators.entries()) {
      const right = this.#value(operands[index + 1]!);
      if (!compare(operator, left, right)) return false;
      left = right;
    }
    return true;
  }

  #name(name: string): Value {
    const value = this.#values.get(name) ?? this.#scope.get(name) ?? CODE_CONSTANTS.get(name);
    if (value !== undefined) return value;
    throw new CodeError(FIELD_NAMES.has(name) ? `the stack does not tell ${name} of this socket` : `there is no name "${name}"`);
  }
}

function itemOf(of: Value, at: Value): Value {
  const items: ArrayLike<Value> | null = typeof of === "string" ? of : isSequence(of) ? of.items : null;
  if (items === null || typeof at !== "bigint") throw new CodeError("an index is an integer, of a list or a string");
  const item = items[Number(at < 0n ? at + BigInt(items.length) : at)];
  if (item === undefined) throw new CodeError(`there is no member ${at}`);
  return item;
}

function collectNames(node: Node, names: Set<string>): void {
  switch (node.kind) {
    case "name":
      names.add(node.name);
      break;
    case "sequence":
      for (const item of node.items) collectNames(item, names);
      break;
    case "call":
      for (const parameter of node.parameters) collectNames(parameter, names);
      break;
    case "index":
      collectNames(node.of, names);
      break;
    case "unary":
      collectNames(node.operand, names);
      break;
    case "binary":
    case "logic":
      collectNames(node.left, names);
      collectNames(node.right, names);
      break;
    case "comparison":
      for (const operand of node.operands) collectNames(operand, names);
      break;
    default:
  }
}
