import { MptcpError } from "../../core/index.ts";
import type { DecisionDetail } from "../../core/index.ts";
import { flag, integer, list, named, nullable, optional, parameters, record, text, word, anything } from "./form.ts";
import type { Form, Of } from "./form.ts";

/**
 * What is said over a control socket (docs/control.md): JSON, a message a line. Whoever connects hears `hello`, may ask, and gets an answer to each
 * request, and events where it asked for them. Times are in µs, sizes in octets, rates in bit/s, as the names say; a time that is named `at` or `started`
 * counts from 1970. The tables below are the protocol: requests are checked by them, and the JSON Schema is written from them.
 *
 * @module
 */

/** Counted up when what is said would be misunderstood by who knows the version before; more fields and events are no reason. */
export const CONTROL_PROTOCOL = 1;

// ---- what there is to name

const connection = integer("number of the connection on its host", 1);
const token = text("token of the connection on this host, eight hexadecimal digits", 8, /^[0-9a-f]{8}$/);
const address = text("an IP address", 64);
const port = integer("a TCP port", 1, 65_535);
const addressId = integer("address id (RFC 8684 §3.4); 0 is that of the first subflow's address", 0, 255);
const subflow = integer("number of the subflow in its connection, from 1, the first; never used again", 1);
const at = integer("when");

/** How a request names a connection: by either; a connection in regular TCP has no token. */
const reference = { connection: optional(connection), token: optional(token) };

const policyKind = word("what is chosen", ["scheduler", "congestion", "pathManager"]);
const policy = record("a policy that was chosen", { name: text("its name"), parameters: parameters("its parameters, where it says them") });
const limits = record("as `ip mptcp limits`", {
  subflows: integer("subflows beside the first", 0, 255),
  addAddrAccepted: integer("announcements of the peer that are accepted", 0, 255),
});

const endpointFlags = {
  subflow: flag("subflows are opened from here"),
  signal: flag("it is announced to peers"),
  backup: flag("subflows from here are backups"),
  fullmesh: flag("subflows are opened from here to every known address of the peer"),
};

const endpoint = record("an address of the host, and what it is for: as `ip mptcp endpoint`", {
  id: integer("address id", 1, 255),
  address,
  link: nullable(text("the link that it is on")),
  port: nullable(port),
  ...endpointFlags,
});

const namedEndpoint = { address: optional(address), id: optional(integer("address id", 1, 255)) };

// ---- state

const subflowStatus = record("a subflow, as in tcp_info; after fallback the one TCP connection that is left", {
  subflow,
  localAddress: address,
  localPort: port,
  remoteAddress: address,
  remotePort: port,
  localAddressId: addressId,
  remoteAddressId: addressId,
  initiator: flag("whether this host opened it"),
  state: text("state of its TCP connection, in the words of RFC 9293", 16),
  established: flag("whether it may carry data: verified by both hosts, and not closing"),
  backup: flag("whether it is used only when others cannot be"),
  stale: flag("whether it timed out and has acknowledged nothing since"),
  rttMicroseconds: integer("smoothed round-trip time; 0 before the first sample"),
  rttVariationMicroseconds: integer("its variation"),
  minRttMicroseconds: integer("the least seen lately; 0 before the first sample"),
  rtoMicroseconds: integer("retransmission timeout"),
  congestionWindowBytes: integer("congestion window"),
  slowStartThresholdBytes: nullable(integer("slow start threshold; null while there is none")),
  pacingRateBitsPerSecond: nullable(integer("pace of what leaves; null: as the window lets it")),
  segmentBytes: integer("payload of a full segment"),
  bytesInFlight: integer("sent and not acknowledged"),
  bytesSent: integer("data sent, retransmissions on this subflow included"),
  bytesAcknowledged: integer("of it acknowledged"),
  bytesReceived: integer("data received in order"),
  bytesRetransmitted: integer("data sent again on this subflow"),
  bytesReinjected: integer("data that was sent before on another subflow"),
  segmentsSent: integer("segments sent"),
  segmentsReceived: integer("segments received"),
});

const connectionStatus = record("a connection, as in mptcp_info", {
  connection,
  token: nullable(token),
  initiator: flag("whether this host opened it"),
  multipath: flag("whether Multipath TCP is in use"),
  fallback: nullable(text("why it is not although it was asked for; null when it is, or was not asked for", 64)),
  established: flag("whether it is open"),
  fullyEstablished: flag("whether the peer has our key, so that subflows may be added (RFC 8684 §3.1)"),
  checksum: flag("whether DSS checksums are in use"),
  localAddress: address,
  localPort: port,
  remoteAddress: address,
  remotePort: port,
  scheduler: nullable(policy),
  congestion: policy,
  pathManager: nullable(policy),
  limits: nullable(limits),
  localAddresses: list("addresses of this host that it may use", record("one", { id: addressId, address, backup: flag("subflows from here are backups") })),
  remoteAddresses: list("addresses of the peer that are known", record("one", { id: addressId, address, port })),
  addressesAnnounced: integer("addresses that the peer was told of"),
  addressesAccepted: integer("announcements of the peer that were accepted"),
  bytesSent: integer("data sent, without what was reinjected"),
  bytesReceived: integer("data received in order"),
  bytesAcknowledged: integer("data that the peer acknowledged"),
  bytesReinjected: integer("data sent once more on another subflow"),
  sendBufferedBytes: integer("written and not acknowledged"),
  receiveBufferedBytes: integer("arrived and not read"),
  sinceSentMicroseconds: integer("since data was last sent; since it was opened where none was"),
  sinceReceivedMicroseconds: integer("since data last arrived, likewise"),
  sinceAcknowledgedMicroseconds: integer("since the last Data ACK, likewise"),
  subflows: list("every one that is open or being opened", subflowStatus),
});

const policies = { scheduler: policy, congestion: policy, pathManager: policy };

const status = record("the state of a host", {
  atMicroseconds: at,
  name: text("the host's name"),
  endpoints: list("its addresses", endpoint),
  links: list("its links", record("one", { name: text("its name"), mtuBytes: integer("octets of the largest packet"), addresses: list("addresses on it", address) })),
  limits,
  ...policies,
  usage: named("entries of its tables", integer("a number")),
  counters: optional(named("counters that are not 0, by the names of the kernel's MIB (nstat)", integer("a number"))),
  connections: list("those that are open or being opened", connectionStatus),
});

// ---- requests

/** The kinds of events that may be asked for by name. */
export const SUBSCRIBABLE = ["created", "established", "closed", "announced", "removed", "sub-established", "sub-closed", "sub-priority", "fallback", "endpoint-added", "endpoint-removed"] as const;

const nothing = record("nothing to say", {});

/** The requests: what each takes, and what its answer holds. */
export const METHODS = {
  status: {
    description: "The state of the host and of its connections, or of one of them.",
    params: record("which", { ...reference, counters: optional(flag("the counters, too")) }),
    result: status,
  },
  subscribe: {
    description: "Has events told from now on, in place of what was asked for before.",
    params: record("which", {
      ...reference,
      events: optional(list("kinds; without it all but decisions", word("a kind", SUBSCRIBABLE), 16)),
      decisions: optional(list("kinds of the decision log; an empty list for all but `schedule`, which every segment brings", text("a kind", 40), 64)),
    }),
    result: nothing,
  },
  unsubscribe: { description: "No more events.", params: nothing, result: nothing },
  "endpoint.add": {
    description: "Gives the host an address: on the link that had it or brings it, on the one named, or on one that the program opens for it.",
    params: record("which", {
      address,
      link: optional(text("the link's name")),
      id: optional(integer("address id; one that is free unless given", 1, 255)),
      port: optional(integer("the port that it is announced with, where the program has to listen; that of the first subflow unless given", 1, 65_535)),
      subflow: optional(endpointFlags.subflow),
      signal: optional(endpointFlags.signal),
      backup: optional(endpointFlags.backup),
      fullmesh: optional(endpointFlags.fullmesh),
    }),
    result: endpoint,
  },
  "endpoint.remove": {
    description: "Takes an address from the host: subflows on it end at once, and peers hear of it on others (REMOVE_ADDR).",
    params: record("which", namedEndpoint),
    result: endpoint,
  },
  "endpoint.change": {
    description: "Changes what an address is for; `backup` also for the subflows that are there (MP_PRIO).",
    params: record("which", {
      ...namedEndpoint,
      subflow: optional(endpointFlags.subflow),
      signal: optional(endpointFlags.signal),
      backup: optional(endpointFlags.backup),
      fullmesh: optional(endpointFlags.fullmesh),
    }),
    result: endpoint,
  },
  "limits.set": {
    description: "Sets limits: of one connection, or of all and of those to come.",
    params: record("what", { ...reference, subflows: optional(integer("subflows beside the first", 0, 255)), addAddrAccepted: optional(integer("announcements of the peer that are accepted", 0, 255)) }),
    result: limits,
  },
  "policy.set": {
    description: "Exchanges a policy while data flows: of one connection, or of all and of those to come.",
    params: record("what", { ...reference, kind: policyKind, name: text("its name, see policy.list"), parameters: optional(parameters("its parameters; those that are not given are as usual")) }),
    result: record("whom it reached", { connections: integer("connections whose policy was exchanged") }),
  },
  "policy.list": {
    description: "The policies that there are, by name.",
    params: nothing,
    result: record("names", { scheduler: list("schedulers", text("a name")), congestion: list("congestion controls", text("a name")), pathManager: list("path managers", text("a name")) }),
  },
  "address.add": { description: "Lets a connection use an address of the host (RFC 6897, TCP_MULTIPATH_ADD).", params: record("which", { ...reference, address }), result: nothing },
  "address.remove": {
    description: "Takes an address of the host from a connection (RFC 6897, TCP_MULTIPATH_REMOVE): its subflows close once others are there, and the peer hears of it.",
    params: record("which", { ...reference, address }),
    result: nothing,
  },
  "address.announce": {
    description: "Announces an address of the connection to the peer (ADD_ADDR), whatever its path manager thinks.",
    params: record("which", { ...reference, addressId, port: optional(port) }),
    result: nothing,
  },
  "address.withdraw": { description: "Takes an announcement back (REMOVE_ADDR).", params: record("which", { ...reference, addressId }), result: nothing },
  "subflow.add": {
    description: "Opens a subflow between addresses that both hosts know of.",
    params: record("between", { ...reference, localAddress: address, localPort: optional(port), remoteAddress: address, remotePort: optional(port), backup: optional(flag("to be used only when others cannot be")) }),
    result: record("the subflow, which is being opened", { subflow }),
  },
  "subflow.remove": { description: "Ends a subflow without ending its connection.", params: record("which", { ...reference, subflow }), result: nothing },
  "subflow.backup": {
    description: "Makes a subflow a backup, or not, and tells the peer (MP_PRIO, RFC 8684 §3.3.8).",
    params: record("which", { ...reference, subflow, backup: flag("whether it is to be used only when others cannot be") }),
    result: nothing,
  },
} as const;

// ---- events

const ofConnection = { connection, token: nullable(token) };
const pair = { localAddress: address, localPort: port, remoteAddress: address, remotePort: port };
const ofSubflow = { ...ofConnection, subflow, ...pair, localAddressId: addressId, remoteAddressId: addressId, backup: flag("whether it is used only when others cannot be") };
const event = <const E extends string>(kind: E) => ({ event: word("the kind", [kind]), atMicroseconds: at });

/** The events. Those about connections and subflows have the names of the kernel's (MPTCP_EVENT_...). */
export const EVENTS = {
  created: record("a connection is open; regular TCP where `multipath` is false", { ...event("created"), ...ofConnection, ...pair, initiator: flag("whether this host opened it"), multipath: flag("whether Multipath TCP is in use") }),
  established: record("the peer has our key: subflows may be added (RFC 8684 §3.1)", { ...event("established"), ...ofConnection }),
  closed: record("a connection is over", { ...event("closed"), ...ofConnection, reason: text("`done` after a regular close; else an error code, or one of this library's words") }),
  announced: record("the peer announced an address (ADD_ADDR)", { ...event("announced"), ...ofConnection, addressId, address, port: nullable(port) }),
  removed: record("the peer withdrew an address (REMOVE_ADDR)", { ...event("removed"), ...ofConnection, addressId }),
  "sub-established": record("a subflow was verified by both hosts; the first one, too", { ...event("sub-established"), ...ofSubflow, initiator: flag("whether this host opened it") }),
  "sub-closed": record("a subflow is over, or could not be opened", { ...event("sub-closed"), ...ofSubflow, reason: text("`fin`, an error code, or one of this library's words") }),
  "sub-priority": record("a subflow was made a backup, or is none any more", { ...event("sub-priority"), ...ofSubflow, by: word("the host that said so", ["local", "remote"]) }),
  fallback: record("Multipath TCP was given up; the connection goes on as regular TCP", { ...event("fallback"), ...ofConnection, reason: text("why") }),
  "endpoint-added": record("the host has an address, or what it is for has changed", { ...event("endpoint-added"), endpoint }),
  "endpoint-removed": record("the host has an address no more", { ...event("endpoint-removed"), address }),
  decision: record("an entry of the decision log", { ...event("decision"), connection: nullable(integer("number of the connection; null when it concerns none, or before it has one", 1)), token: nullable(token), decision: anything("the entry, as a line of events.jsonl") }),
  lost: record("events that were not told, since the client did not read", { ...event("lost"), count: integer("how many", 1) }),
} as const;

// ---- around them

/** What a client hears first. */
export const HELLO = record("what a client hears first", {
  hello: record("who speaks", {
    protocol: integer("version of the protocol", 1),
    package: text("the library's name"),
    version: text("the library's version"),
    pid: integer("the process", 1),
    name: text("the host's name"),
    title: text("what the process does, for people"),
    startedMicroseconds: integer("when the process began"),
  }),
});

/** Why a request was not done. */
export const ERROR_CODES = [
  "too-long", "invalid-json", "invalid-request", "unknown-method", "invalid-params", "no-connection", "which-connection", "no-subflow", "no-address", "no-link", "no-policy", "not-multipath", "refused", "internal",
] as const;

export const FAILURE = record("a request that was not done", {
  code: word("which kind of failure", ERROR_CODES),
  message: text("what is wrong, for people", 1024),
});

/** What a client gives a request to know its answer by. */
export const ID = {
  schema: { anyOf: [{ type: "integer", minimum: -Number.MAX_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER }, { type: "string", maxLength: 64 }], description: "the request's; its answer has the same" },
  problem: (value: unknown, name: string): string | null => (Number.isSafeInteger(value) || (typeof value === "string" && value.length <= 64) ? null : `${name} is a whole number, or text of 64 characters at the most`),
} as const satisfies Form<number | string>;

export type ControlMethod = keyof typeof METHODS;
export type ControlParams<M extends ControlMethod> = Of<(typeof METHODS)[M]["params"]>;
export type ControlResult<M extends ControlMethod> = Of<(typeof METHODS)[M]["result"]>;
export type ControlEventKind = keyof typeof EVENTS;
export type ControlEvent = { [K in ControlEventKind]: Of<(typeof EVENTS)[K]> }[ControlEventKind];
export type ControlEventOf<K extends ControlEventKind> = Of<(typeof EVENTS)[K]>;
export type ControlHello = Of<typeof HELLO>["hello"];
export type ControlErrorCode = (typeof ERROR_CODES)[number];
export type ControlStatus = Of<typeof status>;
export type ConnectionStatus = Of<typeof connectionStatus>;
export type SubflowStatus = Of<typeof subflowStatus>;
export type EndpointStatus = Of<typeof endpoint>;
export type PolicyStatus = Of<typeof policy>;
export type ControlPolicyKind = Of<typeof policyKind>;
/** How a request names a connection. */
export interface ConnectionReference {
  readonly connection?: number;
  readonly token?: string;
}
/** Kinds of the decision log. */
export type DecisionKind = DecisionDetail["kind"];

/** A request that is not done, and why. */
export class ControlFailure extends MptcpError {
  declare readonly code: ControlErrorCode;

  constructor(code: ControlErrorCode, message: string) {
    super(code, message);
    this.name = "ControlFailure";
  }
}

/** A token as this protocol writes it. */
export function tokenText(value: number): string {
  return value.toString(16).padStart(8, "0");
}
