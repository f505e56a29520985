import type { Rules } from "./finding.ts";

export type MiddleboxRule = "bytes" | "loss" | "out of thin air" | "ownership" | "hop limit" | "length" | "the same again" | "memory" | "connection";

/** What `checkMiddlebox` looks at. */
export const MIDDLEBOX_RULES: Rules<MiddleboxRule | "throws"> = {
  throws: {
    contract: "Middlebox.outward and Middlebox.inward take any packet: TCP or not, IPv4 or IPv6, with options that other packets share (Packet.clone).",
    advice: "Expect that `packet.tcp` is null; replace `segment.mptcp` and other lists by new ones where you would write into them.",
  },
  bytes: {
    contract: "Each byte that leaves is one that came, and leaves once, unchanged, in whatever segments (MiddleboxClaims.transparent, MiddleboxClaims.edits).",
    advice: "Forward each packet, or each piece of it, once. A box that is meant to change or to repeat bytes claims `transparent: false`.",
  },
  loss: {
    contract: "What a middlebox loses it gives to Middlebox.drop with a cause, so that it is counted and the decision log has it.",
    advice: "Call `drop(packet, cause, now)` for what you do not forward; and see that what you hold back leaves at last, when nothing more comes, too.",
  },
  "out of thin air": {
    contract: "Nothing leaves that did not come, and nothing goes back to where it came from (MiddleboxClaims.answers, MiddleboxClaims.rewrites).",
    advice: "In `outward` forward with DIRECTION.outward, in `inward` with DIRECTION.inward. A box that sends packets of its own claims `answers: true`.",
  },
  ownership: {
    contract: "A packet is the box's until it was forwarded, and then no more; the buffers of payloads are shared with the sender, who may send them again (Middlebox.forward).",
    advice: "Clone a packet before you forward it a second time or keep it (`packet.clone()`); copy bytes before you change them.",
  },
  "hop limit": {
    contract: "A middlebox is a bump in the wire: the hop limit stays as it is (Middlebox).",
    advice: "Leave `packet.hopLimit` alone; what counts hops is a router.",
  },
  length: {
    contract: "The length of what is forwarded is true (Middlebox.forward): links compute with it.",
    advice: "After a change of options or payload: `packet.length = packetLength(packet)`.",
  },
  "the same again": {
    contract: "With the same seed a middlebox does the same again (MiddleboxEnvironment.random, MiddleboxEnvironment.queue).",
    advice: "Draw from `this.random` alone, take time from `now`, and keep all state in the box, which the factory makes anew.",
  },
  memory: {
    contract: "A middlebox remembers a bounded number of connections (MiddleboxClaims.flows).",
    advice: "Keep what you know of connections in a `FlowTable`, which forgets those that were silent for longest.",
  },
  connection: {
    contract: "Multipath TCP through the box never delivers a wrong byte; and where the box lost nothing, connections arrive whole and end (MiddleboxClaims.connections).",
    advice: "Capture a run through the box with `CaptureRecorder`. Where the box is meant to break connections, claim `connections: false`.",
  },
};
