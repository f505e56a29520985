import { CONGESTION_NAMES, SCHEDULER_NAMES } from "./engine-names.ts";
import { OUTCOMES } from "./spec.ts";

/** A JSON Schema, as far as this package writes any. */
export type Schema = Readonly<Record<string, unknown>>;

const name = { type: "string", pattern: "^[a-z0-9][a-z0-9-]*$" };
const label = { type: "string", pattern: "^[A-Za-z0-9_-]+$" };
const text = { type: "string" };
const flag = { type: "boolean" };
const quantity = (kind: string): Schema => ({ quantity: kind });
const rate = quantity("rate");
const time = quantity("time");
const size = quantity("size");
const probability = quantity("probability");
const count = { type: "integer", minimum: 1 };
const oneOf = (...values: readonly string[]): Schema => ({ enum: values });
const object = (properties: Record<string, unknown>, rest: Record<string, unknown> = {}): Schema => ({
  type: "object",
  properties,
  additionalProperties: false,
  ...rest,
});
const list = (items: unknown, minItems = 0): Schema => ({ type: "array", items, minItems });
/** An object, or else what keywords about scalars say; keywords about objects mean nothing to scalars. */
const objectOr = (properties: Record<string, unknown>, rest: Record<string, unknown>): Schema => ({ properties, additionalProperties: false, ...rest });

const loss = objectOr(
  { toBad: probability, toGood: probability, bad: probability, good: probability },
  { required: ["toBad", "toGood"], scalar: "probability" },
);

const queue = object({ packets: count, bytes: size, bdp: { type: "number", exclusiveMinimum: 0 } }, { exactlyOne: ["packets", "bytes", "bdp"] });

const linkShape = { rate, delay: time, rtt: time, queue, loss, jitter: time };
const direction = object(linkShape, { atMostOne: [["delay", "rtt"]] });

const path = object(
  { name: label, ...linkShape, client: text, server: text, mtu: { type: "integer", minimum: 576, maximum: 65535 }, backup: flag, nat: flag, present: flag, up: direction, down: direction },
  { required: ["name"], atMostOne: [["delay", "rtt"]] },
);

const topology = object(
  {
    hosts: list(
      object(
        { name: label, interfaces: list(object({ name: label, address: text, backup: flag, signal: flag, present: flag }, { required: ["name"] }), 1) },
        { required: ["name", "interfaces"] },
      ),
      2,
    ),
    routers: list(object({ name: label, nat: flag }, { required: ["name"] })),
    links: list(
      object(
        {
          name: label, ...linkShape, up: direction, down: direction, mtu: { type: "integer", minimum: 576, maximum: 65535 },
          ends: { type: "array", items: { type: "string", pattern: "^[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+)?$" }, minItems: 2, maxItems: 2 },
        },
        { required: ["name", "ends"], atMostOne: [["delay", "rtt"]] },
      ),
      1,
    ),
  },
  { required: ["hosts", "links"] },
);

const protocol = object({
  transport: oneOf("mptcp", "tcp"),
  scheduler: oneOf(...SCHEDULER_NAMES),
  congestion: oneOf(...CONGESTION_NAMES),
  mode: oneOf("full", "backup", "single-path"),
  buffers: objectOr({ send: size, receive: size }, { scalar: "sizeOrAuto" }),
  minRto: time,
  maxRto: time,
  delayedAck: time,
  initialWindow: count,
  retries: count,
  sack: flag,
  timestamps: flag,
  noDelay: flag,
  checksum: flag,
  opportunisticRetransmission: flag,
  penalisation: flag,
  noSubflowTimeout: time,
  maxSubflows: { type: "integer", minimum: 0, maximum: 32 },
});

const workload = object(
  {
    bulk: object(
      { bytes: size, file: { type: ["string", "boolean"] }, direction: oneOf("download", "upload"), content: oneOf("random", "virtual") },
      { atMostOne: [["bytes", "file"]] },
    ),
    request: object({ count, request: size, response: size, interval: time }, { required: ["count", "request", "response"] }),
    live: object({ rate, interval: time, direction: oneOf("download", "upload"), length: time }, { required: ["rate"] }),
    from: label,
    to: label,
  },
  { exactlyOne: ["bulk", "request", "live"] },
);

const change = object(
  {
    at: time, when: quantity("progress"), after: time, path: label, link: label, interface: text,
    direction: oneOf("up", "down", "both"), state: oneOf("up", "down"), address: oneOf("removed", "added"), rate, delay: time, rtt: time, loss,
  },
  { exactlyOneOf: [["at", "when"], ["path", "link", "interface"]], atMostOne: [["delay", "rtt"]], atLeastOne: ["state", "address", "rate", "delay", "rtt", "loss"] },
);

/** The JSON Schema of {@link ScenarioSpec}. Keywords of our own: see validate.ts. */
export const SCENARIO_SCHEMA: Schema = object(
  {
    name,
    title: text,
    description: text,
    seed: { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    ip: { enum: [4, 6] },
    paths: list(path, 1),
    topology,
    protocol,
    workload,
    duration: time,
    stopWhenStalled: time,
    changes: list(change),
    measure: object({ from: time, to: time }),
    expect: object({ outcome: { someOf: OUTCOMES }, maxStall: time, minStall: time, fallback: flag }),
  },
  { required: ["name", "workload"], exactlyOne: ["paths", "topology"] },
);
