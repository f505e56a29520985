import { CONSTANTS } from "../../system/index.ts";
import { StreamSocket } from "../sockets/stream-socket.ts";
import { isClientEnabled } from "../sockets/fast-open.ts";
import { keysOf } from "../sockets/fast-open-keys.ts";
import { tcpOf } from "../sockets/connection-view.ts";
import { CONGESTION } from "../sockets/tcp-config.ts";
import type { Socket } from "../sockets/socket.ts";
import { anyNumber, between, numberOption, onOff, zeroOrOne } from "./row.ts";
import type { NumberOption, OctetsOption, OptionRow, UnderMultipath } from "./row.ts";
import { octetsOf, textOf } from "./socket-level.ts";
import { tcpInfoOf } from "./tcp-info.ts";

const LARGEST = 0x7fff_ffff;
const { SOCK_STREAM } = CONSTANTS;

function fromMachine(setting: string): (socket: Socket) => number {
  return ({ machine }) => machine.sysctls.number(setting);
}

function ofTcpAlone(name: string, store: NumberOption["store"], initial: number | ((socket: Socket) => number) = 0): OptionRow {
  return numberOption(name, store, { initial, multipath: "none" });
}

/** Multipath TCP passes it on to its subflows without looking. */
function keepAliveNumber(name: string, setting: string, highest: number): OptionRow {
  return numberOption(name, (value, { protocol }) => (protocol === IPPROTO_MPTCP || (value >= 1 && value <= highest) ? value : "EINVAL"), { initial: fromMachine(setting) });
}
const { IPPROTO_MPTCP } = CONSTANTS;

const congestion: OctetsOption = {
  kind: "octets", name: "TCP_CONGESTION", multipath: "same",
  get: ({ machine, settings }, { length: room }) => padded(settings.congestion ?? machine.sysctls.text("net.ipv4.tcp_congestion_control"), Math.min(room, NAME_LENGTH)),
  set: (socket, value) => {
    if (value.length === 0) return "EINVAL";
    const name = textOf(value.subarray(0, NAME_LENGTH - 1));
    if (CONGESTION[name] === undefined) return "ENOENT";
    socket.settings.congestion = name;
    socket.onSetting("TCP_CONGESTION");
    return null;
  },
};

function padded(text: string, length: number): Uint8Array {
  const octets = new Uint8Array(length);
  octets.set(octetsOf(text).subarray(0, length));
  return octets;
}

const info: OctetsOption = { kind: "octets", name: "TCP_INFO", multipath: "same", get: (socket, { length }) => tcpInfoOf(socket).subarray(0, length), set: null };

/** TCP_FASTOPEN_KEY: one key, or two. */
const fastOpenKey: OctetsOption = {
  kind: "octets", name: "TCP_FASTOPEN_KEY", multipath: "same",
  get: ({ machine, settings }, { length }) => octetsTogether(settings.fastOpenKeys.length > 0 ? settings.fastOpenKeys : (keysOf(machine.sysctls.text("net.ipv4.tcp_fastopen_key")) ?? [])).subarray(0, length),
  set: (socket, value) => {
    if (value.length !== 16 && value.length !== 32) return "EINVAL";
    socket.settings.fastOpenKeys = value.length === 16 ? [value.slice()] : [value.slice(0, 16), value.slice(16)];
    socket.onSetting("TCP_FASTOPEN_KEY");
    return null;
  },
};

function octetsTogether(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => Array.from(part)));
}

/** What is of use before a connection is there alone. */
function beforeConnection(store: (value: number, socket: Socket) => number | string): (value: number, socket: Socket) => number | string {
  return (value, socket) => {
    const stored = store(value, socket);
    const isEarly = !(socket instanceof StreamSocket) || socket.state === "CLOSED" || socket.state === "LISTEN";
    return typeof stored === "string" || isEarly ? stored : "EINVAL";
  };
}

const maximumSegment: NumberOption = {
  ...numberOption("TCP_MAXSEG", (value) => (value === 0 || (value >= 88 && value <= 32767) ? value : "EINVAL"), { multipath: "ignored" }),
  initial: () => 0,
  show: (value, socket) => {
    const tcp = socket instanceof StreamSocket ? tcpOf(socket.connection) : null;
    if (tcp !== null && tcp.established) return tcp.maxPayload;
    return value > 0 ? value : DEFAULT_SEGMENT;
  },
};

/** Seconds are rounded up to what retransmissions of the SYN+ACK take: 1, 3, 7, 15 seconds. */
function deferAccept(value: number): number {
  if (value <= 0) return 0;
  let passed = 1;
  let timeout = 1;
  let count = 1;
  while (value > passed && count < 255) {
    count++;
    timeout = Math.min(timeout * 2, 120);
    passed += timeout;
  }
  return passed;
}

/** Whether a socket speaks Multipath TCP, or will unless its peer does not. */
function isMultipath(socket: Socket): number {
  if (socket.protocol !== IPPROTO_MPTCP) return 0;
  const connection = socket instanceof StreamSocket ? socket.connection : null;
  return connection === null || connection.fallback === null ? 1 : 0;
}

function level(name: string, store: NumberOption["store"], multipath: UnderMultipath = "same"): OptionRow {
  return numberOption(name, store, { multipath });
}

/** Options of SOL_TCP. */
export const TCP_LEVEL: readonly OptionRow[] = [
  level("TCP_NODELAY", onOff),
  maximumSegment,
  level("TCP_CORK", onOff),
  keepAliveNumber("TCP_KEEPIDLE", "net.ipv4.tcp_keepalive_time", 32767),
  keepAliveNumber("TCP_KEEPINTVL", "net.ipv4.tcp_keepalive_intvl", 32767),
  keepAliveNumber("TCP_KEEPCNT", "net.ipv4.tcp_keepalive_probes", 127),
  ofTcpAlone("TCP_SYNCNT", between(1, 127), fromMachine("net.ipv4.tcp_syn_retries")),
  ofTcpAlone("TCP_LINGER2", (value) => (value < 0 ? -1 : Math.min(value, 120)), fromMachine("net.ipv4.tcp_fin_timeout")),
  level("TCP_DEFER_ACCEPT", deferAccept),
  ofTcpAlone("TCP_WINDOW_CLAMP", (value, { type }) => (value === 0 ? (type === SOCK_STREAM ? 0 : "EINVAL") : Math.max(value, LEAST_CLAMP))),
  info,
  ofTcpAlone("TCP_QUICKACK", onOff, 1),
  congestion,
  ofTcpAlone("TCP_THIN_LINEAR_TIMEOUTS", zeroOrOne),
  ofTcpAlone("TCP_THIN_DUPACK", (value) => (value === 0 || value === 1 ? 0 : "EINVAL")),
  ofTcpAlone("TCP_USER_TIMEOUT", between(0, LARGEST)),
  level("TCP_FASTOPEN", beforeConnection((value, { machine }) => (value < 0 ? "EINVAL" : Math.min(value, machine.sysctls.number("net.core.somaxconn"))))),
  ofTcpAlone("TCP_TIMESTAMP", () => "EPERM", ({ machine }) => Math.floor(machine.now / 1_000_000)),
  level("TCP_NOTSENT_LOWAT", anyNumber),
  ofTcpAlone("TCP_SAVE_SYN", between(0, 2)),
  level("TCP_FASTOPEN_CONNECT", beforeConnection((value, socket) => (isClientEnabled(socket.machine.sysctls) ? zeroOrOne(value, socket) : "EOPNOTSUPP"))),
  fastOpenKey,
  level("TCP_FASTOPEN_NO_COOKIE", beforeConnection(zeroOrOne)),
  level("TCP_INQ", zeroOrOne),
  ofTcpAlone("TCP_TX_DELAY", between(0, LARGEST)),
  numberOption("TCP_IS_MPTCP", null, { initial: isMultipath }),
  ofTcpAlone("TCP_RTO_MAX_MS", between(1000, 120_000), fromMachine("net.ipv4.tcp_rto_max_ms")),
];

/** TCP_CA_NAME_MAX. */
const NAME_LENGTH = 16;
const DEFAULT_SEGMENT = 536;
/** Half of the least receive buffer. */
const LEAST_CLAMP = 1152;
