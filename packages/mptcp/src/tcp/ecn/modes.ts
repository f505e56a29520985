import { ACE, TCP_FLAG } from "../../wire/index.ts";
import type { TcpSegment } from "../../wire/index.ts";
import type { TcpConfig } from "../config.ts";

type Configured = Pick<TcpConfig, "ecn">;

/** Whether accurate ECN is spoken with a peer that asks for it. */
export function acceptsAccurate({ ecn }: Configured): boolean {
  return ecn === "accurate" || ecn === "on_accurate" || ecn === "accept_accurate";
}

/** What a connection that we open asks for. */
export function askedFor({ ecn }: Configured): "none" | "classic" | "accurate" {
  return ecn === "accurate" ? "accurate" : ecn === "on" || ecn === "on_accurate" ? "classic" : "none";
}

/**
 * Whether a SYN asks for accurate ECN: all of its flags but the two combinations that mean something else, so that they can mean more one day
 * (RFC 9768 §3.1.3).
 */
export function asksForAccurate({ flags }: Pick<TcpSegment, "flags">): boolean {
  const asked = flags & ACE;
  return asked !== 0 && asked !== SETUP;
}

/** Whether it asks for that of RFC 3168 (§6.1.1: ECE and CWR). */
export function asksForClassic({ flags }: Pick<TcpSegment, "flags">): boolean {
  return (flags & ACE) === SETUP;
}

const SETUP = TCP_FLAG.ECE | TCP_FLAG.CWR;
