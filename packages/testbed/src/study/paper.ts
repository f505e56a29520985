import type { Finding } from "./finding.ts";

/** A behaviour of access networks, with the share of them that was found to have it. */
export interface MeasuredShare {
  readonly name: string;
  readonly text: string;
  /** Of all networks: on every port, and on port 80. */
  readonly everywhere: number;
  readonly web: number;
  /** Whether a finding on a port is this behaviour. */
  readonly isShownBy: (finding: Finding) => boolean;
}

/**
 * What Honda et al. found in 142 access networks ("Is it still possible to extend TCP?", IMC 2011), as shares of the networks: on all ports, and on port 80, where Web proxies are.
 */
export const PAPER_SHARES: readonly MeasuredShare[] = [
  {
    name: "options",
    text: "unknown options are taken off SYNs",
    everywhere: 0.06,
    web: 0.14,
    isShownBy: ({ aspect, option, segment, verdict }) => aspect === "option" && option === "unknown" && verdict === "removed" && (segment === "syn" || segment === "syn-ack"),
  },
  { name: "sequence-numbers", text: "initial sequence numbers are rewritten", everywhere: 0.1, web: 0.18, isShownBy: ({ aspect }) => aspect === "sequence-numbers" },
  { name: "holes", text: "data behind a hole does not pass at once", everywhere: 0.05, web: 0.11, isShownBy: ({ aspect }) => aspect === "hole" },
  { name: "unseen-acks", text: "ACKs for data that was not seen do not pass unchanged", everywhere: 0.26, web: 0.33, isShownBy: ({ aspect }) => aspect === "unseen-ack" },
];

/** The ports of the paper. */
export const WEB_PORT = 80;
export const STUDY_PORTS: readonly number[] = [34_343, 443, WEB_PORT];
/** Where the two halves of the probe speak with each other. */
export const CONTROL_PORT = 34_344;
