interface Target {
  readonly packageName?: string;
}

/** What typedoc writes as JSON: values of all sorts, of which two are looked at, modules and references to types. */
interface Entry {
  readonly kind?: number;
  readonly name?: string;
  readonly type?: unknown;
  readonly target?: number | Target;
  readonly refersToTypeParameter?: boolean;
}

/** typedoc's number for a module: an entry point. */
const MODULE = 2;
const PACKAGES = ["mptcp", "@mptcp/scenario", "@mptcp/testbed"];

/** The names that an entry point's declarations use and that no entry point exports, by entry point. */
export function namesNotExported(reference: unknown): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  const walk = (value: unknown, module: string): void => {
    if (typeof value !== "object" || value === null) return;
    const { kind, name = "", type, target, refersToTypeParameter } = value as Entry;
    const here = kind === MODULE ? name : module;
    if (type === "reference" && typeof target === "object" && PACKAGES.includes(target.packageName ?? "") && refersToTypeParameter !== true) {
      const names = found.get(here) ?? new Set();
      found.set(here, names.add(name));
    }
    for (const one of Object.values(value)) walk(one, here);
  };
  walk(reference, "");
  return found;
}

/** What is wrong with a list of such names, in sentences. */
export function complaints(found: ReadonlyMap<string, ReadonlySet<string>>, internal: Readonly<Record<string, readonly string[]>>): string[] {
  const missing = [...found].flatMap(([entry, names]) => [...names].filter((name) => internal[entry]?.includes(name) !== true).map((name) => `${entry} uses ${name}, which no entry point exports: export it, or name it in tools/src/api/internal.ts`));
  const needless = Object.entries(internal).flatMap(([entry, names]) => names.filter((name) => found.get(entry)?.has(name) !== true).map((name) => `${name} is named for ${entry} in tools/src/api/internal.ts, and not used there`));
  return [...missing, ...needless];
}
