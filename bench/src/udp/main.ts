import { parseArgs } from "node:util";
import { printUdpRows, udpRows } from "./index.ts";

// `node bench/dist/udp/main.js [--rounds 5] [--megabytes 1000] [--only engine] [--json]`

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    megabytes: { type: "string", default: "1000" },
    only: { type: "string", default: "" },
    json: { type: "boolean", default: false },
  },
});
const rows = await udpRows({ rounds: Number(values.rounds), bytes: Number(values.megabytes) * 1e6, only: values.only });
if (values.json) console.log(JSON.stringify(rows, null, 2));
else printUdpRows(rows);
