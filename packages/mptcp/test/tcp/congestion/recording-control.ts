import type { PlainObject } from "../../../src/core/index.ts";
import type { AckEvent, CongestionControl, CongestionControlFactory, LossEvent, LostSegment, MarkEvent, RateSample, SentEvent } from "../../../src/tcp/index.ts";

/** Something that a controller was told; times in ns. */
export type Told =
  | ({ readonly what: "sent" } & SentEvent)
  | ({ readonly what: "ack" } & Omit<AckEvent, "sample"> & { readonly sample: RateSample | null })
  | ({ readonly what: "segment lost" } & LostSegment)
  | ({ readonly what: "loss" | "timeout" } & LossEvent)
  | { readonly what: "recovered"; readonly limit: number }
  | { readonly what: "idle"; readonly idle: number }
  | { readonly what: "penalty"; readonly window: number }
  | { readonly what: "mss"; readonly mss: number }
  | { readonly what: "spurious"; readonly timeout: boolean; readonly limit: number }
  | ({ readonly what: "marked" } & MarkEvent)
  | { readonly what: "release" };

/** A controller that does nothing but remember what it was told; its window and pacing rate are the test's to set. */
export class RecordingControl implements CongestionControl {
  readonly name = "recording";
  window: number;
  threshold = Number.POSITIVE_INFINITY;
  pacingRate: number | null = null;
  usesPrr = false;
  marks: "window" | "each" = "window";
  readonly wantsSamples: boolean;
  readonly told: Told[] = [];

  constructor(window: number, wantsSamples: boolean) {
    this.window = window;
    this.wantsSamples = wantsSamples;
  }

  /** What was told of one kind. */
  of<K extends Told["what"]>(what: K): Extract<Told, { what: K }>[] {
    return this.told.filter((told): told is Extract<Told, { what: K }> => told.what === what);
  }

  onSent(sent: SentEvent): void {
    this.told.push({ what: "sent", ...sent });
  }
  onIdleRestart(idle: number): void {
    this.told.push({ what: "idle", idle });
  }
  onAck(ack: AckEvent): void {
    this.told.push({ what: "ack", ...ack, sample: ack.sample === null ? null : { ...ack.sample } });
  }
  onSegmentLost(lost: LostSegment): void {
    this.told.push({ what: "segment lost", ...lost });
  }
  onLoss(loss: LossEvent): void {
    this.told.push({ what: "loss", ...loss });
  }
  onRecovered(limit: number): void {
    this.told.push({ what: "recovered", limit });
  }
  onTimeout(loss: LossEvent): void {
    this.told.push({ what: "timeout", ...loss });
  }
  onMarked(event: MarkEvent): void {
    this.told.push({ what: "marked", ...event, loss: { ...event.loss } });
  }
  onSpurious(timeout: boolean, _now: number, limit: number): void {
    this.told.push({ what: "spurious", timeout, limit });
  }
  onPenalty(window: number): void {
    this.told.push({ what: "penalty", window });
  }
  onMss(mss: number): void {
    this.told.push({ what: "mss", mss });
  }
  release(): void {
    this.told.push({ what: "release" });
  }
  snapshot(): PlainObject {
    return {};
  }
  restore(): void {}
}

/** Makes the one controller given, or one after the other. */
export function factoryOf(...controls: readonly CongestionControl[]): CongestionControlFactory {
  let made = 0;
  return {
    name: "recording",
    parameters: {},
    create: () => {
      const control = controls[made++];
      if (control === undefined) throw new Error("no controller is left");
      return control;
    },
  };
}
