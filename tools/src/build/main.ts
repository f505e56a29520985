import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleCommand } from "./bundle.ts";
import { stripPackage } from "./strip.ts";

/** The steps of a build behind the compiler's. */
const packages = fileURLToPath(new URL("../../../packages", import.meta.url));
for (const name of ["mptcp", "scenario", "testbed"]) await stripPackage(join(packages, name));
await bundleCommand(packages);
