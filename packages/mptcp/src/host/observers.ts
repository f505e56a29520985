import type { DecisionEvent, Observer } from "../core/index.ts";

/** Those who observe one host, as the one observer that its parts ask for. There is an object only where there are several. */
export class Observers {
  private all: readonly Observer[] = [];

  /** What the host's parts tell of: null while nobody observes, so that nothing is built. */
  get combined(): Observer | null {
    return this.all.length > 1 ? new Several(this.all) : (this.all[0] ?? null);
  }

  add(observer: Observer): void {
    this.all = [...this.all, observer];
  }

  remove(observer: Observer): void {
    this.all = this.all.filter((other) => other !== observer);
  }
}

/** Each hears what it asked for. */
class Several implements Observer {
  readonly perSegment: boolean;
  readonly milestones: boolean;
  private readonly all: readonly Observer[];

  constructor(all: readonly Observer[]) {
    this.all = all;
    this.perSegment = all.some((one) => one.perSegment === true);
    this.milestones = all.some((one) => one.milestones === true);
  }

  event(event: DecisionEvent): void {
    for (const one of this.all) if (wants(one, event)) one.event(event);
  }
}

function wants(observer: Observer, event: DecisionEvent): boolean {
  if (event.kind === "schedule") return observer.perSegment === true;
  return event.kind !== "fully_established" || observer.milestones === true;
}
