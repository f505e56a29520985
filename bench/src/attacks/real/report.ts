import type { RealOptions, RealResult } from "./index.ts";

/** What is wrong with a flood in real time: a rate that was not reached, friends that lost too much, memory beyond its limit. */
export function realProblemsOf(result: RealResult, all: readonly RealResult[], options: RealOptions): string[] {
  const { before, during, held, lost, reached } = result;
  const problems: string[] = [];
  if (reached < LEAST_RATE) problems.push(`${reached.toFixed(0)} packets/s reached the host, not ${LEAST_RATE}`);
  if (during < HALF * before) problems.push(`friends keep ${percent(during / before)}, not half`);
  const plain = plainOf(result, all);
  if (result.transport === "mptcp" && plain !== null && during < SHARE_OF_TCP * plain.during) problems.push(`friends move ${percent(during / plain.during)} of what plain TCP moves under the flood, not ${percent(SHARE_OF_TCP)}`);
  if (lost > 0) problems.push(`${lost} connections are lost`);
  if (held > options.memory) problems.push(`${held} octets in buffers, with a limit of ${options.memory}`);
  return problems;
}

/** The result of plain TCP under the same flood; joins are compared with those of unknown tokens, since plain TCP has no others. */
export function plainOf({ flood }: RealResult, all: readonly RealResult[]): RealResult | null {
  const same = flood === "join" ? "stranger" : flood;
  return all.find((other) => other.transport === "tcp" && other.flood === same) ?? null;
}

export function realLineOf({ before, during, flood, heap, held, lost, reached, resident, sent, transport }: RealResult): string {
  return `${NAMES[flood] ?? flood} against ${transport === "mptcp" ? "Multipath TCP" : "plain TCP"}: ${sent.toFixed(0)}/s sent, ${reached.toFixed(0)}/s reached it; ${before.toFixed(0)} Mbit/s without, ${during.toFixed(0)} under it (${percent(during / before)}); ${lost} lost; ${mega(held)} MB in buffers, ${mega(resident)} MB resident, ${mega(heap)} MB heap`;
}

/** The table of docs/attacks.md, as lines. */
export function realTableOf(results: readonly RealResult[]): string[] {
  return [
    "| flood | friends speak | reached, packets/s | without it, Mbit/s | under it, Mbit/s | kept | in buffers, MB | resident, MB |",
    "|---|---|---|---|---|---|---|---|",
    ...results.map((result) => {
      const { before, during, flood, held, reached, resident, transport } = result;
      return `| ${NAMES[flood] ?? flood} | ${transport === "mptcp" ? "Multipath TCP" : "plain TCP"} | ${reached.toFixed(0)} | ${before.toFixed(0)} | ${during.toFixed(0)} | ${percent(during / before)} | ${mega(held)} | ${mega(resident)} |`;
    }),
  ];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}

function mega(octets: number): string {
  return (octets / 1e6).toFixed(0);
}

const NAMES: Readonly<Record<string, string>> = { tcp: "SYNs", capable: "SYNs with MP_CAPABLE", join: "joins, known tokens", stranger: "joins, unknown tokens" };
const LEAST_RATE = 20_000;
const HALF = 0.5;
const SHARE_OF_TCP = 0.8;
