import type { Problem } from "./problems.ts";
import type { GilbertElliottSpec } from "./spec.ts";
import { parseProbability, parseProgress, parseRate, parseSize, parseTime } from "./units.ts";
import type { Parsed, Progress } from "./units.ts";

/** A loss probability per packet, or the Gilbert-Elliott model's parameters (as the simulator names them). */
export type LossValue = number | { readonly p: number; readonly r: number; readonly lossGood: number; readonly lossBad: number };

/** Reads quantities that the schema has already checked, and collects what does not fit together. */
export class Reader {
  readonly problems: Problem[] = [];

  rate(text: string): number {
    return checked(parseRate(text));
  }

  time(text: string | undefined, otherwise: number): number {
    return text === undefined ? otherwise : checked(parseTime(text));
  }

  size(text: string): number {
    return checked(parseSize(text));
  }

  probability(value: string | number): number {
    return checked(parseProbability(value));
  }

  progress(text: string): Progress {
    return checked(parseProgress(text));
  }
}

/** The numbers of a loss field. */
export function lossValue(spec: string | number | GilbertElliottSpec, reader: Reader): LossValue {
  if (typeof spec !== "object") return reader.probability(spec);
  return {
    p: reader.probability(spec.toBad),
    r: reader.probability(spec.toGood),
    lossGood: reader.probability(spec.good ?? 0),
    lossBad: reader.probability(spec.bad ?? 1),
  };
}

function checked<T>(parsed: Parsed<T>): T {
  if (!parsed.ok) throw new RangeError(parsed.problem);
  return parsed.value;
}
