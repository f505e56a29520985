// Probes where this process runs: `probe.ts OPTIONS`, the options as JSON; prints the report.
import { probe } from "../../../src/node/index.ts";
import type { ProbeOptions } from "../../../src/node/index.ts";

process.stdout.write(JSON.stringify(await probe(JSON.parse(process.argv[2] ?? "{}") as ProbeOptions)));
