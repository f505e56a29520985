import { pathManagers, schedulers } from "mptcp";
import { middleboxes } from "mptcp/sim";
import type { ParameterDescription, ParameterValue } from "mptcp/sim";
import { pick } from "../connections/plan.ts";
import { FuzzRandom } from "../random.ts";

/** One box of a chain: its kind in the registry of the simulator, and its parameters, of which those that are as usual are left out. */
export interface BoxPlan {
  readonly kind: string;
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  /** ms: when it is switched off, on again, and so on. */
  readonly switches: readonly number[];
}

export interface PathPlan {
  /** bit/s */
  readonly rate: number;
  /** ms */
  readonly delay: number;
  readonly loss: number;
  readonly duplicate: number;
  /** The share of the packets that is overtaken. */
  readonly detour: number;
  /** In the order in which the client's packets meet them. */
  readonly boxes: readonly BoxPlan[];
}

/** What the application at one end does. */
export interface EndPlan {
  /** Bytes that it writes, so many at once, with so many ms in between. */
  readonly bytes: number;
  readonly piece: number;
  readonly pause: number;
  /** How it reads: so many bytes every so many ms; 0: everything at once. */
  readonly reads: number;
  readonly every: number;
  /** From when on, and for how long, it does nothing, ms. */
  readonly idle: { readonly at: number; readonly for: number };
  /**
   * How it closes: after its last byte, and reads on (`end`); once the other end has, too (`late`); by aborting, or going away, after so many bytes written and read
   * (`abort`, `abandon`); not before it has to (`never`).
   */
  readonly closing: "end" | "late" | "abort" | "abandon" | "never";
  readonly after: number;
}

/** How both hosts speak. */
export interface ProtocolPlan {
  /** The versions of Multipath TCP that a host speaks, preferred first; none: TCP alone. */
  readonly versions: readonly number[];
  readonly checksum: boolean;
  readonly timestamps: boolean;
  readonly sack: boolean;
  readonly buffer: number;
  readonly scheduler: string;
  readonly pathManager: string;
}

/** Everything of a run that is drawn before it begins; plain data, from which it is done again. */
export interface ChainPlan {
  readonly seed: number;
  readonly index: number;
  readonly paths: readonly PathPlan[];
  readonly client: EndPlan;
  readonly server: EndPlan;
  readonly speaks: { readonly client: ProtocolPlan; readonly server: ProtocolPlan };
}

/** Draws run `index` of `seed`. */
export function drawChain(seed: number, index: number): ChainPlan {
  const random = new FuzzRandom();
  random.start(seed, index);
  const versions = pick(random, VERSIONS);
  const checksum = random.oneIn(2);
  const paths = Array.from({ length: random.oneIn(3) ? 1 : 2 }, (_, i) => drawPath(random, i));
  return {
    seed,
    index,
    paths,
    client: drawEnd(random),
    server: drawEnd(random),
    speaks: { client: drawProtocol(random, versions[0], checksum), server: drawProtocol(random, versions[1], checksum) },
  };
}

function drawPath(random: FuzzRandom, index: number): PathPlan {
  // The second path is often a clean one: then everything can go over it.
  const count = index > 0 && random.oneIn(3) ? 0 : 1 + random.below(4);
  return {
    rate: 1e6 * (1 + random.below(20)),
    delay: 1 + random.below(40),
    loss: random.oneIn(2) ? 0 : random.below(30) / 1000,
    duplicate: random.oneIn(5) ? random.below(30) / 1000 : 0,
    detour: random.oneIn(4) ? random.below(60) / 1000 : 0,
    boxes: Array.from({ length: count }, () => drawBox(random)),
  };
}

function drawBox(random: FuzzRandom): BoxPlan {
  const kind = pick(random, KINDS);
  const parameters: Record<string, ParameterValue> = {};
  for (const description of (middleboxes[kind] as (typeof middleboxes)[string]).parameters) {
    if (random.oneIn(2)) continue;
    const value = drawParameter(random, description);
    if (value !== null) parameters[description.name] = value;
  }
  const switches = random.oneIn(4) ? Array.from({ length: 1 + random.below(4) }, () => random.below(6000)).toSorted((a, b) => a - b) : [];
  return { kind, parameters, switches };
}

/** A value, mostly one that lets something through; null: the usual one. */
function drawParameter(random: FuzzRandom, { name, type, choices, range }: ParameterDescription): ParameterValue | null {
  const between = (least: number, most: number): number => Math.round(least * 2 ** ((random.below(1000) / 1000) * Math.log2(most / least)));
  switch (type) {
    case "time":
      return BEGINNINGS.has(name) ? random.below(5000) * 1_000_000 : between(10_000, name.endsWith("Timeout") ? 60_000_000_000 : 1_000_000_000);
    case "octets":
      if (PLACES.has(name)) return random.below(100_000);
      return random.oneIn(12) && range?.least === 0 ? 0 : Math.max(range?.least ?? 0, Math.min(range?.most ?? 1, between(LEAST_OCTETS, 300_000)));
    case "count":
      if (name === "port") return random.oneIn(2) ? 80 : null;
      return Math.max(range?.least ?? 0, between(1, Math.min(range?.most ?? 1, 40)));
    case "fraction":
      return random.below(150) / 1000;
    case "choice":
      return pick(random, choices);
    case "list":
      return choices.filter(() => random.oneIn(3)).concat(pick(random, choices)).filter((one, i, all) => all.indexOf(one) === i);
    case "address":
      return null;
  }
}

function drawEnd(random: FuzzRandom): EndPlan {
  const drawn = random.below(20);
  const reads = random.oneIn(4) ? 1 + random.below(random.oneIn(2) ? 20 : 4000) : 0;
  // Who reads octet by octet gets no more than it can read in a minute.
  const most = [0, 100, 3000, 30_000, 150_000];
  return {
    bytes: random.below(pick(random, most) + 1),
    piece: random.oneIn(2) ? 1e9 : 1 + random.below(8000),
    pause: random.below(200),
    reads,
    every: 1 + random.below(50),
    idle: random.oneIn(4) ? { at: random.below(3000), for: random.below(20_000) } : { at: 0, for: 0 },
    closing: drawn < 9 ? "end" : drawn < 15 ? "late" : drawn < 17 ? "abort" : drawn < 18 ? "abandon" : "never",
    after: random.below(30_000),
  };
}

function drawProtocol(random: FuzzRandom, versions: readonly number[], checksum: boolean): ProtocolPlan {
  return {
    versions,
    checksum,
    timestamps: !random.oneIn(4),
    sack: !random.oneIn(5),
    buffer: pick(random, [0, 0, 4000, 30_000, 200_000]),
    scheduler: pick(random, Object.keys(schedulers)),
    pathManager: random.oneIn(2) ? "full-mesh" : pick(random, Object.keys(pathManagers)),
  };
}

/** What the two ends speak. */
const VERSIONS: readonly (readonly [readonly number[], readonly number[]])[] = [
  [[1], [1]],
  [[1], [1]],
  [[0], [0]],
  [[1, 0], [1, 0]],
  [[1, 0], [0]],
  [[0], [1, 0]],
  [[1], [0]],
];
const KINDS = Object.keys(middleboxes);
/** Parameters that say from when on, or where, a box begins with what it does. */
const BEGINNINGS = new Set(["afterTime", "restartAfter"]);
const PLACES = new Set(["afterBytes", "at", "every"]);
/** Smaller segments, of one octet say, are a flood of packets that the box makes. */
const LEAST_OCTETS = 100;
