import { ShellError } from "../bounds.ts";
import { boundedProgram, type Filter, inputOf } from "./filter.ts";

/** A path into JSON: `.kernel.TcpExtTCPOrigDataSent`, `.a["b"]`, `.[0]`, with `// 0` behind for what is not there. */
export const jq: Filter = {
  options: "rce",
  long: { "raw-output": "r", "compact-output": "c", "exit-status": "e" },
  prepare(options, [source, ...files]) {
    if (source === undefined) throw new ShellError("jq: the filter is missing");
    const { steps, otherwise } = readPath(boundedProgram("jq", source));
    return (context) => {
      const input = inputOf("jq", files, context);
      if (input.trim() === "") return { status: 0, output: "" };
      let value: unknown = parse(input);
      for (const step of steps) value = member(value, step);
      if ((value === null || value === false) && otherwise !== undefined) value = otherwise;
      const status = options.has("e") && (value === null || value === false) ? 1 : 0;
      return { status, output: `${options.has("r") && typeof value === "string" ? value : show(value, options.has("c"))}\n` };
    };
  },
};

function readPath(source: string): { steps: (string | number)[]; otherwise: unknown } {
  const [path = "", fallback] = source.split("//");
  const steps: (string | number)[] = [];
  const form = /\s*(?:\.?\[\s*(?:"([^"\\]*)"|(-?\d{1,6}))\s*\]|\.([A-Za-z_]\w*)|\."([^"\\]*)"|\.(?=\s*$))\??/y;
  for (let at = 0; path.slice(at).trim() !== ""; at = form.lastIndex) {
    form.lastIndex = at;
    const found = form.exec(path);
    if (found === null) throw new ShellError(`jq: the filter "${source.slice(0, 80)}" is not carried out, only paths are`);
    const name = found[1] ?? found[3] ?? found[4];
    if (found[2] !== undefined) steps.push(Number(found[2]));
    else if (name !== undefined) steps.push(name);
  }
  return { steps, otherwise: fallback === undefined ? undefined : parse(fallback) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ShellError("jq: what it is given is no JSON");
  }
}

function show(value: unknown, compact: boolean): string {
  try {
    return JSON.stringify(value, undefined, compact ? undefined : 2);
  } catch {
    throw new ShellError("jq: what it is given is nested too deeply");
  }
}

function member(value: unknown, step: string | number): unknown {
  if (value === null) return null;
  if (typeof step === "number" && Array.isArray(value)) return (value.at(step) as unknown) ?? null;
  if (typeof step === "string" && typeof value === "object" && !Array.isArray(value)) return Object.hasOwn(value, step) ? (value as Record<string, unknown>)[step] : null;
  throw new ShellError(`jq: there is no member ${JSON.stringify(step)} of what it is given`);
}
