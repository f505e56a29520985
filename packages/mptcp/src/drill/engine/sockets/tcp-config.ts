import { MILLISECOND, SECOND } from "../../../core/index.ts";
import { LINUX_CONGESTION } from "../../../host/index.ts";
import { DEFAULT_TCP_CONFIG, fixedBuffer } from "../../../tcp/index.ts";
import type { BufferConfig, CongestionControlFactory, KeepAlive, StreamSettings, TcpConfig } from "../../../tcp/index.ts";
import { CONSTANTS } from "../../system/index.ts";
import type { Sysctls } from "../commands/sysctls.ts";
import type { Settings } from "./settings.ts";

/** Congestion controls by the names that Linux has for them. */
export const CONGESTION: Readonly<Record<string, CongestionControlFactory>> = LINUX_CONGESTION;

/**
 * The engine's parameters for connections of a socket, as far as its own settings say something else than those of the machine, which the engine's host has; and
 * those that Linux works out from several.
 */
export function tcpConfigOf(socket: ConfiguredSocket, isListener: boolean): Partial<TcpConfig> {
  const { machine: { sysctls }, settings } = socket;
  const set = new Set(Object.entries(FOLLOWS).flatMap(([name, fields]) => (settings.has(name) ? fields : [])));
  const own = settingsOf(socket);
  const congestion = settings.congestion === null ? undefined : CONGESTION[settings.congestion];
  return {
    ...Object.fromEntries(Array.from(set, (field) => [field, own[field]])),
    ...(congestion === undefined ? {} : { congestion }),
    ...(isListener ? { synAckRetries: sysctls.number("net.ipv4.tcp_synack_retries") } : {}),
    receiveBuffer: receiveBufferOf(settings, sysctls),
    sendBuffer: sendBufferOf(settings, sysctls),
  };
}

/** What a socket can say: the option of accurate ECN is the machine's alone. */
type SocketSettings = Omit<StreamSettings, "ecnOption">;

/** What the socket's settings, or else the machine's, say of a connection that is open. */
function settingsOf({ domain, machine: { sysctls }, settings }: ConfiguredSocket): SocketSettings {
  const keepAlive = keepAliveOf(settings, sysctls);
  return {
    noDelay: settings.get("TCP_NODELAY") !== 0,
    cork: settings.get("TCP_CORK") !== 0,
    maxSegmentSize: settings.get("TCP_MAXSEG"),
    hopLimit: hopLimitOf(settings, sysctls, domain),
    trafficClass: headerOf(settings, domain, "IP_TOS", "IPV6_TCLASS", 0),
    unsentLowWater: unsentLowWater(settings, sysctls),
    readLowWater: Math.max(1, settings.get("SO_RCVLOWAT")),
    windowClamp: settings.get("TCP_WINDOW_CLAMP"),
    synRetries: settings.has("TCP_SYNCNT") ? settings.get("TCP_SYNCNT") : sysctls.number("net.ipv4.tcp_syn_retries"),
    retries: sysctls.number("net.ipv4.tcp_retries2"),
    delayedAck: DEFAULT_TCP_CONFIG.delayedAck,
    userTimeout: settings.get("TCP_USER_TIMEOUT") * MILLISECOND,
    orphanTimeout: orphanTimeout(settings, sysctls),
    keepAliveIdle: keepAlive === null ? 0 : keepAlive.idle,
    keepAliveInterval: keepAlive === null ? DEFAULT_TCP_CONFIG.keepAliveInterval : keepAlive.interval,
    keepAliveProbes: keepAlive === null ? DEFAULT_TCP_CONFIG.keepAliveProbes : keepAlive.probes,
    receiveBuffer: receiveBufferOf(settings, sysctls),
    sendBuffer: sendBufferOf(settings, sysctls),
  };
}

/** What of a connection's parameters follows from a setting while it is open, by the setting's name. */
export function changeOf(socket: ConfiguredSocket, name: string): Partial<StreamSettings> {
  const fields = FOLLOWS[name] ?? [];
  const own = settingsOf(socket);
  return Object.fromEntries(fields.map((field) => [field, own[field]]));
}

/** What of a socket says how its connections are to be. */
export interface ConfiguredSocket {
  readonly domain: number;
  readonly settings: Settings;
  readonly machine: { readonly sysctls: Sysctls; readonly mtu: number };
}

/** Of two options the one of the socket's family; where it is not set, or set to the default again, that. */
function headerOf(settings: Settings, domain: number, ipv4: string, ipv6: string, initial: number): number {
  const name = domain === AF_INET ? ipv4 : ipv6;
  return settings.has(name) ? settings.get(name) : initial;
}

/** IPv6 takes 0, of which nothing would come. */
function hopLimitOf(settings: Settings, sysctls: Sysctls, domain: number): number {
  return Math.max(1, headerOf(settings, domain, "IP_TTL", "IPV6_UNICAST_HOPS", sysctls.number("net.ipv4.ip_default_ttl")));
}

/** What is as good as no mark is none. */
function unsentLowWater(settings: Settings, sysctls: Sysctls): number {
  const own = settings.get("TCP_NOTSENT_LOWAT") >>> 0;
  const mark = own > 0 ? own : sysctls.number("net.ipv4.tcp_notsent_lowat");
  return mark >= 0xffff_ffff ? 0 : mark;
}

/** Below 0: the end of a connection that nobody has any more is not waited for. */
function orphanTimeout(settings: Settings, sysctls: Sysctls): number {
  const seconds = settings.has("TCP_LINGER2") ? settings.get("TCP_LINGER2") : 0;
  return seconds < 0 ? 1 : (seconds === 0 ? sysctls.number("net.ipv4.tcp_fin_timeout") : seconds) * SECOND;
}

const KEEP_ALIVE = ["keepAliveIdle", "keepAliveInterval", "keepAliveProbes"] as const;
const FOLLOWS: Readonly<Record<string, readonly (keyof SocketSettings)[]>> = {
  TCP_NODELAY: ["noDelay"],
  TCP_CORK: ["cork"],
  TCP_MAXSEG: ["maxSegmentSize"],
  IP_TTL: ["hopLimit"],
  IPV6_UNICAST_HOPS: ["hopLimit"],
  IP_TOS: ["trafficClass"],
  IPV6_TCLASS: ["trafficClass"],
  TCP_NOTSENT_LOWAT: ["unsentLowWater"],
  SO_RCVLOWAT: ["readLowWater"],
  TCP_WINDOW_CLAMP: ["windowClamp"],
  TCP_USER_TIMEOUT: ["userTimeout"],
  TCP_SYNCNT: ["synRetries"],
  TCP_LINGER2: ["orphanTimeout"],
  SO_SNDBUF: ["sendBuffer"],
  SO_RCVBUF: ["receiveBuffer"],
  SO_KEEPALIVE: KEEP_ALIVE,
  TCP_KEEPIDLE: KEEP_ALIVE,
  TCP_KEEPINTVL: KEEP_ALIVE,
  TCP_KEEPCNT: KEEP_ALIVE,
};

/** When a silent peer is asked; null: never. */
function keepAliveOf(settings: Settings, sysctls: Sysctls): KeepAlive | null {
  if (settings.get("SO_KEEPALIVE") === 0) return null;
  const either = (option: string, name: string): number => (settings.has(option) ? settings.get(option) : sysctls.number(name));
  return {
    idle: either("TCP_KEEPIDLE", "net.ipv4.tcp_keepalive_time") * SECOND,
    interval: either("TCP_KEEPINTVL", "net.ipv4.tcp_keepalive_intvl") * SECOND,
    probes: either("TCP_KEEPCNT", "net.ipv4.tcp_keepalive_probes"),
  };
}

/** As large as the socket or the machine says: the profile offers half of it. */
function receiveBufferOf(settings: Settings, sysctls: Sysctls): BufferConfig {
  if (settings.has("SO_RCVBUF")) return fixedBuffer(settings.get("SO_RCVBUF"));
  const initial = sysctls.number("net.ipv4.tcp_rmem", 1);
  const max = Math.max(initial, sysctls.number("net.ipv4.tcp_rmem", 2), sysctls.number("net.core.rmem_max"));
  return { initial, max, autoTune: sysctls.number("net.ipv4.tcp_moderate_rcvbuf") !== 0 };
}

function sendBufferOf(settings: Settings, sysctls: Sysctls): BufferConfig {
  if (settings.has("SO_SNDBUF")) {
    return fixedBuffer(settings.get("SO_SNDBUF"));
  }
  // Once a connection is established Linux makes room for the initial window and its overhead, whatever the middle number says.
  const initial = Math.max(sysctls.number("net.ipv4.tcp_wmem", 1), ESTABLISHED_SEND_BUFFER);
  return { initial, max: Math.max(initial, sysctls.number("net.ipv4.tcp_wmem", 2)), autoTune: true };
}

const { AF_INET } = CONSTANTS;
/** What a connection of an MSS of 1460 has to begin with. */
const ESTABLISHED_SEND_BUFFER = 87_040;
