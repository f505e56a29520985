import { expect, test } from "vitest";
import { linuxMptcpInfo } from "../../src/index.ts";
import { isData, MS, Pair } from "./pair.ts";

test("bytesSent of a subflow counts what left, repetitions once each", () => {
  const pair = new Pair();
  const { client, server } = pair.establish();
  pair.lose(isData, 3);
  client.write(50_000);
  pair.run(5000);
  expect(server.received).toBe(50_000);
  const left = pair.packets((sent) => sent.from === "client").reduce((total, { segment }) => total + segment.payload.length, 0);
  const [subflow] = client.mptcp.info(pair.now).subflows;
  expect(subflow).toMatchObject({ bytesSent: left, bytesRetransmitted: left - 50_000, bytesAcknowledged: 50_000 });
  expect(left).toBeGreaterThan(50_000);
});

test("each subflow tells all of its TCP connection by its path; after fallback the first one's is left", () => {
  const pair = new Pair({ clientAddresses: 2, delay: (client) => (client === 0 ? 10 : 30) * MS });
  const { client, server } = pair.establish();
  client.write(200_000);
  pair.run(2000);
  expect(server.received).toBe(200_000);
  const infos = [1, 2].map((path) => client.mptcp.tcpInfo(path, pair.now)!);
  expect(infos.map(({ state }) => state)).toEqual(["ESTABLISHED", "ESTABLISHED"]);
  expect(infos[1]!.rtt / MS).toBeGreaterThan(55);
  expect(infos[0]!.dataSegmentsSent + infos[1]!.dataSegmentsSent).toBe(pair.packets((sent) => sent.from === "client" && isData(sent)).length);
  // The buffers are the connection's.
  expect(infos[0]!.sendBufferSize).toBe(infos[1]!.sendBufferSize);
  expect(client.mptcp.tcpInfo(3, pair.now)).toBeNull();
  const regular = new Pair({ listen: { multipath: false } });
  const app = regular.connect();
  regular.run(200);
  expect(app.mptcp.tcpInfo(1, regular.now)).toMatchObject({ state: "ESTABLISHED", receiveBufferSize: 131_072 });
});

test("the state of a connection has Linux's names, and its flags", () => {
  const pair = new Pair({ clientAddresses: 2, client: { mptcp: { checksum: true } } });
  const { client } = pair.establish();
  client.write(5000);
  pair.run(500);
  const info = client.mptcp.info(pair.now);
  expect(linuxMptcpInfo(info)).toMatchObject({
    mptcpi_subflows: 1, mptcpi_subflows_total: 2, mptcpi_flags: 2, mptcpi_token: client.mptcp.session.local.token, mptcpi_csum_enabled: 1, mptcpi_bytes_sent: 5000, mptcpi_bytes_acked: 5000,
    mptcpi_local_addr_used: 1, mptcpi_write_seq: BigInt(`0x${info.writeSequence}`), mptcpi_retransmits: 0,
  });
  const regular = new Pair({ listen: { multipath: false } });
  const app = regular.connect();
  regular.run(200);
  expect(linuxMptcpInfo(app.mptcp.info(regular.now))).toMatchObject({ mptcpi_flags: 1, mptcpi_token: 0, mptcpi_subflows_total: 1 });
});
