import { InvalidArgumentError } from "commander";
import type { ConnectionStatus, ControlEvent, ControlHello, ControlStatus, SubflowStatus } from "mptcp/node";
import pc from "picocolors";
import { describe, expect, it } from "vitest";
import { parseConnection } from "../src/control-target.ts";
import { addressAndPort, numberIn, readParameters, readWords } from "../src/control-words.ts";
import { eventText } from "../src/monitor-command.ts";
import { counterLines, MeasuredRates, processText } from "../src/status-text.ts";

const plain = pc.createColors(false);
const HELLO: ControlHello = { protocol: 1, package: "mptcp", version: "0.1.0", pid: 4242, name: "host", title: "connect 192.0.2.1 80", startedMicroseconds: 1_000_000 };

function subflow(number: number, more: Partial<SubflowStatus> = {}): SubflowStatus {
  return {
    subflow: number, localAddress: "192.0.2.7", localPort: 40_000 + number, remoteAddress: "198.51.100.1", remotePort: 80, localAddressId: 0, remoteAddressId: 0, initiator: true,
    state: "ESTABLISHED", established: true, backup: false, stale: false, rttMicroseconds: 10_100, rttVariationMicroseconds: 1, minRttMicroseconds: 9000, rtoMicroseconds: 200_000,
    congestionWindowBytes: 14_480, slowStartThresholdBytes: null, pacingRateBitsPerSecond: null, segmentBytes: 1448, bytesInFlight: 0, bytesSent: 0, bytesAcknowledged: 0, bytesReceived: 0,
    bytesRetransmitted: 0, bytesReinjected: 0, segmentsSent: 0, segmentsReceived: 0, ...more,
  };
}

function connection(more: Partial<ConnectionStatus> = {}): ConnectionStatus {
  const policy = (name: string) => ({ name, parameters: {} });
  return {
    connection: 1, token: "5a9dbd8a", initiator: true, multipath: true, fallback: null, established: true, fullyEstablished: true, checksum: false,
    localAddress: "192.0.2.7", localPort: 40_001, remoteAddress: "198.51.100.1", remotePort: 80,
    scheduler: policy("lowest-time-distance"), congestion: policy("lia"), pathManager: policy("full-mesh"), limits: { subflows: 8, addAddrAccepted: 8 },
    localAddresses: [], remoteAddresses: [], addressesAnnounced: 0, addressesAccepted: 0, bytesSent: 0, bytesReceived: 0, bytesAcknowledged: 0, bytesReinjected: 0,
    sendBufferedBytes: 0, receiveBufferedBytes: 0, sinceSentMicroseconds: 0, sinceReceivedMicroseconds: 0, sinceAcknowledgedMicroseconds: 0, subflows: [subflow(1)], ...more,
  };
}

function status(connections: readonly ConnectionStatus[], atMicroseconds = 13_000_000): ControlStatus {
  const policy = (name: string) => ({ name, parameters: {} });
  return {
    atMicroseconds, name: "host", links: [], limits: { subflows: 8, addAddrAccepted: 8 }, scheduler: policy("lowest-time-distance"), congestion: policy("lia"), pathManager: policy("full-mesh"), usage: {}, connections,
    endpoints: [
      { id: 1, address: "192.0.2.7", link: "udp 192.0.2.7", port: null, subflow: true, signal: true, backup: false, fullmesh: false },
      { id: 12, address: "203.0.113.200", link: null, port: 5000, subflow: false, signal: false, backup: false, fullmesh: false },
    ],
  };
}

const shown = (now: ControlStatus, before: ControlStatus | null = null): string => processText({ hello: HELLO, status: now }, new MeasuredRates(before, now), false, plain);

describe("the text of mptcp status", () => {
  it("has a block for each connection, two lines for each of its subflows, and rates between two looks", () => {
    const before = status([connection({ bytesSent: 1e6, subflows: [subflow(1, { bytesSent: 1e6 })] })], 12_000_000);
    const now = status([connection({ bytesSent: 12.5e6, bytesReinjected: 2900, subflows: [subflow(2, { backup: true, stale: true, rttMicroseconds: 0, localAddress: "203.0.113.200" }), subflow(1, { bytesSent: 12.5e6, bytesRetransmitted: 1448, bytesReceived: 1023 })] })]);
    expect(shown(now, before)).toBe(`4242  connect 192.0.2.1 80  since 12 s
  endpoints  id 1   192.0.2.7      subflow signal  on udp 192.0.2.7
             id 12  203.0.113.200  port 5000
  limits     subflows 8, add-addr-accepted 8

  connection 1  192.0.2.7:40001 > 198.51.100.1:80
    token 5a9dbd8a, client, Multipath TCP, lowest-time-distance, lia, full-mesh
    #      rtt       cwnd        out         in       sent   received     resent
                             92 Mb/s      0 b/s   11.9 MiB        0 B   2.83 KiB
    1  10.1 ms   14.1 KiB    92 Mb/s  8.18 kb/s   11.9 MiB     1023 B   1.41 KiB
       192.0.2.7:40001 > 198.51.100.1:80
    2        -   14.1 KiB          -          -        0 B        0 B        0 B
       203.0.113.200:40002 > 198.51.100.1:80  backup, stale
`);
  });

  it("says why a connection is regular TCP, what is other than for the host, and that there is none", () => {
    const regular = connection({ token: null, multipath: false, fallback: "no_mp_capable_in_synack", scheduler: null, pathManager: null, limits: null, initiator: false });
    expect(shown(status([regular]))).toContain("\n    server, regular TCP (no_mp_capable_in_synack), lia\n");
    expect(shown(status([connection({ limits: { subflows: 2, addAddrAccepted: 0 } })]))).toContain("\n    limits subflows 2, add-addr-accepted 0\n");
    expect(shown(status([connection({ established: false, subflows: [subflow(1, { state: "SYN-SENT" })] })]))).toMatch(/client, being opened, [\s\S]* > 198\.51\.100\.1:80 {2}SYN-SENT\n/);
    expect(shown(status([]))).toMatch(/\n {2}policies {3}lowest-time-distance, lia, full-mesh\n {2}no connection\n$/);
  });

  it("stays within 80 columns whatever the numbers, and in its columns", () => {
    const most = { bytesSent: 1023 * 1024 ** 3, bytesReceived: 1023 * 1024 ** 3, bytesRetransmitted: 1023 * 1024 ** 3 };
    const before = status([connection({ subflows: [subflow(64)] })], 12_000_000);
    const text = shown(status([connection({ ...most, bytesReinjected: 1, subflows: [subflow(64, { ...most, rttMicroseconds: 9_999_000, congestionWindowBytes: 1023 * 1024 ** 2 })] })]), before);
    const lines = text.split("\n");
    const table = lines.slice(lines.findIndex((line) => line.includes(" cwnd "))).filter((line) => line !== "" && !line.includes(">"));
    expect(table).toHaveLength(3);
    for (const line of table) expect(line).toHaveLength(80);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  });

  it("lists counters by name", () => {
    expect(counterLines({ TcpInSegs: 15, MPTcpExtAddAddr: 1 })).toEqual(["  MPTcpExtAddAddr             1", "  TcpInSegs                  15"]);
  });
});

describe("the text of mptcp monitor", () => {
  const of = { atMicroseconds: new Date(2026, 0, 2, 3, 4, 5, 6).getTime() * 1000 + 7, connection: 2, token: "5a9dbd8a" };
  const pair = { localAddress: "192.0.2.7", localPort: 4000, remoteAddress: "2001:db8::1", remotePort: 80 };
  const sub = { ...of, ...pair, subflow: 3, localAddressId: 1, remoteAddressId: 0, backup: true };

  it.each<readonly [ControlEvent, string]>([
    [{ event: "created", ...of, ...pair, initiator: true, multipath: true }, "created          #2    token 5a9dbd8a 192.0.2.7:4000 > [2001:db8::1]:80 client"],
    [{ event: "created", ...of, ...pair, token: null, initiator: false, multipath: false }, "created          #2    token - 192.0.2.7:4000 > [2001:db8::1]:80 server regular TCP"],
    [{ event: "established", ...of }, "established      #2    the peer has our key: subflows may be added"],
    [{ event: "closed", ...of, reason: "done" }, "closed           #2    done"],
    [{ event: "announced", ...of, addressId: 4, address: "192.0.2.9", port: null }, "announced        #2    id 4 192.0.2.9"],
    [{ event: "announced", ...of, addressId: 4, address: "192.0.2.9", port: 81 }, "announced        #2    id 4 192.0.2.9 port 81"],
    [{ event: "removed", ...of, addressId: 4 }, "removed          #2    id 4"],
    [{ event: "sub-established", ...sub, initiator: true }, "sub-established  #2.3  192.0.2.7:4000 > [2001:db8::1]:80 backup opened"],
    [{ event: "sub-closed", ...sub, backup: false, reason: "silent" }, "sub-closed       #2.3  192.0.2.7:4000 > [2001:db8::1]:80 silent: it stayed silent while others carried data, and nothing answered there"],
    [{ event: "sub-closed", ...sub, backup: false, reason: "refused_3" }, "sub-closed       #2.3  192.0.2.7:4000 > [2001:db8::1]:80 refused_3"],
    [{ event: "sub-priority", ...sub, backup: false, by: "remote" }, "sub-priority     #2.3  192.0.2.7:4000 > [2001:db8::1]:80 no backup any more said by the peer"],
    [{ event: "fallback", ...of, token: null, reason: "mp_fail" }, "fallback         #2    mp_fail"],
    [{ event: "decision", ...of, decision: { at: 5, host: "host", connection: 2, subflow: 3, kind: "rto", rtoMs: 200, consecutive: 1 } }, "decision         #2.3  retransmission timeout after 200 ms, 1 in a row"],
    [{ event: "decision", ...of, connection: null, token: null, decision: { at: 5, host: "host", connection: -1, subflow: -1, kind: "something_new", what: 1 } }, "decision         #-    something new what=1"],
    [{ event: "endpoint-added", atMicroseconds: of.atMicroseconds, endpoint: { id: 2, address: "192.0.2.9", link: "udp", port: null, subflow: true, signal: false, backup: true, fullmesh: false } }, "endpoint-added   id 2  192.0.2.9  subflow backup  on udp"],
    [{ event: "endpoint-removed", atMicroseconds: of.atMicroseconds, address: "192.0.2.9" }, "endpoint-removed 192.0.2.9"],
    [{ event: "lost", atMicroseconds: of.atMicroseconds, count: 17 }, "17 events were not told, since this was too slow"],
  ])("%j", (event, text) => {
    expect(eventText(event, plain)).toBe(`03:04:05.006007 ${text}`);
  });
});

describe("words of a command line", () => {
  it("name a connection by number or token", () => {
    expect(["1", "9999999", "5A9DBD8A", "0x00000001", "12345678"].map(parseConnection)).toEqual([{ connection: 1 }, { connection: 9_999_999 }, { token: "5a9dbd8a" }, { token: "00000001" }, { token: "12345678" }]);
    for (const wrong of ["0", "-1", "x", "", "123456789", "0x1"]) expect(() => parseConnection(wrong), wrong).toThrow(InvalidArgumentError);
  });

  it("are flags and values, each once", () => {
    const table = { flags: { backup: ["backup", true], nobackup: ["backup", false] }, values: { id: ["id", numberIn("An id", 1, 255)] } } as const;
    expect(readWords(["backup", "id", "7"], table)).toEqual({ backup: true, id: 7 });
    expect(readWords([], table)).toEqual({});
    for (const wrong of [["backup", "nobackup"], ["id"], ["id", "0"], ["id", "1", "id", "2"], ["__proto__"], ["toString"]]) expect(() => readWords(wrong, table), wrong.join(" ")).toThrow(InvalidArgumentError);
  });

  it("are addresses with and without ports, and parameters", () => {
    expect(["192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]:80"].map(addressAndPort)).toEqual([{ address: "192.0.2.1", port: null }, { address: "192.0.2.1", port: 80 }, { address: "2001:db8::1", port: null }, { address: "2001:db8::1", port: 80 }]);
    for (const wrong of ["", "192.0.2.1:0", "192.0.2.1:99999", "[192.0.2.1", "host:80"]) expect(() => addressAndPort(wrong), wrong).toThrow(InvalidArgumentError);
    expect(readParameters(["a=1.5", "b=true", "c=text", "d=", "e=x=y"])).toEqual({ a: 1.5, b: true, c: "text", d: "", e: "x=y" });
    for (const wrong of [["a"], ["=1"], ["a=1", "a=2"]]) expect(() => readParameters(wrong)).toThrow(InvalidArgumentError);
  });
});
