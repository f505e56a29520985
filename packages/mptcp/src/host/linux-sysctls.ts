import { MptcpError, MICROSECOND, MILLISECOND, SECOND } from "../core/index.ts";
import { congestionControl, linuxEndpoints, pathManagerNamed, version0, version1 } from "../mptcp/index.ts";
import { ECN_MODES, ECN_OPTIONS } from "../tcp/index.ts";
import type { BufferConfig, TcpConfig } from "../tcp/index.ts";
import type { DefaultsChange } from "./options.ts";

/**
 * What a sysctl of Linux, `net.ipv4.tcp_sack` or `net.mptcp.enabled`, says of connections to come: for `Host.setDefaults`. Null for one that has no meaning here.
 * @param value as `sysctl` shows it: a number, three for the sizes of buffers, a name
 * @throws MptcpError ERR_OUT_OF_RANGE for a value that cannot be; ERR_MPTCP_PARAMETER for a congestion control that there is not
 */
export function changeOfSysctl(name: string, value: string): DefaultsChange | null {
  const known = name.replaceAll("/", ".");
  return Object.hasOwn(SYSCTLS, known) ? (SYSCTLS[known] as (value: string) => DefaultsChange)(value.trim()) : null;
}

/** The sysctls that have a meaning here, by name. */
const SYSCTLS: Readonly<Record<string, (value: string) => DefaultsChange>> = {
  "net.ipv4.ip_default_ttl": tcp((value) => ({ hopLimit: whole(value, 1, 255) })),
  "net.ipv4.tcp_congestion_control": (value) => ({ tcp: { congestion: congestionControl(value) }, mptcp: { congestion: congestionControl(value) } }),
  "net.ipv4.tcp_dsack": tcp((value) => ({ duplicateSack: whole(value) > 0 })),
  "net.ipv4.tcp_ecn": tcp((value) => ({ ecn: ECN_MODES[whole(value, 0, ECN_MODES.length - 1)] as TcpConfig["ecn"] })),
  "net.ipv4.tcp_ecn_fallback": tcp((value) => ({ ecnFallback: whole(value, 0, 1) > 0 })),
  "net.ipv4.tcp_ecn_option": tcp((value) => ({ ecnOption: ECN_OPTIONS[whole(value, 0, ECN_OPTIONS.length - 1)] as TcpConfig["ecnOption"] })),
  "net.ipv4.tcp_ecn_option_beacon": tcp((value) => ({ ecnBeacons: whole(value, 0, 63) })),
  "net.ipv4.tcp_fin_timeout": tcp((value) => ({ orphanTimeout: whole(value, 1) * SECOND })),
  "net.ipv4.tcp_invalid_ratelimit": tcp((value) => ({ challengeInterval: whole(value) * MILLISECOND })),
  "net.ipv4.tcp_notsent_lowat": tcp((value) => ({ unsentLowWater: whole(value) >= NO_MARK ? 0 : whole(value) })),
  "net.ipv4.tcp_retries2": tcp((value) => ({ retries: whole(value, 1) })),
  "net.ipv4.tcp_rmem": tcp((value) => ({ receiveBuffer: buffer(value) })),
  "net.ipv4.tcp_rto_max_ms": tcp((value) => ({ maxRto: whole(value, 1) * MILLISECOND })),
  "net.ipv4.tcp_rto_min_us": tcp((value) => leastRto(whole(value, 1) * MICROSECOND)),
  "net.ipv4.tcp_sack": tcp((value) => ({ sack: whole(value) > 0 })),
  "net.ipv4.tcp_slow_start_after_idle": tcp((value) => ({ slowStartAfterIdle: whole(value) > 0 })),
  "net.ipv4.tcp_syn_linear_timeouts": tcp((value) => ({ synLinearRetries: whole(value) })),
  "net.ipv4.tcp_syn_retries": tcp((value) => ({ synRetries: whole(value, 0, 127) })),
  "net.ipv4.tcp_syncookies": (value) => ({ synCookies: (["never", "auto", "always"] as const)[whole(value, 0, 2) as 0 | 1 | 2] }),
  "net.ipv4.tcp_timestamps": tcp((value) => ({ timestamps: whole(value, 0, 2) > 0 })),
  "net.ipv4.tcp_tso_win_divisor": tcp((value) => ({ superSegmentDivisor: whole(value) })),
  "net.ipv4.tcp_window_scaling": tcp((value) => ({ windowScaling: whole(value) > 0 })),
  "net.ipv4.tcp_wmem": tcp((value) => ({ sendBuffer: buffer(value) })),
  "net.mptcp.add_addr_timeout": (value) => ({ mptcp: { addAddrTimeout: whole(value) * SECOND } }),
  "net.mptcp.allow_join_initial_addr_port": (value) => ({ mptcp: { denyJoinInitialAddress: whole(value, 0, 1) === 0 } }),
  "net.mptcp.blackhole_timeout": (value) => ({ mptcp: { blackholeFirstMemory: whole(value) * SECOND, blackholeMemory: whole(value) * SECOND } }),
  "net.mptcp.checksum_enabled": (value) => ({ mptcp: { checksum: whole(value, 0, 1) === 1 } }),
  "net.mptcp.close_timeout": (value) => ({ mptcp: { noSubflowTimeout: whole(value) * SECOND } }),
  // Of the kernels of multipath-tcp.org, which speak both versions; that of kernel.org speaks version 1 alone.
  "net.mptcp.mptcp_version": (value) => ({ mptcp: { versions: whole(value, 0, 1) === 0 ? [version0] : [version1, version0] } }),
  "net.mptcp.enabled": (value) => ({ multipath: whole(value, 0, 1) === 1 }),
  "net.mptcp.path_manager": (value) => pathManager(value),
  "net.mptcp.pm_type": (value) => pathManager(["kernel", "userspace"][whole(value, 0, 1)] as string),
  "net.mptcp.stale_loss_cnt": (value) => ({ mptcp: { staleTimeouts: whole(value) } }),
  "net.mptcp.syn_retrans_before_tcp_fallback": (value) => ({ mptcp: { capableSyns: whole(value, 0, 128) + 1 } }),
};

/** Their names. */
export const KNOWN_SYSCTLS: readonly string[] = Object.keys(SYSCTLS);

function tcp(change: (value: string) => Partial<TcpConfig>): (value: string) => DefaultsChange {
  return (value) => ({ tcp: change(value) });
}

/** In Linux it is also what an RTO exceeds the round-trip time by, and what a probe of one segment allows for a delayed ACK. */
function leastRto(time: number): Partial<TcpConfig> {
  return { minRto: time, clockGranularity: time, tailProbeAlone: time };
}

function pathManager(name: string): DefaultsChange {
  if (name === "kernel") return { mptcp: { pathManager: linuxEndpoints } };
  const userspace = name === "userspace" ? pathManagerNamed(name) : undefined;
  if (userspace === undefined) throw new MptcpError("ERR_OUT_OF_RANGE", `a path manager is "kernel" or "userspace", got ${name}`);
  return { mptcp: { pathManager: userspace } };
}

/** Of the three sizes the first is for times when memory is short, and does not count here. */
function buffer(value: string): BufferConfig {
  const sizes = value.split(/[\s,]+/).map((size) => whole(size, 1));
  const [, initial, max] = sizes;
  if (initial === undefined || max === undefined || sizes.length !== 3 || max < initial) throw new MptcpError("ERR_OUT_OF_RANGE", `sizes of a buffer are three, the largest last, got ${value}`);
  return { initial, max, autoTune: max > initial };
}

function whole(value: string, least = 0, most = Number.MAX_SAFE_INTEGER): number {
  const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= least && number <= most)) throw new MptcpError("ERR_OUT_OF_RANGE", `a whole number from ${least} to ${most} was expected, got ${value}`);
  return number;
}

/** A mark as high as that is none: Linux's default. */
const NO_MARK = 0x7fff_ffff;
