import ts from "typescript";

/** An assignment to a property or an element: `object.name = ...`, `object[i]++`, `delete object.name`, `Object.assign(object, ...)`. */
export interface Write {
  readonly node: ts.Node;
  /** What is written to. */
  readonly object: ts.Expression;
}

/** A call of something that is a property of something: `object.name(...)`, or `any.name.call(object, ...)` and its like. */
export interface MethodCall {
  readonly node: ts.CallExpression;
  readonly object: ts.Expression;
  readonly name: string;
}

/** A function with a body of its own. */
export type Body = ts.FunctionLikeDeclaration & { readonly body: ts.ConciseBody };

/** Every assignment to a property or an element below a node. */
export function writesIn(root: ts.Node): Write[] {
  const writes: Write[] = [];
  const target = (node: ts.Node, expression: ts.Expression): void => {
    const stripped = strip(expression);
    if (ts.isPropertyAccessExpression(stripped) || ts.isElementAccessExpression(stripped)) writes.push({ node, object: stripped.expression });
    else if (ts.isArrayLiteralExpression(stripped)) for (const element of stripped.elements) target(node, element);
    else if (ts.isSpreadElement(stripped)) target(node, stripped.expression);
    else if (ts.isBinaryExpression(stripped) && stripped.operatorToken.kind === ts.SyntaxKind.EqualsToken) target(node, stripped.left);
    else if (ts.isObjectLiteralExpression(stripped)) {
      for (const property of stripped.properties) {
        if (ts.isPropertyAssignment(property)) target(node, property.initializer);
        else if (ts.isSpreadAssignment(property)) target(node, property.expression);
      }
    }
  };
  walk(root, (node) => {
    if (ts.isBinaryExpression(node) && isAssignment(node.operatorToken.kind)) target(node, node.left);
    else if (ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node)) {
      if (node.operator === ts.SyntaxKind.PlusPlusToken || node.operator === ts.SyntaxKind.MinusMinusToken) target(node, node.operand);
    } else if (ts.isDeleteExpression(node)) target(node, node.expression);
    else if ((ts.isForOfStatement(node) || ts.isForInStatement(node)) && !ts.isVariableDeclarationList(node.initializer)) target(node, node.initializer);
    else if (ts.isCallExpression(node)) {
      const [object] = node.arguments;
      if (object !== undefined && WRITING_CALLS.has(node.expression.getText())) writes.push({ node, object });
    }
  });
  return writes;
}

/** Every call of a method below a node. */
export function methodCallsIn(root: ts.Node): MethodCall[] {
  const calls: MethodCall[] = [];
  walk(root, (node) => {
    if (!ts.isCallExpression(node)) return;
    const callee = strip(node.expression);
    const [first, second] = node.arguments;
    if (ts.isPropertyAccessExpression(callee)) {
      const borrowed = callee.getText() === "Reflect.apply" ? first : BORROWING.has(callee.name.text) ? callee.expression : undefined;
      const object = borrowed === first ? second : first;
      const method = borrowed === undefined ? null : strip(borrowed);
      if (object !== undefined && method !== null && ts.isPropertyAccessExpression(method)) calls.push({ node, object, name: method.name.text });
      calls.push({ node, object: callee.expression, name: callee.name.text });
    } else if (ts.isElementAccessExpression(callee) && ts.isStringLiteralLike(callee.argumentExpression)) calls.push({ node, object: callee.expression, name: callee.argumentExpression.text });
  });
  return calls;
}

/** What a function gives back: its `return`s, those of functions inside it aside. */
export function returnsOf(body: Body): ts.Expression[] {
  if (!ts.isBlock(body.body)) return [body.body];
  const returned: ts.Expression[] = [];
  const look = (node: ts.Node): void => {
    if (ts.isReturnStatement(node) && node.expression !== undefined) returned.push(node.expression);
    if (!ts.isFunctionLike(node) && !ts.isClassLike(node)) ts.forEachChild(node, look);
  };
  look(body.body);
  return returned;
}

/** An expression without what only types see: parentheses, `as`, `satisfies`, `!`. */
export function strip(expression: ts.Expression): ts.Expression {
  let inner = expression;
  while (ts.isParenthesizedExpression(inner) || ts.isAsExpression(inner) || ts.isNonNullExpression(inner) || ts.isSatisfiesExpression(inner) || ts.isTypeAssertionExpression(inner)) inner = inner.expression;
  return inner;
}

export function walk(root: ts.Node, visit: (node: ts.Node) => void): void {
  visit(root);
  ts.forEachChild(root, (child) => walk(child, visit));
}

/** A function, method, accessor or constructor that is written out here. */
export function isBody(node: ts.Node | undefined): node is Body {
  return node !== undefined && ts.isFunctionLike(node) && "body" in node && node.body !== undefined;
}

export function hasModifier(node: ts.Node, kind: ts.SyntaxKind): boolean {
  return ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some((modifier) => modifier.kind === kind);
}

export function isAssignment(kind: ts.SyntaxKind): boolean {
  return kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment;
}

/** Methods of a function that run it, or make one that runs it, as a method of their first argument. */
const BORROWING: ReadonlySet<string> = new Set(["apply", "bind", "call"]);
/** Functions of the language that write to their first argument. */
export const WRITING_CALLS: ReadonlySet<string> = new Set([
  "Object.assign",
  "Object.defineProperty",
  "Object.defineProperties",
  "Object.setPrototypeOf",
  "Reflect.set",
  "Reflect.defineProperty",
  "Reflect.deleteProperty",
]);
