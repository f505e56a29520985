import { SECOND } from "../../../core/index.ts";
import { offeredShare } from "../../../tcp/index.ts";
import { CONSTANTS, ERRORS, MEMORY_FIELDS, writeStructure } from "../../system/index.ts";
import type { Socket } from "../sockets/socket.ts";
import { tcpOf } from "../sockets/connection-view.ts";
import { StreamSocket } from "../sockets/stream-socket.ts";
import { TIMESTAMPING } from "../sockets/timestamps.ts";
import { anyNumber, between, numberOption, onOff, zeroOrOne } from "./row.ts";
import type { OctetsOption, OptionRow, UnderMultipath } from "./row.ts";

const { SOCK_STREAM } = CONSTANTS;
const LARGEST = 0x7fff_ffff;
/** What of a receive buffer is offered. */
const OFFERED = offeredShare({ offeredWindow: "half" });
const LEAST_SEND_BUFFER = 4608;
const LEAST_RECEIVE_BUFFER = 2304;
const KNOWN_TIMESTAMPING = 0x3ffff;
/** The network devices of the machine. */
const DEVICES: ReadonlySet<string> = new Set(["lo", "tun0"]);

/** A buffer's size is doubled, for what it takes in memory beside the data (socket(7)). */
function bufferSize(name: "SO_SNDBUF" | "SO_RCVBUF", isForced: boolean): (value: number, socket: Socket) => number {
  const [setting, least] = name === "SO_SNDBUF" ? ["net.core.wmem_max", LEAST_SEND_BUFFER] : ["net.core.rmem_max", LEAST_RECEIVE_BUFFER];
  return (value, { machine }) => {
    const most = isForced ? LARGEST / 2 : machine.sysctls.number(setting);
    // Below 0 it is as if it were unsigned.
    const wanted = value < 0 ? (isForced ? 0 : most) : Math.min(value, most);
    return Math.max(2 * wanted, least);
  };
}

function initialBuffer(tcp: string, other: string): (socket: Socket) => number {
  return ({ machine, type }) => (type === SOCK_STREAM ? machine.sysctls.number(tcp, 1) : machine.sysctls.number(other));
}

/** Sets another option, without its bound. */
function forced(name: string, other: "SO_SNDBUF" | "SO_RCVBUF"): OctetsOption {
  return {
    kind: "octets", name, multipath: "unsupported", get: null,
    set: (socket, value) => {
      if (value.length < 4) return "EINVAL";
      const number = new DataView(value.buffer, value.byteOffset, value.length).getInt32(0, true);
      socket.settings.set(other, bufferSize(other, true)(number, socket));
      socket.onSetting(other);
      return null;
    },
  };
}

function readOnly(name: string, value: (socket: Socket) => number): OptionRow {
  return numberOption(name, null, { initial: value });
}

/** struct timeval of 64 bits each; how long calls wait. */
function timeout(name: "SO_RCVTIMEO" | "SO_SNDTIMEO"): OctetsOption {
  const field = name === "SO_RCVTIMEO" ? "receiveTimeout" : "sendTimeout";
  return {
    kind: "octets", name, multipath: "same",
    get: ({ settings }) => {
      const octets = new Uint8Array(16);
      const view = new DataView(octets.buffer);
      view.setBigInt64(0, BigInt(Math.floor(settings[field] / SECOND)), true);
      view.setBigInt64(8, BigInt(Math.floor((settings[field] % SECOND) / 1000)), true);
      return octets;
    },
    set: ({ settings }, value) => {
      if (value.length < 16) return "EINVAL";
      const view = new DataView(value.buffer, value.byteOffset, value.length);
      const seconds = Number(view.getBigInt64(0, true));
      const microseconds = Number(view.getBigInt64(8, true));
      if (microseconds < 0 || microseconds >= 1_000_000) return "EDOM";
      settings[field] = seconds < 0 ? 1 : seconds * SECOND + microseconds * 1000;
      return null;
    },
  };
}

const linger: OctetsOption = {
  kind: "octets", name: "SO_LINGER", multipath: "same",
  get: ({ settings }) => {
    const octets = new Uint8Array(8);
    const view = new DataView(octets.buffer);
    view.setInt32(0, settings.linger === null ? 0 : 1, true);
    view.setInt32(4, settings.get("SO_LINGER"), true);
    return octets;
  },
  set: ({ settings }, value) => {
    if (value.length < 8) return "EINVAL";
    const view = new DataView(value.buffer, value.byteOffset, value.length);
    const seconds = view.getInt32(4, true);
    settings.linger = view.getInt32(0, true) === 0 ? null : Math.max(0, seconds);
    // Turned off, the seconds stay what they were.
    if (settings.linger !== null) settings.set("SO_LINGER", settings.linger);
    return null;
  },
};

const bindToDevice: OctetsOption = {
  kind: "octets", name: "SO_BINDTODEVICE", multipath: "same",
  get: ({ settings }, { length: room }) => {
    if (settings.device === "") return new Uint8Array(0);
    return room <= settings.device.length ? "EINVAL" : octetsOf(`${settings.device}\0`);
  },
  set: ({ settings }, value) => {
    const name = textOf(value);
    if (name !== "" && !DEVICES.has(name)) return "ENODEV";
    settings.device = name;
    return null;
  },
};

/** What the buffers hold, and how large they are. */
const memory: OctetsOption = {
  kind: "octets", name: "SO_MEMINFO", multipath: "same", set: null,
  get: (socket, { length }) => writeStructure(MEMORY_FIELDS, memoryOf(socket)).subarray(0, length),
};

function memoryOf(socket: Socket): Readonly<Record<string, number>> {
  const connection = socket instanceof StreamSocket ? socket.connection : null;
  const sizes = connection?.tcpInfo(1, socket.machine.now) ?? null;
  const sizeOfBuffer = (name: "SO_RCVBUF" | "SO_SNDBUF", initial: number, now: number | undefined): number => (socket.settings.has(name) ? socket.settings.get(name) : Math.max(initial, now ?? 0));
  return {
    SK_MEMINFO_RMEM_ALLOC: tcpOf(connection)?.receiver.memory?.held ?? connection?.receiveBuffered ?? 0,
    SK_MEMINFO_RCVBUF: sizeOfBuffer("SO_RCVBUF", initialBuffer("net.ipv4.tcp_rmem", "net.core.rmem_default")(socket), sizes === null ? undefined : sizes.receiveBufferSize / OFFERED),
    SK_MEMINFO_SNDBUF: sizeOfBuffer("SO_SNDBUF", initialBuffer("net.ipv4.tcp_wmem", "net.core.wmem_default")(socket), sizes?.sendBufferSize),
    SK_MEMINFO_WMEM_QUEUED: connection?.sendBuffered ?? 0,
  };
}

/** Its number is what was set, and the other one would bind it to a clock. Ids are positions in the stream, which a connection has alone. */
function timestamps(value: number, socket: Socket): number | string {
  if (value < 0 || (value & ~KNOWN_TIMESTAMPING) !== 0) return "EINVAL";
  if ((value & TIMESTAMPING.ids) === 0 || socket.type !== SOCK_STREAM) return value;
  return socket.peer === null ? "EINVAL" : value;
}

function ignored(name: string): OptionRow {
  return numberOption(name, onOff, { multipath: "ignored" });
}

/** -1 is the default again. It is of TCP alone. */
function transmitHash(value: number): number | string {
  return value === -1 ? 1 : value === 0 || value === 1 ? value : "EINVAL";
}

function unsupported(name: string, multipath: UnderMultipath = "unsupported", initial = 0): OptionRow {
  return numberOption(name, onOff, { multipath, initial });
}

/** Options of SOL_SOCKET. */
export const SOCKET_LEVEL: readonly OptionRow[] = [
  numberOption("SO_DEBUG", onOff),
  numberOption("SO_REUSEADDR", onOff),
  readOnly("SO_TYPE", ({ type }) => type),
  readOnly("SO_ERROR", (socket) => ERRORS[socket.takeError() ?? ""] ?? 0),
  ignored("SO_DONTROUTE"),
  ignored("SO_BROADCAST"),
  numberOption("SO_SNDBUF", bufferSize("SO_SNDBUF", false), { initial: initialBuffer("net.ipv4.tcp_wmem", "net.core.wmem_default") }),
  numberOption("SO_RCVBUF", bufferSize("SO_RCVBUF", false), { initial: initialBuffer("net.ipv4.tcp_rmem", "net.core.rmem_default") }),
  numberOption("SO_KEEPALIVE", onOff),
  unsupported("SO_OOBINLINE"),
  ignored("SO_NO_CHECK"),
  numberOption("SO_PRIORITY", anyNumber),
  linger,
  numberOption("SO_BSDCOMPAT", () => 0),
  numberOption("SO_REUSEPORT", onOff),
  numberOption("SO_RCVLOWAT", (value, { machine, type }) => {
    const most = type === SOCK_STREAM ? Math.floor(machine.sysctls.number("net.ipv4.tcp_rmem", 2) / 2) : LARGEST;
    return Math.min(value < 0 ? LARGEST : Math.max(1, value), most);
  }, { initial: 1 }),
  readOnly("SO_SNDLOWAT", () => 1),
  timeout("SO_RCVTIMEO"),
  timeout("SO_SNDTIMEO"),
  bindToDevice,
  numberOption("SO_TIMESTAMP", onOff),
  readOnly("SO_ACCEPTCONN", ({ isListening }) => (isListening ? 1 : 0)),
  forced("SO_SNDBUFFORCE", "SO_SNDBUF"),
  forced("SO_RCVBUFFORCE", "SO_RCVBUF"),
  numberOption("SO_TIMESTAMPNS", onOff),
  numberOption("SO_MARK", anyNumber),
  numberOption("SO_TIMESTAMPING", timestamps, { octets: 8 }),
  readOnly("SO_PROTOCOL", ({ protocol }) => protocol),
  readOnly("SO_DOMAIN", ({ domain }) => domain),
  ignored("SO_RXQ_OVFL"),
  numberOption("SO_PEEK_OFF", anyNumber, { initial: -1, multipath: "unsupported" }),
  unsupported("SO_LOCK_FILTER"),
  ignored("SO_SELECT_ERR_QUEUE"),
  numberOption("SO_BUSY_POLL", between(0, LARGEST)),
  numberOption("SO_MAX_PACING_RATE", anyNumber, { initial: -1, octets: 8, multipath: "unsupported" }),
  readOnly("SO_BPF_EXTENSIONS", () => 64),
  numberOption("SO_INCOMING_CPU", anyNumber, { initial: -1 }),
  memory,
  readOnly("SO_INCOMING_NAPI_ID", () => 0),
  numberOption("SO_ZEROCOPY", zeroOrOne, { multipath: "unsupported" }),
  numberOption("SO_BINDTOIFINDEX", between(0, LARGEST)),
  numberOption("SO_PREFER_BUSY_POLL", onOff),
  numberOption("SO_BUF_LOCK", between(0, 3), { multipath: "unsupported" }),
  numberOption("SO_TXREHASH", transmitHash, { initial: 1, multipath: "unsupported" }),
  unsupported("SO_RCVMARK"),
];

/** Text that ends with the octets or before the first 0. */
export function textOf(octets: Uint8Array): string {
  let text = "";
  for (const octet of octets) {
    if (octet === 0) break;
    text += String.fromCharCode(octet);
  }
  return text;
}

export function octetsOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0) & 0xff);
}

