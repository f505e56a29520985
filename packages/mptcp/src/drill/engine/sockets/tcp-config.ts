import { MILLISECOND, SECOND } from "../../../core/index.ts";
import type { MptcpConfig } from "../../../mptcp/index.ts";
import { DEFAULT_MPTCP_CONFIG } from "../../../mptcp/index.ts";
import { cubic, newReno } from "../../../tcp/index.ts";
import type { BufferConfig, CongestionControlFactory, KeepAlive, TcpConfig } from "../../../tcp/index.ts";
import type { Sysctls } from "../commands/sysctls.ts";
import type { Settings } from "./settings.ts";

/** Congestion controls by the names that Linux has for them. */
export const CONGESTION: Readonly<Record<string, CongestionControlFactory>> = { cubic, reno: newReno };

/** The engine's parameters for a connection: what is set on the socket, else on the machine. */
export function tcpConfigOf(settings: Settings, sysctls: Sysctls, isListener: boolean): Partial<TcpConfig> {
  const keepAlive = keepAliveOf(settings, sysctls);
  const synRetries = sysctls.number(isListener ? "net.ipv4.tcp_synack_retries" : "net.ipv4.tcp_syn_retries");
  return {
    congestion: CONGESTION[settings.congestion ?? sysctls.text("net.ipv4.tcp_congestion_control")] ?? cubic,
    minRto: sysctls.number("net.ipv4.tcp_rto_min_us") * 1000,
    maxRto: sysctls.number("net.ipv4.tcp_rto_max_ms") * MILLISECOND,
    sack: sysctls.number("net.ipv4.tcp_sack") !== 0,
    timestamps: sysctls.number("net.ipv4.tcp_timestamps") !== 0,
    windowScaling: sysctls.number("net.ipv4.tcp_window_scaling") !== 0,
    noDelay: settings.get("TCP_NODELAY") !== 0,
    simultaneousOpen: true,
    synRetries: settings.has("TCP_SYNCNT") ? settings.get("TCP_SYNCNT") : synRetries,
    retries: sysctls.number("net.ipv4.tcp_retries2"),
    userTimeout: settings.get("TCP_USER_TIMEOUT") * MILLISECOND,
    orphanTimeout: sysctls.number("net.ipv4.tcp_fin_timeout") * SECOND,
    keepAliveIdle: keepAlive === null ? 0 : keepAlive.idle,
    ...(keepAlive === null ? {} : { keepAliveInterval: keepAlive.interval, keepAliveProbes: keepAlive.probes }),
    receiveBuffer: receiveBufferOf(settings, sysctls),
    sendBuffer: sendBufferOf(settings, sysctls),
  };
}

/** The engine's parameters of Multipath TCP. */
export function mptcpConfigOf(sysctls: Sysctls): Partial<MptcpConfig> {
  const untilFallback = sysctls.number("net.mptcp.syn_retrans_before_tcp_fallback");
  return {
    checksum: sysctls.number("net.mptcp.checksum_enabled") !== 0,
    denyJoinInitialAddress: sysctls.number("net.mptcp.allow_join_initial_addr_port") === 0,
    capableSyns: untilFallback + 1,
    addAddrTimeout: sysctls.number("net.mptcp.add_addr_timeout") * SECOND,
    noSubflowTimeout: sysctls.number("net.mptcp.close_timeout") * SECOND || DEFAULT_MPTCP_CONFIG.noSubflowTimeout,
    blackholeMemory: sysctls.number("net.mptcp.blackhole_timeout") * SECOND,
  };
}

/** When a silent peer is asked; null: never. */
export function keepAliveOf(settings: Settings, sysctls: Sysctls): KeepAlive | null {
  if (settings.get("SO_KEEPALIVE") === 0) return null;
  const either = (option: string, name: string): number => (settings.has(option) ? settings.get(option) : sysctls.number(name));
  return {
    idle: either("TCP_KEEPIDLE", "net.ipv4.tcp_keepalive_time") * SECOND,
    interval: either("TCP_KEEPINTVL", "net.ipv4.tcp_keepalive_intvl") * SECOND,
    probes: either("TCP_KEEPCNT", "net.ipv4.tcp_keepalive_probes"),
  };
}

/** Linux counts what buffers take in memory, and takes half of that for overhead when it offers a window (tcp_adv_win_scale of 1). */
function receiveBufferOf(settings: Settings, sysctls: Sysctls): BufferConfig {
  if (settings.has("SO_RCVBUF")) {
    const size = Math.max(1, settings.get("SO_RCVBUF") >> 1);
    return { initial: size, max: size, autoTune: false };
  }
  const initial = Math.max(1, sysctls.number("net.ipv4.tcp_rmem", 1) >> 1);
  return { initial, max: Math.max(initial, sysctls.number("net.ipv4.tcp_rmem", 2)), autoTune: sysctls.number("net.ipv4.tcp_moderate_rcvbuf") !== 0 };
}

function sendBufferOf(settings: Settings, sysctls: Sysctls): BufferConfig {
  if (settings.has("SO_SNDBUF")) {
    const size = settings.get("SO_SNDBUF");
    return { initial: size, max: size, autoTune: false };
  }
  // Once a connection is established Linux makes room for the initial window and its overhead, whatever the middle number says.
  const initial = Math.max(sysctls.number("net.ipv4.tcp_wmem", 1), ESTABLISHED_SEND_BUFFER);
  return { initial, max: Math.max(initial, sysctls.number("net.ipv4.tcp_wmem", 2)), autoTune: true };
}

/** What a connection of an MSS of 1460 has to begin with. */
const ESTABLISHED_SEND_BUFFER = 87_040;
