import { readFileSync } from "node:fs";
import { complaints, namesNotExported } from "./names.ts";
import { INTERNAL } from "./internal.ts";

/** Says which names the reference of the library lacks; the exit code is 1 then. */
const found = complaints(namesNotExported(JSON.parse(readFileSync(new URL("../../../out/api/api.json", import.meta.url), "utf8"))), INTERNAL);
for (const complaint of found) console.error(complaint);
if (found.length > 0) process.exitCode = 1;
