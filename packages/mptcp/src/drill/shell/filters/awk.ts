import { ShellError } from "../bounds.ts";
import type { Pattern } from "../matcher.ts";
import { readExpression } from "../patterns.ts";
import { unescape } from "../print.ts";
import { linesOf } from "../streams.ts";
import { boundedProgram, type Filter, inputOf, written } from "./filter.ts";

/** What awk prints: `$2`, `$NF`, `NF`, `NR`, a number, or a text between quotation marks. */
type Item = { readonly field: number | "last" } | { readonly count: "NF" | "NR" } | { readonly text: string };

const PROGRAM = /^\s*(?:\/((?:[^/\\]|\\[^])*)\/|NR\s*==\s*(\d{1,9}))?\s*(?:\{\s*print\b([^{}]*?);?\s*\})?\s*$/;

/** Fields of lines: `/pattern/ {print $2, $3}`, `NR==2 {print $1}`. No other programs are carried out. */
export const awk: Filter = {
  options: "F:",
  prepare(options, [source, ...files]) {
    const [all, pattern, line, items] = PROGRAM.exec(boundedProgram("awk", source ?? "")) ?? [];
    if (all === undefined || all.trim() === "") throw new ShellError("awk: only /pattern/ or NR==N with {print ...} is carried out");
    const wanted: Pattern | undefined = pattern === undefined ? undefined : readExpression(pattern.replaceAll("\\/", "/"), { extended: true });
    const separator = unescape(options.get("F")?.at(-1) ?? " ");
    const groups = (items ?? "").split(",").map(readItems);
    return (context) => {
      const shown: string[] = [];
      for (const [index, text] of linesOf(inputOf("awk", files, context)).entries()) {
        if (wanted !== undefined && context.matcher.find(wanted, text) === null) continue;
        if (line !== undefined && index + 1 !== Number(line)) continue;
        const fields = separator === " " ? text.trim().split(/\s+/) : text.split(separator);
        const show = (item: Item): string => {
          if ("text" in item) return item.text;
          if ("count" in item) return String(item.count === "NF" ? fields.length : index + 1);
          return (item.field === "last" ? fields.at(-1) : item.field === 0 ? text : fields[item.field - 1]) ?? "";
        };
        shown.push(groups.map((group) => group.map(show).join("")).join(" "));
      }
      return { status: 0, output: written(shown) };
    };
  },
};

function readItems(text: string): Item[] {
  const source = text.trim();
  if (source === "") return [{ field: 0 }];
  const items: Item[] = [];
  const form = /\s*(?:\$(\d{1,4})|\$(NF)\b|(NF|NR)\b|"((?:[^"\\]|\\[^])*)"|(\d{1,9}))\s*/y;
  for (let at = 0; at < source.length; at = form.lastIndex) {
    form.lastIndex = at;
    const found = form.exec(source);
    if (found === null) throw new ShellError(`awk: "${source.slice(0, 60)}" is not carried out`);
    const [, field, last, count, string, number] = found;
    if (field !== undefined) items.push({ field: Number(field) });
    else if (last !== undefined) items.push({ field: "last" });
    else if (count === "NF" || count === "NR") items.push({ count });
    else items.push({ text: string === undefined ? number! : unescape(string) });
  }
  return items;
}
