import { isAlias, isCollection, isPair } from "yaml";
import type { Document, Node } from "yaml";

/** The value that a YAML document stands for, or the alias for which it has none. */
export type YamlValue = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly problem: string; readonly offset: number };

/**
 * The value of a document that was parsed without errors. Aliases may stand for {@link MOST_ALIASED} values in all: a few lines of aliases
 * of aliases are enough for more than any memory holds.
 */
export function valueOf(document: Document.Parsed): YamlValue {
  const wrong = new AliasCheck().check(document.contents);
  if (wrong !== null) return wrong;
  return { ok: true, value: document.toJS({ maxAliasCount: -1 }) as unknown };
}

/** Counts the values that aliases stand for, in the order of the text. */
class AliasCheck {
  private values = 0;
  private aliased = 0;
  /** The values below each anchor so far; null while it is open. */
  private readonly anchors = new Map<string, number | null>();

  check(node: unknown): (YamlValue & { readonly ok: false }) | null {
    if (isAlias(node)) {
      const size = this.anchors.get(node.source);
      const problem = size === undefined ? "there is no such anchor before it" : size === null ? "it stands inside of what it stands for" : this.add(size);
      return problem === null ? null : { ok: false, problem: `alias *${node.source}: ${problem}`, offset: node.range?.[0] ?? 0 };
    }
    if (isPair(node)) return this.check(node.key) ?? this.check(node.value);
    const { anchor } = (node ?? {}) as Node & { readonly anchor?: string };
    const before = this.values++;
    if (anchor !== undefined) this.anchors.set(anchor, null);
    if (isCollection(node)) {
      for (const item of node.items) {
        const wrong = this.check(item);
        if (wrong !== null) return wrong;
      }
    }
    if (anchor !== undefined) this.anchors.set(anchor, this.values - before);
    return null;
  }

  private add(size: number): string | null {
    this.values += size;
    this.aliased += size;
    return this.aliased > MOST_ALIASED ? `with this one, aliases stand for more than ${MOST_ALIASED} values` : null;
  }
}

const MOST_ALIASED = 10_000;
