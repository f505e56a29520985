import type { Place } from "../syntax/ast.ts";
import { nearest } from "../syntax/nearest.ts";
import type { Problem } from "../syntax/problems.ts";
import { placeWithin } from "../syntax/places.ts";
import { CODE_CONSTANTS, FIELD_NAMES } from "./names.ts";
import { FUNCTIONS, parseCode } from "./parser.ts";
import { CodeProblem } from "./tokens.ts";
import type { Node, Statement } from "./tree.ts";

/**
 * What is wrong with the code between `%{` and `}%`, found without evaluating it: it cannot be read, or names something that there is not.
 *
 * @param place where the text begins in the script, behind `%{`
 * @param variables names that code before this one has assigned; those that this one assigns are added
 */
export function checkCode(text: string, place: Place, variables: Set<string>): Problem[] {
  const problems: Problem[] = [];
  const report = (at: number, message: string): void => void problems.push({ place: placeWithin(text, place, at), message });
  try {
    new Names(variables, report).statements(parseCode(text));
  } catch (error) {
    if (!(error instanceof CodeProblem)) throw error;
    report(error.at, error.message);
  }
  return problems;
}

/** Whether each name is known where it is used. */
class Names {
  readonly #variables: Set<string>;
  readonly #report: (at: number, message: string) => void;

  constructor(variables: Set<string>, report: (at: number, message: string) => void) {
    this.#variables = variables;
    this.#report = report;
  }

  statements(statements: readonly Statement[]): void {
    for (const statement of statements) this.#statement(statement);
  }

  #statement(statement: Statement): void {
    switch (statement.kind) {
      case "assert":
        this.#nodes([statement.condition, ...(statement.message === undefined ? [] : [statement.message])]);
        break;
      case "assign":
        this.#node(statement.value);
        if (statement.operator !== undefined) this.#name(statement.name, statement.start);
        if (FIELD_NAMES.has(statement.name)) this.#report(statement.start, `"${statement.name}" cannot be assigned to`);
        else this.#variables.add(statement.name);
        break;
      case "print":
        this.#nodes(statement.values);
        break;
      case "expression":
        this.#node(statement.value);
        break;
      case "if":
        this.#node(statement.condition);
        this.statements(statement.body);
        this.statements(statement.otherwise);
        break;
      default:
    }
  }

  #nodes(nodes: readonly Node[]): void {
    for (const node of nodes) this.#node(node);
  }

  #node(node: Node): void {
    switch (node.kind) {
      case "name":
        this.#name(node.name, node.start);
        break;
      case "call":
        this.#call(node.name, node.parameters.length, node.start);
        this.#nodes(node.parameters);
        break;
      case "sequence":
        this.#nodes(node.items);
        break;
      case "index":
        this.#nodes([node.of, node.at]);
        break;
      case "unary":
        this.#node(node.operand);
        break;
      case "binary":
      case "logic":
        this.#nodes([node.left, node.right]);
        break;
      case "comparison":
        this.#nodes(node.operands);
        break;
      case "choice":
        this.#nodes([node.condition, node.body, node.otherwise]);
        break;
      default:
    }
  }

  #name(name: string, at: number): void {
    if (this.#variables.has(name) || FIELD_NAMES.has(name) || CODE_CONSTANTS.has(name)) return;
    this.#report(at, `there is no name "${name}"${nearest(name, [...FIELD_NAMES, ...CODE_CONSTANTS.keys(), ...this.#variables])}`);
  }

  #call(name: string, count: number, at: number): void {
    const bounds = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
    if (bounds === undefined) this.#report(at, `there is no function "${name}"${nearest(name, Object.keys(FUNCTIONS))}`);
    else if (count < bounds[0] || count > bounds[1]) {
      this.#report(at, `${name}() takes ${bounds[0] === bounds[1] ? bounds[0] : `${bounds[0]} to ${bounds[1]}`} ${bounds[1] === 1 ? "value" : "values"}`);
    }
  }
}
