import { above0, flag, label, oneOf, plain, rate, size, text, time, whole } from "./kinds.ts";
import type { Kind } from "./kinds.ts";
import { group, optional, required, section } from "./section.ts";

const direction = optional(oneOf("download", "upload"), { otherwise: "download", does: "From the server to the client, or the other way." });

/** A path; true for the file that the caller names. */
const file: Kind<string | boolean, string | true | null> = {
  ...plain<string | true | null>("path, or `true`"),
  schema: { type: [text.schema["type"], flag.schema["type"]] },
  read: (written) => (written === false ? null : written),
  write: (value) => String(value ?? false),
};

/** One transfer. */
export const BULK = section({
  name: "bulk",
  does: "One transfer as fast as it goes: of a file, of so many bytes, or without end.",
  keys: {
    bytes: optional(size, { otherwise: null, shown: "the file's, or no end", does: "So many." }),
    file: optional(file, {
      otherwise: null, shown: "`false`", does: "A file, beside the scenario; or `true`: the one that `--file` names, else 16 MiB that are on every machine.",
    }),
    direction,
    content: optional(oneOf("random", "virtual"), {
      otherwise: "random", does: "Real bytes, which are compared in the end, or lengths without content, which cost no memory.",
    }),
  },
  rules: { atMostOne: [["bytes", "file"]] },
  example: `
workload:
  bulk: { bytes: 20 MB, direction: upload }`,
});

/** Requests and responses. */
export const REQUEST = section({
  name: "request",
  does: "Requests and responses in turn on one connection.",
  keys: {
    count: required(whole(1), "So many."),
    request: required(size, "Length of a request."),
    response: required(size, "Length of a response."),
    interval: optional(time, { otherwise: 0, does: "Pause between a response and the next request." }),
  },
  example: `
workload:
  request: { count: 20, request: 100 B, response: 10 KB, interval: 50 ms }`,
});

/** A source with a pace of its own. */
export const LIVE = section({
  name: "live",
  does: "A source that writes at its own pace, as a camera does. The summary tells how long the bytes took from writing to reading.",
  keys: {
    rate: required(rate, "Bits that it writes per second."),
    interval: optional(above0(time), { otherwise: 20_000_000, does: "Time between two writes." }),
    direction,
    length: optional(time, { otherwise: Number.POSITIVE_INFINITY, shown: "to the end of the run", does: "Stop writing after so long." }),
  },
  example: `
workload:
  live: { rate: 1 Mb/s, interval: 40 ms, length: 10 s }`,
});

/** What the applications do. */
export const WORKLOAD = section({
  name: "workload",
  does: "What the applications do.",
  keys: {
    bulk: optional(group(BULK), { otherwise: null, shown: "none", does: "One transfer." }),
    request: optional(group(REQUEST), { otherwise: null, shown: "none", does: "Requests and responses in turn." }),
    live: optional(group(LIVE), { otherwise: null, shown: "none", does: "A source that writes at its own pace." }),
    from: optional(label, { otherwise: null, shown: "the first host", does: "The host that connects: the client." }),
    to: optional(label, { otherwise: null, shown: "the second host", does: "The host that listens: the server." }),
  },
  rules: { exactlyOne: [["bulk", "request", "live"]] },
  example: `
workload:
  bulk: { file: true }
  from: server
  to: client`,
});
