import { discipline } from "./discipline.ts";
import { above0, positiveNumber, probability, rate, size, time, whole } from "./kinds.ts";
import { group, optional, required, scalarOrGroup, section } from "./section.ts";

/** Capacity of a drop-tail queue. */
export const QUEUE = section({
  name: "queue",
  does: "How much waits before a link. What finds it full is dropped, or what the link's `discipline` drops for it.",
  keys: {
    packets: optional(whole(1), { otherwise: null, shown: "none", does: "So many packets, the one in transmission included." }),
    bytes: optional(above0(size), { otherwise: null, shown: "none", does: "So many octets of packets." }),
    bdp: optional(positiveNumber, {
      otherwise: null, shown: "none", does: "So many times what the link holds: its rate times the delay there and back. Counted in packets; the link needs a rate.",
    }),
  },
  rules: { exactlyOne: [["packets", "bytes", "bdp"]] },
  example: `
paths:
  - { name: wifi, rate: 8 Mb/s, rtt: 20 ms, queue: { packets: 80 } }
  - { name: lte, rate: 20 Mb/s, rtt: 60 ms, queue: { bdp: 2 } }`,
});

/** Loss in bursts: the Gilbert-Elliott model, a Markov chain of two states that is stepped once per packet. */
export const LOSS = section({
  name: "loss",
  does: "Loss in bursts (Gilbert-Elliott): the link is in a good or in a bad state, and may change it before each packet. It begins in the good one.",
  keys: {
    toBad: required(probability, "Probability of going from the good to the bad state."),
    toGood: required(probability, "Probability of going back."),
    bad: optional(probability, { otherwise: 1, does: "Share of the packets that is lost in the bad state." }),
    good: optional(probability, { otherwise: 0, does: "Share of the packets that is lost in the good state." }),
  },
  example: `
paths:
  - { name: wifi, rate: 8 Mb/s, rtt: 20 ms, loss: { toBad: 1 %, toGood: 30 %, bad: 50 % } }`,
});

/** The numbers of the Gilbert-Elliott model, as the simulator names them; or a probability per packet. */
export type LossValue = number | { readonly p: number; readonly r: number; readonly lossGood: number; readonly lossBad: number };

const loss = scalarOrGroup(probability, LOSS, {
  scalar: (value): LossValue => value,
  group: (values) => ({ p: values.toBad, r: values.toGood, lossGood: values.good, lossBad: values.bad }),
});

/** The rule of every section with the properties of a link. */
export const ONE_DELAY = { atMostOne: [["delay", "rtt"]] } as const;

/** The properties of a link, which each direction may have for itself. */
export const LINK_SHAPE = section({
  name: "link properties",
  does: "What a link is like. Its keys stand at a path or a link itself, and then hold in both directions, or under its `up` or `down`, and then replace those for one direction.",
  keys: {
    rate: optional(rate, { otherwise: Number.POSITIVE_INFINITY, shown: "no limit", does: "Bits of IP packets per second." }),
    delay: optional(time, { otherwise: null, shown: "half of `rtt`", does: "Time from one end to the other, one way." }),
    rtt: optional(time, { otherwise: null, shown: "0", does: "Time there and back: the delay is half of it." }),
    queue: optional(group(QUEUE), {
      otherwise: null,
      shown: "what the link holds (`bdp: 1`), but at least 20 packets; without a rate, none is needed",
      does: "How much waits before the link.",
    }),
    discipline: optional(discipline, {
      otherwise: null, shown: "none: what finds the queue full is dropped",
      does: "Who waits in which order, and who is marked or dropped. With one the queue is 1000 packets, unless `queue` says something else.",
    }),
    loss: optional(loss, { otherwise: 0, shown: "`0`", does: "Share of the packets that is lost, or loss in bursts." }),
    jitter: optional(time, { otherwise: 0, does: "Most of a random extra delay, which is uniform from 0 to this. The packets' order is kept." }),
  },
  rules: ONE_DELAY,
  example: `
paths:
  - name: dsl
    rate: 16 Mb/s
    delay: 9 ms
    loss: 0.1 %
    up: { rate: 1 Mb/s, queue: { packets: 30 } }`,
});
