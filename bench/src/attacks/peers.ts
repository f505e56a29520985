import { LIMITS, MILLISECOND, SECOND } from "mptcp";
import type { MptcpConnection, StreamConnection, TcpConnection } from "mptcp";
import { BulkSender, Sink } from "mptcp/sim";
import { TCP_FLAG } from "mptcp/wire";
import type { MptcpOption, Packet } from "mptcp/wire";
import { multipathOf, subflowOf } from "../fuzz/connections/inside.ts";
import { randomMptcpOption } from "../fuzz/packets.ts";
import type { Attack } from "./attack.ts";
import { flood } from "./floods.ts";
import { expected, fromPeer, sentSoFar, stamped } from "./forge.ts";
import { madeUp } from "./openings.ts";
import type { Scene } from "./scene.ts";
import { STRANGER_RATE } from "./scene.ts";

/** Connections of the stranger to a port of the server, where something is sent or read without end. */
function connectStranger(scene: Scene, count: number, serve: () => BulkSender | Sink): readonly StreamConnection[] {
  const made: StreamConnection[] = [];
  scene.net.server.listen(STRANGE_PORT, (connection) => {
    made.push(connection);
    return serve();
  });
  for (let n = 0; n < count; n++) scene.stranger.connect(scene.serverAddress, STRANGE_PORT, new Sink());
  return made;
}

/** The server's end of the connection that a packet of the stranger's belongs to. */
function endOf(scene: Scene, { destination, source, tcp }: Packet): TcpConnection | null {
  return tcp === null ? null : scene.inside.server.connections.find(destination, tcp.destinationPort, source, tcp.sourcePort);
}

/** Has every ACK of the stranger say that all has arrived that was sent so far; on its subflow alone, or for the connection as well. */
function acknowledgeAll(scene: Scene, alsoData: boolean): void {
  scene.tap = (packet): void => {
    const end = endOf(scene, packet);
    if (end === null || packet.tcp === null || end.state !== "ESTABLISHED") return;
    packet.tcp.acknowledgment = sentSoFar(end);
    packet.tcp.sackBlocks = [];
    const subflow = subflowOf(end);
    for (const option of packet.tcp.mptcp) {
      if (!alsoData || option.kind !== "dss" || option.dataAckLength === 0 || subflow === null) continue;
      option.dataAckLow = subflow.context.session.localSpace.low(subflow.context.sender.sentEnd);
      option.dataAckHigh = subflow.context.session.localSpace.high(subflow.context.sender.sentEnd);
    }
  };
}

/** A download of the stranger's for five seconds, with such ACKs. */
function downloadOptimistically(scene: Scene, alsoData: boolean): void {
  connectStranger(scene, 1, () => new BulkSender());
  scene.pass(200 * MILLISECOND);
  acknowledgeAll(scene, alsoData);
  scene.pass(5 * SECOND);
  for (const connection of scene.inside.server.tokens.all()) if (connection.tuple.localPort === STRANGE_PORT) connection.abort(scene.now);
  scene.net.server.poke();
}

const STRANGE_PORT = 81;
/** What the stranger's link carries in five seconds, octets. */
const CARRIED = (5 * STRANGER_RATE) / 8;
const ADDRESSES = 1000;

/** Attacks by whoever speaks to the attacked host as its peer. */
export const PEERS: readonly Attack[] = [
  {
    name: "optimistic ACKs",
    from: "the peer",
    text: "A download of 5 s over 5 Mb/s whose ACKs say, on the subflow, that all has arrived that was sent; Data ACKs are true.",
    by: "RFC 8684 §3.3.5: data is kept until the Data ACK, and the window is the connection's; what a data timeout repeats has a budget",
    bounds: { drawnOctets: 3 * CARRIED, memory: 8e6 },
    run: (scene) => downloadOptimistically(scene, false),
  },
  {
    name: "optimistic ACKs and Data ACKs",
    from: "the peer",
    text: "The same, and Data ACKs say so too: data is lost for ever, and the sender's window is what holds it.",
    by: "RFC 9293 §3.8.6: a window in a round trip, here 6 MB in 20 ms at the most; RFC 5681 knows no remedy",
    bounds: { drawnOctets: 5 * 50 * 6 * 1024 * 1024, memory: 8e6 },
    run: (scene) => downloadOptimistically(scene, true),
  },
  {
    name: "windows that never open",
    from: "the peer",
    text: "200 connections, one every 50 ms, that ask for data and never read it, at a server with 4 MB for buffers; a minute long.",
    by: "`memory`, `memoryPressure`",
    scene: { server: { memory: 4e6 } },
    bounds: { memory: 4.5e6, connections: 200, drawn: 200 * 60, drawnOctets: 200 * 20_000 },
    run: (scene) => {
      const made: StreamConnection[] = [];
      const listener = scene.net.server.listen(STRANGE_PORT, (connection) => {
        made.push(connection);
        return new BulkSender();
      });
      flood(scene, 200, 50 * MILLISECOND, () => {
        const sink = new Sink();
        sink.pause();
        scene.stranger.connect(scene.serverAddress, STRANGE_PORT, sink, { tcp: { receiveBuffer: { initial: 4096, max: 4096, autoTune: false } } });
      });
      scene.pass(50 * SECOND);
      // Those that were refused go on asking.
      listener.close(scene.now);
      for (const connection of made) connection.abort(scene.now);
      scene.net.server.poke();
    },
  },
  {
    name: "addresses of others",
    from: "the peer",
    text: "A peer announces 1,000 made-up addresses, with right HMACs: SYNs to whoever has them.",
    by: "`announcedJoins`, `pathAddresses`, `addAddrAccepted`",
    scene: { victim: "client" },
    bounds: { connections: 40, pathRows: 2 + 2 * 2 * LIMITS.pathAddresses.default, drawn: 2 * ADDRESSES, drawnOctets: 200 * ADDRESSES, memory: 50_000, lost: 0.1 },
    run: (scene) => {
      const { session } = scene.attacked() as MptcpConnection;
      flood(scene, ADDRESSES, 2 * MILLISECOND, (n) => {
        const tcp = scene.subflow(0, 0);
        const keys = { sender: session.remote.key, receiver: session.local.key };
        const option = session.version.addAddress(keys, { addressId: 2 + (n % 250), address: madeUp(n), port: 0 });
        scene.strike(stamped(fromPeer(tcp, { flags: TCP_FLAG.ACK, sequence: expected(tcp), acknowledgment: sentSoFar(tcp), mptcp: [option] }), tcp, scene.now));
      });
    },
  },
  {
    name: "option soup",
    from: "the peer",
    text: "Segments of five connections, one after the other, with the right numbers and any options in any number and order; the others are watched.",
    by: "docs/limits.md, all of a connection's",
    bounds: { broken: 10, connections: 40, pathRows: 200, subflows: 18, drawnPerPacket: 3, memory: 100_000, lost: 0.5 },
    run: (scene) =>
      flood(scene, 2000, MILLISECOND, (n) => {
        // One after the other of five is lost to it.
        const subflow = [0, 1, 2, 3, 4].map((friend) => multipathOf(scene.attacked(friend))?.subflows[0]).find((one) => one !== undefined);
        if (subflow === undefined) return;
        const { tcp } = subflow;
        const mptcp = Array.from({ length: 1 + scene.random.below(3) }, () => randomMptcpOption(scene.random)).filter(({ kind }) => n > 1500 || !ENDING.has(kind));
        scene.strike(stamped(fromPeer(tcp, { flags: TCP_FLAG.ACK, sequence: expected(tcp), acknowledgment: sentSoFar(tcp), mptcp }), tcp, scene.now));
      }),
  },
];

/** Options that end a subflow, or a connection, where they come from its peer. */
const ENDING: ReadonlySet<MptcpOption["kind"]> = new Set(["dss", "mp_fail", "mp_tcprst"]);
