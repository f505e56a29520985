import type { Frame } from "./frames.ts";
import { joinHmac, keyMaterial } from "./keys.ts";
import type { KeyMaterial } from "./keys.ts";
import type { CaptureFacts, Problems } from "./report.ts";
import type { MptcpOption } from "./tcp-options.ts";

/** 0: the host that opened the connection (A in RFC 8684); 1: the other (B). */
export type HostIndex = 0 | 1;

/** A TCP connection between two pairs of address and port. Direction 0 is away from whoever sent the SYN. */
export interface Flow {
  readonly initiator: string;
  readonly responder: string;
  readonly initialSequence: [number, number | null];
  /** Of each direction's SYN (-1: none). */
  readonly windowScale: [number, number];
  readonly frames: { readonly frame: Frame; readonly direction: 0 | 1 }[];
}

/** A flow that belongs to a Multipath TCP connection. */
export interface CapturedSubflow {
  readonly flow: Flow;
  /** The host that sent the SYN. */
  readonly initiator: HostIndex;
  /**
   * Index of the connection's first flow that shows the same subflow: its own, unless the capture has the subflow under
   * several addresses, from both sides of an address translator.
   */
  readonly original: number;
}

export interface CapturedConnection {
  /** Of hosts A and B. */
  readonly keys: readonly [KeyMaterial, KeyMaterial];
  /** One of the hosts required checksums. */
  readonly checksums: boolean;
  readonly subflows: CapturedSubflow[];
}

export interface CapturedConnections {
  readonly multipath: readonly CapturedConnection[];
  readonly plain: readonly Flow[];
}

/** Sorts segments into TCP connections by addresses and ports; a SYN of another sequence number begins a new one. */
export function collectFlows(frames: readonly Frame[], problems: Problems): Flow[] {
  const flows: Flow[] = [];
  const current = new Map<string, Flow>();
  for (const frame of firstSightings(frames)) {
    const forward = `${frame.source} ${frame.destination}`;
    let flow = current.get(forward);
    if (frame.syn && !frame.ack && flow?.initialSequence[0] !== frame.sequence) {
      flow = { initiator: frame.source, responder: frame.destination, initialSequence: [frame.sequence, null], windowScale: [frame.windowScale, -1], frames: [] };
      flows.push(flow);
      current.set(forward, flow);
      current.set(`${frame.destination} ${frame.source}`, flow);
    }
    if (flow === undefined) {
      problems.add("a segment of no connection", `frame ${frame.number}`);
      continue;
    }
    const direction = frame.source === flow.initiator ? 0 : 1;
    if (frame.syn && direction === 1) {
      if (flow.initialSequence[1] !== null && flow.initialSequence[1] !== frame.sequence) problems.add("two SYN+ACKs of different sequence number", `frame ${frame.number}`);
      flow.initialSequence[1] = frame.sequence;
      flow.windowScale[1] = frame.windowScale;
    }
    flow.frames.push({ frame, direction });
  }
  return flows;
}

/**
 * The segments without those that another interface has shown before. What remains has each segment where it was seen first, and so in
 * an order that agrees with cause and effect, also when the two directions of a connection take different paths.
 */
function firstSightings(frames: readonly Frame[]): Frame[] {
  const sightings = new Map<string, Map<number, number>>();
  return frames.filter((frame) => {
    const counts = sightings.get(frame.fingerprint) ?? new Map<number, number>();
    sightings.set(frame.fingerprint, counts);
    // A segment may well be sent twice with the same content: as often as the interface that saw it most.
    const most = Math.max(0, ...counts.values());
    const here = (counts.get(frame.interface) ?? 0) + 1;
    counts.set(frame.interface, here);
    return here > most;
  });
}

/**
 * Assigns TCP connections to Multipath TCP connections: those that begin with MP_CAPABLE by their keys, those that begin with MP_JOIN by their token.
 *
 * This is done over all interfaces together, and so are the HMACs: the keys are exchanged on the first subflow only, and the interface of another
 * path shows nothing of them. Token and nonces tie the flows together beyond doubt, so nothing is lost by that.
 */
export function collectConnections(flows: readonly Flow[], problems: Problems, facts: CaptureFacts): CapturedConnections {
  const multipath: CapturedConnection[] = [];
  const plain: Flow[] = [];
  const joins: { flow: Flow; join: MptcpOption & { readonly kind: "join-syn" } }[] = [];
  for (const flow of flows) {
    const first = flow.frames[0]!.frame.mptcp;
    const join = first.find((option) => option.kind === "join-syn");
    if (join !== undefined) joins.push({ flow, join });
    else if (first.some((option) => option.kind === "capable")) addFirstSubflow(flow, multipath, problems);
    else {
      plain.push(flow);
      if (flow.frames.some(({ frame }) => frame.mptcp.length > 0)) problems.add("a Multipath TCP option in plain TCP", `connection from ${flow.initiator}`);
    }
  }
  for (const { flow, join } of joins) {
    const where = `subflow from ${flow.initiator}`;
    // RFC 8684 §3.2: the token is the other host's.
    const found = multipath.flatMap((connection) =>
      connection.keys.flatMap((keys, owner) => (keys.token === join.token ? [{ connection, initiator: (1 - owner) as HostIndex }] : [])),
    )[0];
    if (found === undefined) {
      problems.add("an MP_JOIN whose token no key gives", where);
      continue;
    }
    facts.joins++;
    addSubflow(found.connection, flow, found.initiator);
    checkJoin(flow, join.nonce, found.connection, found.initiator, problems, facts);
  }
  facts.connections = multipath.length;
  facts.plainConnections = plain.length;
  return { multipath, plain };
}

/** The three-way handshake with MP_CAPABLE: 4, 12 and 20 octets, and all copies of the keys equal (RFC 8684 §3.1). */
function addFirstSubflow(flow: Flow, connections: CapturedConnection[], problems: Problems): void {
  const where = `connection from ${flow.initiator}`;
  const keys: [Set<string>, Set<string>] = [new Set(), new Set()];
  let checksums = false;
  let version = -1;
  for (const { frame, direction } of flow.frames) {
    for (const option of frame.mptcp) {
      if (option.kind !== "capable") continue;
      if (version < 0) ({ version } = option);
      if (option.version !== version || version > 1) problems.add("MP_CAPABLE of another version", where);
      // A: one of the hosts requires checksums; the SYN+ACK may be the first to say so, what follows repeats it.
      const required = (option.flags & 0x80) !== 0;
      if (frame.syn && required) checksums = true;
      if (required !== checksums) problems.add("MP_CAPABLE does not confirm what was agreed on checksums", where);
      // H: HMAC-SHA256. B and D to G are to be 0.
      if ((option.flags & 0x5f) !== 1) problems.add(`MP_CAPABLE with flags 0x${option.flags.toString(16)}`, where);
      if (direction === 1 && option.receiverKey !== null) problems.add("a responder that echoes keys", where);
      if (option.senderKey !== null) keys[direction].add(option.senderKey.toString("hex"));
      if (option.receiverKey !== null) keys[(1 - direction) as HostIndex].add(option.receiverKey.toString("hex"));
    }
  }
  // The client's key comes with the third packet: without it there is no connection yet.
  if (keys[0].size === 0) return;
  if (keys.some((copies) => copies.size !== 1)) {
    problems.add("copies of a key differ", where);
    return;
  }
  const [a, b] = keys.map((copies) => [...copies][0]!) as [string, string];
  const known = connections.find((connection) => connection.keys[0].key.toString("hex") === a && connection.keys[1].key.toString("hex") === b);
  if (known === undefined) {
    connections.push({ keys: [keyMaterial(Buffer.from(a, "hex"), version), keyMaterial(Buffer.from(b, "hex"), version)], checksums, subflows: [{ flow, initiator: 0, original: 0 }] });
  } else {
    addSubflow(known, flow, 0);
  }
}

/** Address translation changes neither initial sequence numbers nor nonces, which tell whether two flows are the same subflow. */
function addSubflow(connection: CapturedConnection, flow: Flow, initiator: HostIndex): void {
  const { subflows } = connection;
  const same = subflows.findIndex((other) => other.initiator === initiator && other.flow.initialSequence.every((sequence, direction) => sequence === flow.initialSequence[direction]));
  subflows.push({ flow, initiator, original: same < 0 ? subflows.length : same });
}

/** Recomputes both HMACs of a join from the keys of the connection and the nonces of this subflow (RFC 8684 §3.2). */
function checkJoin(flow: Flow, synNonce: Buffer, connection: CapturedConnection, initiator: HostIndex, problems: Problems, facts: CaptureFacts): void {
  const { key: ownKey, version } = connection.keys[initiator];
  const otherKey = connection.keys[1 - initiator]!.key;
  let otherNonce: Buffer | null = null;
  let lacksAck = false;
  for (const { frame, direction } of flow.frames) {
    const where = `frame ${frame.number}`;
    const options = frame.mptcp.filter((option) => option.kind === "join-syn" || option.kind === "join-synack" || option.kind === "join-ack");
    if (options.length > 1) problems.add("two MP_JOINs in a segment", where);
    const option = options[0];
    if (frame.syn && option === undefined) problems.add("an MP_JOIN handshake without MP_JOIN", where);
    if (option === undefined) {
      if (direction === 0 && lacksAck && !frame.rst) problems.add("the third ACK of a join has no MP_JOIN", where);
      lacksAck = false;
      continue;
    }
    if (option.kind === "join-syn") {
      if (!option.nonce.equals(synNonce)) problems.add("nonces of a retransmitted MP_JOIN differ", where);
    } else if (option.kind === "join-synack") {
      lacksAck = otherNonce === null;
      otherNonce ??= option.nonce;
      if (!option.nonce.equals(otherNonce)) problems.add("nonces of a retransmitted MP_JOIN differ", where);
      if (joinHmac(version, otherKey, ownKey, option.nonce, synNonce).subarray(0, 8).equals(option.hmac)) facts.joinSynAckHmacs++;
      else problems.add("wrong HMAC in the SYN+ACK of an MP_JOIN", where);
    } else if (direction !== 0 || otherNonce === null) {
      problems.add("an MP_JOIN with HMAC out of turn", where);
    } else {
      lacksAck = false;
      if (joinHmac(version, ownKey, otherKey, synNonce, otherNonce).subarray(0, 20).equals(option.hmac)) facts.joinAckHmacs++;
      else problems.add("wrong HMAC in the ACK of an MP_JOIN", where);
    }
  }
}

/** A segment of a connection, with the host that sent it and the index of its subflow. */
export interface SentFrame {
  readonly frame: Frame;
  readonly host: HostIndex;
  readonly subflow: number;
  readonly direction: 0 | 1;
}

/** The segments of all subflows in the order of the capture. */
export function framesInOrder(connection: CapturedConnection): SentFrame[] {
  return connection.subflows
    .flatMap(({ flow, initiator }, subflow) =>
      flow.frames.map(({ frame, direction }): SentFrame => ({ frame, direction, subflow, host: direction === 0 ? initiator : ((1 - initiator) as HostIndex) })),
    )
    .toSorted((a, b) => a.frame.number - b.frame.number);
}
