import type { DecisionEvent } from "mptcp";
import { describeEvent } from "mptcp/capture";
import { isMarked } from "./record.ts";
import type { MarkedEvent } from "./record.ts";

/** Collects the events that a plot marks. What comes in bursts becomes one mark with a count. */
export class MarkCollector {
  omitted = 0;
  private readonly marks: { time: number; kind: string; about: string; text: string; more: number }[] = [];
  private readonly client: string;
  private readonly about: (event: DecisionEvent) => string;

  /** @param client name of the host whose view of what both ends report is shown */
  constructor(client: string, about: (event: DecisionEvent) => string) {
    this.client = client;
    this.about = about;
  }

  add(event: DecisionEvent): void {
    if (!isMarked(event) || (BOTH_ENDS.has(event.kind) && event.host !== this.client)) return;
    const about = this.about(event);
    const time = event.at / 1e9;
    const text = textOf(event);
    for (let i = this.marks.length - 1; i >= 0; i--) {
      const earlier = this.marks[i]!;
      if (time - earlier.time > BURST) break;
      if (earlier.kind !== event.kind || earlier.about !== about) continue;
      if (earlier.text !== text) earlier.more++;
      return;
    }
    if (this.marks.length >= MOST_MARKS) this.omitted++;
    else this.marks.push({ time, kind: event.kind, about, text, more: 0 });
  }

  get events(): MarkedEvent[] {
    return this.marks.map(({ time, kind, about, text, more }) => ({ time, kind, about, text: more === 0 ? text : `${text}, and ${more} more` }));
  }
}

/** The event in words, without its time, and with the host only where that is not plain. */
function textOf(event: DecisionEvent): string {
  const line = describeEvent(event);
  const text = line.slice(line.indexOf(": ") + 2);
  return event.kind === "link" || BOTH_ENDS.has(event.kind) ? text : `${event.host}: ${text}`;
}

/** Both ends report these of the same thing. */
const BOTH_ENDS = new Set(["connection_established", "subflow_established", "subflow_closed", "connection_closed"]);
/** Seconds. */
const BURST = 0.05;
const MOST_MARKS = 2000;
