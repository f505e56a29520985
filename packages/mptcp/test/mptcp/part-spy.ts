import { MPTCP_CLASSES, MptcpConnection } from "../../src/mptcp/index.ts";

/** What a connection in Multipath TCP shares with regular TCP, or gives it: the connection itself, session, window, log, congestion control. */
const SHARED: ReadonlySet<string> = new Set([
  "DecisionLog", "LiaFixedPointRule", "LiaRule", "MptcpConnection", "ReceiveWindow", "RegularStream", "SentMapping", "Session", "WrapWatch",
]);

/** All else that a connection in Multipath TCP is made of. A new class is among them by itself. */
const PARTS = MPTCP_CLASSES.filter(({ name }) => !SHARED.has(name)).map(({ name, type: { prototype } }) => ({ name, prototype }));

/** What became of the parts of one connection. */
export interface Retired {
  /** The classes of its parts, in no particular order. */
  readonly parts: readonly string[];
  /** What was called while the calls that led to the exchange came back, and what after that: `Class.member`. */
  readonly returning: string[];
  readonly later: string[];
}

/**
 * Watches every method and accessor of the parts of all connections, by their prototypes, and writes down what is called on those of a
 * connection that has become regular TCP.
 */
export class PartSpy {
  private readonly retired = new Map<MptcpConnection, Retired>();
  private readonly groups = new WeakMap<object, Group>();
  private readonly open = new Set<Group>();
  /** The parts of the connection that is being given away. */
  private leaving: ReadonlySet<object> = new Set();
  private depth = 0;

  constructor() {
    for (const { prototype, name } of PARTS) {
      for (const [key, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
        if (key !== "constructor") Object.defineProperty(prototype, key, this.watched(descriptor, `${name}.${key}`));
      }
    }
    const { becomeRegular } = MptcpConnection.prototype;
    const { retire } = this;
    MptcpConnection.prototype.becomeRegular = function (...values) {
      becomeRegular.apply(this, values);
      retire(this);
    };
  }

  /** The parts of a connection that has become regular TCP; null while it has not. */
  of(connection: MptcpConnection): Retired | null {
    return this.retired.get(connection) ?? null;
  }

  private watched(descriptor: PropertyDescriptor, name: string): PropertyDescriptor {
    const wrap = <F extends (...values: never[]) => unknown>(inner: F): F => {
      const { note } = this;
      return function (this: object, ...values: never[]) {
        return note(this, name, () => inner.apply(this, values));
      } as F;
    };
    if (typeof descriptor.value === "function") return { ...descriptor, value: wrap(descriptor.value as () => unknown) };
    const { get, set } = descriptor;
    return { ...descriptor, ...(get === undefined ? {} : { get: wrap(get) }), ...(set === undefined ? {} : { set: wrap(set) }) };
  }

  private readonly note = (part: object, name: string, call: () => unknown): unknown => {
    const group = this.groups.get(part);
    if (group !== undefined) (group.floor > 0 ? group.retired.returning : group.retired.later).push(name);
    // The private method by which the mediator gives everything away: at its beginning all parts are there.
    if (name === "Multipath.hand") this.leaving = this.reach(part);
    this.depth++;
    try {
      return call();
    } finally {
      this.depth--;
      for (const one of this.open) {
        one.floor = Math.min(one.floor, this.depth);
        if (one.floor === 0) this.open.delete(one);
      }
    }
  };

  private readonly retire = (connection: MptcpConnection): void => {
    const retired: Retired = { parts: Array.from(this.leaving, (part) => part.constructor.name), returning: [], later: [] };
    const group: Group = { retired, floor: this.depth };
    for (const part of this.leaving) this.groups.set(part, group);
    this.retired.set(connection, retired);
    this.open.add(group);
  };

  /** Every part that can be reached from one, by whatever fields. */
  private reach(from: object): Set<object> {
    const found = new Set<object>();
    const waiting: unknown[] = [from];
    const seen = new Set<unknown>();
    while (waiting.length > 0) {
      const one = waiting.pop();
      if (typeof one !== "object" || one === null || seen.has(one)) continue;
      seen.add(one);
      const isPart = PARTS.some(({ prototype }) => Object.prototype.isPrototypeOf.call(prototype, one));
      if (isPart) found.add(one);
      // What is no part may hold some, such as the list of subflows; beyond the connection begins the rest of the host.
      if (isPart || Array.isArray(one) || Object.getPrototypeOf(one) === Object.prototype) waiting.push(...(Object.values(one) as unknown[]));
      else if (one instanceof Map || one instanceof Set) waiting.push(...one.values());
    }
    return found;
  }
}

interface Group {
  readonly retired: Retired;
  /** How many of the calls that were under way at the exchange have not come back yet. */
  floor: number;
}
