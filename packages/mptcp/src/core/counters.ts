/**
 * Counters of one host under the names of the Linux kernel's MIB (`nstat`), so that the two can be laid side by side.
 * A name is created by the first increment; unknown names read as 0.
 */
export class Counters {
  private readonly values = new Map<string, number>();

  /** Adds `by` to `name`. Not for per-segment events: those are fields, see {@link Counters.segments}. */
  increment(name: string, by = 1): void {
    this.values.set(name, (this.values.get(name) ?? 0) + by);
  }

  value(name: string): number {
    return this.values.get(name) ?? 0;
  }

  /** All counters that are not 0, by name, plus the hot ones. */
  snapshot(): Record<string, number> {
    const all: Record<string, number> = {};
    for (const [name, value] of this.values) all[name] = value;
    for (const [name, value] of Object.entries(this.segments)) if (value !== 0) all[name] = value;
    return all;
  }

  /** Counters on the path of every segment: plain fields, since a map look-up per segment is too dear. */
  readonly segments = { TcpInSegs: 0, TcpOutSegs: 0, TcpRetransSegs: 0 };
}
