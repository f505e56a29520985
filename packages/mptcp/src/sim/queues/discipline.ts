import type { RandomSource } from "../../core/index.ts";
import type { Packet } from "../../wire/index.ts";
import { descriptionsOf, readParameters } from "../parameters.ts";
import type { ParameterDescription, ParameterTable, ParameterValue, PlainParameters, ValuesOf } from "../parameters.ts";

/**
 * What waits before a link's transmitter, and which packets are marked or dropped to keep that short (RFC 7567). The packet in transmission has
 * left it. Each packet that is taken leaves by {@link QueueDiscipline.dequeue} or {@link QueueDiscipline.takeOut}, or is given to
 * {@link QueueEnvironment.drop}.
 */
export interface QueueDiscipline {
  /** What waits. */
  readonly packets: number;
  /** Octets on the wire of what waits. */
  readonly bytes: number;
  /** A packet of `wire` octets on the wire arrives: it is kept, or it or others are dropped. */
  enqueue(packet: Packet, wire: number, now: number): void;
  /** The transmitter is free: the packet that leaves now; null when nothing is left. Others may be dropped before it. */
  dequeue(now: number): Packet | null;
  /** Octets of the next `count` packets to leave, or more than that where the order is not known yet. */
  octetsOf(count: number): number;
  /** Takes out a packet without any judgement, of each flow the oldest first; null when nothing is left. The link goes down, or its discipline changes. */
  takeOut(): Packet | null;
}

/** What a discipline gets from its link. What can change while packets wait is read each time. */
export interface QueueEnvironment {
  /** Most that may wait: packets, and octets on the wire. */
  readonly limitPackets: number;
  readonly limitBytes: number;
  /** How long the link takes for an octet, ns; 0 without a rate. */
  readonly nsPerByte: number;
  /** Largest packet of the link, octets. */
  readonly mtu: number;
  /** The discipline's own: nobody else draws from it. */
  readonly random: RandomSource;
  /** Loses a packet. @param early before the queue was full, to tell senders of congestion */
  drop(packet: Packet, early: boolean, now: number): void;
  /** Marks a packet as having met congestion. @returns false when its sender does not speak ECN (RFC 3168 §5): then it has to be dropped */
  mark(packet: Packet): boolean;
}

/** A discipline that can be chosen for a link. Name and parameters say all about it. */
export interface QueueDisciplineFactory {
  readonly name: string;
  /** All of them, those that nobody named included. */
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  create(environment: QueueEnvironment): QueueDiscipline;
}

/** A kind of discipline: called with parameters, it gives what {@link PipeOptions.discipline} takes. Those that are not given are as described. */
export interface QueueDisciplineKind {
  /** @throws MptcpError ERR_SIM_OPTION that names what is wrong */
  (parameters?: PlainParameters): QueueDisciplineFactory;
  /** What it does, in one sentence. */
  readonly text: string;
  readonly parameters: readonly ParameterDescription[];
}

/** A kind of discipline from its table of parameters. @param make gets them all, checked */
export function queueDisciplineKind<T extends ParameterTable>(
  name: string,
  text: string,
  table: T,
  make: (environment: QueueEnvironment, parameters: ValuesOf<T>) => QueueDiscipline,
): QueueDisciplineKind {
  const factoryOf = (given: PlainParameters = {}): QueueDisciplineFactory => {
    const parameters = readParameters(name, table, given);
    return { name, parameters: parameters as QueueDisciplineFactory["parameters"], create: (environment) => make(environment, parameters) };
  };
  return Object.assign(factoryOf, { text, parameters: descriptionsOf(table) });
}
