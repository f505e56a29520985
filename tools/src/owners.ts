import ts from "typescript";
import { Classes, LIBRARY } from "./classes.ts";
import type { OwnerClass } from "./classes.ts";
import { Mutations } from "./mutations.ts";
import { Origins } from "./origins.ts";
import type { Project } from "./project.ts";
import { foreignSettersOf, Setters, settersOf } from "./setters.ts";
import { hasModifier, methodCallsIn, strip, walk, writesIn } from "./syntax.ts";
import { NEIGHBOURS, OWNERS } from "./table.ts";

/** What is wrong somewhere. */
export type Rule =
  /** The table names a class that is not there. */
  | "missing"
  /** A field of an owner, or something nested in it, is assigned from another file. */
  | "assignment"
  /** A method that changes its object is called on something nested in an owner, from another file. */
  | "mutation"
  /** A field that everybody could assign. */
  | "field"
  /** An owner inherits state, which is then written in another file. */
  | "base"
  /** A `set` accessor, or a method that merely assigns; a function of the owner's file that does so. */
  | "setter"
  /** A connection's timer is set by somebody else than its table of deadlines. */
  | "timer";

export interface Violation {
  readonly rule: Rule;
  /** Relative to the repository; lines and columns from 1. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly owner: string;
  /** The code, on one line. */
  readonly text: string;
}

/** Checks that each owner of the table is the only writer of its state. @returns all places where it is not, by file and line */
export function checkOwners(project: Project): Violation[] {
  const classes = new Classes(project, OWNERS, NEIGHBOURS);
  const setters = new Setters(project, classes);
  return [
    ...classes.missing.map(({ name, file }): Violation => ({ rule: "missing", file: `${LIBRARY}${file}`, line: 1, column: 1, owner: name, text: name })),
    ...foreignWrites(project, classes),
    ...Array.from(classes.owners.values(), (owner) => shapeOf(project, setters, owner)).flat(),
    ...project.files.flatMap((file) => timers(project, file)),
  ].toSorted((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line || a.column - b.column));
}

/** A violation as one line of text. */
export function describe({ rule, file, line, column, owner, text }: Violation): string {
  return `${file}:${line}:${column} ${MESSAGES[rule](owner)}: ${text}`;
}

// ---- the rules

/** Assignments to the state of an owner, and calls that change it, in other files than the owner's. */
function foreignWrites(project: Project, classes: Classes): Violation[] {
  const origins = new Origins(project, classes);
  const mutations = new Mutations(project, classes, origins);
  const writes = project.files.flatMap((file) => writesIn(file));
  const calls = project.files.flatMap((file) => methodCallsIn(file)).filter(({ object }) => strip(object).kind !== ts.SyntaxKind.ThisKeyword);
  const named = (symbols: ReadonlySet<ts.Symbol>): OwnerClass[] => Array.from(symbols).flatMap((symbol) => classes.owners.get(symbol) ?? []);
  const nestedIn = (object: ts.Expression): OwnerClass[] => named(origins.of(object).nested);
  const ownersIn = (object: ts.Expression): OwnerClass[] => [...classes.ownersAt(object), ...named(origins.of(object).whole), ...nestedIn(object)];
  return origins.settle(() => {
    mutations.forget();
    return [
      ...writes.flatMap(({ node, object }) => violations(project, "assignment", new Set(ownersIn(object)), node)),
      ...calls.flatMap((call) => (mutations.changesObject(call) ? violations(project, "mutation", nestedIn(call.object), call.node) : [])),
    ];
  });
}

function shapeOf(project: Project, setters: Setters, owner: OwnerClass): Violation[] {
  const open = owner.declaration.members.filter((member) => !hasModifier(member, ts.SyntaxKind.PrivateKeyword) && !(member.name !== undefined && ts.isPrivateIdentifier(member.name)));
  const fields = open.filter((member) => ts.isPropertyDeclaration(member) && !hasModifier(member, ts.SyntaxKind.ReadonlyKeyword));
  const accessors = owner.declaration.members.filter((member) => ts.isSetAccessor(member));
  const bases = (owner.declaration.heritageClauses ?? []).filter(({ token }) => token === ts.SyntaxKind.ExtendsKeyword);
  return [
    ...bases.map((clause) => violation(project, "base", owner, clause)),
    ...fields.map((member) => violation(project, "field", owner, member)),
    ...[...accessors, ...settersOf(setters, open), ...foreignSettersOf(setters, owner.declaration.getSourceFile())].map((member) => violation(project, "setter", owner, member)),
  ];
}

/** `schedule` of the environment arms the timer of a connection: in mptcp/, only what a table of deadlines calls, `onEarlierDeadline`, may call it. */
function timers(project: Project, file: ts.SourceFile): Violation[] {
  if (!project.nameOf(file).startsWith(`${LIBRARY}mptcp/`)) return [];
  const found: Violation[] = [];
  walk(file, (node) => {
    if (ts.isIdentifier(node) && node.text === "onEarlierDeadline" && ts.isPropertyAccessExpression(node.parent)) found.push({ ...place(project, node), rule: "timer", owner: "Deadlines", text: oneLine(node.parent) });
    if (!ts.isIdentifier(node) || node.text !== "schedule" || isCalledByDeadlines(node)) return;
    const symbol = project.checker.getSymbolAtLocation(node);
    const declaration = ts.isBindingElement(node.parent) ? project.checker.getTypeAtLocation(node.parent.parent).getProperty("schedule")?.declarations?.[0] : symbol?.declarations?.[0];
    if (declaration === undefined || declaration === node.parent) return;
    const holder = ts.isInterfaceDeclaration(declaration.parent) ? declaration.parent.name.text : null;
    if (holder === "MptcpEnvironment") found.push({ ...place(project, node), rule: "timer", owner: "Deadlines", text: oneLine(node.parent) });
  });
  return found;
}

// ---- inside

function isCalledByDeadlines(node: ts.Node): boolean {
  const method = ts.findAncestor(node, ts.isMethodDeclaration);
  return method !== undefined && method.name.getText() === "onEarlierDeadline";
}

/** One violation for each of the owners that lives in another file. */
function violations(project: Project, rule: Rule, owners: Iterable<OwnerClass>, node: ts.Node): Violation[] {
  const file = project.nameOf(node.getSourceFile());
  return Array.from(owners).flatMap((one) => (`${LIBRARY}${one.owner.file}` === file ? [] : [violation(project, rule, one, node)]));
}

function violation(project: Project, rule: Rule, owner: OwnerClass, node: ts.Node): Violation {
  return { rule, ...place(project, node), owner: owner.owner.name, text: oneLine(node) };
}

function place(project: Project, node: ts.Node): Pick<Violation, "file" | "line" | "column"> {
  const file = node.getSourceFile();
  const { line, character } = file.getLineAndCharacterOfPosition(node.getStart());
  return { file: project.nameOf(file), line: line + 1, column: character + 1 };
}

function oneLine(node: ts.Node): string {
  const text = node.getText().replace(/\s+/g, " ");
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)} ...` : text;
}

const LONGEST_TEXT = 100;

const MESSAGES: Readonly<Record<Rule, (owner: string) => string>> = {
  missing: (owner) => `the table of owners names a class that is not there, ${owner}`,
  assignment: (owner) => `assigns state of ${owner} from outside its file`,
  mutation: (owner) => `changes state of ${owner} from outside its file`,
  field: (owner) => `a field of ${owner} that anybody could assign`,
  base: (owner) => `state that ${owner} inherits, and does not write alone`,
  setter: (owner) => `merely assigns a field of ${owner}: say what happened, and let ${owner} decide`,
  timer: (owner) => `sets a connection's timer beside ${owner}`,
};
