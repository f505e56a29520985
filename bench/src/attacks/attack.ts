import type { Measures, Scene, SceneOptions } from "./scene.ts";

/** Figures of {@link Measures} that a bound may be about, and some that are made of them. */
export type Figure = "halfOpen" | "pendingJoins" | "connections" | "tokens" | "memory" | "pathRows" | "subflows" | "left" | "broken" | "lost" | "drawnPerPacket" | "drawnPerOctet" | "hashesPerPacket" | "drawn" | "drawnOctets";

/** An attack, and what it may come to at the most. */
export interface Attack {
  readonly name: string;
  /** Where the attacker is. */
  readonly from: "off the path" | "on one path" | "the peer";
  /** What is done, in one sentence. */
  readonly text: string;
  /** What holds it down: RFCs, and limits by name. */
  readonly by: string;
  readonly scene?: SceneOptions;
  readonly bounds: Partial<Readonly<Record<Figure, number>>>;
  run(scene: Scene): void;
}

/** The value of a figure. */
export function figureOf(measures: Measures, figure: Figure): number {
  const { drawn, drawnOctets, hashes, octets, packets } = measures;
  switch (figure) {
    case "lost":
      return 1 - measures.kept;
    case "drawnPerPacket":
      return drawn / Math.max(1, packets);
    case "drawnPerOctet":
      return drawnOctets / Math.max(1, octets);
    case "hashesPerPacket":
      return hashes / Math.max(1, packets);
    default:
      return measures[figure];
  }
}

/** What of an attack went beyond its bounds; nothing is what is expected. Friends lose nothing, and nothing is left, unless it is said otherwise. */
export function problemsOf(attack: Attack, measures: Measures): string[] {
  const bounds = { ...EVERYWHERE, ...attack.bounds };
  return (Object.keys(bounds) as Figure[]).flatMap((figure) => {
    const value = figureOf(measures, figure);
    const bound = bounds[figure] as number;
    return value <= bound ? [] : [`${figure}: ${value.toPrecision(4)} is more than ${bound}`];
  });
}

const EVERYWHERE: Attack["bounds"] = { broken: 0, left: 0, lost: 0.02 };
