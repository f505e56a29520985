import { figureOf, problemsOf } from "./attack.ts";
import type { Attack } from "./attack.ts";
import { ATTACKS } from "./list.ts";
import { Scene } from "./scene.ts";
import type { Measures } from "./scene.ts";

/** One attack, and what it came to. */
export interface AttackResult {
  readonly attack: Attack;
  readonly measures: Measures;
  /** What went beyond its bounds. */
  readonly problems: readonly string[];
}

/** Plays an attack in virtual time: the same on every machine. */
export function play(attack: Attack): AttackResult {
  const measures = new Scene(attack.scene).play((scene) => attack.run(scene));
  return { attack, measures, problems: problemsOf(attack, measures) };
}

/** Plays all attacks, or those whose name has `only` in it. */
export function playAll(only: string | null, tell: (result: AttackResult) => void = () => {}): AttackResult[] {
  return ATTACKS.filter(({ name }) => only === null || name.includes(only)).map((attack) => {
    const result = play(attack);
    tell(result);
    return result;
  });
}

/** The table of docs/attacks.md, as lines. */
export function tableOf(results: readonly AttackResult[]): string[] {
  return [
    "| attack | from | packets | drawn: packets, octets per octet | hashes per packet | held at the most | friends keep | held down by |",
    "|---|---|---|---|---|---|---|---|",
    ...results.map(({ attack, measures }) => {
      const drawn = `${figure(figureOf(measures, "drawnPerPacket"))}, ${figure(figureOf(measures, "drawnPerOctet"))}`;
      return `| ${attack.name} | ${attack.from} | ${measures.packets} | ${drawn} | ${figure(figureOf(measures, "hashesPerPacket"))} | ${heldText(measures)} | ${keptText(measures)} | ${attack.by} |`;
    }),
  ];
}

/** One line for a terminal. */
export function lineOf({ attack, measures, problems }: AttackResult): string {
  const drawn = `${figure(figureOf(measures, "drawnPerPacket"))} packets and ${figure(figureOf(measures, "drawnPerOctet"))} octets drawn by one`;
  return `${problems.length === 0 ? "ok  " : "FAIL"} ${attack.name} (${attack.from}): ${measures.packets} packets, ${drawn}, ${figure(figureOf(measures, "hashesPerPacket"))} hashes; ${heldText(measures)}; friends keep ${keptText(measures)}${problems.map((problem) => `\n       ${problem}`).join("")}`;
}

function heldText({ connections, halfOpen, memory, pendingJoins, tokens }: Measures): string {
  const parts = [
    [halfOpen, "half open"],
    [pendingJoins, "pending joins"],
    [connections - halfOpen, "connections"],
    [Math.max(0, tokens - halfOpen), "tokens"],
    [Math.ceil(memory / 1000), "kB in buffers"],
  ] as const;
  const held = parts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  return held.length === 0 ? "nothing" : held.join(", ");
}

function keptText({ broken, kept }: Measures): string {
  return `${(100 * Math.min(1, kept)).toFixed(0)} %${broken === 0 ? "" : `, ${broken} ends broken`}`;
}

function figure(value: number): string {
  return value === 0 ? "0" : value < 0.005 ? "< 0.01" : value.toFixed(2);
}
