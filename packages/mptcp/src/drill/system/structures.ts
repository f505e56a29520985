/**
 * The structures in which Linux tells of a connection, as tables of their fields: `struct tcp_info` (linux/tcp.h) and `struct mptcp_info` (linux/mptcp.h), by the names
 * that assertions of scripts have for them. Little-endian. A kernel that is older gives the beginning of one.
 *
 * @module
 */

/** Where a field is: octets, and bits of them for fields that share one. */
export interface StructureField {
  readonly name: string;
  readonly offset: number;
  readonly octets: 1 | 2 | 4 | 8;
  /** The lowest bit and the number of bits, where it shares its octet. */
  readonly bits?: readonly [number, number];
}

const octet = (name: string, offset: number, bits?: readonly [number, number]): StructureField => (bits === undefined ? { name, offset, octets: 1 } : { name, offset, octets: 1, bits });
/** Fields of one size behind one another; null is a gap. */
const run = (octets: 2 | 4 | 8, offset: number, names: readonly (string | null)[]): StructureField[] =>
  names.flatMap((name, index) => (name === null ? [] : [{ name, offset: offset + index * octets, octets }]));

/** As of Linux 6.18. */
export const TCP_INFO_FIELDS: readonly StructureField[] = [
  ...["tcpi_state", "tcpi_ca_state", "tcpi_retransmits", "tcpi_probes", "tcpi_backoff", "tcpi_options"].map((name, at) => octet(name, at)),
  octet("tcpi_snd_wscale", 6, [0, 4]),
  octet("tcpi_rcv_wscale", 6, [4, 4]),
  octet("tcpi_delivery_rate_app_limited", 7, [0, 1]),
  octet("tcpi_fastopen_client_fail", 7, [1, 2]),
  ...run(4, 8, ["tcpi_rto", "tcpi_ato", "tcpi_snd_mss", "tcpi_rcv_mss", "tcpi_unacked", "tcpi_sacked", "tcpi_lost", "tcpi_retrans", "tcpi_fackets"]),
  ...run(4, 44, ["tcpi_last_data_sent", "tcpi_last_ack_sent", "tcpi_last_data_recv", "tcpi_last_ack_recv", "tcpi_pmtu", "tcpi_rcv_ssthresh", "tcpi_rtt", "tcpi_rttvar"]),
  ...run(4, 76, ["tcpi_snd_ssthresh", "tcpi_snd_cwnd", "tcpi_advmss", "tcpi_reordering", "tcpi_rcv_rtt", "tcpi_rcv_space", "tcpi_total_retrans"]),
  ...run(8, 104, ["tcpi_pacing_rate", "tcpi_max_pacing_rate", "tcpi_bytes_acked", "tcpi_bytes_received"]),
  ...run(4, 136, ["tcpi_segs_out", "tcpi_segs_in", "tcpi_notsent_bytes", "tcpi_min_rtt", "tcpi_data_segs_in", "tcpi_data_segs_out"]),
  ...run(8, 160, ["tcpi_delivery_rate", "tcpi_busy_time", "tcpi_rwnd_limited", "tcpi_sndbuf_limited"]),
  ...run(4, 192, ["tcpi_delivered", "tcpi_delivered_ce"]),
  ...run(8, 200, ["tcpi_bytes_sent", "tcpi_bytes_retrans"]),
  ...run(4, 216, ["tcpi_dsack_dups", "tcpi_reord_seen", "tcpi_rcv_ooopack", "tcpi_snd_wnd", "tcpi_rcv_wnd", "tcpi_rehash"]),
  ...run(2, 240, ["tcpi_total_rto", "tcpi_total_rto_recoveries"]),
  ...run(4, 244, ["tcpi_total_rto_time", "tcpi_received_ce", "tcpi_delivered_e1_bytes", "tcpi_delivered_e0_bytes", "tcpi_delivered_ce_bytes"]),
  ...run(4, 264, ["tcpi_received_e1_bytes", "tcpi_received_e0_bytes", "tcpi_received_ce_bytes"]),
  ...run(2, 276, ["tcpi_accecn_fail_mode", "tcpi_accecn_opt_seen"]),
];

/** As of Linux 6.18. */
export const MPTCP_INFO_FIELDS: readonly StructureField[] = [
  ...["mptcpi_subflows", "mptcpi_add_addr_signal", "mptcpi_add_addr_accepted", "mptcpi_subflows_max", "mptcpi_add_addr_signal_max", "mptcpi_add_addr_accepted_max"].map((name, at) =>
    octet(name, at),
  ),
  ...run(4, 8, ["mptcpi_flags", "mptcpi_token"]),
  ...run(8, 16, ["mptcpi_write_seq", "mptcpi_snd_una", "mptcpi_rcv_nxt"]),
  ...["mptcpi_local_addr_used", "mptcpi_local_addr_max", "mptcpi_csum_enabled"].map((name, at) => octet(name, 40 + at)),
  ...run(4, 44, ["mptcpi_retransmits"]),
  ...run(8, 48, ["mptcpi_bytes_retrans", "mptcpi_bytes_sent", "mptcpi_bytes_received", "mptcpi_bytes_acked"]),
  octet("mptcpi_subflows_total", 80),
  octet("mptcpi_endp_laminar_max", 81),
  octet("mptcpi_endp_fullmesh_max", 82),
  ...run(4, 84, ["mptcpi_last_data_sent", "mptcpi_last_data_recv", "mptcpi_last_ack_recv"]),
];

/** What SO_MEMINFO tells of a socket's buffers (linux/sock_diag.h), in octets of memory. */
export const MEMORY_FIELDS: readonly StructureField[] = run(
  4,
  0,
  ["RMEM_ALLOC", "RCVBUF", "WMEM_ALLOC", "SNDBUF", "FWD_ALLOC", "WMEM_QUEUED", "OPTMEM", "BACKLOG", "DROPS"].map((name) => `SK_MEMINFO_${name}`),
);

/** Octets of a structure. */
export function sizeOf(fields: readonly StructureField[]): number {
  return Math.max(...fields.map(({ offset, octets }) => offset + octets));
}

/** The fields of a structure that are there whole, by name. */
export function readStructure(fields: readonly StructureField[], octets: Uint8Array): Map<string, bigint> {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  const values = new Map<string, bigint>();
  for (const { name, offset, octets: size, bits } of fields) {
    if (offset + size > octets.length) continue;
    let value = 0n;
    if (size === 8) value = view.getBigUint64(offset, true);
    else if (size === 4) value = BigInt(view.getUint32(offset, true));
    else if (size === 2) value = BigInt(view.getUint16(offset, true));
    else value = BigInt(view.getUint8(offset));
    if (bits !== undefined) value = (value >> BigInt(bits[0])) & ((1n << BigInt(bits[1])) - 1n);
    values.set(name, value);
  }
  return values;
}

/** A structure whose fields have these values; those that are not named are 0, and those that are too large are cut. */
export function writeStructure(fields: readonly StructureField[], values: Readonly<Record<string, number | bigint>>): Uint8Array {
  const octets = new Uint8Array(sizeOf(fields));
  const view = new DataView(octets.buffer);
  for (const { name, offset, octets: size, bits } of fields) {
    const value = BigInt(values[name] ?? 0);
    if (size === 8) view.setBigUint64(offset, BigInt.asUintN(64, value), true);
    else if (size === 4) view.setUint32(offset, Number(BigInt.asUintN(32, value)), true);
    else if (size === 2) view.setUint16(offset, Number(BigInt.asUintN(16, value)), true);
    else if (bits === undefined) view.setUint8(offset, Number(BigInt.asUintN(8, value)));
    else view.setUint8(offset, view.getUint8(offset) | (Number(BigInt.asUintN(bits[1], value)) << bits[0]));
  }
  return octets;
}
