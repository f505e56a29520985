/**
 * mptcp: Multipath TCP (RFC 8684) as a sans-IO engine. This face has the host, its connections and everything that can be
 * configured; the virtual network is `mptcp/sim`, packets are `mptcp/wire`, captures are `mptcp/capture`, real networks `mptcp/node`.
 *
 * What is here is meant for users, and stays; what rooms show each other is in the faces of the folders.
 *
 * @module mptcp
 */

// ---- a host and its connections
export { changeOfSysctl, Host, Listener, profiles, Pump } from "./host/index.ts";
export type { AddressOptions, ConnectOptions, CookieHash, Defaults, DefaultsChange, FastOpenConnect, FastOpenListen, FixedNumbers, HostAddress, HostOptions, HostUsage, ListenOptions, OwnPolicies, PortPeer, PortRange, PortSource, Profile, ProfileName, PumpDriver, RestoreOptions, SynCookieMode } from "./host/index.ts";
export { MptcpConnection } from "./mptcp/index.ts";
export type { AddressesInfo, ConnectionInfo, DecisionListener, PoliciesInfo, PolicyInfo, SubflowInfo, SubflowView } from "./mptcp/index.ts";
export { linuxMptcpInfo } from "./host/index.ts";
export type { LinuxMptcpInfo } from "./host/index.ts";
export { linuxTcpInfo, STREAM_EVENT } from "./tcp/index.ts";
export type { AccurateEcnInfo, EcnCounts, FastOpenFailure, FourTuple, LinuxTcpInfo, StreamConnection, StreamReadiness, TcpConnection, TcpInfo, TcpState, TcpSummary } from "./tcp/index.ts";

// ---- configuration
export { DEFAULT_MPTCP_CONFIG } from "./mptcp/index.ts";
export type { EndpointFlags, MptcpConfig, PathLimits, PolicyExchange, SubflowTcpConfig } from "./mptcp/index.ts";
export { DEFAULT_TCP_CONFIG, fixedBuffer } from "./tcp/index.ts";
export type { BufferConfig, EcnMode, EcnOption, KeepAlive, StreamSettings, TcpConfig } from "./tcp/index.ts";
export { version0, version1 } from "./mptcp/index.ts";
export type { KeyMaterial, KeyPair, NamedAddress, Version } from "./mptcp/index.ts";

// ---- schedulers
export { lowestTimeDistance, roundRobin, schedulers, shortestQueue } from "./mptcp/index.ts";
export type { SchedulableSubflow, Scheduler, SchedulerFactory, ScheduleRequest } from "./mptcp/index.ts";

// ---- path managers
export { fullMesh, linuxEndpoints, pathManagers } from "./mptcp/index.ts";
export type { FullMeshOptions, LocalAddress, Path, PathControl, PathManager, PathManagerFactory, PathMode, RemoteAddress } from "./mptcp/index.ts";

// ---- congestion control
export { congestionControl, congestionControls, coupled, lia, liaFixedPoint } from "./mptcp/index.ts";
export { CouplingGroup, CouplingMember, CouplingRule, cubic, newReno } from "./tcp/index.ts";
export type {
  AckEvent, CongestionContext, CongestionControl, CongestionControlFactory, HandOver, LossEvent, LostSegment, MarkEvent, RateSample, SentEvent,
} from "./tcp/index.ts";

// ---- what happened, and why
export { Counters, FALLBACK_REASONS, JOIN_REFUSALS, LIMITS, MptcpError, SUBFLOW_END_REASONS } from "./core/index.ts";
export type { CloseReason, ConnectionSnapshot, DecisionDetail, DecisionEvent, FallbackReason, JoinRefusal, Limit, LimitName, Observer, Reason, SubflowEndReason } from "./core/index.ts";

// ---- time, randomness, plain data
export { makePolicy, MICROSECOND, MILLISECOND, NEVER, randomSources, SECOND, SeededRandom, seededSources } from "./core/index.ts";
export type { PlainObject, PlainValue, Policy, PolicyLike, RandomPurpose, RandomSource, RandomSources } from "./core/index.ts";
