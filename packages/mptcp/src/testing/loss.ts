import { MILLISECOND, SeededRandom } from "../core/index.ts";
import type { RandomSource } from "../core/index.ts";
import type { LossModel } from "../sim/index.ts";
import type { Packet } from "../wire/index.ts";
import type { Finding } from "./finding.ts";
import { Findings } from "./findings.ts";
import { LOSS_RULES } from "./loss-rules.ts";
import type { LossRule } from "./loss-rules.ts";
import { retained } from "./retained.ts";
import { madeUpTraffic, octetsOf, streamOfSegments } from "./traffic.ts";

/** Makes the loss model of one link, which draws from `random`. */
export type LossModelFactory = (random: RandomSource) => LossModel;

/** What a loss model says of itself beyond the interface. */
export interface LossModelClaims {
  /** The share of packets that is lost in the long run, 0 to 1; not checked unless given. */
  readonly share?: number;
  /** By how much the share of 20,000 packets may be off (default: a tenth of it, and 0.005). */
  readonly tolerance?: number;
  /** Of the random numbers (default 1). */
  readonly seed?: number;
}

/**
 * The conformance suite of loss models, which say which packets a link loses. A loss model must answer with a boolean, leave packets alone, do the same
 * again with the same random numbers, keep none of the packets, and lose the share that it claims.
 *
 * @returns what is wrong; nothing for a loss model that may be used. The cases are the names in {@link LOSS_RULES}
 */
export function checkLossModel(factory: LossModelFactory, claims: LossModelClaims = {}): Finding[] {
  const findings: LossFindings = new Findings(LOSS_RULES);
  const seed = claims.seed ?? 1;
  findings.guard("made-up traffic", () => checkPackets(factory, seed, findings));
  findings.guard("many packets", () => checkMany(factory, claims, seed, findings));
  return findings.list;
}

type LossFindings = Findings<LossRule>;

/** All sorts of packets. */
function checkPackets(factory: LossModelFactory, seed: number, findings: LossFindings): void {
  const fates = (): boolean[] => {
    const model = factory(new SeededRandom(seed));
    return madeUpTraffic(new SeededRandom(seed), 40).map(({ packet, at }) => {
      const before = octetsOf(packet);
      const fate: unknown = model.lose(packet, at);
      if (typeof fate !== "boolean") findings.add("answer", `it says ${String(fate)} of a packet`);
      if (octetsOf(packet) !== before) findings.add("packets", `it changes a packet of ${packet.length} octets`);
      return fate === true;
    });
  };
  const [first, again] = [fates(), fates()];
  const at = first.findIndex((fate, i) => fate !== again[i]);
  if (at >= 0) findings.add("the same again", `packet ${at} is ${first[at] === true ? "" : "not "}lost, and with the same random numbers ${first[at] === true ? "it is not" : "it is"}`);
}

function checkMany(factory: LossModelFactory, claims: LossModelClaims, seed: number, findings: LossFindings): void {
  const random = new SeededRandom(seed);
  const model = factory(random);
  const packets = streamOfSegments(new SeededRandom(seed), 100);
  let lost = 0;
  let early = 0;
  for (let i = 0; i < PACKETS; i++) {
    const packet: Packet = packets.next().value;
    if (model.lose(packet, i * MILLISECOND)) lost++;
    if (i === PACKETS / 10) early = retained(model, [random]);
  }
  const late = retained(model, [random]);
  if (late > early * 1.1 + 100) findings.add("memory", `after ${PACKETS} packets it keeps ${late} objects and entries, after ${PACKETS / 10} of them ${early}`);
  const { share } = claims;
  if (share === undefined) return;
  const tolerance = claims.tolerance ?? 0.1 * share + 0.005;
  if (Math.abs(lost / PACKETS - share) > tolerance) findings.add("share", `of ${PACKETS} packets it loses ${lost}, a share of ${lost / PACKETS}, and claims ${share}`);
}

const PACKETS = 20_000;
