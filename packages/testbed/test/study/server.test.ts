import { describe, expect, test } from "vitest";
import { seededSources } from "mptcp";
import { IpAddress, Packet, packetLength, Payload, TCP_FLAG, TcpSegment } from "mptcp/wire";
import { StudyServer } from "../../src/study/index.ts";

const [own, other] = [IpAddress.from("203.0.113.80"), IpAddress.from("192.0.2.1")];

function server(): StudyServer {
  return new StudyServer({ address: own, controlPort: 34_344, ports: [80], mtu: 1500, random: seededSources(1) });
}

function packet(fields: Partial<TcpSegment>): Packet {
  const made = new Packet(other, own);
  made.tcp = Object.assign(new TcpSegment(), { sourcePort: 1000, destinationPort: 80, ...fields });
  made.length = packetLength(made);
  return made;
}

describe("the server's half", () => {
  test("answers nobody to whom it has not promised to: a forged SYN draws nothing", () => {
    const it = server();
    for (const fields of [{ flags: TCP_FLAG.SYN }, { flags: TCP_FLAG.ACK, payload: Payload.of(new Uint8Array(10)) }, { flags: TCP_FLAG.RST }]) it.receive(packet(fields), 0);
    expect([it.pollTransmit(), it.experiments]).toEqual([null, 0]);
  });

  test("speaks TCP at its control port", () => {
    const it = server();
    it.receive(packet({ flags: TCP_FLAG.SYN, destinationPort: 34_344, maximumSegmentSize: 1460 }), 0);
    expect(it.pollTransmit()?.tcp?.flags).toBe(TCP_FLAG.SYN | TCP_FLAG.ACK);
  });
});
