import ts from "typescript";
import { isClass } from "./classes.ts";
import type { Classes } from "./classes.ts";
import type { Project } from "./project.ts";
import { isAssignment, isBody, strip, walk, WRITING_CALLS } from "./syntax.ts";
import type { Body } from "./syntax.ts";

/**
 * Recognises a method that merely assigns: all that it does is to put what it is given, or a copy of it, into fields, so that its caller
 * decides what they hold. A method with a rule of its own, another effect, or a constant to note is something else. A function beside the
 * class, or a static one, assigns to fields of the instance that it is given.
 */
export class Setters {
  private readonly checker: ts.TypeChecker;
  private readonly classes: Classes;
  private readonly active = new Set<Body>();

  constructor(project: Project, classes: Classes) {
    this.checker = project.checker;
    this.classes = classes;
  }

  merelyAssigns(body: Body): boolean {
    if (this.active.has(body)) return false;
    this.active.add(body);
    const reading = new Reading(this, body);
    const { body: content } = body;
    const plain = ts.isBlock(content) ? content.statements.every((statement) => reading.statement(statement)) : reading.effect(content);
    this.active.delete(body);
    return plain && reading.assigns;
  }

  /** Whether a parameter is an instance of one of the owners. */
  isInstance(parameter: ts.ParameterDeclaration): boolean {
    const type = this.checker.getTypeAtLocation(parameter);
    return isClass(type) && this.classes.isOwner(type);
  }

  /** Whether a call on something of an instance does no more than such a method would. */
  isSetterCall(call: ts.CallExpression): boolean {
    const callee = strip(call.expression);
    if (!ts.isPropertyAccessExpression(callee)) return false;
    const declaration = this.checker.getSymbolAtLocation(callee.name)?.declarations?.[0];
    if (declaration !== undefined && declaration.getSourceFile().isDeclarationFile) return STORING_METHODS.has(callee.name.text);
    const targets = this.classes.targets(call);
    return targets.length > 0 && targets.every((target) => this.merelyAssigns(target));
  }
}

/** One method, as it is read. */
class Reading {
  /** Whether something that was given was put into a field. */
  assigns = false;
  private readonly setters: Setters;
  /** Names of what is given, and of the instances that are beside `this`. */
  private readonly given = new Set<string>();
  private readonly instances = new Set<string>();

  constructor(setters: Setters, body: Body) {
    this.setters = setters;
    for (const parameter of body.parameters) {
      if (ts.isIdentifier(parameter.name) && setters.isInstance(parameter)) this.instances.add(parameter.name.text);
      else this.take(parameter.name);
    }
  }

  statement(statement: ts.Statement): boolean {
    if (ts.isExpressionStatement(statement)) return this.effect(statement.expression);
    if (ts.isReturnStatement(statement)) return statement.expression === undefined || this.isPlain(statement.expression) || this.isOfInstance(statement.expression) || this.effect(statement.expression);
    if (ts.isBlock(statement)) return statement.statements.every((one) => this.statement(one));
    if (ts.isVariableStatement(statement)) {
      return statement.declarationList.declarations.every(({ name, initializer }) => {
        if (initializer !== undefined && ts.isIdentifier(name) && strip(initializer).kind === ts.SyntaxKind.ThisKeyword) this.instances.add(name.text);
        else if (initializer === undefined || !this.isPlain(initializer)) return false;
        else this.take(name);
        return true;
      });
    }
    if (ts.isIfStatement(statement)) {
      const { expression, thenStatement, elseStatement } = statement;
      // Without an else, a condition is a rule unless it only spares what would change nothing.
      if (!this.sparesNothing(expression) && (elseStatement === undefined || !this.isPlain(expression))) return false;
      if (!this.statement(thenStatement) || (elseStatement !== undefined && !this.statement(elseStatement))) return false;
      // `if (given) this.x = true; else this.x = false` assigns what is given.
      if (elseStatement !== undefined && targetsOf(elseStatement).some((target) => targetsOf(thenStatement).includes(target))) this.assigns = true;
      return true;
    }
    return ts.isEmptyStatement(statement);
  }

  /** An expression that assigns what is given to what is of `this`. */
  effect(expression: ts.Expression): boolean {
    const inner = strip(expression);
    if (ts.isVoidExpression(inner)) return this.effect(inner.expression);
    if (ts.isBinaryExpression(inner)) {
      if (inner.operatorToken.kind === ts.SyntaxKind.CommaToken) return this.effect(inner.left) && this.effect(inner.right);
      if (inner.operatorToken.kind !== ts.SyntaxKind.EqualsToken || !this.isTarget(inner.left)) return false;
      const chained = strip(inner.right);
      if (ts.isBinaryExpression(chained) && chained.operatorToken.kind === ts.SyntaxKind.EqualsToken) return this.effect(chained);
      return this.store(inner.right);
    }
    if (!ts.isCallExpression(inner)) return false;
    const [object, ...values] = inner.arguments;
    if (WRITING_CALLS.has(inner.expression.getText()) && object !== undefined) return this.isOfInstance(object) && values.every((value) => this.store(value));
    const callee = strip(inner.expression);
    if (!ts.isPropertyAccessExpression(callee) || !this.isOfInstance(callee.expression)) return false;
    return this.setters.isSetterCall(inner) && inner.arguments.every((value) => this.store(value));
  }

  private store(value: ts.Expression): boolean {
    if (!this.isPlain(value)) return false;
    if (this.mentionsGiven(value)) this.assigns = true;
    return true;
  }

  private isTarget(expression: ts.Expression): boolean {
    const inner = strip(expression);
    if (this.isOfInstance(inner)) return !ts.isIdentifier(inner) && inner.kind !== ts.SyntaxKind.ThisKeyword;
    if (ts.isArrayLiteralExpression(inner)) return inner.elements.every((element) => this.isTarget(element));
    return ts.isObjectLiteralExpression(inner) && inner.properties.every((property) => ts.isPropertyAssignment(property) && this.isTarget(property.initializer));
  }

  /** Whether an expression is an instance, `this` as a rule, or reached from it by properties and elements. */
  private isOfInstance(expression: ts.Expression): boolean {
    const inner = strip(expression);
    if (inner.kind === ts.SyntaxKind.ThisKeyword || (ts.isIdentifier(inner) && this.instances.has(inner.text))) return true;
    return (ts.isPropertyAccessExpression(inner) || ts.isElementAccessExpression(inner)) && this.isOfInstance(inner.expression);
  }

  /** Whether a value is what was given, or a constant, however it is wrapped or copied. */
  private isPlain(expression: ts.Expression): boolean {
    const inner = strip(expression);
    if (ts.isLiteralExpression(inner) || PLAIN_KEYWORDS.has(inner.kind)) return true;
    if (ts.isIdentifier(inner)) return this.given.has(inner.text) || inner.text === "undefined" || inner.text === inner.text.toUpperCase();
    if (ts.isPropertyAccessExpression(inner)) return this.isPlain(inner.expression);
    if (ts.isPrefixUnaryExpression(inner)) return this.isPlain(inner.operand);
    if (ts.isSpreadElement(inner)) return this.isPlain(inner.expression);
    if (ts.isArrayLiteralExpression(inner)) return inner.elements.every((element) => this.isPlain(element));
    if (ts.isCallExpression(inner)) return this.isCopy(inner);
    if (ts.isConditionalExpression(inner)) return this.isPlain(inner.condition) && this.isPlain(inner.whenTrue) && this.isPlain(inner.whenFalse);
    if (ts.isBinaryExpression(inner)) return PLAIN_OPERATORS.has(inner.operatorToken.kind) && this.isPlain(inner.left) && this.isPlain(inner.right);
    if (!ts.isObjectLiteralExpression(inner)) return false;
    return inner.properties.every((property) => {
      if (ts.isShorthandPropertyAssignment(property)) return this.given.has(property.name.text);
      if (ts.isSpreadAssignment(property)) return this.isPlain(property.expression);
      return ts.isPropertyAssignment(property) && this.isPlain(property.initializer);
    });
  }

  /** `Boolean(x)`, `x.slice()`, or `x()` of what was given. */
  private isCopy(call: ts.CallExpression): boolean {
    const callee = strip(call.expression);
    if (!call.arguments.every((value) => this.isPlain(value))) return false;
    if (CONVERTING_FUNCTIONS.has(callee.getText())) return true;
    if (ts.isIdentifier(callee)) return this.given.has(callee.text);
    return ts.isPropertyAccessExpression(callee) && COPYING_METHODS.has(callee.name.text) && call.arguments.length === 0 && this.isPlain(callee.expression);
  }

  private mentionsGiven(expression: ts.Node): boolean {
    if (ts.isIdentifier(expression) && this.given.has(expression.text)) return true;
    return ts.forEachChild(expression, (child) => this.mentionsGiven(child)) ?? false;
  }

  /** `this.x !== x`, `x !== undefined` and their like. */
  private sparesNothing(condition: ts.Expression): boolean {
    const inner = strip(condition);
    if (!ts.isBinaryExpression(inner) || !COMPARING.has(inner.operatorToken.kind)) return false;
    const isSide = (side: ts.Expression): boolean => this.isOfInstance(side) || this.isPlain(side);
    return isSide(inner.left) && isSide(inner.right);
  }

  private take(name: ts.BindingName): void {
    if (ts.isIdentifier(name)) this.given.add(name.text);
    else for (const element of name.elements) if (ts.isBindingElement(element)) this.take(element.name);
  }
}

/** The functions of a file, outside all classes, that merely assign to an instance of one of the owners. */
export function foreignSettersOf(setters: Setters, file: ts.SourceFile): ts.Node[] {
  const found: ts.Node[] = [];
  const look = (node: ts.Node): void => {
    if (ts.isClassLike(node)) return;
    if (isBody(node) && node.parameters.some((parameter) => setters.isInstance(parameter)) && setters.merelyAssigns(node)) found.push(ts.isVariableDeclaration(node.parent) ? node.parent : node);
    ts.forEachChild(node, look);
  };
  look(file);
  return found;
}

/** The public members of a class whose body merely assigns. */
export function settersOf(setters: Setters, members: readonly ts.ClassElement[]): ts.ClassElement[] {
  return members.filter((member) => {
    if (ts.isMethodDeclaration(member)) return isBody(member) && setters.merelyAssigns(member);
    return ts.isPropertyDeclaration(member) && isBody(member.initializer) && setters.merelyAssigns(member.initializer);
  });
}

/** The text of what is assigned to below a statement. */
function targetsOf(statement: ts.Statement): string[] {
  const targets: string[] = [];
  walk(statement, (node) => {
    if (ts.isBinaryExpression(node) && isAssignment(node.operatorToken.kind)) targets.push(strip(node.left).getText());
  });
  return targets;
}

const CONVERTING_FUNCTIONS: ReadonlySet<string> = new Set(["Array.from", "Boolean", "Number", "Object.freeze", "String", "structuredClone"]);
const COPYING_METHODS: ReadonlySet<string> = new Set(["slice", "toString", "valueOf"]);
/** Methods of collections that put what they are given in the place of something. To add an entry is more than that. */
const STORING_METHODS: ReadonlySet<string> = new Set(["fill", "set"]);
const PLAIN_KEYWORDS: ReadonlySet<ts.SyntaxKind> = new Set([ts.SyntaxKind.NullKeyword, ts.SyntaxKind.TrueKeyword, ts.SyntaxKind.FalseKeyword]);
const PLAIN_OPERATORS: ReadonlySet<ts.SyntaxKind> = new Set([ts.SyntaxKind.QuestionQuestionToken, ts.SyntaxKind.BarBarToken, ts.SyntaxKind.AmpersandAmpersandToken]);
const COMPARING: ReadonlySet<ts.SyntaxKind> = new Set([
  ts.SyntaxKind.EqualsEqualsEqualsToken,
  ts.SyntaxKind.ExclamationEqualsEqualsToken,
  ts.SyntaxKind.EqualsEqualsToken,
  ts.SyntaxKind.ExclamationEqualsToken,
]);
