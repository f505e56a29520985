// Prints what the doctor finds where this process runs.
import { doctor } from "../../../src/node/index.ts";

process.stdout.write(JSON.stringify(await doctor()));
