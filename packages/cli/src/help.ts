import type { Command } from "commander";
import type { Io } from "./io.ts";

/** Columns where no terminal says how many it has: those that every terminal has. */
const USUAL_COLUMNS = 80;

/** Sets how the program and the commands that are added to it later print their help: at the width of the terminal. To be called before they are added. */
export function configureHelp(program: Command, io: Io): void {
  program
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      getOutHelpWidth: () => io.stdout.columns || USUAL_COLUMNS,
      getErrHelpWidth: () => io.stderr.columns || USUAL_COLUMNS,
    })
    // Descriptions stand beside long names, too, however little room these leave.
    .configureHelp({ minWidthToWrap: 20, boxWrap: (text, width) => wrap(text, width).join("\n") })
    .showSuggestionAfterError();
}

/** Has every command's usage errors end with the command that shows what it takes. To be called when all are added. */
export function pointToHelp(command: Command, path: string = command.name()): void {
  command.showHelpAfterError(`(${path} --help shows what there is)`);
  for (const below of command.commands) pointToHelp(below, `${path} ${below.name()}`);
}

/** Adds text below a command's help, as `helpText` lays it out. */
export function addHelp(command: Command, text: string): Command {
  return command.addHelpText("after", () => `\n${helpText(text, command.configureOutput().getOutHelpWidth?.() ?? USUAL_COLUMNS)}`);
}

/**
 * Text for people, laid out for a width in columns. Lines that begin at the margin are prose: those that follow each other are one paragraph. "  NAME  what it is" is an entry, whose
 * lines are indented below what it is, as are lines that continue it. All others, commands to be copied, stay as they are.
 */
export function helpText(text: string, width: number): string {
  const lines: string[] = [];
  let open: { readonly term: string; text: string } | null = null;
  const close = (): void => {
    if (open !== null) lines.push(...entry(open.term, open.text, width));
    open = null;
  };
  for (const line of text.trim().split("\n")) {
    const [, term = "", rest = line] = ENTRY.exec(line) ?? [];
    const isContinued: boolean = open !== null && line !== "" && (open.term === "" ? !line.startsWith(" ") : line.startsWith(" ".repeat(open.term.length)));
    if (isContinued && open !== null) {
      open.text += ` ${line.trim()}`;
      continue;
    }
    close();
    if (line === "" || (term === "" && line.startsWith(" "))) lines.push(line);
    else if (line.endsWith(":")) lines.push(...wrap(line, width));
    else open = { term, text: rest };
  }
  close();
  return lines.join("\n");
}

function entry(term: string, text: string, width: number): readonly string[] {
  const indent = " ".repeat(term.length);
  return wrap(text, width - term.length).map((line, index) => `${index === 0 ? term : indent}${line}`);
}

/** Lines of words, each within the width: a word that is longer is parted where a comma or a bracket allows. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/).filter((one) => one !== "")) {
    for (const [index, part] of (word.length <= width ? [word] : word.split(PARTS)).entries()) {
      const space = line === "" || index > 0 ? "" : " ";
      if (line !== "" && line.length + space.length + part.length > width) {
        lines.push(line);
        line = part;
      } else {
        line += space + part;
      }
    }
  }
  return line === "" ? lines : [...lines, line];
}

/** A name that two blanks or more part from what it is; a command is none. */
const ENTRY = /^( {2,}(?!mptcp )(?:\S+ )*\S+ {2,})(\S.*)$/;
/** Where a long word may be parted. */
const PARTS = /(?<=(?<!\[),)|(?=\[)/;
