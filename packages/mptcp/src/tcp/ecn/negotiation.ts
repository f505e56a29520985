import type { TcpSegment } from "../../wire/index.ts";
import { TCP_FLAG } from "../../wire/index.ts";
import type { TcpConfig } from "../config.ts";
import { AccurateEcn } from "./accurate.ts";
import { Ecn } from "./ecn.ts";
import type { EcnFeedback } from "./feedback.ts";
import { acceptsAccurate, askedFor, asksForAccurate } from "./modes.ts";

/** For a connection that we open; null where it does not ask. */
export function askForEcn(config: TcpConfig): EcnFeedback | null {
  const asked = askedFor(config);
  return asked === "none" ? null : asked === "accurate" ? new AccurateEcn(false) : new Ecn(false);
}

/** For a connection that a SYN opens, or that one crosses; null where that does not ask, or we do not want it (RFC 3168 §6.1.1, RFC 9768 §3.1.2). @param codepoint ECN field of the SYN */
export function answerEcn(config: TcpConfig, syn: TcpSegment, codepoint: number): EcnFeedback | null {
  if (config.ecn === "off") return null;
  if (acceptsAccurate(config) && asksForAccurate(syn)) return new AccurateEcn(true, codepoint);
  // Who does not know accurate ECN takes a SYN that asks for it for one of RFC 3168.
  return (syn.flags & SETUP) === SETUP ? new Ecn(true) : null;
}

/** The same for a SYN that SYN cookies answered: nobody remembers whether that asked, but what completes the handshake says so (RFC 9768 §5.1). */
export function rememberEcn(config: TcpConfig, syn: TcpSegment): EcnFeedback | null {
  return acceptsAccurate(config) && asksForAccurate(syn) ? new AccurateEcn(true) : null;
}

const SETUP = TCP_FLAG.ECE | TCP_FLAG.CWR;
