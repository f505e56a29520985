import ts from "typescript";
import type { Classes } from "./classes.ts";
import type { Origins } from "./origins.ts";
import { isBuiltIn } from "./origins.ts";
import type { Project } from "./project.ts";
import { methodCallsIn, strip, walk, writesIn } from "./syntax.ts";
import type { Body, MethodCall } from "./syntax.ts";

/** Which methods change the object that they are called on, what is nested in it included. */
export class Mutations {
  private readonly checker: ts.TypeChecker;
  private readonly classes: Classes;
  private readonly origins: Origins;
  private readonly known = new Map<Body, boolean>();
  /** Names of methods of our classes, one of which at least may change something. */
  private readonly names: ReadonlySet<string>;

  constructor(project: Project, classes: Classes, origins: Origins) {
    this.checker = project.checker;
    this.classes = classes;
    this.origins = origins;
    this.names = namesOfChanging(project.files);
  }

  /** Begins anew: what is known of origins has grown. */
  forget(): void {
    this.known.clear();
  }

  /** Whether a call of a method changes the object. A command on an owner, or on a neighbour, does not: that changes itself. */
  changesObject({ node: call, object, name }: MethodCall): boolean {
    if (!CHANGING_METHODS.test(name) && !this.names.has(name)) return false;
    const type = this.checker.getNonNullableType(this.checker.getTypeAtLocation(object));
    if (this.classes.isOwner(type) || this.classes.isNeighbour(type)) return false;
    // A method that a type keeps from its users, as that of a list which is only to be read, is there all the same.
    if (isBuiltIn(type.getProperty(name) ?? type.symbol)) return CHANGING_METHODS.test(name);
    return this.classes.targets(call).some((body) => this.changesThis(body));
  }

  private changesThis(body: Body): boolean {
    const known = this.known.get(body);
    if (known !== undefined) return known;
    // A method that calls itself changes nothing by that.
    this.known.set(body, false);
    const holder = ts.findAncestor(body, ts.isClassLike);
    const changes = holder !== undefined && this.changesInstance(body, this.checker.getTypeAtLocation(holder).symbol);
    this.known.set(body, changes);
    return changes;
  }

  private changesInstance(body: Body, symbol: ts.Symbol): boolean {
    const isNested = (object: ts.Expression): boolean => this.origins.of(object).nested.has(symbol);
    if (writesIn(body).some(({ object }) => isThis(object) || isNested(object))) return true;
    return methodCallsIn(body).some((call) => {
      if (isThis(call.object)) return this.classes.targets(call.node).some((target) => this.changesThis(target));
      return this.changesObject(call) && isNested(call.object);
    });
  }
}

function isThis(object: ts.Expression): boolean {
  return strip(object).kind === ts.SyntaxKind.ThisKeyword;
}

/** Names of the methods that write to anything, or call one that may: a first sieve, which asks for no types. */
function namesOfChanging(files: readonly ts.SourceFile[]): Set<string> {
  const names = new Set<string>();
  const others: { readonly name: string; readonly calls: readonly MethodCall[] }[] = [];
  for (const file of files) {
    walk(file, (node) => {
      if (!ts.isClassElement(node) || node.name === undefined || ts.isAccessor(node)) return;
      const name = node.name.getText();
      if (writesIn(node).length > 0) names.add(name);
      else others.push({ name, calls: methodCallsIn(node) });
    });
  }
  for (let size = -1; size < names.size; ) {
    size = names.size;
    for (const { name, calls } of others) if (calls.some((call) => CHANGING_METHODS.test(call.name) || names.has(call.name))) names.add(name);
  }
  return names;
}

/** Of arrays, maps, sets, typed arrays and views of bytes. */
const CHANGING_METHODS = /^(add|clear|copyWithin|delete|fill|pop|push|reverse|set([A-Z]\w*)?|shift|sort|splice|unshift)$/;
