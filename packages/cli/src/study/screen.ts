import type { Output } from "../io.ts";
import { ScreenRegion } from "../screen-region.ts";

/** Shows how far it is: a line that is drawn anew on a terminal, a line for each tenth elsewhere. */
export class StudyScreen {
  private readonly output: Output;
  private readonly clock: () => number;
  private readonly what: string;
  private readonly region: ScreenRegion;
  private drawnAt = Number.NEGATIVE_INFINITY;
  private tenth = 0;

  constructor(output: Output, clock: () => number, what: string) {
    this.output = output;
    this.clock = clock;
    this.what = what;
    this.region = new ScreenRegion(output);
  }

  update(done: number, total: number): void {
    const line = `${done} of ${total} ${this.what}`;
    if (this.output.columns === 0) {
      const tenth = total === 0 ? 0 : Math.floor((10 * done) / total);
      if (tenth > this.tenth) this.output.write(`${line}\n`);
      this.tenth = tenth;
    } else if (this.clock() - this.drawnAt >= REDRAW) {
      this.drawnAt = this.clock();
      this.region.draw([line]);
    }
  }

  end(): void {
    if (this.output.columns > 0) this.region.clear();
  }
}

/** Seconds. */
const REDRAW = 0.1;
