import type { CommandOutcome } from "./target.ts";

/**
 * nstat(8) over counters of a stack: what they have gone up by since they were last shown (`-a`: since the beginning), those that are 0 with `-z` alone.
 *
 * @param counters all there are by their names, in the order in which they are shown
 * @param history what they were when they were last shown, which this changes
 */
export function nstat(words: readonly string[], counters: ReadonlyMap<string, number>, history: Map<string, number>): CommandOutcome {
  const options = new Set<string>();
  const patterns: RegExp[] = [];
  for (const word of words) {
    const known = LONG[word];
    if (known !== undefined) options.add(known);
    else if (/^-[ajnprsz]+$/.test(word)) for (const letter of word.slice(1)) options.add(letter);
    else if (word.startsWith("-")) return { status: 255, output: "", errors: `nstat: unrecognized option '${word}'\n` };
    else patterns.push(patternOf(word));
  }
  if (options.has("r")) history.clear();
  const shown: (readonly [string, number])[] = [];
  for (const [name, total] of counters) {
    const value = options.has("a") ? total : total - (history.get(name) ?? 0);
    if (value === 0 && !options.has("z")) continue;
    if (patterns.length > 0 && !patterns.some((pattern) => pattern.test(name))) continue;
    shown.push([name, value]);
  }
  if (!options.has("s")) for (const [name, total] of counters) history.set(name, total);
  if (options.has("n")) return { status: 0, output: "", errors: "" };
  const output = options.has("j") ? `${JSON.stringify({ kernel: Object.fromEntries(shown) })}\n` : `#kernel\n${shown.map(lineOf).join("")}`;
  return { status: 0, output, errors: "" };
}

function lineOf([name, value]: readonly [string, number]): string {
  return `${name.padEnd(32)}${String(value).padEnd(19)}0.0\n`;
}

/** A pattern of a shell: `*` and `?`. */
function patternOf(word: string): RegExp {
  const body = word.replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`).replaceAll("*", ".*").replaceAll("?", ".");
  return new RegExp(`^${body}$`);
}

const LONG: Readonly<Record<string, string>> = { "--ignore": "a", "--json": "j", "--nooutput": "n", "--pretty": "p", "--reset": "r", "--noupdate": "s", "--zeros": "z" };
