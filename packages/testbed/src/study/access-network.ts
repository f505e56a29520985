import { SeededRandom } from "mptcp";
import type { RandomSource } from "mptcp";
import { middleboxes } from "mptcp/sim";
import type { MiddleboxFactory, PlainParameters } from "mptcp/sim";
import { PAPER_SHARES, WEB_PORT } from "./paper.ts";
import { onPort } from "./port-box.ts";

/** A box of an emulated network. */
export interface PlacedBox {
  /** Its name in the registry of middleboxes. */
  readonly kind: string;
  readonly parameters: PlainParameters;
  /** The one port whose connections go through it; null: all do. */
  readonly port: number | null;
}

/** A host's way into the Internet. */
export interface AccessNetwork {
  /** From 0; with the seed of the survey, that of the network. */
  readonly number: number;
  /** Bits per second. */
  readonly rate: number;
  /** One way, ns. */
  readonly delay: number;
  /** From the host on. */
  readonly boxes: readonly PlacedBox[];
}

/**
 * Networks that have, of each behaviour of the paper, just the share that it says, and other boxes besides. Who has what follows from the seed: for each behaviour that many networks are
 * drawn, independently of those for others. What port 80 has more are terminating proxies, which have all four behaviours at once, as far as they do not exceed any share, and boxes that
 * see port 80 alone.
 */
export function accessNetworks(count: number, seed: number): AccessNetwork[] {
  const draw = (name: string): SeededRandom => new SeededRandom(seed, "access networks", name);
  const boxes = Array.from({ length: count }, (): PlacedBox[] => []);
  const everywhere = PAPER_SHARES.map(({ name, everywhere: share }) => new Set(picked(numbers(count), Math.round(share * count), draw(name))));
  // The rarest of what proxies do, where its own boxes are not already, says how many there are.
  const most = Math.min(...PAPER_SHARES.map(({ web, everywhere: share }) => Math.floor((count * (web - share)) / (1 - share))));
  const proxies = new Set(picked(numbers(count), most, draw("proxies")));
  for (const network of proxies) boxes[network]?.push({ kind: "terminating-proxy", parameters: { port: WEB_PORT }, port: null });
  for (const [i, { name, web }] of PAPER_SHARES.entries()) {
    const all = everywhere[i] as Set<number>;
    const others = numbers(count).filter((network) => !all.has(network) && !proxies.has(network));
    const missing = Math.round(web * count) - (count - others.length);
    const random = draw(`${name} variants`);
    for (const network of all) boxes[network]?.push({ ...variant(name, random), port: null });
    for (const network of picked(others, Math.max(0, missing), draw(`${name} on port 80`))) boxes[network]?.push({ ...variant(name, random), port: WEB_PORT });
  }
  for (const [kind, share, variants] of BESIDES) {
    const random = draw(kind);
    for (const network of picked(numbers(count), Math.round(share * count), random)) boxes[network]?.push({ kind, parameters: one(variants, random), port: null });
  }
  return boxes.map((placed, number) => {
    const random = new SeededRandom(seed, "access networks", "network", String(number));
    // Address translators stand at the customer's end, in front of all others, which stand in any order.
    const [translators, others] = [placed.filter(({ kind }) => kind === "nat44"), placed.filter(({ kind }) => kind !== "nat44")];
    return { number, rate: one(RATES, random), delay: (2 + below(random, 60)) * 1e6, boxes: [...translators, ...picked(others, others.length, random)] };
  });
}

/** What makes a box for a simulation. */
export function makeBox({ kind, parameters, port }: PlacedBox): MiddleboxFactory {
  const known = middleboxes[kind];
  if (known === undefined) throw new RangeError(`no middlebox ${kind}`);
  const make = known(parameters);
  return port === null ? make : onPort(port, make);
}

/** A box that has a behaviour of the paper, in one of the forms in which it was met. */
function variant(behaviour: string, random: RandomSource): Omit<PlacedBox, "port"> {
  const [kind, variants] = FORMS[behaviour] as (typeof FORMS)[string];
  return { kind, parameters: one(variants, random) };
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

const below = (random: RandomSource, bound: number): number => Math.floor((random.uint32() / 2 ** 32) * bound);

const one = <T>(values: readonly T[], random: RandomSource): T => values[below(random, values.length)] as T;

/** So many of the values, in an order that was drawn. */
function picked<T>(values: readonly T[], count: number, random: RandomSource): T[] {
  const shuffled = [...values];
  for (let i = shuffled.length - 1; i > 0; i--) {
    const other = below(random, i + 1);
    [shuffled[i], shuffled[other]] = [shuffled[other] as T, shuffled[i] as T];
  }
  return shuffled.slice(0, count);
}

/** The box of each behaviour of the paper, by the name of the behaviour. */
const FORMS: Readonly<Record<string, readonly [kind: string, variants: readonly PlainParameters[]]>> = {
  options: ["option-stripper", [{ options: ["unknown"], segments: ["syn"] }, { options: ["unknown"], segments: ["syn", "syn-ack"] }, { options: ["unknown"] }]],
  "sequence-numbers": ["isn-randomiser", [{}, { direction: "outward" }, { direction: "inward" }]],
  holes: ["hole-holder", [{}, { fate: "drop" }, { direction: "outward" }, { direction: "inward", fate: "drop" }]],
  "unseen-acks": ["stateful-firewall", [{ acks: "drop" }, { acks: "correct" }, { acks: "drop", refusal: "reset", opens: "inside" }]],
};

/** Boxes of which the paper gives no share. The shares are ours, small enough to leave the paper's as they are: the probe is to tell these boxes from the others. */
const BESIDES: readonly (readonly [kind: string, share: number, variants: readonly PlainParameters[]])[] = [
  ["nat44", 0.6, [{}, { ports: "random" }]],
  ["mss-clamp", 0.08, [{ size: 1220 }, { size: 1360 }]],
  ["ip-header-rewriter", 0.05, [{ dscp: 0 }, { dscp: 46, direction: "inward" }, { hopLimit: 60 }]],
  ["ecn-bleacher", 0.03, [{}, { codepoints: "none", flags: "syn" }]],
  ["window-clamp", 0.02, [{ window: 16_384 }]],
  ["window-scale-rewriter", 0.02, [{ scale: 2 }, { scale: 0, windows: "leave" }]],
  ["proactive-acker", 0.02, [{}, { direction: "inward" }]],
  ["splitter", 0.02, [{ size: 536 }]],
  ["coalescer", 0.02, [{ wait: 2_000_000 }]],
  ["ack-filter", 0.02, [{}, { direction: "outward" }]],
  ["syn-data-dropper", 0.02, [{}, { what: "segment" }]],
  ["payload-editor", 0.02, [{}, { at: 500 }, { length: "longer", at: 200 }, { length: "shorter", at: 300 }]],
  ["option-duplicator", 0.01, [{}]],
  ["option-reorderer", 0.01, [{}]],
  ["syn-ack-rewriter", 0.01, [{}]],
];

/** Bits per second. */
const RATES: readonly number[] = [1e6, 4e6, 16e6, 50e6, 100e6];
