import { DEFAULT_MPTCP_CONFIG, DEFAULT_TCP_CONFIG, fullMesh, schedulers, version0, version1 } from "mptcp";
import type { BufferConfig, MptcpConfig, TcpConfig } from "mptcp";
import { CONGESTION_NAMES, congestionByName, PROFILE_NAMES, SCHEDULER_NAMES } from "../engine-names.ts";
import { above0, bufferSize, flag, oneOf, size, time, whole } from "./kinds.ts";
import type { Kind } from "./kinds.ts";
import { optional, scalarOrGroup, section } from "./section.ts";
import type { OptionalKey } from "./section.ts";

/** A key of the protocol section, with the part of the engine's configuration that a value of it stands for. */
export interface EngineKey<W, P, D> extends OptionalKey<W, P, D> {
  tcp?(value: P): Partial<TcpConfig>;
  mptcp?(value: P): Partial<MptcpConfig>;
}

/** The sizes of two buffers. */
export const BUFFERS = section({
  name: "buffers",
  does: "Fixed sizes of the buffers of a connection, at both hosts.",
  keys: {
    send: optional(above0(size), { otherwise: null, shown: "it grows", does: "What an application has written and the peer has not acknowledged." }),
    receive: optional(above0(size), { otherwise: null, shown: "it grows", does: "What has arrived and the application has not read." }),
  },
  example: `
protocol:
  buffers: { receive: 200 KB }`,
});

const buffers = scalarOrGroup(bufferSize, BUFFERS, {
  scalar: (bytes) => ({ send: bytes, receive: bytes }),
  group: (values) => values,
});

/** How the hosts speak; the same at both. */
export const PROTOCOL = section({
  name: "protocol",
  does: "How both hosts speak. The defaults of times and numbers are the engine's.",
  keys: {
    transport: optional(oneOf("mptcp", "tcp"), { otherwise: "mptcp", does: "Multipath TCP, or plain TCP over the first path." }),
    profile: optional(oneOf(...PROFILE_NAMES), {
      otherwise: "own",
      does: "Whose choices hosts make where the RFCs leave one: `own`, or `linux`, those of Linux 6.18 ([profiles](profiles.md)). Other keys go before it where they are not at their defaults.",
    }),
    version: engineKey(whole(0, 1), {
      otherwise: 1,
      does: "The version of Multipath TCP: 1 (RFC 8684), or 0 (RFC 6824).",
      mptcp: (version) => ({ versions: [version === 0 ? version0 : version1] }),
    }),
    scheduler: engineKey(oneOf(...SCHEDULER_NAMES), {
      otherwise: null,
      shown: "`lowest-time-distance`",
      does: "Which subflow takes the next segment.",
      mptcp: (name) => ({ scheduler: schedulers[name]! }),
    }),
    congestion: engineKey(oneOf(...CONGESTION_NAMES), {
      otherwise: null,
      shown: "`lia`; of plain TCP `cubic`",
      does: "Congestion control: coupled over the subflows, or `reno`, `cubic` or `bbr` on each for itself.",
      tcp: (name) => ({ congestion: congestionByName(name) }),
      mptcp: (name) => ({ congestion: congestionByName(name) }),
    }),
    pacing: engineKey(oneOf("off", "bursts", "on"), {
      otherwise: DEFAULT_TCP_CONFIG.pacing,
      does: "What is spread over the round trip where congestion control gives no rate of its own: nothing; super-segments, and what follows a pause; or all of it.",
      tcp: (pacing) => ({ pacing }),
    }),
    mode: engineKey(oneOf("full", "backup", "single-path"), {
      otherwise: "full",
      does: "What is done with the paths: all are used at once, backups only when no other works, or ever one at a time.",
      mptcp: (mode) => ({ pathManager: () => fullMesh({ mode }) }),
    }),
    buffers: engineKey(buffers, {
      otherwise: { send: null, receive: null },
      shown: "`auto`",
      does: "Sizes of the send and the receive buffer. `auto`: they grow as the connection needs it.",
      tcp: ({ send, receive }) => ({
        ...(send === null ? {} : { sendBuffer: fixedBuffer(send) }),
        ...(receive === null ? {} : { receiveBuffer: fixedBuffer(receive) }),
      }),
    }),
    minRto: engineKey(time, { otherwise: DEFAULT_TCP_CONFIG.minRto, does: "Least retransmission timeout.", tcp: (minRto) => ({ minRto }) }),
    maxRto: engineKey(time, { otherwise: DEFAULT_TCP_CONFIG.maxRto, does: "Greatest retransmission timeout.", tcp: (maxRto) => ({ maxRto }) }),
    delayedAck: engineKey(time, { otherwise: DEFAULT_TCP_CONFIG.delayedAck, does: "How long an acknowledgement waits for another segment.", tcp: (delayedAck) => ({ delayedAck }) }),
    initialWindow: engineKey(whole(1), {
      otherwise: DEFAULT_TCP_CONFIG.initialWindowSegments,
      does: "Segments that a subflow may send at first (RFC 6928).",
      tcp: (initialWindowSegments) => ({ initialWindowSegments }),
    }),
    retries: engineKey(whole(1), { otherwise: DEFAULT_TCP_CONFIG.retries, does: "Retransmission timeouts in a row before a subflow is given up.", tcp: (retries) => ({ retries }) }),
    ecn: engineKey(oneOf("off", "accept", "on", "accurate"), { otherwise: "accept", does: "Explicit Congestion Notification (RFC 3168), with which queues mark packets instead of dropping them: not at all, where the peer asks for it, or asked for; `accurate` asks for that of RFC 9768, which tells the sender of each mark. All hosts of a scenario speak alike, so `accept` comes to the same as `off`.", tcp: (ecn) => ({ ecn }) }),
    sack: engineKey(flag, { otherwise: DEFAULT_TCP_CONFIG.sack, does: "Selective acknowledgements (RFC 2018).", tcp: (sack) => ({ sack }) }),
    timestamps: engineKey(flag, { otherwise: DEFAULT_TCP_CONFIG.timestamps, does: "TCP timestamps (RFC 7323).", tcp: (timestamps) => ({ timestamps }) }),
    fastOpen: optional(flag, {
      otherwise: false,
      does: "TCP Fast Open (RFC 7413): the first connection asks for a cookie, and what is written before the SYN of a later one leaves goes with it.",
    }),
    noDelay: engineKey(flag, { otherwise: DEFAULT_TCP_CONFIG.noDelay, does: "Send small segments at once: Nagle's algorithm off.", tcp: (noDelay) => ({ noDelay }) }),
    checksum: engineKey(flag, { otherwise: DEFAULT_MPTCP_CONFIG.checksum, does: "Checksums over all data (DSS checksum, RFC 8684 §3.3.1).", mptcp: (checksum) => ({ checksum }) }),
    opportunisticRetransmission: engineKey(flag, {
      otherwise: DEFAULT_MPTCP_CONFIG.opportunisticRetransmission,
      does: "When a slow subflow blocks the shared window, send what it holds again on a faster one.",
      mptcp: (opportunisticRetransmission) => ({ opportunisticRetransmission }),
    }),
    penalisation: engineKey(flag, {
      otherwise: DEFAULT_MPTCP_CONFIG.penalisation, does: "When a slow subflow blocks the shared window, halve its congestion window.", mptcp: (penalisation) => ({ penalisation }),
    }),
    noSubflowTimeout: engineKey(time, {
      otherwise: DEFAULT_MPTCP_CONFIG.noSubflowTimeout,
      does: "How long a connection without subflows waits for one.",
      mptcp: (noSubflowTimeout) => ({ noSubflowTimeout }),
    }),
    maxSubflows: engineKey(whole(0, 32), {
      otherwise: DEFAULT_MPTCP_CONFIG.limits.subflows,
      does: "Subflows beside the first.",
      mptcp: (subflows) => ({ limits: { ...DEFAULT_MPTCP_CONFIG.limits, subflows } }),
    }),
  },
  example: `
protocol:
  scheduler: round-robin
  congestion: reno
  buffers: 500 KB`,
});

function engineKey<W, P, const D extends P | null>(
  kind: Kind<W, P>,
  entry: Parameters<typeof optional<W, P, D>>[1] & Pick<EngineKey<W, P, D>, "tcp" | "mptcp">,
): EngineKey<W, P, D> {
  const { tcp, mptcp } = entry;
  return { ...optional(kind, entry), ...(tcp === undefined ? {} : { tcp }), ...(mptcp === undefined ? {} : { mptcp }) };
}

function fixedBuffer(bytes: number): BufferConfig {
  return { initial: bytes, max: bytes, autoTune: false };
}
