import type { DecisionEvent } from "../core/index.ts";

/**
 * One event of the decision log as a line of JSON, without the line feed. `at`, `host`, `connection`, `subflow` and
 * `kind` come first, then the kind's own fields by name, so equal events give equal lines.
 */
export function formatEvent(event: DecisionEvent): string {
  const line: Record<string, unknown> = {
    at: event.at,
    host: event.host,
    connection: event.connection,
    subflow: event.subflow,
    kind: event.kind,
  };
  for (const [name, value] of detailsOf(event)) line[name] = value;
  return JSON.stringify(line);
}

/** One event of the decision log as a line for people: time in seconds, where, what and why. */
export function describeEvent(event: DecisionEvent): string {
  const connection = event.connection < 0 ? "" : ` #${event.connection}`;
  const subflow = event.subflow < 0 ? "" : `.${event.subflow}`;
  return `${formatSeconds(event.at)} ${event.host}${connection}${subflow}: ${describeDetail(event)}`;
}

function describeDetail(event: DecisionEvent): string {
  switch (event.kind) {
    case "tcp_state":
    case "retransmission":
    case "rto":
    case "recovery":
    case "undo":
    case "fast_open":
    case "segment_dropped":
      return describeTcp(event);
    case "link":
      return `link ${event.change}${event.detail === "" ? "" : ` (${event.detail})`}`;
    case "address":
      return `address ${event.address} ${event.change}`;
    case "packet_lost":
      return `packet of ${event.length} octets lost: ${LOSS_TEXT[event.cause]}`;
    default:
      return describeMptcp(event);
  }
}

function describeTcp(event: Extract<DecisionEvent, { kind: "tcp_state" | "retransmission" | "rto" | "recovery" | "undo" | "fast_open" | "segment_dropped" }>): string {
  switch (event.kind) {
    case "tcp_state":
      return `${event.from} -> ${event.to}`;
    case "retransmission":
      return `retransmits ${range(event.offset, event.length)} (${event.cause})`;
    case "rto":
      return `retransmission timeout after ${event.rtoMs} ms, ${event.consecutive} in a row`;
    case "recovery":
      return `${event.phase === "enter" ? "enters" : "leaves"} recovery, cwnd ${event.cwnd}, ssthresh ${event.ssthresh}`;
    case "undo":
      return `the ${event.timeout ? "timeout" : "recovery"} was for nothing (${event.sign}), cwnd ${event.cwnd}, ssthresh ${event.ssthresh}`;
    case "fast_open":
      return `Fast Open as a ${event.role}: ${event.acknowledged} of ${event.sent} octets on the SYN acknowledged${event.cookie ? ", a new cookie" : ""}`;
    case "segment_dropped":
      return `drops a segment: ${event.reason}`;
  }
}

function describeMptcp(event: DecisionEvent): string {
  switch (event.kind) {
    case "connection_established":
      return event.multipath
        ? `connection established, multipath, token ${hex32(event.token)}`
        : "connection established, regular TCP";
    case "fully_established":
      return `the peer has our key, token ${hex32(event.token)}: subflows may be added`;
    case "subflow_established":
      return (
        `subflow ${event.local} -> ${event.remote} established` +
        ` (${event.initiator ? "opened" : "accepted"}, address id ${event.addressId}${event.backup ? ", backup" : ""})`
      );
    case "subflow_closed":
      return `subflow closed: ${event.reason}`;
    case "join_refused":
      return `join ${event.remote} -> ${event.local} refused: ${event.reason}`;
    case "schedule":
      return `${event.reinjection ? "reinjects" : "sends"} data ${range(event.dataOffset, event.length)} here: ${event.reason}`;
    case "reinjection":
      return `data ${range(event.dataOffset, event.length)} queued for reinjection (${event.cause})`;
    case "penalise":
      return `window halved to ${event.cwnd}: ${event.cause}`;
    case "window":
      return event.state === "blocked"
        ? `shared receive window full at data offset ${event.right}`
        : `shared receive window open to data offset ${event.right}`;
    case "add_addr":
      return (
        `${event.direction === "in" ? "received" : "sends"} ADD_ADDR ${event.echo ? "echo " : ""}id ${event.addressId}` +
        ` ${event.address}${event.port === 0 ? "" : ` port ${event.port}`}`
      );
    case "remove_addr":
      return `${event.direction === "in" ? "received" : "sends"} REMOVE_ADDR id ${event.addressIds.join(", ")}`;
    case "priority":
      return `${event.direction === "in" ? "peer asks" : "asks"} for ${event.backup ? "backup" : "regular"} use`;
    case "fallback":
      return `falls back to regular TCP: ${event.reason}`;
    case "data_fin":
      return `${event.direction === "in" ? "received" : "sends"} DATA_FIN at data offset ${event.dataOffset}`;
    case "fastclose":
      return `${event.direction === "in" ? "received" : "sends"} MP_FASTCLOSE`;
    case "connection_closed":
      return `connection closed: ${event.reason}`;
    case "path_manager":
      return `path manager: ${event.action} path ${event.pathIndex}${event.detail === "" ? "" : ` (${event.detail})`}`;
    default:
      return describeUnknown(event);
  }
}

/** A kind that this file has no words for yet: its name and fields. */
function describeUnknown(event: DecisionEvent): string {
  const fields = detailsOf(event).map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  return [event.kind.replaceAll("_", " "), ...fields].join(" ");
}

function detailsOf(event: DecisionEvent): (readonly [string, unknown])[] {
  return Object.entries(event)
    .filter(([name]) => !BASE_FIELDS.has(name))
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** Nanoseconds as seconds with nine decimals, without rounding. */
function formatSeconds(at: number): string {
  const nanoseconds = String(at % 1_000_000_000).padStart(9, "0");
  return `${Math.floor(at / 1_000_000_000)}.${nanoseconds}`;
}

function range(offset: number, length: number): string {
  return `${offset}..${offset + length}`;
}

function hex32(value: number): string {
  return `0x${value.toString(16).padStart(8, "0")}`;
}

const BASE_FIELDS = new Set(["at", "host", "connection", "subflow", "kind"]);
const LOSS_TEXT = {
  queue: "queue full",
  random: "random loss",
  down: "link down",
  ttl: "hop limit reached",
  no_route: "no route",
  nat: "no NAT state",
  mtu: "larger than the MTU",
  black_hole: "a middlebox drops such packets",
  firewall: "a firewall lets no such packet pass",
  filtered: "a middlebox found that another packet says the same",
} as const;
