import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { ReportAssets } from "../report/data.ts";

/** The chart library from its installed package. */
export function reportAssets(): ReportAssets {
  const folder = dirname(createRequire(import.meta.url).resolve("uplot"));
  return {
    script: readFileSync(join(folder, "uPlot.iife.min.js"), "utf8"),
    style: readFileSync(join(folder, "uPlot.min.css"), "utf8"),
  };
}
