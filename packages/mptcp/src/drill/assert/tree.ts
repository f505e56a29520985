/** Where something is in the code: the first character of it, and the first behind it. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export type Node = Span &
  (
    | { readonly kind: "value"; readonly value: bigint | number | boolean | string | null }
    | { readonly kind: "name"; readonly name: string }
    | { readonly kind: "sequence"; readonly type: "list" | "tuple"; readonly items: readonly Node[] }
    | { readonly kind: "call"; readonly name: string; readonly parameters: readonly Node[] }
    | { readonly kind: "index"; readonly of: Node; readonly at: Node }
    /** `-a`, `+a`, `~a`, `not a`. */
    | { readonly kind: "unary"; readonly operator: string; readonly operand: Node }
    | { readonly kind: "binary"; readonly operator: string; readonly left: Node; readonly right: Node }
    /** `a and b`, `a or b`. */
    | { readonly kind: "logic"; readonly operator: "and" | "or"; readonly left: Node; readonly right: Node }
    /** `a <= b < c`: one operator less than operands. */
    | { readonly kind: "comparison"; readonly operands: readonly Node[]; readonly operators: readonly string[] }
    /** `a if condition else b`. */
    | { readonly kind: "choice"; readonly condition: Node; readonly body: Node; readonly otherwise: Node }
  );

export type Statement = Span &
  (
    | { readonly kind: "assert"; readonly condition: Node; readonly message: Node | undefined }
    | { readonly kind: "assign"; readonly name: string; readonly operator: string | undefined; readonly value: Node }
    | { readonly kind: "print"; readonly values: readonly Node[] }
    | { readonly kind: "expression"; readonly value: Node }
    | { readonly kind: "if"; readonly condition: Node; readonly body: readonly Statement[]; readonly otherwise: readonly Statement[] }
    | { readonly kind: "pass" }
  );
