import { addAddressHmac, version1, type KeyPair, type Version } from "../../mptcp/index.ts";
import { Dss, dssChecksum, encodeMptcpOption, IpAddress, mptcpOptionLength, payloadSum, type MptcpOption, type Payload } from "../../wire/index.ts";
import type { DssPlan, KeyPlan, MptcpPlan, OptionValue } from "../plan/index.ts";
import type { Flow } from "./flow.ts";
import { initialOf, keyOfOctets, octetsOfKey, versionOf, type Multipath, type Variables } from "./multipath.ts";

type Side = "local" | "remote";
const OTHER: Readonly<Record<Side, Side>> = { local: "remote", remote: "local" };
const NO_KEY = new Uint8Array(8);

/** What an option of a line stands for depends on all of this. */
export interface OptionContext {
  readonly flow: Flow;
  readonly variables: Variables;
  /** The end that sends the packet. */
  readonly side: Side;
  /** Data of the segment, and the relative sequence number of its first octet. */
  readonly payload: Payload;
  readonly sequence: number;
  /** The option that left, which fills in what the line does not say; null in a packet of the script. */
  readonly live: MptcpOption | null;
  /** Keys that the line binds to names; the caller makes it so once the line stands for the packet. */
  readonly bound: Map<string, bigint>;
}

/** The option that a line of a script stands for. What it leaves open is that of `context.live`. */
export function resolveMptcp(plan: MptcpPlan, context: OptionContext): MptcpOption {
  const { live } = context;
  switch (plan.type) {
    case "mp_capable":
      return capable(plan, context);
    case "mp_join_syn": {
      const own = live?.kind === "mp_join_syn" ? live : null;
      return { kind: "mp_join_syn", backup: plan.backup, addressId: idOf(plan.id, own?.addressId), token: tokenOf(plan.token, context, own?.token), nonce: nonceOf(plan.nonce, context, own?.nonce) };
    }
    case "mp_join_syn_ack": {
      const own = live?.kind === "mp_join_synack" ? live : null;
      const nonce = nonceOf(plan.nonce, context, own?.nonce);
      // What the stack calls its address is not compared: public scripts have numbers here that no stack sends.
      return { kind: "mp_join_synack", backup: plan.backup, addressId: own?.addressId ?? idOf(plan.id, undefined), hmac: joinHmacOf(plan.hmac, context, nonce, 8, own?.hmac), nonce };
    }
    case "mp_join_ack": {
      const own = live?.kind === "mp_join_ack" ? live : null;
      return { kind: "mp_join_ack", hmac: joinHmacOf(plan.hmac, context, context.flow.nonces[context.side] ?? 0, 20, own?.hmac) };
    }
    case "dss":
      return dss(plan, context);
    case "add_address":
      return addAddress(plan, context);
    case "remove_address":
      return { kind: "remove_addr", addressIds: plan.ids };
    case "mp_prio":
      return { kind: "mp_prio", backup: plan.backup, addressId: plan.id };
    case "mp_fail": {
      const own = live?.kind === "mp_fail" ? whole(live.dsnHigh, live.dsnLow) : undefined;
      // RFC 8684 §3.7: it names data that came from the other end.
      const sender = OTHER[context.side];
      const sequence = sequenceOf(plan.sequence, context, sender, own, context.flow.multipath?.next[sender] ?? 1n);
      return { kind: "mp_fail", dsnHigh: high(sequence), dsnLow: low(sequence) };
    }
    case "mp_fastclose": {
      const own = live?.kind === "mp_fastclose" ? live.receiverKey : undefined;
      // RFC 8684 §3.5: the key of the end that hears it.
      const wanted = context.flow.multipath?.material(OTHER[context.side])?.key ?? NO_KEY;
      return { kind: "mp_fastclose", receiverKey: plan.key === undefined ? wanted : keyOf(plan.key, context, own ?? wanted) };
    }
    case "mp_reset":
      return { kind: "mp_tcprst", transient: plan.transient, reserved: 0, reason: plan.reason };
  }
}

/** The octets of an option. */
export function mptcpOctets(option: MptcpOption): Uint8Array {
  const octets = new Uint8Array(mptcpOptionLength(option));
  encodeMptcpOption(option, octets, 0);
  return octets;
}

function capable(plan: Extract<MptcpPlan, { type: "mp_capable" }>, context: OptionContext): MptcpOption {
  const live = context.live?.kind === "mp_capable" ? context.live : null;
  const [sender, receiver] = plan.keys;
  const { payload, flow } = context;
  const dataLength = plan.dataLength ?? -1;
  const senderKey = sender === undefined ? null : keyOf(sender, context, live?.senderKey ?? null);
  let checksum = -1;
  if (plan.checksum?.kind === "number") checksum = Number(plan.checksum.value & 0xffffn);
  else if (plan.checksum !== undefined || (dataLength >= 0 && flow.multipath?.checksums === true)) {
    // The key may be that of this very option.
    const initial = senderKey === null ? (flow.multipath?.initial(context.side) ?? 0n) : initialOf(versionOf(plan.version).deriveKeys(senderKey));
    const first = BigInt.asUintN(64, initial + 1n);
    checksum = dssChecksum(payloadSum(payload), high(first), low(first), 1, Math.max(0, dataLength));
  }
  return {
    kind: "mp_capable",
    version: plan.version,
    flags: plan.flags,
    senderKey,
    receiverKey: receiver === undefined ? null : keyOf(receiver, context, live?.receiverKey ?? null),
    dataLength,
    checksum,
  };
}

/** A key that a line names. A name that is free is bound to the key that is there, or gets one. */
function keyOf({ name, value }: KeyPlan, { variables, bound, flow, side }: OptionContext, live: Uint8Array | null): Uint8Array {
  if (value !== undefined) {
    if (name !== undefined) bound.set(name, value);
    return octetsOfKey(value);
  }
  const known = bound.get(name!) ?? variables.get(name!);
  if (side === "local" && live !== null && !bound.has(name!) && variables.isFree(name!, flow.multipath)) {
    bound.set(name!, keyOfOctets(live));
    return live;
  }
  if (known !== undefined) return octetsOfKey(known);
  const chosen = keyFor(name!);
  bound.set(name!, chosen);
  return octetsOfKey(chosen);
}

/** The key that a name has to which the script gives none: the same in each run. */
function keyFor(name: string): bigint {
  let key = 0x6b65_7900_0000_0001n;
  for (let index = 0; index < name.length; index++) key = BigInt.asUintN(64, key * 31n + BigInt(name.charCodeAt(index)));
  return key;
}

function idOf(id: OptionValue, live: number | undefined): number {
  return id.kind === "number" ? Number(id.value & 0xffn) : (live ?? 0);
}

function tokenOf(token: OptionValue, { variables, flow, side }: OptionContext, live: number | undefined): number {
  if (token.kind === "number") return Number(BigInt.asUintN(32, token.value));
  if (token.kind === "any" && live !== undefined) return live;
  const key = token.kind === "token" || token.kind === "sequence" ? variables.get(token.key) : undefined;
  if (key !== undefined) return hashOf(token, flow).deriveKeys(octetsOfKey(key)).token;
  return flow.multipath?.material(OTHER[side])?.token ?? live ?? 0;
}

/** RFC 8684 §3.2: a random number; the script's end has one that depends on its port alone. */
function nonceOf(nonce: OptionValue, { flow }: OptionContext, live: number | undefined): number {
  if (nonce.kind === "number") return Number(BigInt.asUintN(32, nonce.value));
  return live ?? (0x5eed_0000 + (flow.remotePort & 0xffff)) >>> 0;
}

function joinHmacOf(hmac: OptionValue, { flow, side }: OptionContext, nonce: number, length: 8 | 20, live: Uint8Array | undefined): Uint8Array {
  if (hmac.kind === "any" && live !== undefined) return live;
  if (hmac.kind === "number") return numberOctets(hmac.value, length);
  const keys = keyPair(flow.multipath, side);
  const theirs = flow.nonces[OTHER[side]] ?? 0;
  const { version } = flow.multipath ?? { version: version1 };
  return length === 8 ? version.joinSynAckHmac(keys, nonce, theirs) : version.joinAckHmac(keys, nonce, theirs);
}

/** The version whose hash a value of a key is made by. */
function hashOf(value: OptionValue, flow: Flow): Version {
  if ("version" in value && value.version !== null) return versionOf(value.version);
  return flow.multipath?.version ?? version1;
}

function keyPair(multipath: Multipath | null, side: Side): KeyPair {
  return { sender: multipath?.material(side)?.key ?? NO_KEY, receiver: multipath?.material(OTHER[side])?.key ?? NO_KEY };
}

function dss(plan: DssPlan, context: OptionContext): Dss {
  const { flow, side, payload } = context;
  const live = context.live instanceof Dss ? context.live : null;
  const { multipath } = flow;
  const option = new Dss();
  option.dataAckLength = plan.ackLength;
  if (plan.ackLength !== 0) {
    const ack = sequenceOf(plan.ack, context, OTHER[side], live === null ? undefined : whole(live.dataAckHigh, live.dataAckLow), multipath?.next[OTHER[side]] ?? 1n);
    option.dataAckHigh = plan.ackLength === 8 ? high(ack) : 0;
    option.dataAckLow = low(ack);
  }
  option.dataFin = plan.fin;
  option.dsnLength = plan.sequenceLength;
  if (plan.sequenceLength === 0) return option;
  const sequence = sequenceOf(plan.sequence, context, side, live === null ? undefined : whole(live.dsnHigh, live.dsnLow), multipath?.next[side] ?? 1n);
  option.dsnHigh = plan.sequenceLength === 8 ? high(sequence) : 0;
  option.dsnLow = low(sequence);
  option.subflowSequence = plan.subflowSequence ?? live?.subflowSequence ?? (payload.length > 0 ? context.sequence : 0);
  option.dataLength = plan.dataLength ?? live?.dataLength ?? payload.length + (plan.fin ? 1 : 0);
  option.checksum = checksumOf(plan, context, option, sequence);
  return option;
}

function checksumOf({ checksum }: DssPlan, { flow, payload, live }: OptionContext, option: Dss, sequence: bigint): number {
  if (checksum === "none" || (checksum === undefined && flow.multipath?.checksums !== true)) return -1;
  if (checksum?.kind === "number") return Number(checksum.value & 0xffffn);
  // A mapping of more than this segment: its checksum is that of data which is not here.
  const covered = option.dataLength - (option.dataFin ? 1 : 0);
  if (live instanceof Dss && live.checksum >= 0 && (checksum?.kind === "any" || covered !== payload.length)) return live.checksum;
  return dssChecksum(payloadSum(payload), high(sequence), low(sequence), option.subflowSequence, option.dataLength);
}

/** A data sequence number of an end, all 64 bits. `auto`: what it is relative to the initial one where neither line nor packet says. */
function sequenceOf(value: OptionValue, { flow, variables, side }: OptionContext, of: Side, live: bigint | undefined, auto: bigint): bigint {
  const initial = flow.multipath?.initial(of) ?? 0n;
  if (value.kind === "number") return BigInt.asUintN(64, initial + value.value);
  if (value.kind === "any" && live !== undefined) return live;
  const key = value.kind === "sequence" || value.kind === "token" ? variables.get(value.key) : undefined;
  if (key !== undefined && "plus" in value) return BigInt.asUintN(64, initialOf(hashOf(value, flow).deriveKeys(octetsOfKey(key))) + value.plus);
  return side === "local" && live !== undefined ? live : BigInt.asUintN(64, initial + auto);
}

function addAddress(plan: Extract<MptcpPlan, { type: "add_address" }>, context: OptionContext): MptcpOption {
  const live = context.live?.kind === "add_addr" ? context.live : null;
  const address = addressOf(plan, context.variables, live?.address) ?? context.flow.local;
  const named = { addressId: idOf(plan.id, live?.addressId), address, port: plan.port };
  const seen = live?.hmac ?? null;
  const head = { kind: "add_addr", version: plan.version, echo: plan.echo, ...named } as const;
  if (plan.echo || plan.version === 0) return { ...head, hmac: null };
  if (plan.hmac.kind === "number") return { ...head, hmac: numberOctets(plan.hmac.value, 8) };
  if (plan.hmac.kind === "any" && seen !== null) return { ...head, hmac: seen };
  const { sender, receiver } = keyPair(context.flow.multipath, context.side);
  return { ...head, hmac: addAddressHmac(sender, receiver, named) };
}

function addressOf({ name, address }: Extract<MptcpPlan, { type: "add_address" }>, { addresses }: Variables, live: IpAddress | undefined): IpAddress | undefined {
  const chosen = name === undefined ? undefined : addresses.get(name);
  if (chosen !== undefined) return chosen;
  if (address !== undefined) return IpAddress.parse(address) ?? undefined;
  if (live !== undefined && name !== undefined) addresses.set(name, live);
  return live;
}

function numberOctets(value: bigint, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => Number((value >> BigInt(8 * (length - 1 - index))) & 0xffn));
}

const whole = (upper: number, lower: number): bigint => (BigInt(upper) << 32n) | BigInt(lower);
const high = (value: bigint): number => Number((value >> 32n) & 0xffff_ffffn);
const low = (value: bigint): number => Number(value & 0xffff_ffffn);
