import { MptcpError } from "../core/index.ts";
import type { BufferConfig, StreamSettings } from "./config.ts";

/** @throws MptcpError ERR_OUT_OF_RANGE for a setting that cannot be */
export function checkSettings(change: Partial<StreamSettings>): void {
  for (const [name, value] of Object.entries(change) as [keyof StreamSettings, boolean | number | string | BufferConfig][]) {
    if (typeof value === "boolean" || typeof value === "string") continue;
    if (typeof value === "number") {
      const [least, most] = BOUNDS[name] ?? [0, Number.MAX_VALUE];
      if (!(value >= least && value <= most)) throw outOfRange(name, `${least} to ${most}`, value);
    } else if (!(value.initial > 0 && value.max > 0)) throw outOfRange(name, "more than 0 octets", Math.min(value.initial, value.max));
  }
}

function outOfRange(name: string, wanted: string, got: number): MptcpError {
  return new MptcpError("ERR_OUT_OF_RANGE", `${name} is ${wanted}, got ${got}`);
}

/** Where they are not those of any time or length. */
const BOUNDS: Partial<Record<keyof StreamSettings, readonly [least: number, most: number]>> = { hopLimit: [1, 255], trafficClass: [0, 255], readLowWater: [1, Number.MAX_VALUE] };
