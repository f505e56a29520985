import { flag, folderName, label, oneOf, progress, someOf, text, time, whole } from "./kinds.ts";
import { LINK_SHAPE, ONE_DELAY } from "./link.ts";
import { PATH, TOPOLOGY } from "./network.ts";
import { PROTOCOL } from "./protocol.ts";
import { defaultsOf, group, list, optional, required, section } from "./section.ts";
import type { OptionalKey } from "./section.ts";
import { WORKLOAD } from "./workload.ts";

/** A property of a link that a change may set. */
function changed<W, P>({ kind, does }: OptionalKey<W, P, unknown>): OptionalKey<W, P, null> {
  return { kind, required: false, otherwise: null, shown: "as it was", does };
}

/** Something that happens to the network while data flows. */
export const CHANGE = section({
  name: "changes",
  does: "What happens to the network while data flows: when, to what, and what.",
  keys: {
    at: optional(time, { otherwise: null, shown: "none", does: "When: at this time of the run." }),
    when: optional(progress, { otherwise: null, shown: "none", does: "When: as soon as the receiving application has read so much." }),
    after: optional(time, { otherwise: 0, does: "So much later than that." }),
    path: optional(label, { otherwise: null, shown: "none", does: "To what: a path, with the client's interface on it." }),
    link: optional(label, { otherwise: null, shown: "none", does: "To what: a link." }),
    interface: optional(text, { otherwise: null, shown: "none", does: "To what: an interface (\"host.interface\"), and the link at it." }),
    middlebox: optional(label, { otherwise: null, shown: "none", does: "To what: a box, which is called after its link and its kind (\"wifi-splitter\", and the second of the kind \"wifi-splitter-2\")." }),
    direction: optional(oneOf("up", "down", "both"), { otherwise: "both", does: "For what is done to a link: in one direction only." }),
    state: optional(oneOf("up", "down"), { otherwise: null, shown: "as it was", does: "A link that is down loses what it is given, silently." }),
    address: optional(oneOf("removed", "added"), { otherwise: null, shown: "as it was", does: "The host loses or gets its address on the interface, and hears of it." }),
    power: optional(oneOf("on", "off"), { otherwise: null, shown: "as it was", does: "A box that is off lets everything pass; one that has moved sequence numbers goes on for the connections that it has moved." }),
    rate: changed(LINK_SHAPE.keys.rate),
    delay: changed(LINK_SHAPE.keys.delay),
    rtt: changed(LINK_SHAPE.keys.rtt),
    loss: changed(LINK_SHAPE.keys.loss),
  },
  rules: {
    exactlyOne: [["at", "when"], ["path", "link", "interface", "middlebox"]],
    ...ONE_DELAY,
    atLeastOne: [["state", "address", "power", "rate", "delay", "rtt", "loss"]],
  },
  example: `
changes:
  - { at: 2 s, path: wifi, rate: 1 Mb/s, rtt: 100 ms }
  - { when: received 1/3, path: wifi, state: down }
  - { when: received 1/3, after: 500 ms, path: wifi, address: removed }`,
});

/** The window of a measurement. */
export const MEASURE = section({
  name: "measure",
  does: "The part of the run over which goodput is measured.",
  keys: {
    from: optional(time, { otherwise: 0, does: "Time of the run at which it begins." }),
    to: optional(time, { otherwise: Number.POSITIVE_INFINITY, shown: "the end of the run", does: "Time of the run at which it ends." }),
  },
  example: `
measure: { from: 20 s, to: 120 s }`,
});

/** How a run can end, and what that means. */
const MEANINGS = {
  completed: "everything arrived unchanged, or an endless workload ran to its end",
  stalled: "nothing arrived any more",
  broken: "the connection ended with an error",
  unfinished: "data still flowed when the time was over",
  corrupt: "what arrived is not what was sent",
  interrupted: "the caller stopped the run",
} as const;

/** How a run ended. */
export type Outcome = keyof typeof MEANINGS;

const outcomes = Object.keys(MEANINGS) as Outcome[];

/** What a run should come to. */
export const EXPECT = section({
  name: "expect",
  does: `What the run should come to; \`mptcp run\` ends with exit code 1 when it does not. Outcomes:\n\n${outcomes.map((one) => `- ${one}: ${MEANINGS[one]}`).join("\n")}`,
  keys: {
    outcome: optional(someOf(...outcomes), { otherwise: ["completed"], does: "How the run ends; of a list any will do." }),
    maxStall: optional(time, { otherwise: null, shown: "none", does: "No pause of the application is longer." }),
    minStall: optional(time, { otherwise: null, shown: "none", does: "Some pause of the application is at least so long." }),
    fallback: optional(flag, { otherwise: null, shown: "either", does: "Whether Multipath TCP is given up: it must be, or must not." }),
  },
  example: `
expect: { outcome: [stalled, broken], minStall: 10 s }`,
});

/** A scenario file as a whole. */
export const SCENARIO = section({
  name: "scenario",
  does: "The keys at the top level.",
  keys: {
    name: required(folderName, "Also the name of the folder that a run writes, under `out/`."),
    title: optional(text, { otherwise: null, shown: "the name", does: "For the list of scenarios and the report." }),
    description: optional(text, { otherwise: "", shown: "empty", does: "For the report." }),
    seed: optional(whole(0, Number.MAX_SAFE_INTEGER), { otherwise: 1, does: "Seed of every random draw of the run." }),
    ip: optional(oneOf(4, 6), { otherwise: 4, does: "IP version of the addresses that are made up." }),
    paths: optional(list(PATH, 1), { otherwise: [], shown: "none", does: "The network: a client and a server with several paths between them." }),
    topology: optional(group(TOPOLOGY), { otherwise: null, shown: "none", does: "The network: any hosts, routers and links." }),
    protocol: optional(group(PROTOCOL), { ...defaultsOf(PROTOCOL), does: "How the hosts speak." }),
    workload: required(group(WORKLOAD), "What the applications do."),
    duration: optional(time, { otherwise: 300e9, does: "Virtual time after which the run ends at the latest." }),
    stopWhenStalled: optional(time, { otherwise: Number.POSITIVE_INFINITY, shown: "never", does: "End the run when the application got nothing for so long." }),
    changes: optional(list(CHANGE, 0), { otherwise: [], shown: "none", does: "What happens to the network." }),
    measure: optional(group(MEASURE), { ...defaultsOf(MEASURE), does: "The part of the run over which goodput is measured." }),
    expect: optional(group(EXPECT), { ...defaultsOf(EXPECT), does: "What the run should come to." }),
  },
  rules: { exactlyOne: [["paths", "topology"]] },
  example: `
name: hand-over
title: From Wi-Fi to LTE
paths:
  - { name: wifi, rate: 8 Mb/s, rtt: 20 ms }
  - { name: lte, rate: 20 Mb/s, rtt: 60 ms }
workload:
  bulk: { bytes: 16 MiB }
changes:
  - { when: received 1/3, path: wifi, state: down }
duration: 2 min
expect: { outcome: completed, maxStall: 2 s }`,
});
