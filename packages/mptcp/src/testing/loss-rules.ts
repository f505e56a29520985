import type { Rules } from "./finding.ts";

export type LossRule = "answer" | "packets" | "share" | "the same again" | "memory";

/** What `checkLossModel` looks at. */
export const LOSS_RULES: Rules<LossRule | "throws"> = {
  throws: {
    contract: "LossModel.lose takes any packet: TCP or not, with payload or without.",
    advice: "Expect that `packet.tcp` is null.",
  },
  answer: {
    contract: "LossModel.lose gives true for a packet that is lost and false for one that is not.",
    advice: "Give a boolean on every way through the method.",
  },
  packets: {
    contract: "A loss model looks at packets, and leaves them as they are (LossModel.lose).",
    advice: "Write neither into the packet nor into its segment; what changes packets is a middlebox.",
  },
  share: {
    contract: "The model claims a `share` of packets that are lost in the long run (LossModelClaims.share).",
    advice: "Compare the share of the states with the probabilities in each; or claim another share.",
  },
  "the same again": {
    contract: "With the same random numbers a loss model does the same again (LossModel).",
    advice: "Draw from the source that the model was made with alone, and keep all state in the model.",
  },
  memory: {
    contract: "A loss model keeps no packets, and no record of each (LossModel.lose).",
    advice: "Keep the state of the model and counts, not what passed.",
  },
};
