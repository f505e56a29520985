import type { MptcpConfig } from "../config.ts";

/** When a DATA_FIN is sent again (see `MptcpConfig.dataFinTimeout` and `dataFinAfterData`). */
export class FinPace {
  private readonly timeout: number | null;
  private readonly afterData: number | null;
  /** All data was acknowledged when the DATA_FIN was still to come, and none has been sent since. */
  private isAtRest = false;

  constructor({ dataFinAfterData, dataFinTimeout }: FinPaceConfig) {
    this.timeout = dataFinTimeout;
    this.afterData = dataFinAfterData;
  }

  /** Data leaves. */
  onData(): void {
    this.isAtRest = false;
  }

  /** All that was written is acknowledged. */
  onAllAcknowledged(): void {
    this.isAtRest = true;
  }

  /** @param repeats how often it was sent again. @returns ns; null: that follows the subflows */
  interval(repeats: number): number | null {
    if (this.timeout === null) return null;
    if (this.afterData !== null && this.isAtRest && repeats < 2) return this.afterData;
    return this.timeout * (1 << Math.max(0, repeats - 1));
  }
}

export type FinPaceConfig = Pick<MptcpConfig, "dataFinAfterData" | "dataFinTimeout">;
