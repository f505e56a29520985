import { fileURLToPath } from "node:url";
import { checkOwners, describe } from "./owners.ts";
import { readProject, SOURCES } from "./project.ts";
import { OWNERS } from "./table.ts";

/** Says where somebody else than its owner writes a connection's state; the exit code is 1 then. */
const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
const violations = checkOwners(readProject(root, SOURCES));
for (const violation of violations) console.error(describe(violation));
if (violations.length > 0) process.exitCode = 1;
else console.log(`${OWNERS.length} owners are the only writers of their state`);
