import type { FuzzInput } from "./generate.ts";
import type { Peer } from "./peer.ts";

/** How a connection comes about: variants of both handshakes. */
export function opening(peer: Peer): Omit<FuzzInput, "at" | "state">[] {
  return peer.setting.role === "server" ? passive(peer) : active(peer);
}

/** MP_CAPABLE of the first SYN of a peer, with how often it has it. */
const OFFERS: readonly (readonly [string, string, number])[] = [
  ["offer", "mpcapable v1 flags[flag_h] nokey", 14],
  ["offer with flag B", "mpcapable v1 flags[flag_b, flag_h] nokey", 1],
  ["offer with flag C", "mpcapable v1 flags[flag_c, flag_h] nokey", 2],
  ["offer with flag D", "mpcapable v1 flags[flag_d, flag_h] nokey", 1],
  ["offer without flag H", "mpcapable v1 flags[flag_g] nokey", 1],
  ["offer of version 0", "mpcapable v0 flags[flag_h] key[ckey=2]", 1],
  ["offer with a key", "mpcapable v1 flags[flag_h] key[ckey=2]", 1],
];

function weighted<T extends readonly [string, string, number]>(peer: Peer, table: readonly T[]): T {
  let rest = peer.below(table.reduce((sum, [, , weight]) => sum + weight, 0));
  return table.find(([, , weight]) => (rest -= weight) < 0)!;
}

function synOptions({ setting }: Peer, capable: string): string[] {
  const options = ["mss 1460"];
  if (setting.sack) options.push("sackOK");
  if (setting.timestamps) options.push(`TS val 1000 ecr ${setting.role === "server" ? 0 : 100}`);
  options.push("nop", "wscale 7");
  if (capable !== "") options.push(capable);
  return options;
}

function passive(peer: Peer): Omit<FuzzInput, "at" | "state">[] {
  const { setting } = peer;
  const inputs: Omit<FuzzInput, "at" | "state">[] = [];
  const protocol = setting.multipath ? "IPPROTO_MPTCP" : "IPPROTO_TCP";
  inputs.push(
    { tag: "socket", text: `socket(..., SOCK_STREAM|SOCK_NONBLOCK, ${protocol}) = 3` },
    { tag: "bind", text: "bind(3, ..., ...) = 0" },
    { tag: "listen", text: "listen(3, 5) = 0" },
  );
  const [tag, offer] = setting.peerMultipath ? (setting.checksum ? ["offer with checksums", "mpcapable v1 flags[flag_a, flag_h] nokey"] : weighted(peer, OFFERS)) : ["offer of regular TCP", ""];
  const syn = `< addr[caddr0] > addr[saddr0] S 0:0(0) win 65535 <${synOptions(peer, offer).join(", ")}>`;
  inputs.push({ tag, text: syn });
  if (peer.chance(0.05)) inputs.push({ tag: "SYN again", text: syn });
  if (peer.chance(0.06)) return inputs;
  inputs.push(...thirdAck(peer));
  peer.isOpen = true;
  if (peer.chance(0.9)) inputs.push({ tag: "accept", text: `accept4(3, ..., ..., SOCK_NONBLOCK) = 4` });
  return inputs;
}

function thirdAck(peer: Peer): Omit<FuzzInput, "at" | "state">[] {
  const { checksum, peerMultipath } = peer.setting;
  const flow = peer.flows[0]!;
  if (!peerMultipath) return [{ tag: "third ACK", text: peer.segment(flow) }];
  const flags = checksum ? "flags[flag_a, flag_h]" : "flags[flag_h]";
  const keys = "key[ckey=2, skey]";
  const withData = (): Omit<FuzzInput, "at" | "state"> => {
    const length = 1 + peer.below(500);
    const option = `mpcapable v1 ${flags} ${keys} mpcdatalen ${length}${checksum ? " checksum" : ""}`;
    const text = peer.segment(flow, { flags: "P.", length, options: [option] });
    flow.next += length;
    peer.dataNext += length;
    return { tag: "data with MP_CAPABLE", text };
  };
  const bare = { tag: "third ACK", text: peer.segment(flow, { options: [`mpcapable v1 ${flags} ${keys}`] }) };
  switch (peer.below(12)) {
    case 0:
      return [withData()];
    case 1:
      return [bare, withData()];
    case 2: {
      peer.isFallback = true;
      return [{ tag: "third ACK without MP_CAPABLE", text: peer.segment(flow) }];
    }
    case 3:
      return [{ tag: "third ACK with wrong keys", text: peer.segment(flow, { options: [`mpcapable v1 ${flags} key[ckey=2, wrong=3]`] }) }];
    case 4:
      return [{ tag: "third ACK with DSS", text: peer.segment(flow, { options: [peer.dataAckOption()] }) }, bare];
    default:
      return [bare];
  }
}

/** MP_CAPABLE of a SYN/ACK of the peer. */
const ANSWERS: readonly (readonly [string, string, number])[] = [
  ["answer", "mpcapable v1 flags[flag_h] key[skey=2]", 14],
  ["answer with flag C", "mpcapable v1 flags[flag_c, flag_h] key[skey=2]", 2],
  ["answer without flag H", "mpcapable v1 flags[flag_g] key[skey=2]", 1],
  ["answer without a key", "mpcapable v1 flags[flag_h] nokey", 1],
  ["answer of version 0", "mpcapable v0 flags[flag_h] key[skey=2]", 1],
];

function active(peer: Peer): Omit<FuzzInput, "at" | "state">[] {
  const { setting } = peer;
  const protocol = setting.multipath ? "IPPROTO_MPTCP" : "IPPROTO_TCP";
  const inputs: Omit<FuzzInput, "at" | "state">[] = [
    { tag: "socket", text: `socket(..., SOCK_STREAM|SOCK_NONBLOCK, ${protocol}) = 3` },
    { tag: "connect", text: "connect(3, ..., ...) = -1 EINPROGRESS" },
  ];
  if (peer.chance(0.06)) return inputs;
  const offered = setting.checksum ? ["answer with checksums", "mpcapable v1 flags[flag_a, flag_h] key[skey=2]"] : weighted(peer, ANSWERS);
  const [tag, answer] = setting.peerMultipath && setting.multipath ? offered : ["answer of regular TCP", ""];
  inputs.push({ tag: tag!, text: `< addr[caddr0] > addr[saddr0] S. 0:0(0) ack 1 win 65535 <${synOptions(peer, answer!).join(", ")}>` });
  if (/without|version 0/.test(tag!)) peer.isFallback = true;
  peer.isOpen = true;
  return inputs;
}
