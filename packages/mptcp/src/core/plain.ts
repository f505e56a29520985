import { MptcpError } from "./errors.ts";

/** A value that JSON can express. */
export type PlainValue = string | number | boolean | null | readonly PlainValue[] | PlainObject;

/** Named values that JSON can express: what parameters and saved state are made of. */
export interface PlainObject {
  readonly [name: string]: PlainValue;
}

/** A number as {@link PlainObject} keeps it: JSON has no Infinity, so that null stands for it. */
export function plainNumber(value: number): number | null {
  return value === Number.POSITIVE_INFINITY ? null : value;
}

/** A number out of saved state; Infinity where null was kept for it. @throws MptcpError ERR_MPTCP_STATE when there is none */
export function numberFrom(state: PlainObject, name: string): number {
  const value = state[name];
  if (value === null) return Number.POSITIVE_INFINITY;
  return typeof value === "number" && Number.isFinite(value) ? value : missing(name, "number");
}

/** A truth value out of saved state. @throws MptcpError ERR_MPTCP_STATE when there is none */
export function booleanFrom(state: PlainObject, name: string): boolean {
  const value = state[name];
  return typeof value === "boolean" ? value : missing(name, "boolean");
}

/** An object out of saved state. @throws MptcpError ERR_MPTCP_STATE when there is none */
export function objectFrom(state: PlainObject, name: string): PlainObject {
  return nullableFrom(state, name) ?? missing(name, "object");
}

/** An object out of saved state, or null where null was kept. @throws MptcpError ERR_MPTCP_STATE when there is neither */
export function nullableFrom(state: PlainObject, name: string): PlainObject | null {
  const value = state[name];
  if (value === null) return null;
  return isObject(value) ? value : missing(name, "object");
}

/**
 * Parameters with those that were not given taken from `defaults`.
 * @throws MptcpError ERR_MPTCP_PARAMETER when one has no default, or one of another type
 */
export function parametersFrom<P extends PlainObject>(defaults: P, given: PlainObject): P {
  for (const [name, value] of Object.entries(given)) {
    const usual = Object.hasOwn(defaults, name) ? defaults[name] : undefined;
    if (usual === undefined) throw new MptcpError("ERR_MPTCP_PARAMETER", `there is no parameter ${name}; there are ${Object.keys(defaults).join(", ")}`);
    if (typeof value !== typeof usual) throw new MptcpError("ERR_MPTCP_PARAMETER", `${name} is a ${typeof usual}, not ${JSON.stringify(value)}`);
  }
  return { ...defaults, ...given };
}

function isObject(value: PlainValue | undefined): value is PlainObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function missing(name: string, type: string): never {
  throw new MptcpError("ERR_MPTCP_STATE", `saved state has no ${type} ${name}`);
}
