import { tunLink } from "mptcp/node";
import type { TunLink } from "mptcp/node";
import { IpAddress, packetLength } from "mptcp/wire";
import type { Packet } from "mptcp/wire";
import { FuzzRandom } from "../../fuzz/random.ts";
import { CAPABLE, joinSyn, madeUp, syn } from "../openings.ts";
import { answerLines } from "../../kernel/answer-lines.ts";
import type { Actions } from "../../kernel/answer-lines.ts";

/** An attacker behind a TUN device, in a process of its own: sends made-up SYNs at a rate, and reads nothing. */
interface Message {
  readonly do: string;
  readonly namespace?: string;
  readonly device?: number;
  readonly address?: string;
  readonly port?: number;
  readonly kind?: string;
  /** Tokens of connections, with commas. */
  readonly tokens?: string;
  readonly rate?: number;
  readonly seconds?: number;
}

let link: TunLink | null = null;
const random = new FuzzRandom();
random.start(1, 0);

const actions: Actions<Message> = {
  async links({ device = 0, namespace = "" }) {
    link = await tunLink({ name: `tun${device}`, host: `10.${device}.0.2`, kernel: `10.${device}.0.1/24`, namespace: `/run/netns/${namespace}`, offload: false });
    link.ref();
    return {};
  },
  /** Sends, what is due each millisecond at once. */
  async flood({ address = "", kind = "", port = 0, rate = 0, seconds = 0, tokens = "" }) {
    const to = IpAddress.from(address);
    const all = tokens.split(",").map(Number);
    const began = performance.now();
    let sent = 0;
    let refused = 0;
    for (let passed = 0; passed < 1000 * seconds; passed = performance.now() - began) {
      for (const due = (rate * passed) / 1000; sent < due; sent++) if (!link?.send(packetOf(to, port, kind, all))) refused++;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return { sent, refused, milliseconds: performance.now() - began };
  },
};

function packetOf(to: IpAddress, port: number, kind: string, tokens: readonly number[]): Packet {
  const from = madeUp(random.uint32());
  const fromPort = 1024 + random.below(64_000);
  const mptcp = kind === "tcp" ? [] : [kind === "capable" ? CAPABLE : joinSyn(random, kind === "join" ? (tokens[random.below(tokens.length)] as number) : random.uint32())];
  const packet = syn(random, from, fromPort, to, port, mptcp);
  packet.length = packetLength(packet);
  return packet;
}

answerLines(actions, () => void link?.close());
