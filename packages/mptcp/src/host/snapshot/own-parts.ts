import { damaged } from "../../core/index.ts";
import type { GraphReader, GraphWriter, PlainObject, PlainValue, Policy, Stand } from "../../core/index.ts";
import type { MptcpConnection, PathManager, Scheduler } from "../../mptcp/index.ts";
import { CouplingMember, TcpConnection } from "../../tcp/index.ts";
import type { CongestionControl, CongestionControlFactory, StreamConnection } from "../../tcp/index.ts";
import { CLASSES } from "./classes.ts";
import { policyOf, policyStand } from "./policies.ts";
import type { OwnPolicies, PolicyKind } from "./policies.ts";

/** Something that a policy of one's own made for the connection. */
interface Part {
  readonly kind: PolicyKind;
  readonly value: object;
  readonly policy: Stand;
  /** Whose congestion a control controls. */
  readonly tcp: TcpConnection | null;
}

/**
 * What a connection has of policies that are not the library's: their classes are not known, and so they are made again by their factories, and
 * say themselves what they remember.
 */
export class OwnParts {
  private readonly parts: Part[] = [];

  /** @param tcps those of the connection */
  constructor(tcps: readonly TcpConnection[]) {
    // In the order of their group, since they take their places in it in the order in which they are made.
    for (const tcp of tcps.toSorted((a, b) => placeOf(a) - placeOf(b))) {
      const { congestion, congestionFactory } = tcp;
      if (congestionFactory === null || !isOwnControl(tcp)) continue;
      this.parts.push({ kind: "congestion", value: congestion, policy: policyStand(congestionFactory, "congestion") ?? {}, tcp });
    }
  }

  /** What stands for `value` if it is such a part, or the place of one in the coupling group. @throws MptcpError when its policy has no name */
  stand(value: object, holder: string, key: string, connection: StreamConnection): Stand | null {
    const made = this.parts.findIndex((part) => part.value === value);
    if (made >= 0) return { made };
    if (value instanceof CouplingMember) {
      return this.parts.some((part) => part.value === value.control) ? { member: true } : null;
    }
    const kind = PLACES.get(`${holder}.${key}`);
    if (kind === undefined || CLASSES.of(value) !== null) return null;
    const policy = policyStand((connection as MptcpConnection).config[kind], kind);
    if (policy === null) return null;
    this.parts.push({ kind, value, policy, tcp: null });
    return { made: this.parts.length - 1 };
  }

  /** The parts as plain data. Schedulers and path managers are found while the graph is written: to be asked afterwards. */
  saved(now: number, writer: GraphWriter): readonly PlainObject[] {
    return this.parts.map(({ policy, value, tcp }): PlainObject => {
      const state = (value as Partial<Scheduler & PathManager & CongestionControl>).snapshot?.(now) ?? null;
      return { policy, state, ...(tcp === null ? {} : { tcp: writer.add(tcp, "tcp") }) };
    });
  }
}

/** Makes such parts again, when the rest of the connection is there. */
export class Remaking {
  private readonly made: readonly PlainObject[];
  private readonly wanted: { readonly made: number; readonly put: (value: unknown) => void }[] = [];

  constructor(made: readonly PlainObject[]) {
    this.made = made;
  }

  /** Whether `stand` is of such a part; `put` is then called later. */
  wants(stand: Stand, put: (value: unknown) => void): boolean {
    const { made, member } = stand;
    if (typeof made === "number") this.wanted.push({ made, put });
    // The member joins again by being made, and the group keeps its place.
    else if (member === true) put(undefined);
    else return false;
    return true;
  }

  /** @throws MptcpError when a policy is not known here, or does not understand what its part remembered */
  run(reader: GraphReader, own: OwnPolicies, now: number): void {
    this.made.forEach((saved, index) => {
      if (!isPlain(saved.policy)) throw damaged("a policy is missing");
      const policy = policyOf(saved.policy, own);
      const value = saved.tcp === undefined ? (policy as Policy<Scheduler | PathManager>).create() : controlFor(policy as CongestionControlFactory, reader.get(saved.tcp, TcpConnection), now);
      if (isPlain(saved.state)) (value as Partial<CongestionControl>).restore?.(saved.state, now);
      for (const { made, put } of this.wanted) if (made === index) put(value);
    });
    if (this.wanted.some(({ made }) => this.made[made] === undefined)) throw damaged("a policy is missing");
  }
}

function controlFor(factory: CongestionControlFactory, tcp: TcpConnection, now: number): CongestionControl {
  const mss = tcp.maxPayload;
  return factory.create({ mss, initialWindow: tcp.config.initialWindowSegments * mss, handOver: null, group: tcp.owner.couplingGroup(tcp), srtt: tcp.srtt, now });
}

function placeOf(tcp: TcpConnection): number {
  return tcp.owner.couplingGroup(tcp).members.findIndex(({ control }) => control === tcp.congestion);
}

/** Whether something of a control, or of what couples it, is of a class that is not ours. */
function isOwnControl(tcp: TcpConnection): boolean {
  const { congestion } = tcp;
  if (CLASSES.of(congestion) === null && congestion.name !== "none") return true;
  const member = (congestion as { readonly member?: unknown }).member;
  return member instanceof CouplingMember && CLASSES.of(member.rule) === null;
}

function isPlain(value: PlainValue | undefined): value is PlainObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Where a connection keeps what a policy made for it. */
const PLACES: ReadonlyMap<string, "scheduler" | "pathManager"> = new Map([["Carriers.policy", "scheduler"], ["Paths.manager", "pathManager"]]);
