import { LIMITS, SECOND } from "mptcp";
import { TCP_FLAG } from "mptcp/wire";
import type { MptcpOption } from "mptcp/wire";
import type { Attack } from "./attack.ts";
import { synToServer, toServer } from "./forge.ts";
import { CAPABLE, joinSyn, madeUp } from "./openings.ts";
import type { Scene } from "./scene.ts";

/** `count` packets, one every `gap` ns. */
export function flood(scene: Scene, count: number, gap: number, strike: (n: number) => void): void {
  for (let n = 0; n < count; n++) {
    strike(n);
    scene.pass(gap);
  }
}

const SECONDS = 2;
const FLOOD = 2000;
const GAP = (SECONDS * SECOND) / FLOOD;
const { halfOpen, hostPendingJoins, pendingJoins, pendingJoinsPerPeer } = LIMITS;

/** Floods of what opens connections and subflows. */
export const FLOODS: readonly Attack[] = [
  {
    name: "SYNs",
    from: "off the path",
    text: "SYNs from made-up addresses.",
    by: "`halfOpen`, SYN cookies (RFC 4987 §3.6)",
    bounds: { halfOpen: halfOpen.default, connections: halfOpen.default, drawnPerPacket: 4.1, hashesPerPacket: 0, memory: 0 },
    run: (scene) => flood(scene, FLOOD, GAP, (n) => scene.strike(synToServer(scene, madeUp(n), 1024 + n, []))),
  },
  {
    name: "SYNs with MP_CAPABLE",
    from: "off the path",
    text: "SYNs with MP_CAPABLE from made-up addresses.",
    by: "`halfOpen`, SYN cookies",
    bounds: { halfOpen: halfOpen.default, connections: halfOpen.default, tokens: halfOpen.default, drawnPerPacket: 4.1, hashesPerPacket: 1.1, memory: 0 },
    run: (scene) => flood(scene, FLOOD, GAP, (n) => scene.strike(synToServer(scene, madeUp(n), 1024 + n, [CAPABLE]))),
  },
  {
    name: "SYNs with MP_CAPABLE, cookies for all",
    from: "off the path",
    text: "The same at a host that remembers no SYN.",
    by: "SYN cookies",
    scene: { server: { synCookies: "always" } },
    bounds: { halfOpen: 0, connections: 0, tokens: 0, drawnPerPacket: 1, drawnPerOctet: 1.2, hashesPerPacket: 2, memory: 0 },
    run: (scene) => flood(scene, FLOOD, GAP, (n) => scene.strike(synToServer(scene, madeUp(n), 1024 + n, [CAPABLE]))),
  },
  {
    name: "guessed cookies",
    from: "off the path",
    text: "Third ACKs with keys, of handshakes that never were.",
    by: "SYN cookies: 24 bits of a MAC",
    scene: { server: { synCookies: "always" } },
    bounds: { halfOpen: 0, connections: 0, tokens: 0, drawnPerPacket: 1, drawnPerOctet: 1, memory: 0 },
    run: (scene) =>
      flood(scene, FLOOD, GAP, (n) => {
        const { random } = scene;
        const keys: MptcpOption = { ...CAPABLE, senderKey: random.octets(8), receiverKey: random.octets(8) };
        scene.strike(toServer(scene, madeUp(n), 1024 + n, { flags: TCP_FLAG.ACK, sequence: random.uint32(), acknowledgment: random.uint32(), mptcp: [keys] }));
      }),
  },
  {
    name: "joins, unknown token",
    from: "off the path",
    text: "SYNs with MP_JOIN and a made-up token from made-up addresses.",
    by: "RFC 8684 §3.2: a RST, and nothing is remembered",
    bounds: { halfOpen: 0, connections: 0, pendingJoins: 0, drawnPerPacket: 1, drawnPerOctet: 1, hashesPerPacket: 0, memory: 0 },
    run: (scene) => flood(scene, FLOOD, GAP, (n) => scene.strike(synToServer(scene, madeUp(n), 1024 + n, [joinSyn(scene.random, scene.random.uint32())]))),
  },
  {
    name: "joins, known token",
    from: "off the path",
    text: "SYNs with MP_JOIN and the tokens of all friends' connections from made-up addresses; the third ACK never comes.",
    by: "`pendingJoins`, `hostPendingJoins`, `pendingJoinTimeout`",
    bounds: { halfOpen: 0, pendingJoins: 10 * pendingJoins.default, subflows: 2 + pendingJoins.default, drawnPerPacket: 2.1, drawnPerOctet: 2.5, hashesPerPacket: 1, memory: 0 },
    run: (scene) => flood(scene, FLOOD, GAP, (n) => scene.strike(synToServer(scene, madeUp(n), 1024 + n, [joinSyn(scene.random, scene.attacked(n % 10).session.local.token)]))),
  },
  {
    name: "joins, known tokens of many",
    from: "off the path",
    text: "The same with the tokens of 140 connections: more than the host has room for.",
    by: "`hostPendingJoins`",
    scene: { friends: 140 },
    bounds: { pendingJoins: hostPendingJoins.default, subflows: 2 + pendingJoins.default, lost: 0.05, drawnPerPacket: 2.6, drawnPerOctet: 2.5, hashesPerPacket: 1, memory: 0 },
    run: (scene) => flood(scene, FLOOD, GAP, (n) => scene.strike(synToServer(scene, madeUp(n), 1024 + n, [joinSyn(scene.random, scene.attacked(n % 140).session.local.token)]))),
  },
  {
    name: "joins, wrong HMAC",
    from: "off the path",
    text: "Joins with a known token from one real address, each with a third ACK whose HMAC is made up.",
    by: "RFC 8684 §3.2, `pendingJoinsPerPeer`",
    bounds: { halfOpen: 0, pendingJoins: pendingJoinsPerPeer.default, drawnPerPacket: 1.1, drawnPerOctet: 1.5, hashesPerPacket: 1, memory: 0 },
    run: (scene) => {
      const { random } = scene;
      const from = madeUp(1);
      const answered: (() => void)[] = [];
      scene.onAnswer = ({ tcp }): void => {
        if (tcp === null || (tcp.flags & TCP_FLAG.SYN) === 0) return;
        const { acknowledgment, destinationPort, sequence } = tcp;
        const mptcp: MptcpOption[] = [{ kind: "mp_join_ack", hmac: random.octets(20) }];
        answered.push(() => scene.strike(toServer(scene, from, destinationPort, { flags: TCP_FLAG.ACK, sequence: acknowledgment, acknowledgment: (sequence + 1) >>> 0, mptcp })));
      };
      flood(scene, FLOOD / 2, 2 * GAP, (n) => {
        scene.strike(synToServer(scene, from, 1024 + n, [joinSyn(scene.random, scene.attacked(n % 10).session.local.token)]));
        for (const answer of answered.splice(0)) answer();
      });
    },
  },
];

