/** Connections of a host that no application waits for any more, and that are not over yet, as Linux's tcp_max_orphans. */
export class Orphans {
  private readonly limit: number;
  private readonly entries = new Set<object>();

  /** @param limit orphans that there may be at a time */
  constructor(limit: number) {
    this.limit = limit;
  }

  get size(): number {
    return this.entries.size;
  }

  /** @returns false when there are too many: this one is to be given up */
  add(orphan: object): boolean {
    if (this.entries.size >= this.limit) return this.entries.has(orphan);
    this.entries.add(orphan);
    return true;
  }

  /** Whether it is one that is counted. */
  has(orphan: object): boolean {
    return this.entries.has(orphan);
  }

  /** Counts one that was among the orphans elsewhere, whatever the limit: it has been let in once. */
  takeOver(orphan: object): void {
    this.entries.add(orphan);
  }

  remove(orphan: object): void {
    this.entries.delete(orphan);
  }
}
