import type { Schema } from "./keys/kinds.ts";
import { SCENARIO } from "./keys/scenario.ts";
import { group } from "./keys/section.ts";

/** The JSON Schema of {@link ScenarioSpec}. Keywords of our own: see validate.ts. */
export const SCENARIO_SCHEMA: Schema = group(SCENARIO).schema;
