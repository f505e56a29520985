import type { PlainObject } from "./plain.ts";

/**
 * A scheduler or path manager that can be chosen for connections. Name and parameters say all about it, so that it can be made again where a
 * connection is restored; `create` makes the one of one connection.
 */
export interface Policy<T> {
  readonly name: string;
  /** All of them, those that nobody named included. */
  readonly parameters: PlainObject;
  create(): T;
}

/** A policy, or just a function that makes the one of a connection: enough for one's own that is never saved. */
export type PolicyLike<T> = Policy<T> | (() => T);

/** Makes the one of a connection. */
export function makePolicy<T>(policy: PolicyLike<T>): T {
  return typeof policy === "function" ? policy() : policy.create();
}
