/** Settings of the machine by their names: `net.ipv4.tcp_sack`. */
export class Sysctls {
  private readonly values = new Map<string, string>(DEFAULTS);

  /** As text, numbers apart by tabs; undefined: there is none of that name. */
  get(name: string): string | undefined {
    return this.values.get(name);
  }

  get names(): readonly string[] {
    return Array.from(this.values.keys()).toSorted();
  }

  /** @returns why it is not set: there is none of that name, or not of that value */
  set(name: string, value: string): "missing" | "invalid" | "unknown" | null {
    const before = this.values.get(name);
    if (before === undefined) return "missing";
    const parts = value.trim().split(/\s+/);
    if (READ_ONLY.has(name)) return "invalid";
    if (name === "net.ipv4.tcp_congestion_control" && !this.text("net.ipv4.tcp_available_congestion_control").split(" ").includes(parts[0] ?? "")) return "unknown";
    // Numbers stay numbers; there may be fewer of them than there are.
    const numbers = before.split("\t").map(Number);
    if (before !== "" && numbers.every(Number.isFinite)) {
      const given = parts.map(numberOf);
      if (given.length > numbers.length || given.some((part) => part === null)) return "invalid";
      this.values.set(name, numbers.map((number, index) => given[index] ?? number).join("\t"));
    } else this.values.set(name, value.trim());
    return null;
  }

  /** One of its numbers. */
  number(name: string, index = 0): number {
    const part = (this.values.get(name) ?? "").split("\t")[index] ?? "";
    const value = Number(part);
    return part !== "" && Number.isFinite(value) ? value : 0;
  }

  text(name: string): string {
    return this.values.get(name) ?? "";
  }
}

/** Decimal or hexadecimal, as the kernel reads them; what a number may not be below is 0 but for a few. */
function numberOf(text: string): number | null {
  if (!/^-?(?:\d+|0x[0-9a-f]+)$/i.test(text)) return null;
  const value = text.startsWith("-") ? -Number(text.slice(1)) : Number(text);
  return value >= -1 && value <= 0xffff_ffff_ffff ? value : null;
}

const READ_ONLY: ReadonlySet<string> = new Set(["net.ipv4.tcp_available_congestion_control", "net.ipv4.tcp_available_ulp", "net.mptcp.available_path_managers", "net.mptcp.available_schedulers"]);

/** As of Linux 6.18, on a machine with some gigabytes. */
const DEFAULTS: readonly (readonly [string, string])[] = [
  ["net.core.default_qdisc", "pfifo_fast"],
  ["net.core.netdev_max_backlog", "1000"],
  ["net.core.optmem_max", "131072"],
  ["net.core.rmem_default", "212992"],
  ["net.core.rmem_max", "4194304"],
  ["net.core.somaxconn", "4096"],
  ["net.core.wmem_default", "212992"],
  ["net.core.wmem_max", "4194304"],
  ["net.ipv4.ip_forward", "0"],
  ["net.ipv4.ip_local_port_range", "32768\t60999"],
  ["net.ipv4.ip_local_reserved_ports", ""],
  ["net.ipv4.ip_no_pmtu_disc", "0"],
  ["net.ipv4.ip_nonlocal_bind", "0"],
  ["net.ipv4.ip_unprivileged_port_start", "1024"],
  ["net.ipv4.ip_default_ttl", "64"],
  ["net.ipv4.ip_early_demux", "1"],
  ["net.ipv4.icmp_ratelimit", "1000"],
  ["net.ipv4.icmp_ratemask", "6168"],
  ["net.ipv4.conf.all.rp_filter", "0"],
  ["net.ipv4.conf.default.rp_filter", "0"],
  ["net.ipv4.tcp_abort_on_overflow", "0"],
  ["net.ipv4.tcp_adv_win_scale", "1"],
  ["net.ipv4.tcp_allowed_congestion_control", "reno cubic bbr"],
  ["net.ipv4.tcp_app_win", "31"],
  ["net.ipv4.tcp_autocorking", "1"],
  ["net.ipv4.tcp_available_congestion_control", "reno cubic bbr"],
  ["net.ipv4.tcp_available_ulp", ""],
  ["net.ipv4.tcp_backlog_ack_defer", "1"],
  ["net.ipv4.tcp_base_mss", "1024"],
  ["net.ipv4.tcp_challenge_ack_limit", "2147483647"],
  ["net.ipv4.tcp_child_ehash_entries", "0"],
  ["net.ipv4.tcp_comp_sack_delay_ns", "1000000"],
  ["net.ipv4.tcp_comp_sack_nr", "44"],
  ["net.ipv4.tcp_comp_sack_slack_ns", "100000"],
  ["net.ipv4.tcp_congestion_control", "cubic"],
  ["net.ipv4.tcp_dsack", "1"],
  ["net.ipv4.tcp_early_demux", "1"],
  ["net.ipv4.tcp_early_retrans", "3"],
  ["net.ipv4.tcp_ecn", "2"],
  ["net.ipv4.tcp_ecn_fallback", "1"],
  ["net.ipv4.tcp_ecn_option", "2"],
  ["net.ipv4.tcp_ecn_option_beacon", "3"],
  ["net.ipv4.tcp_ehash_entries", "8192"],
  ["net.ipv4.tcp_fack", "0"],
  ["net.ipv4.tcp_fastopen", "1"],
  ["net.ipv4.tcp_fastopen_blackhole_timeout_sec", "0"],
  ["net.ipv4.tcp_fastopen_key", "00000000-00000000-00000000-00000000"],
  ["net.ipv4.tcp_fin_timeout", "60"],
  ["net.ipv4.tcp_frto", "2"],
  ["net.ipv4.tcp_fwmark_accept", "0"],
  ["net.ipv4.tcp_invalid_ratelimit", "500"],
  ["net.ipv4.tcp_keepalive_intvl", "75"],
  ["net.ipv4.tcp_keepalive_probes", "9"],
  ["net.ipv4.tcp_keepalive_time", "7200"],
  ["net.ipv4.tcp_l3mdev_accept", "0"],
  ["net.ipv4.tcp_limit_output_bytes", "4194304"],
  ["net.ipv4.tcp_low_latency", "0"],
  ["net.ipv4.tcp_max_orphans", "16384"],
  ["net.ipv4.tcp_max_reordering", "300"],
  ["net.ipv4.tcp_max_syn_backlog", "512"],
  ["net.ipv4.tcp_max_tw_buckets", "16384"],
  ["net.ipv4.tcp_mem", "91590\t122122\t183180"],
  ["net.ipv4.tcp_migrate_req", "0"],
  ["net.ipv4.tcp_min_rtt_wlen", "300"],
  ["net.ipv4.tcp_min_snd_mss", "48"],
  ["net.ipv4.tcp_min_tso_segs", "2"],
  ["net.ipv4.tcp_moderate_rcvbuf", "1"],
  ["net.ipv4.tcp_mtu_probe_floor", "48"],
  ["net.ipv4.tcp_mtu_probing", "0"],
  ["net.ipv4.tcp_no_metrics_save", "0"],
  ["net.ipv4.tcp_no_ssthresh_metrics_save", "1"],
  ["net.ipv4.tcp_notsent_lowat", "4294967295"],
  ["net.ipv4.tcp_orphan_retries", "0"],
  ["net.ipv4.tcp_pacing_ca_ratio", "120"],
  ["net.ipv4.tcp_pacing_ss_ratio", "200"],
  ["net.ipv4.tcp_pingpong_thresh", "1"],
  ["net.ipv4.tcp_plb_enabled", "0"],
  ["net.ipv4.tcp_probe_interval", "600"],
  ["net.ipv4.tcp_probe_threshold", "8"],
  ["net.ipv4.tcp_rcvbuf_low_rtt", "1000"],
  ["net.ipv4.tcp_recovery", "1"],
  ["net.ipv4.tcp_reflect_tos", "0"],
  ["net.ipv4.tcp_reordering", "3"],
  ["net.ipv4.tcp_retrans_collapse", "1"],
  ["net.ipv4.tcp_retries1", "3"],
  ["net.ipv4.tcp_retries2", "15"],
  ["net.ipv4.tcp_rfc1337", "0"],
  ["net.ipv4.tcp_rmem", "4096\t131072\t33554432"],
  ["net.ipv4.tcp_rto_max_ms", "120000"],
  ["net.ipv4.tcp_rto_min_us", "200000"],
  ["net.ipv4.tcp_sack", "1"],
  ["net.ipv4.tcp_shrink_window", "0"],
  ["net.ipv4.tcp_slow_start_after_idle", "1"],
  ["net.ipv4.tcp_stdurg", "0"],
  ["net.ipv4.tcp_syn_linear_timeouts", "4"],
  ["net.ipv4.tcp_syn_retries", "6"],
  ["net.ipv4.tcp_synack_retries", "5"],
  ["net.ipv4.tcp_syncookies", "1"],
  ["net.ipv4.tcp_thin_linear_timeouts", "0"],
  ["net.ipv4.tcp_timestamps", "1"],
  ["net.ipv4.tcp_tso_rtt_log", "9"],
  ["net.ipv4.tcp_tso_win_divisor", "3"],
  ["net.ipv4.tcp_tw_reuse", "2"],
  ["net.ipv4.tcp_tw_reuse_delay", "1000"],
  ["net.ipv4.tcp_window_scaling", "1"],
  ["net.ipv4.tcp_wmem", "4096\t16384\t4194304"],
  ["net.ipv4.tcp_workaround_signed_windows", "0"],
  ["net.ipv4.udp_rmem_min", "4096"],
  ["net.ipv4.udp_wmem_min", "4096"],
  ["net.ipv4.route.min_pmtu", "552"],
  ["net.ipv4.route.mtu_expires", "600"],
  ["net.ipv6.bindv6only", "0"],
  ["net.ipv6.auto_flowlabels", "1"],
  ["net.ipv6.conf.all.disable_ipv6", "0"],
  ["net.ipv6.conf.default.disable_ipv6", "0"],
  ["net.ipv6.flowlabel_reflect", "0"],
  ["net.mptcp.add_addr_timeout", "120"],
  ["net.mptcp.allow_join_initial_addr_port", "1"],
  ["net.mptcp.available_path_managers", "kernel userspace"],
  ["net.mptcp.available_schedulers", "default"],
  ["net.mptcp.blackhole_timeout", "3600"],
  ["net.mptcp.checksum_enabled", "0"],
  ["net.mptcp.close_timeout", "60"],
  ["net.mptcp.enabled", "1"],
  ["net.mptcp.mptcp_version", "1"],
  ["net.mptcp.path_manager", "kernel"],
  ["net.mptcp.pm_type", "0"],
  ["net.mptcp.scheduler", "default"],
  ["net.mptcp.stale_loss_cnt", "4"],
  ["net.mptcp.syn_retrans_before_tcp_fallback", "2"],
];
