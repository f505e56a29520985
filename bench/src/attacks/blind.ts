import { LIMITS, MILLISECOND } from "mptcp";
import type { TcpConnection } from "mptcp";
import { encodePacket, ICMP4_TYPE, IpAddress, Packet, packetLength, Payload, TCP_FLAG, TcpSegment } from "mptcp/wire";
import type { MptcpOption } from "mptcp/wire";
import type { Attack } from "./attack.ts";
import { flood } from "./floods.ts";
import { expected, fromPeer, oldestUnacknowledged, sentSoFar, stamped } from "./forge.ts";
import type { Forged } from "./forge.ts";
import { madeUp } from "./openings.ts";
import type { Scene } from "./scene.ts";

const PACKETS = 2000;
const GAP = MILLISECOND;
const CONNECTIONS = 10;
/** Of all friends' connections in two seconds, some in the second that begins then: a bucket is full at first. */
const CHALLENGES = 3 * LIMITS.challenges.default * CONNECTIONS;

/** Forged segments of the friends' connections in turn, each of the first or of the second subflow. */
function spoof(scene: Scene, which: 0 | 1, forge: (tcp: TcpConnection, n: number) => Forged): void {
  flood(scene, PACKETS, GAP, (n) => {
    const tcp = scene.subflow(n % CONNECTIONS, which);
    scene.strike(stamped(fromPeer(tcp, forge(tcp, n)), tcp, scene.now));
  });
}

/** Sequence numbers all over the window, but for the one that is expected. */
function somewhere(tcp: TcpConnection, n: number): number {
  return (expected(tcp) + 1 + ((n * 7919) % 60_000)) >>> 0;
}

/** An acknowledgment that a blind attacker guesses: far from anything that was sent. */
function guessed(scene: Scene, tcp: TcpConnection): number {
  return (sentSoFar(tcp) + 100_000_000 + scene.random.below(1_900_000_000)) >>> 0;
}

function option(mptcp: MptcpOption): Pick<Forged, "flags" | "mptcp"> {
  return { flags: TCP_FLAG.ACK, mptcp: [mptcp] };
}

/** What looks like the next segment of a subflow, with nothing new but an option. */
function carrier(tcp: TcpConnection, mptcp: MptcpOption): Forged {
  return { ...option(mptcp), sequence: expected(tcp), acknowledgment: sentSoFar(tcp) };
}

/** An ICMP error about a segment that is in flight. */
function icmp(scene: Scene, tcp: TcpConnection, type: number, code: number, mtu: number): Packet {
  const { localAddress, localPort, remoteAddress, remotePort } = tcp.tuple;
  const quoted = new Packet(localAddress, remoteAddress);
  quoted.tcp = Object.assign(new TcpSegment(), { sourcePort: localPort, destinationPort: remotePort, sequence: oldestUnacknowledged(tcp) });
  quoted.length = packetLength(quoted);
  const body = new Uint8Array(quoted.length);
  encodePacket(quoted, body, 0);
  const packet = new Packet(madeUp(scene.random.below(1000)), localAddress);
  packet.icmp = { type, code, word: mtu, body };
  return packet;
}

/** Attacks on connections that are there, by who does not see them, or sees one of their paths and has not seen the keys. */
export const BLIND: readonly Attack[] = [
  {
    name: "resets",
    from: "off the path",
    text: "RSTs of friends' connections, all over the window; the four-tuple is known.",
    by: "RFC 5961 §3.2, `challenges` (§7)",
    bounds: { drawn: CHALLENGES, connections: 0, memory: 0 },
    run: (scene) => spoof(scene, 0, (tcp, n) => ({ flags: TCP_FLAG.RST, sequence: somewhere(tcp, n) })),
  },
  {
    name: "SYNs into connections",
    from: "off the path",
    text: "SYNs of friends' connections, some with the number that is expected.",
    by: "RFC 5961 §4.2, `challenges`",
    bounds: { drawn: CHALLENGES, connections: 0, memory: 0 },
    run: (scene) => spoof(scene, 0, (tcp, n) => ({ flags: TCP_FLAG.SYN, sequence: n % 3 === 0 ? expected(tcp) : somewhere(tcp, n) })),
  },
  {
    name: "data",
    from: "off the path",
    text: "Data in the window of friends' connections, with acknowledgments that are guessed.",
    by: "RFC 5961 §5.2, `challenges`",
    bounds: { drawn: CHALLENGES, connections: 0, memory: 0 },
    run: (scene) => spoof(scene, 0, (tcp, n) => ({ flags: TCP_FLAG.ACK, sequence: n % 3 === 0 ? expected(tcp) : somewhere(tcp, n), acknowledgment: guessed(scene, tcp), payload: Payload.of(scene.random.octets(100)) })),
  },
  {
    name: "ICMP errors",
    from: "off the path",
    text: "Unreachable and time-exceeded messages that quote what is in flight.",
    by: "RFC 5927 §5, §6",
    scene: { victim: "client" },
    bounds: { drawn: 0, connections: 0, memory: 20_000 },
    run: (scene) =>
      flood(scene, PACKETS, GAP, (n) => {
        const type = n % 5 === 4 ? ICMP4_TYPE.timeExceeded : ICMP4_TYPE.unreachable;
        scene.strike(icmp(scene, scene.subflow(n % CONNECTIONS, n & 1 ? 1 : 0), type, type === ICMP4_TYPE.timeExceeded ? 0 : [0, 1, 2, 3][n & 3] as number, 0));
      }),
  },
  {
    name: "ICMP, packets too big",
    from: "off the path",
    text: "Messages that a packet in flight was too big, for an MTU of 68 octets.",
    by: "RFC 5927 §7, RFC 8201 §4: not below 552 octets",
    scene: { victim: "client" },
    bounds: { drawnPerPacket: 2, connections: 0, memory: 50_000, lost: 0.1 },
    run: (scene) => flood(scene, PACKETS, GAP, (n) => scene.strike(icmp(scene, scene.subflow(n % CONNECTIONS, n & 1 ? 1 : 0), ICMP4_TYPE.unreachable, 4, 68))),
  },
  {
    name: "forged ADD_ADDR",
    from: "on one path",
    text: "ADD_ADDRs of made-up addresses on the second subflow, by who sees it and has no keys.",
    by: "RFC 8684 §3.4.1: the HMAC",
    scene: { victim: "client" },
    bounds: { connections: 0, pathRows: 6, drawnPerPacket: 0.2, hashesPerPacket: 1, memory: 20_000 },
    run: (scene) =>
      spoof(scene, 1, (tcp, n) => carrier(tcp, { kind: "add_addr", version: 1, echo: false, addressId: 2 + (n % 250), address: madeUp(n), port: n % 2 === 0 ? 0 : 80, hmac: scene.random.octets(8) })),
  },
  {
    name: "forged MP_FASTCLOSE",
    from: "on one path",
    text: "MP_FASTCLOSE with a made-up key on the second subflow.",
    by: "RFC 8684 §3.5: the key",
    bounds: { connections: 0, drawnPerPacket: 0.2, hashesPerPacket: 0, memory: 0 },
    run: (scene) => spoof(scene, 1, (tcp) => carrier(tcp, { kind: "mp_fastclose", receiverKey: scene.random.octets(8) })),
  },
  {
    name: "echoes and priorities",
    from: "on one path",
    text: "Echoes of ADD_ADDRs that were never sent, and MP_PRIOs back and forth, on the second subflow.",
    by: "RFC 8684 §3.3.8, §3.4.1: they concern their own subflow",
    bounds: { connections: 0, pathRows: 6, drawnPerPacket: 0.2, hashesPerPacket: 0, memory: 0 },
    run: (scene) =>
      spoof(scene, 1, (tcp, n) =>
        carrier(tcp, n % 2 === 0 ? { kind: "mp_prio", backup: n % 4 === 0, addressId: -1 } : { kind: "add_addr", version: 1, echo: true, addressId: n % 256, address: IpAddress.from("198.18.0.1"), port: 0, hmac: null }),
      ),
  },
];
