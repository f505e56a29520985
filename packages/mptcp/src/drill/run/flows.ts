import { Dss, MP_CAPABLE_FLAG, sequenceAdd, TCP_FLAG, type MptcpOption, type TcpSegment } from "../../wire/index.ts";
import type { PacketStep, Settings, TcpPlan } from "../plan/index.ts";
import { Flow, type Ends } from "./flow.ts";
import type { LivePacket } from "./live-packet.ts";
import { Multipath } from "./multipath.ts";

/** The first port of the script's end when it connects (RFC 6335: those for private use). */
const FIRST_PORT = 49_152;
/** Initial sequence numbers of the script's end are this far apart, so that each is later than those before. */
const INITIAL_STEP = 0x0010_0000;

/** Ports that the sockets of the script say. */
export interface Ports {
  /** The port that listens, of the descriptor if there is one; undefined where none does. */
  listening(socket: number | undefined): number | undefined;
  /** Ports of the socket for datagrams that was made last: its own and its peer's, 0 where it has none. */
  datagram(): readonly [number, number];
}

/** The flows of a script, and which of them a line means. */
export class Flows {
  /** That of the last line. */
  current: Flow | null = null;
  readonly #all: Flow[] = [];
  readonly #connections: Multipath[] = [];
  readonly #settings: Settings;
  readonly #ports: Ports;
  #nextPort = FIRST_PORT;
  #era = 0;

  constructor(settings: Settings, ports: Ports) {
    this.#settings = settings;
    this.#ports = ports;
  }

  /** The script listens: connections that it opens from now on are others than those before. */
  listened(): void {
    this.#era++;
  }

  all(): readonly Flow[] {
    return this.#all;
  }

  // ---- packets of the stack

  /** The flow of a packet that left; null for a message of ICMP. What the packet tells is learned. */
  observe(live: LivePacket): Flow | null {
    if (live.body.kind === "icmp") return null;
    const ends: Ends = { local: live.source, localPort: live.sourcePort, remote: live.destination, remotePort: live.destinationPort };
    let flow = this.#all.findLast((one) => one.is(live.body.kind, ends));
    if (flow === undefined || this.#beginsAgain(flow, live)) {
      const isAgain = flow !== undefined;
      flow = new Flow(live.body.kind, ends, true, this.#era);
      flow.isAgain = isAgain;
      this.#all.push(flow);
    }
    if (live.body.kind === "tcp") this.#observeTcp(live.body, flow);
    return flow;
  }

  /** A SYN between the ports of a connection that is over. */
  #beginsAgain(flow: Flow, { body }: LivePacket): boolean {
    return body.kind === "tcp" && flow.ended && (body.flags & (TCP_FLAG.SYN | TCP_FLAG.ACK)) === TCP_FLAG.SYN;
  }

  #observeTcp(tcp: Extract<LivePacket["body"], { kind: "tcp" }>, flow: Flow): void {
    if ((tcp.flags & TCP_FLAG.SYN) !== 0 && (flow.localInitial === null || !flow.established)) flow.localInitial = tcp.sequence;
    if ((tcp.flags & TCP_FLAG.RST) !== 0) flow.ended = true;
    if ((tcp.flags & TCP_FLAG.FIN) !== 0) flow.finish("local");
    if ((tcp.flags & (TCP_FLAG.SYN | TCP_FLAG.ACK)) === TCP_FLAG.ACK && flow.active && flow.remoteInitial !== null) flow.established = true;
    for (const { mptcp } of tcp.options) if (mptcp !== null) this.#learn(mptcp, flow, "local", tcp.payload.length);
  }

  /** Whether a line that expects a packet may mean one of this flow; null is ICMP. */
  accepts(step: PacketStep, flow: Flow | null): boolean {
    if (flow === null || step.body.kind === "icmp") return flow === null && step.body.kind === "icmp";
    if (step.body.kind !== flow.protocol) return false;
    const isSyn = step.body.kind === "tcp" && (step.body.flags & (TCP_FLAG.SYN | TCP_FLAG.ACK)) === TCP_FLAG.SYN;
    if (step.socket !== undefined) {
      const own = this.#all.findLast((one) => one.sockets.has(step.socket!));
      return own === undefined ? !flow.claimed : own === flow;
    }
    const isNamed = step.source !== undefined || step.destination !== undefined;
    const [local, remote] = isNamed ? [step.source ?? this.current?.local, step.destination ?? this.current?.remote] : [undefined, undefined];
    if (isSyn) return flow.hasEnds(local, remote) && (!flow.claimed || (!flow.established && (isNamed || flow === this.current)));
    const meant = isNamed ? this.#named(local, remote, flow.protocol) : this.current?.protocol === flow.protocol ? this.current : null;
    return meant === null ? !flow.claimed && flow.hasEnds(local, remote) : flow === meant;
  }

  /** Whether a line without addresses may stand for a packet of another subflow than the one before, if it fits. */
  mayBeOther(step: PacketStep, flow: Flow | null): boolean {
    return flow !== null && flow !== this.current && flow.claimed && step.body.kind === flow.protocol && step.source === undefined && step.destination === undefined && step.socket === undefined;
  }

  /**
   * The flow between two ends; without one, that of the one end, since scripts have names for addresses that no packet has: `addr[saddr1]` beside `addr[caddr1]` where the stack
   * has one address.
   */
  #named(local: Flow["local"] | undefined, remote: Flow["remote"] | undefined, protocol: string): Flow | null {
    return this.#claimed(local, remote, protocol) ?? this.#claimed(undefined, remote, protocol) ?? this.#claimed(local, undefined, protocol);
  }

  /** The newest flow between two ends that a line has stood for, rather one that goes on. */
  #claimed(local: Flow["local"] | undefined, remote: Flow["remote"] | undefined, protocol: string): Flow | null {
    const all = this.#all.filter((flow) => flow.claimed && flow.protocol === protocol && flow.hasEnds(local, remote));
    return all.findLast(({ ended }) => !ended) ?? all.at(-1) ?? null;
  }

  // ---- packets of the script's end

  /** The flow that a packet of the script's end belongs to; it is the current one from then on. */
  inbound(step: PacketStep): Flow {
    const flow = step.body.kind === "tcp" ? this.#inboundTcp(step, step.body) : step.body.kind === "udp" ? this.#inboundUdp(step) : this.#quoted(step);
    flow.claimed = true;
    if (step.socket !== undefined) flow.sockets.add(step.socket);
    this.current = flow;
    return flow;
  }

  #inboundTcp(step: PacketStep, plan: TcpPlan): Flow {
    const isSyn = (plan.flags & TCP_FLAG.SYN) !== 0;
    const isOpening = isSyn && (plan.flags & TCP_FLAG.ACK) === 0;
    const known = this.#known(step, "tcp", isOpening);
    const flow = known !== null && !(isOpening && this.#isAnother(known, plan)) ? known : this.#opened(step, isOpening, known);
    if (isSyn && flow.remoteInitial === null) {
      flow.remoteWritten = plan.from;
      flow.remoteInitial = sequenceAdd(INITIAL_STEP * (this.#all.indexOf(flow) + 1), plan.from);
    }
    return flow;
  }

  /** Whether a SYN opens another connection than the flow that its ends have. */
  #isAnother(flow: Flow, plan: TcpPlan): boolean {
    if (flow.ended || (!flow.active && flow.era !== this.#era)) return true;
    if (!flow.established) return !flow.active && flow.remoteInitial !== null && plan.from !== flow.remoteWritten;
    const joins = plan.options !== "any" && plan.options.some(({ type }) => type === "mp_join_syn");
    return joins || plan.from === flow.remoteWritten;
  }

  #known(step: PacketStep, protocol: "tcp" | "udp", isOpening = false): Flow | null {
    if (step.socket !== undefined) {
      const own = this.#all.findLast((flow) => flow.protocol === protocol && flow.sockets.has(step.socket!));
      if (own !== undefined) return own;
    }
    const { source, destination } = step;
    if (source === undefined && destination === undefined) return this.current?.protocol === protocol ? this.current : null;
    const [local, remote] = [destination ?? this.current?.local, source ?? this.current?.remote];
    return isOpening ? this.#claimed(local, remote, protocol) : this.#named(local, remote, protocol);
  }

  /** @param before what the ends had before: a SYN that names its socket comes from the same ports, so that it meets the connection in TIME-WAIT */
  #opened(step: PacketStep, isOpening: boolean, before: Flow | null = null): Flow {
    const isSame = step.socket !== undefined && before?.ended === true;
    const flow = new Flow("tcp", {
      local: step.destination ?? this.current?.local ?? this.#settings.local,
      localPort: this.#ports.listening(step.socket) ?? this.#connected(step) ?? this.#settings.bindPort,
      remote: step.source ?? this.current?.remote ?? this.#settings.remote,
      remotePort: isSame ? before.remotePort : this.#nextPort++,
    }, false, this.#era);
    this.#all.push(flow);
    // What belongs to no connection has numbers that count from 0.
    if (!isOpening) [flow.localInitial, flow.remoteInitial] = [0, 0];
    return flow;
  }

  /** Where a join goes to a stack that listens nowhere: to the port that it connected from (RFC 8684 §3.2). */
  #connected({ body }: PacketStep): number | undefined {
    const joins = body.kind === "tcp" && body.options !== "any" && body.options.some(({ type }) => type === "mp_join_syn");
    return joins ? this.#all.find(({ active, protocol }) => active && protocol === "tcp")?.localPort : undefined;
  }

  #inboundUdp(step: PacketStep): Flow {
    const known = this.#known(step, "udp");
    const [localPort, peerPort] = this.#ports.datagram();
    if (known !== null && (localPort === 0 || known.localPort === localPort)) return known;
    const flow = new Flow("udp", {
      local: step.destination ?? this.#settings.local,
      localPort: localPort === 0 ? this.#settings.bindPort : localPort,
      remote: step.source ?? this.#settings.remote,
      remotePort: peerPort === 0 ? this.#nextPort++ : peerPort,
    }, false, this.#era);
    this.#all.push(flow);
    return flow;
  }

  /** The flow whose packet an ICMP message is about. */
  #quoted(step: PacketStep): Flow {
    const protocol = step.body.kind === "icmp" && step.body.quotes !== undefined ? step.body.quotes.kind : (this.current?.protocol ?? "tcp");
    return this.#known(step, protocol) ?? this.#all.findLast((flow) => flow.protocol === protocol) ?? (protocol === "udp" ? this.#inboundUdp(step) : this.#opened(step, false));
  }

  /** What a segment tells that the script's end sent. */
  sent(flow: Flow, plan: TcpPlan, segment: TcpSegment): void {
    if ((plan.flags & TCP_FLAG.RST) !== 0) flow.ended = true;
    if ((plan.flags & TCP_FLAG.FIN) !== 0) flow.finish("remote");
    if ((plan.flags & (TCP_FLAG.SYN | TCP_FLAG.ACK | TCP_FLAG.RST)) === TCP_FLAG.ACK && !flow.active && flow.localInitial !== null) flow.established = true;
    for (const option of segment.mptcp) this.#learn(option, flow, "remote", plan.length);
  }

  // ---- Multipath TCP

  #learn(option: MptcpOption, flow: Flow, side: "local" | "remote", length: number): void {
    if (option.kind === "mp_capable") this.#learnCapable(option, flow, side, length);
    else if (option.kind === "mp_join_syn") {
      flow.nonces[side] = option.nonce;
      flow.multipath ??= this.#joined(option.token, side);
    } else if (option.kind === "mp_join_synack") flow.nonces[side] = option.nonce;
    else if (option instanceof Dss && option.dsnLength !== 0 && flow.multipath !== null) advance(flow.multipath, side, option);
  }

  #learnCapable(option: Extract<MptcpOption, { kind: "mp_capable" }>, flow: Flow, side: "local" | "remote", length: number): void {
    if (flow.multipath === null) {
      flow.multipath = new Multipath();
      this.#connections.push(flow.multipath);
    }
    const { multipath } = flow;
    if ((option.flags & MP_CAPABLE_FLAG.A) !== 0) multipath.checksums = true;
    multipath.onCapable(side, option.version, option.senderKey);
    if (option.dataLength >= 0 || length > 0) multipath.next[side] = BigInt(Math.max(option.dataLength, length) + 1);
  }

  /** The connection with a token of the end that hears the join. */
  #joined(token: number, side: "local" | "remote"): Multipath | null {
    const hearer = side === "local" ? "remote" : "local";
    return this.#connections.findLast((connection) => connection.material(hearer)?.token === token) ?? this.#connections.at(-1) ?? null;
  }
}

/** Data was sent up to the end of a mapping. */
function advance(multipath: Multipath, side: "local" | "remote", option: Dss): void {
  const initial = multipath.initial(side);
  const bits = option.dsnLength === 8 ? 64 : 32;
  const sequence = (BigInt(option.dsnHigh) << 32n) | BigInt(option.dsnLow);
  const relative = BigInt.asUintN(bits, sequence - BigInt.asUintN(bits, initial)) + BigInt(option.dataLength);
  // Numbers behind half of the space are those before the beginning.
  if (relative < 1n << BigInt(bits - 1) && relative > multipath.next[side]) multipath.next[side] = relative;
}
