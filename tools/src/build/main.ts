import { fileURLToPath } from "node:url";
import { stripPackage } from "./strip.ts";

/** The step of a build behind the compiler's. */
for (const name of ["mptcp", "scenario", "testbed", "cli"]) await stripPackage(fileURLToPath(new URL(`../../../packages/${name}`, import.meta.url)));
