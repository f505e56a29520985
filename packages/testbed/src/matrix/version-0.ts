/**
 * What is prescribed for two ends of version 0 (RFC 6824), and for a host of version 0 whose peer speaks version 1 alone: by clause, and from what is written down for version 1.
 */
import type { MatrixRow, Place, Prescription } from "./prescription.ts";

/**
 * RFC 6824 prescribes the same outcomes: its §3.6 is RFC 8684's §3.7 (fallback), its §3.7 is §3.8 (errors), its §3.8.3 is §3.9.3 (SYNs that get no answer). It has no MP_TCPRST, so that
 * who hears of the end of a subflow hears of a bare RST.
 */
export function prescribedInVersion0(row: MatrixRow, prescription: Prescription): Prescription {
  const { reasons, clause } = prescription;
  const unexplained = reasons.includes("reset") || reasons.includes("refused") ? [...reasons, "ECONNRESET" as const] : reasons;
  // RFC 6824 §3.1: the SYN carries the key of its sender, so that an echo has the form of an answer; the key shows whose it is.
  const echoed = row.box.kind === "syn-ack-rewriter" && reasons.includes("no_key_in_synack") ? [...unexplained, "own_key_in_synack" as const] : unexplained;
  return { ...prescription, reasons: [...new Set(echoed)], clause: clauseInVersion0(clause) };
}

/**
 * RFC 8684 §3.1: who does not speak the version of a SYN answers without MP_CAPABLE, and the connection is regular TCP from its handshake on. What stands on the path does to it what it does to TCP; no other
 * path is used.
 */
export function prescribedAsTcp({ tcp }: MatrixRow, place: Place): Prescription {
  const met = place === "second" ? "sent" : tcp;
  const clause = "§3.1";
  if (met === "broken") return { outcomes: ["error"], reasons: [], clause: `${clause}, RFC 9293 §3.8.3`, within: null };
  return { outcomes: ["fallback"], reasons: ["no_mp_capable_in_synack", "mp_capable_unanswered", "own_key_in_synack"], clause, bytes: met };
}

/** The sections of RFC 6824 that say what some of RFC 8684 say; what both have at the same place stays. */
function clauseInVersion0(clause: string): string {
  if (clause.startsWith("RFC ")) return clause;
  const parts = clause.split(", ").map((part) => part.replace(/^§3\.(6|7|8|9\.3)(?!\d)/, (whole) => SECTIONS[whole] ?? whole).replace("Figure 17", "Figure 16"));
  const known = parts.filter((part) => part !== "");
  return `RFC 6824 ${[...new Set(known)].join(", ")}`;
}

const SECTIONS: Readonly<Record<string, string>> = { "§3.6": "", "§3.7": "§3.6", "§3.8": "§3.7", "§3.9.3": "§3.8.3" };
