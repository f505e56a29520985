import type { CommandOutcome } from "../../system/index.ts";
import type { Machine } from "../machine/machine.ts";

/** sysctl(8): `[-q] [-n] [-w] NAME`, `NAME=VALUE`, any number of them; `-a`. */
export function sysctl(machine: Machine, words: readonly string[]): CommandOutcome {
  const { sysctls } = machine;
  const options = new Set<string>();
  const names: string[] = [];
  for (const word of words) {
    if (word.startsWith("-") && !word.includes("=")) for (const letter of word.slice(1)) options.add(letter);
    else names.push(word);
  }
  const wanted = options.has("a") ? sysctls.names : names;
  let output = "";
  let errors = "";
  for (const word of wanted) {
    const at = word.indexOf("=");
    const name = (at < 0 ? word : word.slice(0, at)).trim().replaceAll("/", ".");
    const trouble = at < 0 ? (sysctls.get(name) === undefined ? "missing" : null) : machine.setSysctl(name, unquoted(word.slice(at + 1)));
    if (trouble === "missing") {
      // -e and -i are for names that may be missing.
      if (!options.has("e") && !options.has("i")) errors += `sysctl: cannot stat /proc/sys/${name.replaceAll(".", "/")}: No such file or directory\n`;
      continue;
    }
    if (trouble !== null) {
      errors += `sysctl: setting key "${name}": ${trouble === "unknown" ? "No such file or directory" : "Invalid argument"}\n`;
      continue;
    }
    if (at >= 0 && options.has("q")) continue;
    output += options.has("n") ? `${sysctls.text(name)}\n` : `${name} = ${sysctls.text(name)}\n`;
  }
  return { status: errors === "" ? 0 : 1, output, errors };
}

/** A value may be in quotation marks that no shell took away. */
function unquoted(value: string): string {
  return /^"[^"]*"$/.test(value) || /^'[^']*'$/.test(value) ? value.slice(1, -1) : value;
}
