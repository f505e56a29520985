import type { Attack } from "./attack.ts";
import { BLIND } from "./blind.ts";
import { FLOODS } from "./floods.ts";
import { PEERS } from "./peers.ts";

/** All attacks, in the order of docs/attacks.md. */
export const ATTACKS: readonly Attack[] = [...FLOODS, ...BLIND, ...PEERS];
