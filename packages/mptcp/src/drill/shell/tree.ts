/** Everything knows where it begins: an index into the text. */
export interface At {
  readonly at: number;
}

/** A word before it is expanded. */
export interface Word extends At {
  readonly parts: readonly Part[];
}

export type Part =
  | { readonly kind: "text"; readonly text: string; readonly quoted: boolean }
  | (At & { readonly kind: "parameter"; readonly name: string; readonly quoted: boolean; readonly change: Change | undefined })
  | (At & { readonly kind: "arithmetic"; readonly expression: Word; readonly quoted: boolean })
  | (At & {
      readonly kind: "command";
      readonly body: List;
      readonly quoted: boolean;
      /** Between backquotes: the places within the body are those of a text without the backslashes. */
      readonly apart: boolean;
    });

/** What stands behind a name in `${name...}`. */
export type Change =
  | { readonly kind: "length" }
  /** `-`, `=`, `?` and `+`; with a colon an empty value counts as none. */
  | { readonly kind: "default"; readonly operator: "-" | "=" | "?" | "+"; readonly empty: boolean; readonly word: Word }
  /** `%`, `%%`, `#`, `##`. */
  | { readonly kind: "trim"; readonly side: "start" | "end"; readonly longest: boolean; readonly pattern: Word }
  | { readonly kind: "replace"; readonly all: boolean; readonly anchor: "" | "#" | "%"; readonly pattern: Word; readonly by: Word }
  | { readonly kind: "slice"; readonly from: Word; readonly length: Word | undefined };

export interface List {
  readonly items: readonly AndOr[];
}

export interface AndOr {
  readonly first: Pipeline;
  readonly rest: readonly { readonly operator: "&&" | "||"; readonly pipeline: Pipeline }[];
}

export interface Pipeline {
  readonly negated: boolean;
  readonly commands: readonly Command[];
}

export interface Assignment extends At {
  readonly name: string;
  /** `x+=y`. */
  readonly appended: boolean;
  readonly value: Word;
}

export type Redirection = At &
  (
    | { readonly kind: "file"; readonly direction: "<" | ">" | ">>"; readonly from: number | "both"; readonly target: Word }
    | { readonly kind: "copy"; readonly from: number; readonly to: number }
    /** A here-document, or the word behind `<<<`. */
    | { readonly kind: "here"; readonly text: Word; readonly lineEnd: boolean }
  );

export type Command = At & { readonly redirections: readonly Redirection[] } & (
    | { readonly kind: "simple"; readonly assignments: readonly Assignment[]; readonly words: readonly Word[] }
    | { readonly kind: "if"; readonly arms: readonly { readonly condition: List; readonly body: List }[]; readonly otherwise: List | undefined }
    | { readonly kind: "for"; readonly name: string; readonly words: readonly Word[] | undefined; readonly body: List }
    | { readonly kind: "while"; readonly until: boolean; readonly condition: List; readonly body: List }
    | { readonly kind: "case"; readonly word: Word; readonly arms: readonly { readonly patterns: readonly Word[]; readonly body: List }[] }
    | { readonly kind: "group" | "subshell"; readonly body: List }
    | { readonly kind: "function"; readonly name: string; readonly body: Command }
    /** `(( ... ))`. */
    | { readonly kind: "arithmetic"; readonly expression: Word }
    /** `[[ ... ]]`. */
    | { readonly kind: "condition"; readonly condition: Condition }
  );

export type Condition =
  | { readonly kind: "word"; readonly word: Word }
  | { readonly kind: "unary"; readonly operator: string; readonly word: Word }
  | { readonly kind: "binary"; readonly operator: string; readonly left: Word; readonly right: Word }
  | { readonly kind: "not"; readonly condition: Condition }
  | { readonly kind: "logic"; readonly operator: "&&" | "||"; readonly left: Condition; readonly right: Condition };
