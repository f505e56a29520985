import { expect, test } from "vitest";
import { Packet, Payload, TCP_FLAG, TcpSegment } from "../../src/wire/index.ts";
import { Dss, IpAddress } from "../../src/wire/index.ts";
import type { App } from "./pair.ts";
import { option, Pair } from "./pair.ts";

const WINDOW = { tcp: { receiveBuffer: { initial: 20_000, max: 20_000, autoTune: false } } };

/** A segment with data that the client's connection never gave to anybody: `position` is its place in the connection. */
function segmentAt(pair: Pair, client: App, position: number, length: number): Packet {
  const { tcp } = client.mptcp.subflows[0] as (typeof client.mptcp.subflows)[number];
  const { localSpace } = client.mptcp.session;
  const dss = Object.assign(new Dss(), { dsnLength: 4, dsnLow: localSpace.low(position), subflowSequence: tcp.nextOffset + 1, dataLength: length });
  const packet = new Packet(IpAddress.from(String(pair.address("client", 0))), IpAddress.from(String(pair.address("server", 0))));
  packet.tcp = Object.assign(new TcpSegment(), {
    sourcePort: tcp.tuple.localPort,
    destinationPort: tcp.tuple.remotePort,
    sequence: (tcp.sender.origin + tcp.nextOffset) >>> 0,
    acknowledgment: (tcp.receiver.origin + tcp.receiver.nxt) >>> 0,
    flags: TCP_FLAG.ACK,
    window: 1000,
    payload: Payload.of(new Uint8Array(length)),
    mptcp: [dss],
    hasTimestamps: true,
    timestampValue: tcp.timestampAt(pair.now),
    timestampEcho: tcp.receiver.recentTimestamp,
  });
  return packet;
}

test("data beyond the connection's window is answered by an ACK with the Data ACK and the window (RFC 8684 §3.3.4, RFC 9293 §3.10.7.4)", () => {
  const pair = new Pair({ server: WINDOW });
  const { client, server } = pair.establish();
  client.write(1000);
  pair.run(500);
  const mark = pair.sent.length;
  pair.inject("server", segmentAt(pair, client, 30_000, 100));
  const [answer, ...more] = pair.packets((sent) => sent.from === "server", mark);
  expect(more).toEqual([]);
  const dss = option((answer as { segment: TcpSegment }).segment, "dss");
  expect(dss?.dataAckLow).toBe(server.mptcp.session.remoteSpace.low(1000));
  expect(answer?.segment.window).toBeGreaterThan(0);
  expect(server.received).toBe(1000);
});

test("and no more than ten times a second, so that nobody makes an amplifier of it (RFC 5961 §7)", () => {
  const pair = new Pair({ server: WINDOW });
  const { client } = pair.establish();
  const mark = pair.sent.length;
  for (let i = 0; i < 100; i++) pair.inject("server", segmentAt(pair, client, 30_000 + i, 1));
  expect(pair.packets((sent) => sent.from === "server", mark)).toHaveLength(10);
  pair.run(1100);
  const later = pair.sent.length;
  pair.inject("server", segmentAt(pair, client, 30_000, 1));
  expect(pair.packets((sent) => sent.from === "server", later)).toHaveLength(1);
});
