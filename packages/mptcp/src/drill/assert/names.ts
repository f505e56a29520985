import { MEMORY_FIELDS, MPTCP_INFO_FIELDS, TCP_INFO_FIELDS } from "../system/index.ts";

const numbered = (first: number, names: string): [string, bigint][] => names.split(" ").map((name, index) => [name, BigInt(first + index)]);
const bits = (names: string): [string, bigint][] => names.split(" ").map((name, index) => [name, 1n << BigInt(index)]);

/** Numbers that assertions compare fields with, by Linux's names (linux/tcp.h, net/tcp_states.h, linux/mptcp.h). */
export const CODE_CONSTANTS: ReadonlyMap<string, bigint> = new Map([
  ...numbered(
    1,
    "TCP_ESTABLISHED TCP_SYN_SENT TCP_SYN_RECV TCP_FIN_WAIT1 TCP_FIN_WAIT2 TCP_TIME_WAIT TCP_CLOSE TCP_CLOSE_WAIT TCP_LAST_ACK TCP_LISTEN TCP_CLOSING TCP_NEW_SYN_RECV",
  ),
  ...numbered(0, "TCP_CA_Open TCP_CA_Disorder TCP_CA_CWR TCP_CA_Recovery TCP_CA_Loss"),
  ...bits("TCPI_OPT_TIMESTAMPS TCPI_OPT_SACK TCPI_OPT_WSCALE TCPI_OPT_ECN TCPI_OPT_ECN_SEEN TCPI_OPT_SYN_DATA TCPI_OPT_USEC_TS TCPI_OPT_TFO_CHILD"),
  ...numbered(0, "TFO_STATUS_UNSPEC TFO_COOKIE_UNAVAILABLE TFO_DATA_NOT_ACKED TFO_SYN_RETRANSMITTED"),
  ...bits("MPTCP_INFO_FLAG_FALLBACK MPTCP_INFO_FLAG_REMOTE_KEY_RECEIVED"),
  ["TCP_INFINITE_SSTHRESH", 0x7fffffffn],
]);

/** Names of the fields that a stack tells of a socket. */
export const FIELD_NAMES: ReadonlySet<string> = new Set([...TCP_INFO_FIELDS, ...MPTCP_INFO_FIELDS, ...MEMORY_FIELDS].map(({ name }) => name));
