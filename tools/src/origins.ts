import ts from "typescript";
import { isClass } from "./classes.ts";
import type { Classes } from "./classes.ts";
import type { Project } from "./project.ts";
import { hasModifier, isAssignment, isBody, returnsOf, strip, walk } from "./syntax.ts";

/** Of which classes' state a value is a part. */
export interface Origin {
  /** It is nested in an instance of these. */
  readonly nested: ReadonlySet<ts.Symbol>;
  /** It is a new collection, of things that are nested in an instance of these. */
  readonly gathered: ReadonlySet<ts.Symbol>;
  /** It is an instance of these owners itself, whatever type it was given on the way. */
  readonly whole: ReadonlySet<ts.Symbol>;
}

/**
 * Follows values back to the fields that they were taken from: through properties, elements, getters, methods that give them back,
 * variables, destructuring, loops, callbacks, parameters and the fields that they were put into. An owner is nobody's state but its own, and
 * stays an owner under another type. What is put into an object literal is handed over, and not followed.
 *
 * Where code calls itself, an answer may come before all is known; {@link Origins.settle} asks until nothing new turns up.
 */
export class Origins {
  private readonly checker: ts.TypeChecker;
  private readonly classes: Classes;
  /** Calls by the name of what is called; assignments by the variable that they are to. */
  private readonly calls = new Map<string, (ts.CallExpression | ts.NewExpression)[]>();
  private readonly assignments = new Map<ts.Symbol, ts.Expression[]>();
  /** Assignments to properties, by name. */
  private readonly stored = new Map<string, { readonly target: ts.MemberName; readonly value: ts.Expression }[]>();
  /** What is assigned to a field, and which calls may run a function, once they have been looked for. */
  private readonly values = new Map<ts.PropertyDeclaration, readonly ts.Expression[]>();
  private readonly callers = new Map<ts.SignatureDeclaration, readonly (ts.CallExpression | ts.NewExpression)[]>();
  private readonly known = new Map<ts.Node, Origin>();
  private readonly done = new Set<ts.Node>();
  private readonly active = new Set<ts.Node>();
  /** What was asked for while it was being found out, and answers that rest on such a premature one. */
  private readonly premature = new Set<ts.Node>();
  private readonly unsure = new Set<ts.Node>();
  /** How often an answer was given that is premature, or rests on one. */
  private unsureAnswers = 0;
  private grew = false;

  constructor(project: Project, classes: Classes) {
    this.checker = project.checker;
    this.classes = classes;
    for (const file of project.files) walk(file, (node) => this.index(node));
  }

  /** Runs a search that asks for origins, again and again until it can rely on all of them. @returns what it found at last */
  settle<T>(search: () => T): T {
    for (;;) {
      this.grew = false;
      for (const node of this.unsure) this.done.delete(node);
      this.unsure.clear();
      const found = search();
      if (!this.grew) return found;
    }
  }

  of(expression: ts.Expression): Origin {
    const inner = strip(expression);
    return this.remembered(inner, () => {
      const type = this.checker.getTypeAtLocation(inner);
      if (this.classes.isOwner(type)) return instance(this.classes.of(type).filter((symbol) => this.classes.owners.has(symbol)));
      if (!mayBeObject(type)) return NONE;
      const found = this.find(inner);
      // What is known to be an instance of another class is no owner.
      return isClass(type) && found.whole.size > 0 ? { ...found, whole: EMPTY } : found;
    });
  }

  // ---- expressions

  private find(node: ts.Expression): Origin {
    if (ts.isIdentifier(node)) return this.ofSymbol(this.checker.getSymbolAtLocation(node));
    if (ts.isPropertyAccessExpression(node)) return this.member(this.checker.getTypeAtLocation(node.expression), this.of(node.expression), node.name.text);
    if (ts.isElementAccessExpression(node)) {
      const { argumentExpression: key } = node;
      return this.member(this.checker.getTypeAtLocation(node.expression), this.of(node.expression), ts.isStringLiteralLike(key) ? key.text : null);
    }
    if (ts.isCallExpression(node)) return this.ofCall(node);
    if (ts.isNewExpression(node)) return gather(union((node.arguments ?? []).slice(0, isCollection(node.expression) ? 1 : 0).map((one) => this.of(one))));
    if (ts.isConditionalExpression(node)) return union([this.of(node.whenTrue), this.of(node.whenFalse)]);
    if (ts.isAwaitExpression(node)) return this.of(node.expression);
    if (ts.isArrayLiteralExpression(node)) return gather(union(node.elements.map((one) => this.of(ts.isSpreadElement(one) ? one.expression : one))));
    if (ts.isBinaryExpression(node)) {
      const { kind } = node.operatorToken;
      if (kind === ts.SyntaxKind.EqualsToken || kind === ts.SyntaxKind.CommaToken) return this.of(node.right);
      return union([this.of(node.left), this.of(node.right)]);
    }
    return NONE;
  }

  /** A property of a value; `name` is null when it is an element, or not known. */
  private member(type: ts.Type, of: Origin, name: string | null): Origin {
    const origins: Origin[] = [nested([...of.nested, ...of.gathered])];
    for (const symbol of new Set([...this.classes.of(type), ...of.whole])) {
      if (name === null) {
        origins.push(nested([symbol]));
        continue;
      }
      for (const declaration of this.classes.membersOf(symbol, name)) {
        if (ts.isPropertyDeclaration(declaration)) origins.push(nested([symbol]), this.ofField(declaration));
        else if (ts.isGetAccessor(declaration) && isBody(declaration)) origins.push(...returnsOf(declaration).map((one) => this.of(one)));
      }
    }
    return union(origins);
  }

  private ofCall(call: ts.CallExpression): Origin {
    const callee = strip(call.expression);
    if (ts.isPropertyAccessExpression(callee) && isBuiltIn(this.checker.getSymbolAtLocation(callee.name))) {
      const { text: name } = callee.name;
      const object = this.of(callee.expression);
      const first = call.arguments[0];
      if (GATHERING_FUNCTIONS.has(callee.getText())) return first === undefined ? NONE : gather(this.of(first));
      if (PASSING_FUNCTIONS.has(callee.getText())) return first === undefined ? NONE : this.of(first);
      if (TAKING_METHODS.has(name)) return nested([...object.nested, ...object.gathered]);
      if (GATHERING_METHODS.has(name)) return gather(object);
      if (CHAINING_METHODS.has(name)) return object;
      if (MAPPING_METHODS.has(name) && first !== undefined && isBody(first)) return gather(union(returnsOf(first).map((one) => this.of(one))));
      return NONE;
    }
    if (this.classes.isNeighbour(this.checker.getTypeAtLocation(call))) return NONE;
    const returned = union(this.classes.targets(call).flatMap((body) => returnsOf(body).map((one) => this.of(one))));
    if (!ts.isPropertyAccessExpression(callee) || returned === NONE || this.isValue(this.checker.getTypeAtLocation(call))) return returned;
    // What a part of somebody's state gives of itself is a part of it, too.
    const of = this.of(callee.expression);
    const classes = this.classes.of(this.checker.getNonNullableType(this.checker.getTypeAtLocation(callee.expression)));
    if (classes.some((symbol) => returned.nested.has(symbol))) return union([returned, nested(of.nested)]);
    return classes.some((symbol) => returned.gathered.has(symbol)) ? union([returned, gather(nested(of.nested))]) : returned;
  }

  // ---- fields, variables and parameters

  /** What was put into a field as it is: a part of somebody's state stays one. */
  private ofField(field: ts.PropertyDeclaration): Origin {
    return this.remembered(field, () => {
      let values = this.values.get(field);
      if (values === undefined) {
        const stored = this.stored.get(field.name.getText()) ?? [];
        values = stored.filter(({ target }) => this.checker.getSymbolAtLocation(target)?.declarations?.includes(field) === true).map(({ value }) => value);
        this.values.set(field, values);
      }
      return union([...values.map((value) => this.of(value)), field.initializer === undefined ? NONE : this.of(field.initializer)]);
    });
  }

  private ofSymbol(symbol: ts.Symbol | undefined): Origin {
    if (symbol === undefined) return NONE;
    const resolved = (symbol.flags & ts.SymbolFlags.Alias) !== 0 ? this.checker.getAliasedSymbol(symbol) : symbol;
    const assigned = (this.assignments.get(resolved) ?? []).map((value) => this.of(value));
    return union([...assigned, ...(resolved.declarations ?? []).map((declaration) => this.ofDeclaration(declaration))]);
  }

  private ofDeclaration(declaration: ts.Node): Origin {
    if (!ts.isVariableDeclaration(declaration) && !ts.isBindingElement(declaration) && !ts.isParameter(declaration)) return NONE;
    return this.remembered(declaration, () => {
      if (ts.isParameter(declaration)) return this.ofParameter(declaration);
      if (ts.isBindingElement(declaration)) return this.ofBindingElement(declaration);
      const loop = declaration.parent.parent;
      if (ts.isForOfStatement(loop)) return element(this.of(loop.expression));
      return declaration.initializer === undefined ? NONE : this.of(declaration.initializer);
    });
  }

  private ofBindingElement(binding: ts.BindingElement): Origin {
    const pattern = binding.parent;
    const whole = this.ofDeclaration(pattern.parent);
    const preset = binding.initializer === undefined ? NONE : this.of(binding.initializer);
    if (binding.dotDotDotToken !== undefined) return union([gather(whole), preset]);
    const name = binding.propertyName ?? binding.name;
    const key = ts.isObjectBindingPattern(pattern) && ts.isIdentifier(name) ? name.text : null;
    return union([this.member(this.checker.getTypeAtLocation(pattern), whole, key), preset]);
  }

  private ofParameter(parameter: ts.ParameterDeclaration): Origin {
    const type = this.checker.getTypeAtLocation(parameter);
    if (!mayBeObject(type) || this.classes.isOwner(type) || this.classes.isNeighbour(type)) return NONE;
    const taker = parameter.parent;
    const index = taker.parameters.filter((one) => one.name.getText() !== "this").indexOf(parameter);
    const origins = this.callsOf(taker).map((call) => {
      const given = call.arguments ?? [];
      return parameter.dotDotDotToken === undefined ? (given[index] === undefined ? NONE : this.of(given[index])) : gather(union(given.slice(index).map((one) => this.of(one))));
    });
    if (parameter.initializer !== undefined) origins.push(this.of(parameter.initializer));
    const call = callWithCallback(taker);
    if (call !== null) origins.push(this.ofCallbackParameter(call.call, call.place, index));
    return union(origins);
  }

  /** What a callback hears: of a collection's method, its elements; of a function of ours, what that calls it with. */
  private ofCallbackParameter(call: ts.CallExpression | ts.NewExpression, place: number, index: number): Origin {
    const callee = strip(call.expression);
    if (ts.isPropertyAccessExpression(callee) && isBuiltIn(this.checker.getSymbolAtLocation(callee.name))) {
      const [first] = call.arguments ?? [];
      return GATHERING_FUNCTIONS.has(callee.getText()) && first !== undefined ? element(this.of(first)) : element(this.of(callee.expression));
    }
    return union(
      this.classes.targets(call).flatMap((body) => {
        const taken = body.parameters[place];
        if (taken === undefined || !ts.isIdentifier(taken.name)) return [];
        return this.callsOfName(taken.name.text, this.checker.getSymbolAtLocation(taken.name)).flatMap((one) => one.arguments?.[index] ?? []).map((one) => this.of(one));
      }),
    );
  }

  /** The calls that may run a function. */
  private callsOf(taker: ts.SignatureDeclaration): readonly (ts.CallExpression | ts.NewExpression)[] {
    const known = this.callers.get(taker);
    if (known !== undefined) return known;
    const found = this.findCalls(taker);
    this.callers.set(taker, found);
    return found;
  }

  private findCalls(taker: ts.SignatureDeclaration): (ts.CallExpression | ts.NewExpression)[] {
    if (ts.isConstructorDeclaration(taker)) {
      const { symbol } = this.checker.getTypeAtLocation(taker.parent);
      return (this.calls.get(symbol.name) ?? []).filter((call) => ts.isNewExpression(call) && this.checker.getTypeAtLocation(call).symbol === symbol);
    }
    const holder = ts.isMethodDeclaration(taker) || ts.isFunctionDeclaration(taker) ? taker : taker.parent;
    if ((ts.isMethodDeclaration(holder) || ts.isPropertyDeclaration(holder)) && ts.isClassLike(holder.parent)) {
      const { symbol } = this.checker.getTypeAtLocation(holder.parent);
      const name = holder.name.getText();
      return (this.calls.get(name) ?? []).filter((call) => {
        const callee = strip(call.expression);
        if (!ts.isPropertyAccessExpression(callee)) return false;
        const type = this.checker.getNonNullableType(this.checker.getTypeAtLocation(callee.expression));
        return this.classes.of(type).includes(symbol) || (!isClass(type) && this.classes.implementations(type, name).includes(symbol));
      });
    }
    if ((ts.isFunctionDeclaration(holder) || ts.isVariableDeclaration(holder)) && holder.name !== undefined && ts.isIdentifier(holder.name)) {
      return this.callsOfName(holder.name.text, this.checker.getSymbolAtLocation(holder.name));
    }
    return [];
  }

  private callsOfName(name: string, symbol: ts.Symbol | undefined): (ts.CallExpression | ts.NewExpression)[] {
    return (this.calls.get(name) ?? []).filter((call) => {
      const callee = strip(call.expression);
      const called = ts.isIdentifier(callee) ? this.checker.getSymbolAtLocation(callee) : undefined;
      if (called === undefined) return false;
      return called === symbol || ((called.flags & ts.SymbolFlags.Alias) !== 0 && this.checker.getAliasedSymbol(called) === symbol);
    });
  }

  // ---- inside

  /** Whether a type is that of values, which are shared and never change: a class all of whose fields are only to be read. */
  private isValue(type: ts.Type): boolean {
    const inner = this.checker.getNonNullableType(type);
    if (!isClass(inner)) return false;
    const fields = inner.getProperties().flatMap((property) => property.declarations ?? []).filter((declaration) => ts.isPropertyDeclaration(declaration));
    return fields.every((field) => hasModifier(field, ts.SyntaxKind.ReadonlyKeyword));
  }

  private remembered(node: ts.Node, find: () => Origin): Origin {
    const before = this.known.get(node) ?? NONE;
    if (this.done.has(node)) {
      if (this.unsure.has(node)) this.unsureAnswers++;
      return before;
    }
    if (this.active.has(node)) {
      this.premature.add(node);
      this.unsureAnswers++;
      return before;
    }
    this.active.add(node);
    const answers = this.unsureAnswers;
    const found = union([before, find()]);
    if (this.unsureAnswers > answers) this.unsure.add(node);
    this.active.delete(node);
    this.done.add(node);
    this.known.set(node, found);
    if (this.premature.delete(node) && sizeOf(found) > sizeOf(before)) this.grew = true;
    return found;
  }

  private index(node: ts.Node): void {
    if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
      const callee = strip(node.expression);
      const name = ts.isIdentifier(callee) ? callee.text : ts.isPropertyAccessExpression(callee) ? callee.name.text : null;
      if (name !== null) add(this.calls, name, node);
    } else if (ts.isBinaryExpression(node) && isAssignment(node.operatorToken.kind)) {
      const target = strip(node.left);
      if (ts.isPropertyAccessExpression(target)) add(this.stored, target.name.text, { target: target.name, value: node.right });
      const symbol = ts.isIdentifier(target) ? this.checker.getSymbolAtLocation(target) : undefined;
      if (symbol !== undefined) add(this.assignments, symbol, node.right);
    }
  }
}

function add<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

/** Whether something is part of the language or of Node. */
export function isBuiltIn(symbol: ts.Symbol | undefined): boolean {
  const [declaration] = symbol?.declarations ?? [];
  return declaration !== undefined && declaration.getSourceFile().isDeclarationFile;
}

/** The call that a function is handed to as it is written, and which of its arguments it is. */
function callWithCallback(taker: ts.SignatureDeclaration): { readonly call: ts.CallExpression | ts.NewExpression; readonly place: number } | null {
  if (!ts.isArrowFunction(taker) && !ts.isFunctionExpression(taker)) return null;
  const { parent } = taker;
  if (!ts.isCallExpression(parent) && !ts.isNewExpression(parent)) return null;
  const place = (parent.arguments ?? []).findIndex((one) => one === taker);
  return place < 0 ? null : { call: parent, place };
}

function mayBeObject(type: ts.Type): boolean {
  if (type.isUnionOrIntersection()) return type.types.some(mayBeObject);
  if ((type.flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown | ts.TypeFlags.NonPrimitive | ts.TypeFlags.TypeParameter)) !== 0) return true;
  return (type.flags & ts.TypeFlags.Object) !== 0;
}

function isCollection(made: ts.Expression): boolean {
  return ts.isIdentifier(made) && ["Array", "Map", "Set"].includes(made.text);
}

function nested(classes: Iterable<ts.Symbol>): Origin {
  const set = new Set(classes);
  return set.size === 0 ? NONE : { nested: set, gathered: EMPTY, whole: EMPTY };
}

function instance(classes: readonly ts.Symbol[]): Origin {
  return classes.length === 0 ? NONE : { nested: EMPTY, gathered: EMPTY, whole: new Set(classes) };
}

function gather(of: Origin): Origin {
  const set = new Set([...of.nested, ...of.gathered]);
  return set.size === 0 ? NONE : { nested: EMPTY, gathered: set, whole: EMPTY };
}

function element(of: Origin): Origin {
  return nested([...of.nested, ...of.gathered]);
}

function union(origins: readonly Origin[]): Origin {
  const some = origins.filter((origin) => origin !== NONE);
  if (some.length <= 1) return some[0] ?? NONE;
  const all = (set: "nested" | "gathered" | "whole"): Set<ts.Symbol> => new Set(some.flatMap((origin) => [...origin[set]]));
  return { nested: all("nested"), gathered: all("gathered"), whole: all("whole") };
}

function sizeOf(origin: Origin): number {
  return origin.nested.size + origin.gathered.size + origin.whole.size;
}

const EMPTY: ReadonlySet<ts.Symbol> = new Set();
const NONE: Origin = { nested: EMPTY, gathered: EMPTY, whole: EMPTY };
/** Methods of collections that give one element, a new collection of elements, or the collection itself. */
const TAKING_METHODS: ReadonlySet<string> = new Set(["at", "find", "findLast", "get", "pop", "shift", "reduce", "reduceRight"]);
const GATHERING_METHODS: ReadonlySet<string> = new Set(["concat", "entries", "filter", "flat", "keys", "slice", "splice", "toReversed", "toSorted", "toSpliced", "values", "with"]);
const CHAINING_METHODS: ReadonlySet<string> = new Set(["add", "copyWithin", "fill", "reverse", "set", "sort", "subarray"]);
const MAPPING_METHODS: ReadonlySet<string> = new Set(["flatMap", "map"]);
const GATHERING_FUNCTIONS: ReadonlySet<string> = new Set(["Array.from", "Object.entries", "Object.values"]);
const PASSING_FUNCTIONS: ReadonlySet<string> = new Set(["Object.assign", "Object.freeze"]);
