export { addressOn, familiesOf } from "./addresses.ts";
export type { Families } from "./addresses.ts";
export { chain } from "./chain.ts";
export type { Chain, ChainOptions } from "./chain.ts";
export { dumbbell } from "./dumbbell.ts";
export type { Dumbbell, DumbbellOptions } from "./dumbbell.ts";
export { multiPath, twoPaths } from "./multi-path.ts";
export type { AccessPath, AtLeastOne, MultiPath, MultiPathOptions, TwoPathsOptions } from "./multi-path.ts";
