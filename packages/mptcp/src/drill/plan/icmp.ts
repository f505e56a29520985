import type { IcmpMessage, Place } from "../syntax/ast.ts";
import { nearest } from "../syntax/nearest.ts";
import type { IcmpPlan } from "./plan.ts";
import { Refused } from "./refused.ts";
import type { Values } from "./values.ts";

interface IcmpType {
  readonly type: number;
  readonly codes: Readonly<Record<string, number>>;
}

const UNREACHABLE_V4 = {
  net_unreachable: 0, host_unreachable: 1, protocol_unreachable: 2, port_unreachable: 3, frag_needed: 4, source_route_failed: 5, net_unknown: 6, host_unknown: 7,
  source_host_isolated: 8, net_prohibited: 9, host_prohibited: 10, net_unreachable_for_tos: 11, host_unreachable_for_tos: 12, packet_filtered: 13,
  precedence_violation: 14, precedence_cutoff: 15,
};

/** Types of messages (RFC 792, RFC 1191, RFC 1812), and the codes of each. */
const V4: Readonly<Record<string, IcmpType>> = {
  echo_reply: { type: 0, codes: {} },
  unreachable: { type: 3, codes: UNREACHABLE_V4 },
  source_quench: { type: 4, codes: {} },
  redirect: { type: 5, codes: { redirect_net: 0, redirect_host: 1 } },
  echo_request: { type: 8, codes: {} },
  time_exceeded: { type: 11, codes: { ttl_exceeded: 0, reassembly_exceeded: 1, exc_ttl: 0, exc_fragtime: 1 } },
  parameter_problem: { type: 12, codes: {} },
  timestamp_request: { type: 13, codes: {} },
  timestamp_reply: { type: 14, codes: {} },
  information_request: { type: 15, codes: {} },
  information_reply: { type: 16, codes: {} },
  address_mask_request: { type: 17, codes: {} },
  address_mask_reply: { type: 18, codes: {} },
};

/** RFC 4443. */
const V6: Readonly<Record<string, IcmpType>> = {
  unreachable: { type: 1, codes: { no_route: 0, net_unreachable: 0, admin_prohibited: 1, not_neighbour: 2, addr_unreachable: 3, host_unreachable: 3, port_unreachable: 4, frag_needed: 0 } },
  packet_too_big: { type: 2, codes: {} },
  time_exceeded: { type: 3, codes: { exc_hoplimit: 0, exc_fragtime: 1, ttl_exceeded: 0, reassembly_exceeded: 1 } },
  parameter_problem: { type: 4, codes: { header_field: 0, unknown_next_header: 1, unknown_option: 2 } },
  echo_request: { type: 128, codes: {} },
  echo_reply: { type: 129, codes: {} },
};

/** Throws {@link Refused}. */
export function planIcmp(message: IcmpMessage, family: 4 | 6, values: Values): IcmpPlan {
  const types = family === 4 ? V4 : V6;
  // The scripts say "frag_needed" in both versions of IP.
  const tooBig = family === 6 && message.type === "unreachable" && message.code === "frag_needed";
  const name = tooBig ? "packet_too_big" : message.type;
  const type = Object.hasOwn(types, name) ? types[name]!.type : numbered(name, "type", Object.keys(types), message.place);
  const codes = Object.hasOwn(types, name) ? types[name]!.codes : {};
  const { quotes } = message;
  const written = message.code === undefined ? undefined : (values.defined(message.code) ?? message.code);
  const code = written === undefined || tooBig ? 0 : Object.hasOwn(codes, written) ? codes[written]! : numbered(written, "code", Object.keys(codes), message.place);
  const mtu = message.mtu === undefined ? undefined : values.number(message.mtu, "an MTU", 0);
  const kind = quotes !== undefined && "kind" in quotes ? "udp" : "tcp";
  return { kind: "icmp", type, code, mtu, quotes: quotes === undefined ? undefined : kind === "udp" ? { kind, length: quotes.length } : { kind, from: "from" in quotes ? quotes.from : 0, length: quotes.length } };
}

/** `type_3`, `code_4`. */
function numbered(text: string, what: "type" | "code", names: readonly string[], place: Place): number {
  const [, digits] = new RegExp(`^${what}_([0-9]{1,3})$`).exec(text) ?? [];
  if (digits !== undefined && Number(digits) < 256) return Number(digits);
  throw new Refused(place, `there is no ICMP ${what} "${text}"${nearest(text, names)}`);
}
