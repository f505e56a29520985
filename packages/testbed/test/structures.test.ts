import { release } from "node:os";
import { afterEach, describe, expect, it } from "vitest";
import { CONSTANTS, MPTCP_INFO_FIELDS, readStructure, sizeOf, TCP_INFO_FIELDS } from "mptcp/drill";
import { Bench, IPPROTO_MPTCP, obstacle, SOL_TCP } from "./bench.ts";

const { TCP_INFO = 0, SOL_MPTCP = 0, MPTCP_INFO = 0 } = CONSTANTS;
const isKnown = release().startsWith("6.18.");
let bench: Bench;
afterEach(() => bench?.close());

describe.skipIf(obstacle !== null)("structures of the kernel", () => {
  const ask = (fd: number, level: number, option: number): Uint8Array => bench.do({ name: "getsockopt", fd, level, option, value: new Uint8Array(1024) }).option as Uint8Array;

  it.skipIf(!isKnown)("are as long as the tables say that those of Linux 6.18 are", () => {
    bench = new Bench();
    const fd = bench.socket(IPPROTO_MPTCP);
    expect([ask(fd, SOL_TCP, TCP_INFO).length, ask(fd, SOL_MPTCP, MPTCP_INFO).length]).toEqual([sizeOf(TCP_INFO_FIELDS), sizeOf(MPTCP_INFO_FIELDS)]);
  });

  it("have their fields where the tables say", () => {
    bench = new Bench();
    const { fd, isn } = bench.accepted();
    bench.fd({ name: "write", fd, data: [new Uint8Array(2500)] });
    bench.target.take();
    bench.arrive({ flags: "P.", sequence: 1001, acknowledgment: isn + 1001, payload: new Uint8Array(7), window: 20_000 });
    const info = Object.fromEntries(readStructure(TCP_INFO_FIELDS, ask(fd, SOL_TCP, TCP_INFO)));
    expect(info).toMatchObject({ tcpi_state: 1n, tcpi_snd_mss: 1000n, tcpi_unacked: 2n, tcpi_bytes_acked: 1000n, tcpi_bytes_received: 7n, tcpi_bytes_sent: 2500n, tcpi_data_segs_out: 3n, tcpi_snd_wnd: 20_000n, tcpi_pmtu: 1500n, tcpi_total_rto: 0n });
  });

  it("of Multipath TCP, too", () => {
    bench = new Bench();
    bench.target.command(["ip", "mptcp", "limits", "set", "subflows", "5", "add_addr_accepted", "3"]);
    const fd = bench.socket(IPPROTO_MPTCP);
    const info = Object.fromEntries(readStructure(MPTCP_INFO_FIELDS, ask(fd, SOL_MPTCP, MPTCP_INFO)));
    expect(info).toMatchObject({ mptcpi_subflows: 0n, mptcpi_subflows_max: 5n, mptcpi_add_addr_accepted_max: 3n, mptcpi_csum_enabled: 0n, mptcpi_retransmits: 0n });
  });
});
