import { createInterface } from "node:readline";
import { tunLink } from "mptcp/node";
import type { TunLink } from "mptcp/node";
import { IpAddress, Packet, packetLength, TCP_FLAG, TcpSegment } from "mptcp/wire";
import type { MptcpOption } from "mptcp/wire";
import { FuzzRandom } from "../../fuzz/random.ts";

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

const actions: Readonly<Record<string, (message: Message) => Promise<object>>> = {
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
      for (const due = (rate * passed) / 1000; sent < due; sent++) if (!link?.send(syn(to, port, kind, all))) refused++;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return { sent, refused, milliseconds: performance.now() - began };
  },
};

function syn(to: IpAddress, port: number, kind: string, tokens: readonly number[]): Packet {
  const packet = new Packet(IpAddress.v4(0xc6120000 + random.below(131_072)), to);
  const tcp = new TcpSegment();
  Object.assign(tcp, { sourcePort: 1024 + random.below(64_000), destinationPort: port, flags: TCP_FLAG.SYN, sequence: random.uint32(), window: 65_535 });
  Object.assign(tcp, { maximumSegmentSize: 1460, windowScale: 7, sackPermitted: true, hasTimestamps: true, timestampValue: random.uint32() });
  tcp.mptcp = kind === "tcp" ? [] : [kind === "capable" ? CAPABLE : join(kind === "join" ? (tokens[random.below(tokens.length)] as number) : random.uint32())];
  packet.tcp = tcp;
  packet.length = packetLength(packet);
  return packet;
}

function join(token: number): MptcpOption {
  return { kind: "mp_join_syn", backup: false, addressId: random.below(256), token, nonce: random.uint32() };
}

const CAPABLE: MptcpOption = { kind: "mp_capable", version: 1, flags: 1, senderKey: null, receiverKey: null, dataLength: -1, checksum: -1 };

createInterface({ input: process.stdin }).on("line", (line) => {
  const message = JSON.parse(line) as Message;
  const action = actions[message.do];
  void (action === undefined ? Promise.reject(new Error(`cannot ${message.do}`)) : action(message))
    .catch((error: unknown) => ({ error: String(error) }))
    .then((answer) => process.stdout.write(`${JSON.stringify(answer)}\n`));
});
process.stdin.on("end", () => void link?.close());
