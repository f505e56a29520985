import { fullMesh, schedulers } from "mptcp";
import type { BufferConfig, ConnectionCongestion, MptcpConfig, PathManagerFactory, SchedulerFactory, TcpConfig } from "mptcp";
import { congestionByName, tcpCongestionByName } from "./engine-names.ts";
import type { PlanProtocol } from "./plan.ts";

/** Parts of the engine that a TypeScript scenario brings itself; they win over the names in the protocol section. */
export interface OwnParts {
  readonly scheduler?: SchedulerFactory;
  readonly congestion?: ConnectionCongestion;
  readonly pathManager?: PathManagerFactory;
  /** Anything else of the configuration. */
  readonly tcp?: Partial<TcpConfig>;
  readonly mptcp?: Partial<MptcpConfig>;
}

/** The TCP configuration that a protocol section stands for; what it does not say is left to the engine's defaults. */
export function tcpConfig(protocol: PlanProtocol, parts: OwnParts): Partial<TcpConfig> {
  const congestion = protocol.congestion === null ? undefined : tcpCongestionByName(protocol.congestion);
  return definedOnly<TcpConfig>({
    congestion,
    minRto: protocol.minRto ?? undefined,
    maxRto: protocol.maxRto ?? undefined,
    delayedAck: protocol.delayedAck ?? undefined,
    initialWindowSegments: protocol.initialWindow ?? undefined,
    retries: protocol.retries ?? undefined,
    sack: protocol.sack ?? undefined,
    timestamps: protocol.timestamps ?? undefined,
    noDelay: protocol.noDelay ?? undefined,
    sendBuffer: fixedBuffer(protocol.sendBuffer),
    receiveBuffer: fixedBuffer(protocol.receiveBuffer),
    ...parts.tcp,
  });
}

/** The Multipath TCP configuration that a protocol section stands for. */
export function mptcpConfig(protocol: PlanProtocol, parts: OwnParts): Partial<MptcpConfig> {
  const { mode } = protocol;
  const limit = protocol.maxSubflows;
  return definedOnly<MptcpConfig>({
    scheduler: parts.scheduler ?? (protocol.scheduler === null ? undefined : schedulers[protocol.scheduler]),
    congestion: parts.congestion ?? (protocol.congestion === null ? undefined : congestionByName(protocol.congestion)),
    pathManager: parts.pathManager ?? ((): ReturnType<PathManagerFactory> => fullMesh({ mode })),
    limits: limit === null ? undefined : { subflows: limit, addAddrAccepted: 8 },
    checksum: protocol.checksum ?? undefined,
    opportunisticRetransmission: protocol.opportunisticRetransmission ?? undefined,
    penalisation: protocol.penalisation ?? undefined,
    noSubflowTimeout: protocol.noSubflowTimeout ?? undefined,
    ...parts.mptcp,
  });
}

function fixedBuffer(size: number | null): BufferConfig | undefined {
  return size === null ? undefined : { initial: size, max: size, autoTune: false };
}

type Optional<T> = { readonly [K in keyof T]?: T[K] | undefined };

function definedOnly<T extends object>(fields: Optional<T>): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}
