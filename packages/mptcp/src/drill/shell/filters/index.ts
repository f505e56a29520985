import { awk } from "./awk.ts";
import type { Filter } from "./filter.ts";
import { grep } from "./grep.ts";
import { jq } from "./jq.ts";
import { cat, cut, ends, nameParts, seq, sort, tr, uniq, wc } from "./lines.ts";
import { sed } from "./sed.ts";

/** Programs that turn text into text, by name: as much of each as scripts use. */
export const FILTERS: Readonly<Record<string, Filter>> = {
  awk, basename: nameParts("basename"), cat, cut, dirname: nameParts("dirname"), egrep: grep(true), grep: grep(false), head: ends("head"), jq, sed, seq, sort, tail: ends("tail"), tr, uniq, wc,
};
