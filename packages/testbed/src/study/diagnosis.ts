import type { Aspect, Finding } from "./finding.ts";
import type { NamedBox } from "./report.ts";

/** A kind of box, and what shows it. */
interface Rule {
  readonly kind: string;
  /** Whether these findings show it. */
  readonly shows: (has: Has) => boolean;
  /** What it explains, once it is there. */
  readonly explains: (finding: Finding) => boolean;
}

/** Whether there is a finding of an aspect, with one of some verdicts where these are given. */
type Has = (aspect: Aspect, ...verdicts: readonly string[]) => boolean;

/**
 * The boxes that explain the findings on one port. The rules are asked in turn, those first that explain most, and each takes what it explains, so that a proxy is not called a stripper of
 * options as well. What is left over in the end is told without a name.
 */
export function diagnose(findings: readonly Finding[]): NamedBox[] {
  let left = findings;
  const boxes: NamedBox[] = [];
  for (const { kind, shows, explains } of RULES) {
    const current = left;
    if (!shows((aspect, ...verdicts) => current.some((one) => one.aspect === aspect && (verdicts.length === 0 || verdicts.includes(one.verdict))))) continue;
    boxes.push({ kind, because: current.filter(explains) });
    left = current.filter((one) => !explains(one));
  }
  if (left.length > 0) boxes.push({ kind: "", because: left });
  return boxes;
}

const aspects = (...names: readonly Aspect[]) => ({ aspect }: Finding): boolean => names.includes(aspect);
const optionOn = (...segments: readonly string[]) => ({ aspect, segment }: Finding): boolean => aspect === "option" && segments.includes(segment);
const optionWas = (...verdicts: readonly string[]) => ({ aspect, verdict }: Finding): boolean => aspect === "option" && verdicts.includes(verdict);
const any = (...ones: readonly ((finding: Finding) => boolean)[]) => (finding: Finding): boolean => ones.some((one) => one(finding));
/** A box that is shown by what it explains. */
const plain = (kind: string, ...names: readonly Aspect[]): Rule => ({ kind, shows: (has) => names.some((name) => has(name)), explains: aspects(...names) });

const RULES: readonly Rule[] = [
  // It sends segments of its own: but for addresses, nothing that arrives is what was sent.
  { kind: "terminating-proxy", shows: (has) => has("silent-server"), explains: (one) => one.aspect !== "address" },
  // Who has got a RST does not go on, so that much is missing.
  { kind: "rst-injector", shows: (has) => has("reset"), explains: any(aspects("reset"), ({ verdict }) => ["lost", "unanswered", "missing", "fewer", "held"].includes(verdict)) },
  { kind: "syn-ack-rewriter", shows: (has) => has("echo"), explains: any(aspects("echo"), optionOn("syn-ack")) },
  {
    kind: "normaliser",
    shows: (has) => has("dscp") && has("ecn-flags") && has("syn-data", "removed") && has("option", "removed"),
    explains: any(aspects("dscp", "ecn-flags", "ecn-codepoint", "ce", "syn-data", "mss"), optionWas("removed")),
  },
  { kind: "proactive-acker", shows: (has) => has("early-ack"), explains: any(aspects("early-ack", "retransmission", "acks", "copies"), optionOn("ack")) },
  { kind: "hole-holder", shows: (has) => has("hole"), explains: aspects("hole", "order") },
  { kind: "nat44", shows: (has) => has("address"), explains: aspects("address") },
  plain("stateful-firewall", "stray", "unseen-ack"),
  { kind: "payload-editor", shows: (has) => has("payload", "changed", "longer", "shorter"), explains: aspects("payload", "ftp", "order") },
  plain("ftp-alg", "ftp"),
  plain("splitter", "long-segment"),
  plain("coalescer", "short-segments"),
  plain("ack-filter", "acks"),
  plain("isn-randomiser", "sequence-numbers"),
  plain("mss-clamp", "mss"),
  { kind: "window-scale-rewriter", shows: (has) => has("window-scale", "changed"), explains: aspects("window-scale", "window") },
  plain("window-clamp", "window"),
  { kind: "black-hole", shows: (has) => has("option", "lost"), explains: optionWas("lost") },
  { kind: "option-stripper", shows: (has) => has("option", "removed") || has("window-scale") || has("sack-permitted"), explains: any(optionWas("removed"), aspects("window-scale", "sack-permitted")) },
  { kind: "option-duplicator", shows: (has) => has("option", "duplicated"), explains: optionWas("duplicated") },
  { kind: "option-reorderer", shows: (has) => has("option", "reordered"), explains: optionWas("reordered") },
  plain("ecn-bleacher", "ecn-codepoint", "ce", "ecn-flags"),
  plain("ip-header-rewriter", "dscp", "hop-limit"),
  plain("syn-data-dropper", "syn-data"),
  plain("duplicator", "copies"),
  plain("reorderer", "order"),
];

/** The kinds that have a rule. */
export const NAMED_KINDS: readonly string[] = RULES.map(({ kind }) => kind);
