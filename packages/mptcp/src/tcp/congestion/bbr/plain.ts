import { booleanFrom, MptcpError, numberFrom, plainNumber } from "../../../core/index.ts";
import type { PlainObject, PlainValue } from "../../../core/index.ts";

/** The numbers, truth values and names that an object's fields hold, for {@link takePlain}; times as ages at `now`. What it refers to is not among them. */
export function plainOf(object: object, times: readonly string[], now: number): PlainObject {
  const state: Record<string, PlainValue> = {};
  for (const [name, value] of Object.entries(object) as [string, unknown][]) {
    if (typeof value === "number") state[name] = times.includes(name) && Number.isFinite(value) ? now - value : plainNumber(value);
    else if (typeof value === "boolean" || typeof value === "string") state[name] = value;
  }
  return state;
}

/** Sets the fields of an object of the same class. @throws MptcpError ERR_MPTCP_STATE when one is missing */
export function takePlain(object: object, state: PlainObject, times: readonly string[], now: number): void {
  const fields = object as Record<string, unknown>;
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === "number") {
      const saved = numberFrom(state, name);
      fields[name] = times.includes(name) && Number.isFinite(saved) ? now - saved : saved;
    } else if (typeof value === "boolean") fields[name] = booleanFrom(state, name);
    else if (typeof value === "string") fields[name] = nameFrom(state, name);
  }
}

function nameFrom(state: PlainObject, name: string): string {
  const value = state[name];
  if (typeof value === "string" && NAMES[name]?.includes(value) === true) return value;
  throw new MptcpError("ERR_MPTCP_STATE", `saved state has no name ${name}`);
}

const STATES = ["startup", "drain", "down", "cruise", "refill", "up", "probe-rtt"];

/** What the fields that hold a name may hold. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  state: STATES,
  undoState: ["none", ...STATES],
  ackPhase: ["init", "refilling", "starting", "feedback", "stopping"],
  recovery: ["none", "fast", "timeout"],
};
