import { KINDS } from "./forge.ts";
import type { Kind } from "./forge.ts";

/** How often each kind of packet met each state. */
export class Coverage {
  private readonly counts = new Map<string, number[]>();

  add(state: string, kind: Kind): void {
    const row = this.row(state);
    row[KINDS.indexOf(kind)] = (row[KINDS.indexOf(kind)] as number) + 1;
  }

  addAll(other: Coverage): void {
    for (const [state, counts] of other.counts) {
      const row = this.row(state);
      counts.forEach((count, i) => (row[i] = (row[i] as number) + count));
    }
  }

  /** The states that were met by at least one packet. */
  get states(): string[] {
    return [...this.counts.keys()].toSorted((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
  }

  /** Kinds that a state never met. */
  missing(state: string): Kind[] {
    const row = this.counts.get(state);
    return KINDS.filter((_, i) => (row?.[i] ?? 0) === 0);
  }

  count(state: string): number {
    return (this.counts.get(state) ?? []).reduce((sum, count) => sum + count, 0);
  }

  /** States by kinds, as lines of text. */
  table(): string[] {
    const width = Math.max(...this.states.map((state) => state.length), 5);
    const columns = KINDS.map((kind) => Math.max(kind.length, 6));
    const head = ["state".padEnd(width), ...KINDS.map((kind, i) => kind.padStart(columns[i] as number))].join(" ");
    const lines = this.states.map((state) => [state.padEnd(width), ...(this.counts.get(state) as number[]).map((count, i) => String(count).padStart(columns[i] as number))].join(" "));
    return [head, ...lines];
  }

  private row(state: string): number[] {
    let row = this.counts.get(state);
    if (row === undefined) this.counts.set(state, (row = KINDS.map(() => 0)));
    return row;
  }
}

/** In the order of a connection's life; what is not TCP's comes first. */
function rank(state: string): number {
  const order = ["none", "listening", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT"];
  return order.indexOf(state.split(" ")[0] as string);
}
