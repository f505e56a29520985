import type { Payload } from "../../wire/index.ts";
import type { SentMapping } from "./mappings.ts";

/**
 * The rest of a mapping that a subflow has declared and not sent yet: a mapping is fixed once declared (RFC 8684 §3.3.1), so these bytes come next
 * on that subflow, whatever happens to them elsewhere.
 */
export class Span {
  readonly mapping: SentMapping;
  private rest: Payload;
  private readonly pushes: boolean;

  /** @param rest one octet at the least. @param pushes its last octet asks for PSH */
  constructor(mapping: SentMapping, rest: Payload, pushes: boolean) {
    this.mapping = mapping;
    this.rest = rest;
    this.pushes = pushes;
  }

  /** Bytes that are to come, at least one. */
  get length(): number {
    return this.rest.length;
  }

  /** Whether the next `length` bytes end it with PSH. */
  pushesAfter(length: number): boolean {
    return this.pushes && length === this.rest.length;
  }

  /** The next `length` bytes. */
  take(length: number): Payload {
    const { rest } = this;
    this.rest = rest.slice(length, rest.length);
    return rest.slice(0, length);
  }
}
