import ts from "typescript";
import type { Project } from "./project.ts";
import { isBody, strip, walk } from "./syntax.ts";
import type { Body } from "./syntax.ts";
import type { Owner } from "./table.ts";

/** Where the owners' sources are, relative to the repository. */
export const LIBRARY = "packages/mptcp/src/";

/** An owner of the table, as the compiler knows it. */
export interface OwnerClass {
  readonly owner: Owner;
  readonly symbol: ts.Symbol;
  readonly declaration: ts.ClassDeclaration;
}

/** The classes of the sources: which of them a value may be an instance of, and which code a call may run. */
export class Classes {
  readonly owners: ReadonlyMap<ts.Symbol, OwnerClass>;
  /** Names of the tables that no class has. */
  readonly missing: readonly Owner[];
  private readonly checker: ts.TypeChecker;
  private readonly neighbours: ReadonlySet<ts.Symbol>;
  private readonly byMember = new Map<string, ts.Symbol[]>();
  private readonly known = new Map<ts.Type, readonly ts.Symbol[]>();

  constructor(project: Project, owners: readonly Owner[], neighbours: readonly Owner[]) {
    const { checker } = project;
    this.checker = checker;
    const declared = new Map<string, ts.ClassDeclaration>();
    for (const file of project.files) {
      walk(file, (node) => {
        if (!ts.isClassLike(node)) return;
        if (ts.isClassDeclaration(node) && node.name !== undefined) declared.set(`${project.nameOf(file)} ${node.name.text}`, node);
        const symbol = checker.getTypeAtLocation(node).symbol;
        for (const member of node.members) {
          if (member.name === undefined) continue;
          const name = member.name.getText();
          const others = this.byMember.get(name);
          if (others === undefined) this.byMember.set(name, [symbol]);
          else if (!others.includes(symbol)) others.push(symbol);
        }
      });
    }
    const found = new Map<ts.Symbol, OwnerClass>();
    const missing: Owner[] = [];
    const find = (owner: Owner): ts.ClassDeclaration | undefined => {
      const declaration = declared.get(`${LIBRARY}${owner.file} ${owner.name}`);
      if (declaration === undefined) missing.push(owner);
      return declaration;
    };
    for (const owner of owners) {
      const declaration = find(owner);
      if (declaration === undefined) continue;
      const { symbol } = checker.getTypeAtLocation(declaration);
      found.set(symbol, { owner, symbol, declaration });
    }
    this.owners = found;
    this.neighbours = new Set(neighbours.flatMap((one) => find(one) ?? []).map((declaration) => checker.getTypeAtLocation(declaration).symbol));
    this.missing = missing;
  }

  /** The owners that the value of an expression may be, whatever type it is given on the way. */
  ownersAt(expression: ts.Expression): OwnerClass[] {
    const found = new Set<OwnerClass>();
    for (let layer: ts.Expression = expression; ; layer = oneLayer(layer)) {
      for (const symbol of this.of(this.checker.getTypeAtLocation(layer))) {
        const owner = this.owners.get(symbol);
        if (owner !== undefined) found.add(owner);
      }
      if (layer === strip(layer)) return Array.from(found);
    }
  }

  /** Whether a value of a type is an owner, or a neighbour. */
  isOwner(type: ts.Type): boolean {
    return this.of(type).some((symbol) => this.owners.has(symbol));
  }
  isNeighbour(type: ts.Type): boolean {
    return this.of(type).some((symbol) => this.neighbours.has(symbol));
  }

  /** The classes that a value of a type may be an instance of; of those behind an interface, the ones in the tables alone. */
  of(type: ts.Type): readonly ts.Symbol[] {
    const known = this.known.get(type);
    if (known !== undefined) return known;
    const found = this.find(type);
    this.known.set(type, found);
    return found;
  }

  /** The code that a call may run; of a method of an interface, that of all classes which have it. */
  targets(call: ts.CallExpression | ts.NewExpression): Body[] {
    const declaration = this.checker.getResolvedSignature(call)?.declaration;
    if (isBody(declaration)) return [declaration];
    if (declaration === undefined || !ts.isCallExpression(call)) return [];
    const callee = strip(call.expression);
    if (!ts.isPropertyAccessExpression(callee)) return [];
    return this.implementations(this.checker.getTypeAtLocation(callee.expression), callee.name.text).flatMap((symbol) => this.bodiesOf(symbol, callee.name.text));
  }

  /** The classes with a member that stand behind a type. */
  implementations(type: ts.Type, name: string): ts.Symbol[] {
    if (isClass(type)) return [type.symbol];
    return (this.byMember.get(name) ?? []).filter((symbol) => this.checker.isTypeAssignableTo(this.checker.getDeclaredTypeOfSymbol(symbol), type));
  }

  /** A class' own declarations of a member, those of the classes it extends included. */
  membersOf(symbol: ts.Symbol, name: string): ts.Declaration[] {
    return this.checker.getDeclaredTypeOfSymbol(symbol).getProperty(name)?.declarations ?? [];
  }

  private bodiesOf(symbol: ts.Symbol, name: string): Body[] {
    return this.membersOf(symbol, name).flatMap((member) => {
      if (isBody(member)) return [member];
      if (ts.isPropertyDeclaration(member) && member.initializer !== undefined && isBody(member.initializer)) return [member.initializer];
      return [];
    });
  }

  private find(type: ts.Type): ts.Symbol[] {
    if (type.isUnionOrIntersection()) return Array.from(new Set(type.types.flatMap((one) => this.of(one))));
    if ((type.flags & ts.TypeFlags.TypeParameter) !== 0) {
      const constraint = this.checker.getBaseConstraintOfType(type);
      return constraint === undefined || constraint === type ? [] : [...this.of(constraint)];
    }
    if ((type.flags & ts.TypeFlags.Object) === 0) return [];
    const { symbol } = type;
    if (isClass(type)) {
      const bases = (this.checker.getDeclaredTypeOfSymbol(symbol) as ts.InterfaceType).getBaseTypes() ?? [];
      return [symbol, ...bases.flatMap((base) => this.of(base))];
    }
    const isMapped = ((type as ts.ObjectType).objectFlags & ts.ObjectFlags.Mapped) !== 0;
    if (!isMapped && (symbol?.declarations ?? []).every((declaration) => declaration.getSourceFile().isDeclarationFile)) return [];
    if (type.getProperties().length === 0 || type.getCallSignatures().length > 0) return [];
    return [...this.owners.keys(), ...this.neighbours].filter((owner) => this.checker.isTypeAssignableTo(this.checker.getDeclaredTypeOfSymbol(owner), type));
  }
}

/** Whether a type is that of a class' instances. */
export function isClass(type: ts.Type): boolean {
  // At run time not every type has a symbol.
  const symbol = type.symbol as ts.Symbol | undefined;
  return symbol !== undefined && (symbol.flags & ts.SymbolFlags.Class) !== 0;
}

function oneLayer(expression: ts.Expression): ts.Expression {
  return strip(expression) === expression ? expression : (expression as ts.ParenthesizedExpression | ts.AsExpression).expression;
}
