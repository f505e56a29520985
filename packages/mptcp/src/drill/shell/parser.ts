import { MAX_TEXT, ShellProblem } from "./bounds.ts";
import { WordReader } from "./reader.ts";
import type { AndOr, Assignment, Command, Condition, List, Part, Pipeline, Redirection, Word } from "./tree.ts";

/** Words that mean something where a command may begin. */
const RESERVED = /(?:if|then|elif|else|fi|for|while|until|do|done|case|esac|function|select|time|\{|\}|!|\[\[)(?=[\s;&|()<>]|$)/y;
const BLANK = /(?:[ \t\r]|\\\r?\n)+/y;
const ASSIGNMENT = /([A-Za-z_]\w*)(\+?)=/y;
const BINARY = /(?:==|!=|=~|=|-(?:eq|ne|lt|le|gt|ge|nt|ot|ef)(?=\s)|<|>)/y;
/** How many conditions of `[[ ]]` a text may join. */
const MAX_JOINED = 200;
const UNARY = /-[a-zA-Z](?=\s)/y;

/**
 * Reads a text of a shell: what POSIX has, and of bash `[[ ]]`, `(( ))`, `<<<`, `&>` and replacements in parameters.
 *
 * @throws ShellProblem
 */
export function parseShell(text: string): List {
  if (text.length > MAX_TEXT) throw new ShellProblem(0, `the text is longer than ${MAX_TEXT} characters`);
  return new Parser(text, 0).all();
}

/** Whether the command is `let`, whose words may have brackets. */
function isLet(word: Word | undefined): boolean {
  const part = word?.parts[0];
  return part?.kind === "text" && part.text === "let" && word!.parts.length === 1;
}

/** A here-document whose lines come behind the line it is on. */
interface Pending {
  readonly delimiter: string;
  readonly quoted: boolean;
  readonly stripped: boolean;
  readonly at: number;
  fill(text: Word): void;
}

class Parser extends WordReader {
  #pending: Pending[] = [];
  #joined = 0;

  all(): List {
    const list = this.substituted(undefined);
    if (!this.done) throw this.unexpected("a command");
    return list;
  }

  protected inner(text: string, at: number): List {
    try {
      return new Parser(text, this.depth).all();
    } catch (error) {
      if (error instanceof ShellProblem) throw new ShellProblem(at, error.message);
      throw error;
    }
  }

  protected substituted(end: string | undefined): List {
    return this.#list(() => this.done || (end !== undefined && this.text.startsWith(end, this.at)));
  }

  /** Commands with separators between them, until something ends them. */
  #list(ends: () => boolean): List {
    return this.nested(() => {
      const items: AndOr[] = [];
      for (;;) {
        this.#separators();
        if (ends() || this.done) break;
        items.push(this.#andOr());
        this.#blanks();
        if (this.text[this.at] === "&" && this.text[this.at + 1] !== "&") throw new ShellProblem(this.at, "a command in the background is not carried out");
        if (!this.#seesSeparator() && !ends()) throw this.unexpected("the end of the command");
        if (this.text.startsWith(";;", this.at)) break;
      }
      return { items };
    });
  }

  #seesSeparator(): boolean {
    return this.done || this.text[this.at] === "\n" || this.text[this.at] === ";";
  }

  #blanks(): void {
    this.match(BLANK);
    if (this.text[this.at] === "#") this.match(/#[^\n]*/y);
  }

  #separators(): void {
    for (;;) {
      this.#blanks();
      if (this.text[this.at] === "\n") this.#newline();
      else if (this.text[this.at] === ";" && this.text[this.at + 1] !== ";") this.at++;
      else return;
    }
  }

  #newlines(): void {
    for (this.#blanks(); this.text[this.at] === "\n"; this.#blanks()) this.#newline();
  }

  /** A line end, behind which here-documents begin. */
  #newline(): void {
    this.at++;
    const pending = this.#pending;
    this.#pending = [];
    for (const { delimiter, quoted, stripped, at, fill } of pending) {
      let body = "";
      for (;;) {
        if (this.done) throw new ShellProblem(at, `the here-document has no end: "${delimiter}" is missing`);
        const end = this.text.indexOf("\n", this.at);
        const line = this.text.slice(this.at, end < 0 ? undefined : end);
        this.at = end < 0 ? this.text.length : end + 1;
        const shown = stripped ? line.replace(/^\t+/, "") : line;
        if (shown === delimiter) break;
        body += `${shown}\n`;
      }
      if (quoted) fill({ parts: [{ kind: "text", text: body, quoted: true }], at });
      else fill(this.nested(() => new Parser(body, this.depth).quotedText()));
    }
  }

  #reserved(): string | undefined {
    RESERVED.lastIndex = this.at;
    return RESERVED.exec(this.text)?.[0];
  }

  #takesReserved(word: string): boolean {
    return this.#reserved() === word && this.takes(word);
  }

  #expectReserved(word: string, start: number, what: string): void {
    this.#separators();
    if (this.#takesReserved(word)) return;
    throw this.done ? new ShellProblem(start, `${what} has no end: "${word}" is missing`) : this.unexpected(`"${word}"`);
  }

  #until(...words: string[]): List {
    return this.#list(() => words.includes(this.#reserved() ?? ""));
  }

  #andOr(): AndOr {
    const first = this.#pipeline();
    const rest: { operator: "&&" | "||"; pipeline: Pipeline }[] = [];
    for (;;) {
      this.#blanks();
      const operator = this.takes("&&") ? "&&" : this.takes("||") ? "||" : undefined;
      if (operator === undefined) return { first, rest };
      this.#newlines();
      rest.push({ operator, pipeline: this.#pipeline() });
    }
  }

  #pipeline(): Pipeline {
    let negated = false;
    while (this.#takesReserved("!")) {
      negated = !negated;
      this.#blanks();
    }
    const commands = [this.#command()];
    for (;;) {
      this.#blanks();
      if (this.text[this.at] !== "|" || this.text[this.at + 1] === "|") return { negated, commands };
      if (this.text[this.at + 1] === "&") throw new ShellProblem(this.at, '"|&" is not carried out');
      this.at++;
      this.#newlines();
      commands.push(this.#command());
    }
  }

  #command(): Command {
    const at = this.at;
    const redirections: Redirection[] = [];
    const compound = this.#compound(at, redirections);
    if (compound === undefined) return this.#simple(at);
    for (this.#blanks(); this.#redirection(redirections); this.#blanks());
    return compound;
  }

  #compound(at: number, redirections: Redirection[]): Command | undefined {
    if (this.takes("((")) return { kind: "arithmetic", expression: this.arithmeticText(at), redirections, at };
    if (this.takes("(")) {
      const body = this.substituted(")");
      if (!this.takes(")")) throw new ShellProblem(at, 'the subshell has no end: ")" is missing');
      return { kind: "subshell", body, redirections, at };
    }
    const word = this.#reserved();
    if (word === undefined) return this.#functionDefinition(at, redirections);
    this.at += word.length;
    switch (word) {
      case "if":
        return this.#if(at, redirections);
      case "for":
        return this.#for(at, redirections);
      case "while":
      case "until": {
        const condition = this.#until("do");
        this.#expectReserved("do", at, `the loop that begins with "${word}"`);
        return { kind: "while", until: word === "until", condition, body: this.#doneBody(at), redirections, at };
      }
      case "case":
        return this.#case(at, redirections);
      case "{": {
        const body = this.#until("}");
        this.#expectReserved("}", at, 'the group that begins with "{"');
        return { kind: "group", body, redirections, at };
      }
      case "[[": {
        const condition = this.#condition(0);
        this.#newlines();
        if (!this.takes("]]")) throw this.unexpected('"]]"');
        return { kind: "condition", condition, redirections, at };
      }
      case "function": {
        this.#blanks();
        return this.#functionBody(this.match(/[A-Za-z_][\w-]*/y), at, redirections);
      }
      default:
        throw new ShellProblem(at, word === "select" || word === "time" ? `"${word}" is not carried out` : `"${word}" does not belong here`);
    }
  }

  #functionDefinition(at: number, redirections: Redirection[]): Command | undefined {
    const form = /([A-Za-z_][\w-]*)[ \t]*(?=\([ \t]*\))/y;
    form.lastIndex = at;
    const name = form.exec(this.text)?.[1];
    if (name === undefined) return undefined;
    this.at += name.length;
    return this.#functionBody(name, at, redirections);
  }

  #functionBody(name: string | undefined, at: number, redirections: Redirection[]): Command {
    if (name === undefined) throw this.unexpected("the name of the function");
    this.match(/[ \t]*\([ \t]*\)/y);
    this.#newlines();
    const body = this.nested(() => this.#command());
    if (body.kind === "simple") throw new ShellProblem(at, "the body of a function stands in braces");
    return { kind: "function", name, body, redirections, at };
  }

  #if(at: number, redirections: Redirection[]): Command {
    const arms: { condition: List; body: List }[] = [];
    let otherwise: List | undefined;
    do {
      const condition = this.#until("then");
      this.#expectReserved("then", at, 'the condition that begins with "if"');
      arms.push({ condition, body: this.#until("elif", "else", "fi") });
    } while (this.#takesReserved("elif"));
    if (this.#takesReserved("else")) otherwise = this.#until("fi");
    this.#expectReserved("fi", at, 'the condition that begins with "if"');
    return { kind: "if", arms, otherwise, redirections, at };
  }

  #for(at: number, redirections: Redirection[]): Command {
    this.#blanks();
    if (this.text.startsWith("((", this.at)) throw new ShellProblem(at, '"for ((" is not carried out');
    const name = this.match(/[A-Za-z_]\w*/y);
    if (name === undefined) throw this.unexpected("the name of a variable");
    this.#newlines();
    let words: Word[] | undefined;
    if (this.match(/in(?=[\s;]|$)/y) !== undefined) words = this.#words();
    this.#expectReserved("do", at, 'the loop that begins with "for"');
    return { kind: "for", name, words, body: this.#doneBody(at), redirections, at };
  }

  #words(): Word[] {
    const words: Word[] = [];
    for (;;) {
      this.#blanks();
      const word = this.word();
      if (word === undefined) return words;
      words.push(word);
    }
  }

  #doneBody(at: number): List {
    const body = this.#until("done");
    this.#expectReserved("done", at, "the loop");
    return body;
  }

  #case(at: number, redirections: Redirection[]): Command {
    this.#blanks();
    const word = this.word();
    if (word === undefined) throw this.unexpected("a word");
    this.#newlines();
    if (this.match(/in(?=[\s;]|$)/y) === undefined) throw this.unexpected('"in"');
    const arms: { patterns: Word[]; body: List }[] = [];
    for (this.#newlines(); !this.#takesReserved("esac"); this.#newlines()) {
      if (this.done) throw new ShellProblem(at, 'the choice that begins with "case" has no end: "esac" is missing');
      arms.push(this.#arm());
    }
    return { kind: "case", word, arms, redirections, at };
  }

  #arm(): { patterns: Word[]; body: List } {
    this.takes("(");
    const patterns: Word[] = [];
    do {
      this.#blanks();
      const pattern = this.word();
      if (pattern === undefined) throw this.unexpected("a pattern");
      patterns.push(pattern);
      this.#blanks();
    } while (this.takes("|"));
    if (!this.takes(")")) throw this.unexpected('")" behind the pattern');
    const body = this.#list(() => this.text.startsWith(";;", this.at) || this.#reserved() === "esac");
    this.takes(";;");
    return { patterns, body };
  }

  /** 0: `||`, 1: `&&`, 2: one. */
  #condition(level: number): Condition {
    if (level === 2) return this.nested(() => this.#oneCondition());
    const operator = level === 0 ? "||" : "&&";
    let left = this.#condition(level + 1);
    for (this.#newlines(); this.takes(operator); this.#newlines()) {
      if (++this.#joined > MAX_JOINED) throw new ShellProblem(this.at, "the condition is too long");
      left = { kind: "logic", operator, left, right: this.#condition(level + 1) };
    }
    return left;
  }

  #oneCondition(): Condition {
    this.#newlines();
    if (this.match(/!(?=\s)/y) !== undefined) return { kind: "not", condition: this.#condition(2) };
    if (this.takes("(")) {
      const condition = this.#condition(0);
      this.#newlines();
      if (!this.takes(")")) throw this.unexpected('")"');
      return condition;
    }
    const unary = this.match(UNARY);
    this.#blanks();
    if (this.match(/\]\](?=[\s;&|)]|$)/y) !== undefined) throw new ShellProblem(this.at - 2, 'expected a condition, found "]]"');
    const left = this.word();
    if (left === undefined) throw this.unexpected("a word");
    if (unary !== undefined) return { kind: "unary", operator: unary, word: left };
    this.#blanks();
    const operator = this.match(BINARY);
    if (operator === undefined) return { kind: "word", word: left };
    this.#blanks();
    const right = operator === "=~" ? this.expression() : this.word();
    if (right === undefined) throw this.unexpected("a word");
    return { kind: "binary", operator: operator === "=" ? "==" : operator, left, right };
  }

  #simple(at: number): Command {
    const assignments: Assignment[] = [];
    const words: Word[] = [];
    const redirections: Redirection[] = [];
    for (;;) {
      this.#blanks();
      if (this.#redirection(redirections)) continue;
      const assignment = words.length === 0 ? this.#assignment() : undefined;
      if (assignment !== undefined) {
        assignments.push(assignment);
        continue;
      }
      const word = isLet(words[0]) ? this.bracketed() : this.word();
      if (word === undefined) break;
      words.push(word);
      if (this.text[this.at] === "(") throw new ShellProblem(this.at, '"(" does not belong here');
    }
    if (assignments.length + words.length + redirections.length === 0) throw this.unexpected("a command");
    return { kind: "simple", assignments, words, redirections, at };
  }

  #assignment(): Assignment | undefined {
    const at = this.at;
    ASSIGNMENT.lastIndex = at;
    const found = ASSIGNMENT.exec(this.text);
    if (found === null) return undefined;
    this.at += found[0].length;
    if (this.text[this.at] === "(") throw new ShellProblem(at, "arrays are not carried out");
    return { name: found[1]!, appended: found[2] !== "", value: this.word() ?? { parts: [], at: this.at }, at };
  }

  #redirection(redirections: Redirection[]): boolean {
    const at = this.at;
    const form = this.match(/\d?(?:<<<|<<-?|<&|<>|<|>>|>&|>\||>)|&>>?/y);
    if (form === undefined) return false;
    const [, digit = "", operator = ""] = /^(\d?)(.*)$/.exec(form)!;
    if (this.text[this.at] === "(") throw new ShellProblem(at, "the substitution of a process is not carried out");
    this.#blanks();
    if (operator.startsWith("<<")) {
      this.#here(operator, at, redirections);
      return true;
    }
    const from = digit === "" ? (operator.startsWith("<") ? 0 : 1) : Number(digit);
    const copied = operator === ">&" || operator === "<&" ? this.match(/\d(?=[\s;&|)]|$)/y) : undefined;
    if (copied !== undefined) {
      redirections.push({ kind: "copy", from, to: Number(copied), at });
      return true;
    }
    const target = this.word();
    if (target === undefined) throw this.unexpected("the name of a file");
    if (operator === "<>" || operator === "<&") throw new ShellProblem(at, `"${operator}" is not carried out`);
    const direction = operator === "<" ? "<" : operator.endsWith(">>") ? ">>" : ">";
    redirections.push({ kind: "file", direction, from: operator.startsWith("&") || operator === ">&" ? "both" : from, target, at });
    return true;
  }

  #here(operator: string, at: number, redirections: Redirection[]): void {
    const word = this.word();
    if (word === undefined) throw this.unexpected("a word");
    if (operator === "<<<") {
      redirections.push({ kind: "here", text: word, lineEnd: true, at });
      return;
    }
    const here: { kind: "here"; text: Word; lineEnd: boolean; at: number } = { kind: "here", text: word, lineEnd: false, at };
    redirections.push(here);
    this.#pending.push({
      delimiter: word.parts.map((part) => (part.kind === "text" ? part.text : "")).join(""),
      quoted: word.parts.some((part: Part) => part.kind === "text" && part.quoted),
      stripped: operator === "<<-",
      at,
      fill: (text) => void (here.text = text),
    });
  }
}
