import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { printSmallRows, smallRows } from "./index.ts";

// `node bench/dist/small/main.js [--pairs 20] [--requests 10000] [--octets 100] [--seconds 2] [--only UDP] [--against FOLDER] [--json]`

const { values } = parseArgs({
  options: {
    pairs: { type: "string", default: "20" },
    requests: { type: "string", default: "10000" },
    octets: { type: "string", default: "100" },
    seconds: { type: "string", default: "2" },
    only: { type: "string", default: "" },
    against: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const { pairs, requests, octets, seconds, only, against } = values;
const rows = await smallRows({ pairs: Number(pairs), requests: Number(requests), octets: Number(octets), seconds: Number(seconds), only, against: against === undefined ? null : resolve(against) });
if (values.json) console.log(JSON.stringify(rows, null, 2));
else printSmallRows(rows, against === undefined ? "node:net" : "the other checkout");
