import type { Rules } from "./finding.ts";

export type LinkRule =
  | "limits" | "loss" | "copies" | "order" | "content" | "time" | "rate" | "room" | "wake" | "inside send" | "too large" | "the same again" | "memory" | "idle" | "connection";

/** What `checkLink` looks at. */
export const LINK_RULES: Rules<LinkRule | "throws"> = {
  throws: {
    contract: "No method of Egress throws, whatever packet comes: TCP or not, with payload or without, larger than the link takes.",
    advice: "Lose what the link cannot carry, and tell the observer (`packet_lost`).",
  },
  limits: {
    contract: "Egress.mtu is 68 octets or more, Egress.maxPacket is the MTU or more and at most 65535, and Egress.name is the one that was asked for.",
    advice: "Set both from the start; hosts read them when they get an address.",
  },
  loss: {
    contract: "What a link takes arrives, or the observer hears of a `packet_lost` with the cause, once for each packet that is lost (Egress).",
    advice: "Emit `packet_lost` with the link's name as `host` wherever a packet is dropped: a full queue, a loss model, a link that is down.",
  },
  copies: {
    contract: "A packet arrives once (Egress); a link that is meant to repeat packets sends a copy, since each belongs to who gets it (SimNode.receive).",
    advice: "Send `packet.clone()` as the second one. A link that is meant to repeat packets claims `repeats: true`.",
  },
  order: {
    contract: "Packets arrive in the order in which they were sent (Egress).",
    advice: "Let no packet arrive before the one ahead of it: keep the latest time of arrival. A link that is meant to reorder claims `reorders: true`.",
  },
  content: {
    contract: "What arrives is what was sent, every octet (Egress); what changes packets on the way is a middlebox.",
    advice: "Hand over the packet that `send` got, and copy nothing that is shared with the sender.",
  },
  time: {
    contract: "A packet arrives at its time, and no sooner than it was sent; SimNode.receive gets the time of the event that fires (LinkClaims.delay).",
    advice: "Schedule arrivals in whole nanoseconds, at `now` plus the time of transmission plus the delay, and pass `now` of the event on.",
  },
  rate: {
    contract: "The link carries as many bits per second as it claims, no more and, while there is something to send, hardly less (LinkClaims.rate).",
    advice: "A packet leaves when the one ahead has left, and takes 8 × its length / rate; keep that time exactly, with its fraction.",
  },
  room: {
    contract: "Egress.roomAt gives `now` or a later time at which, if nothing is added, there is room; who sends only then loses nothing to a full queue.",
    advice: "Give the time at which the packets ahead will have left the queue, rounded up; `now`, not an earlier time, when there is room already.",
  },
  wake: {
    contract: "When a change makes room sooner than Egress.roomAt said, Egress.listener is told at once (EgressListener.egressChanged).",
    advice: "Call `this.listener?.egressChanged(this, now)` at the end of whatever changes rate, queue or state of the link.",
  },
  "inside send": {
    contract: "Nothing arrives from within Egress.send: an arrival is an event of its own, even when it takes no time.",
    advice: "Schedule the arrival in the queue, at `now` when there is no delay.",
  },
  "too large": {
    contract: "A packet larger than Egress.maxPacket does not arrive; the observer hears of its loss (cause `mtu`).",
    advice: "Compare `packet.length` with `maxPacket` first thing in `send`.",
  },
  "the same again": {
    contract: "With the same seed and name a link does the same again, whatever other links there are (Simulation.randomFor).",
    advice: "Draw from `simulation.randomFor(name, purpose)`, keep all state in the link, and use no clock and no Math.random.",
  },
  memory: {
    contract: "A link that is empty holds no packets and no records of those that passed (Egress).",
    advice: "Delete what you keep of a packet when it arrives or is lost.",
  },
  idle: {
    contract: "A link that is empty plans nothing (Egress), so that a simulation ends.",
    advice: "Schedule the next event when a packet comes or leaves, not at intervals.",
  },
  connection: {
    contract: "Multipath TCP over two such links delivers every byte once, and ends (LinkClaims.connections).",
    advice: "Capture the run with `CaptureRecorder`. Where so much is lost that no connection can live, claim `connections: false`.",
  },
};
