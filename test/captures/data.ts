import type { CaptureFacts, Problems } from "./report.ts";
import { CapturedStream, Mappings } from "./stream.ts";
import { framesInOrder } from "./subflows.ts";
import type { CapturedConnection, Flow, HostIndex, SentFrame } from "./subflows.ts";

/** What one host sent, as the capture has it. */
export interface SentStream {
  readonly stream: CapturedStream;
  /** Offset of the end, from DATA_FIN (of plain TCP: from FIN); -1: it was not seen. */
  readonly end: number;
  readonly endAcknowledged: boolean;
}

/**
 * The data level of a connection (RFC 8684 §3.3): every payload byte of every subflow has one mapping, seen on that subflow; the same data
 * sequence number is the same byte everywhere; Data ACKs acknowledge what was sent, and do not go back within a subflow; nothing is sent
 * beyond the window that the receiver offered, on whichever subflow.
 *
 * Where the A flags of the handshake agreed on checksums, every mapping has one, and it is the one that its bytes give.
 *
 * A data sequence is an offset from IDSN + 1, which the key gives.
 */
export function checkData(connection: CapturedConnection, problems: Problems, facts: CaptureFacts): [SentStream, SentStream] {
  const frames = framesInOrder(connection);
  const data = new DataCheck(connection, frames, problems, facts);
  for (const sent of frames) data.readMappings(sent);
  data.sealMappings();
  for (const sent of frames) {
    data.readPayload(sent);
    data.readDataAck(sent);
  }
  for (const sent of frames) data.checkChecksums(sent);
  return [data.result(0), data.result(1)];
}

class DataCheck {
  private readonly connection: CapturedConnection;
  private readonly problems: Problems;
  private readonly facts: CaptureFacts;
  private readonly streams: readonly [CapturedStream, CapturedStream];
  /** By subflow and direction. */
  private readonly mappings: readonly (readonly [Mappings, Mappings])[];
  private readonly lastDataAck: readonly [number, number][];
  /** By host: where its DATA_FIN is, up to where it has sent (DATA_FIN counts as one), and what the other acknowledged. */
  private readonly dataFin: [number, number] = [-1, -1];
  private readonly sent: [number, number] = [0, 0];
  private readonly acknowledged: [number, number] = [0, 0];
  /** By host: up to where the other's window lets it send. */
  private readonly right: [number, number] = [0, 0];

  constructor(connection: CapturedConnection, frames: readonly SentFrame[], problems: Problems, facts: CaptureFacts) {
    this.connection = connection;
    this.problems = problems;
    this.facts = facts;
    const total = (host: HostIndex): number => frames.reduce((sum, sent) => sum + (sent.host === host ? sent.frame.payload.length : 0), 0);
    this.streams = [new CapturedStream(total(0)), new CapturedStream(total(1))];
    this.mappings = connection.subflows.map(() => [new Mappings(), new Mappings()]);
    this.lastDataAck = connection.subflows.map(() => [0, 0]);
  }

  readMappings({ frame, host, subflow, direction }: SentFrame): void {
    const where = `frame ${frame.number}`;
    const mappings = this.mappings[subflow]![direction];
    for (const option of frame.mptcp) {
      if (option.kind === "capable" && option.dataLength >= 0) {
        // RFC 8684 §3.1: the first data of the connection.
        mappings.add(1, option.dataLength, 0, where, this.problems);
        this.facts.capableMappings++;
      }
      if (option.kind !== "dss" || option.dsn === null) continue;
      this.facts.dsnOctets.add(option.dsnOctets);
      const offset = this.offsetOf(host, option.dsn, option.dsnOctets);
      if (option.dataLength === 0) {
        this.problems.add("an infinite mapping: the connection fell back", where);
        continue;
      }
      const length = option.dataLength - (option.dataFin ? 1 : 0);
      // RFC 8684 §3.3.3: a DATA_FIN without data has subflow sequence number 0, a mapping never.
      if ((option.subflowSequence === 0) !== (length === 0)) this.problems.add("a subflow sequence number that does not fit the length", where);
      if (length > 0) mappings.add(option.subflowSequence, length, offset, where, this.problems);
      if (!option.dataFin) continue;
      const end = offset + length;
      if (this.dataFin[host] >= 0 && this.dataFin[host] !== end) this.problems.add("DATA_FIN in two places", `${where}: ${end}, before ${this.dataFin[host]}`);
      this.dataFin[host] = end;
    }
  }

  sealMappings(): void {
    this.mappings.forEach((pair, subflow) => {
      const { flow } = this.connection.subflows[subflow]!;
      pair.forEach((mappings, direction) => mappings.seal(direction === 0 ? `${flow.initiator} to ${flow.responder}` : `${flow.responder} to ${flow.initiator}`, this.problems));
    });
  }

  readPayload({ frame, host, subflow, direction }: SentFrame): void {
    if (frame.mptcp.some((option) => option.kind === "dss" && option.dataFin)) this.sent[host] = Math.max(this.sent[host], this.dataFin[host] + 1);
    const { payload } = frame;
    if (payload.length === 0) return;
    const where = `frame ${frame.number}`;
    const { flow, original } = this.connection.subflows[subflow]!;
    const initial = flow.initialSequence[direction];
    if (initial === null || frame.syn) {
      this.problems.add("data before the handshake", where);
      return;
    }
    // Relative to the initial sequence number, so that the first byte is 1 (RFC 8684 §3.3.1).
    const start = (frame.sequence - initial) | 0;
    const unmapped = this.mappings[subflow]![direction].cover(start, payload.length, (from, to, offset) => {
      this.streams[host].place(payload.subarray(from - start, to - start), offset, original, where, this.problems);
      this.sent[host] = Math.max(this.sent[host], offset + to - from);
    });
    // RFC 8684 §3.3.4: one window for all subflows, relative to the Data ACK. A probe of a closed window may be one byte beyond.
    if (this.sent[host] > this.right[host] + 1) this.problems.add("data beyond the window", `${where}: up to ${this.sent[host]}, the window to ${this.right[host]}`);
    if (unmapped > 0) this.problems.add("data without a mapping", `${where}: ${unmapped} of ${payload.length} bytes`);
    this.facts.payload += payload.length;
  }

  readDataAck(sent: SentFrame): void {
    const { frame, host, subflow, direction } = sent;
    const where = `frame ${frame.number}`;
    const other = (1 - host) as HostIndex;
    for (const option of frame.mptcp) {
      if (option.kind !== "dss" || option.dataAck === null) continue;
      this.facts.dataAckOctets.add(option.dataAckOctets);
      const offset = this.offsetOf(other, option.dataAck, option.dataAckOctets);
      if (offset < 0 || offset > this.sent[other]) this.problems.add("a Data ACK for what was not sent", `${where}: ${offset} of ${this.sent[other]}`);
      // The links keep the order, so within a subflow no Data ACK may be lower than an earlier one.
      const last = this.lastDataAck[subflow]!;
      if (offset < last[direction]) this.problems.add("a Data ACK that goes back", `${where}: ${offset}, before ${last[direction]}`);
      last[direction] = offset;
      this.acknowledged[other] = Math.max(this.acknowledged[other], offset);
      this.right[other] = Math.max(this.right[other], offset + this.windowOf(sent));
    }
    // MP_CAPABLE has no Data ACK: nothing was received yet.
    if (frame.mptcp.some((option) => option.kind === "capable")) this.right[other] = Math.max(this.right[other], this.windowOf(sent));
  }

  /** RFC 8684 §3.3.1: the checksum of all that a mapping covers, whichever frames brought it. To be called when all payload is in place. */
  checkChecksums({ frame, host }: SentFrame): void {
    const where = `frame ${frame.number}`;
    for (const option of frame.mptcp) {
      if (option.kind === "capable" && option.dataLength >= 0) this.checkChecksum(option.checksum, host, 0, 1, option.dataLength, option.dataLength, where);
      if (option.kind !== "dss" || option.dsn === null || option.dataLength === 0) continue;
      const offset = this.offsetOf(host, option.dsn, option.dsnOctets);
      this.checkChecksum(option.checksum, host, offset, option.subflowSequence, option.dataLength, option.dataLength - (option.dataFin ? 1 : 0), where);
    }
  }

  private checkChecksum(checksum: number, host: HostIndex, offset: number, subflowSequence: number, dataLength: number, length: number, where: string): void {
    const agreed = this.connection.checksums;
    if ((checksum >= 0) !== agreed) this.problems.add(agreed ? "a mapping without the checksum agreed on" : "a DSS checksum that was not agreed on", where);
    if (checksum < 0) return;
    const stream = this.streams[host];
    // What a capture at the receiver's end does not have cannot be summed.
    if (offset < 0 || !stream.has(offset, length)) return;
    const pseudo = Buffer.alloc(16);
    pseudo.writeBigUInt64BE(BigInt.asUintN(64, this.connection.keys[host].idsn + 1n + BigInt(offset)), 0);
    pseudo.writeUInt32BE(subflowSequence, 8);
    pseudo.writeUInt16BE(dataLength, 12);
    if ((sumOf(pseudo) + sumOf(stream.bytes.subarray(offset, offset + length)) + checksum) % 0xffff !== 0) this.problems.add("a wrong DSS checksum", where);
    this.facts.checksums++;
  }

  result(host: HostIndex): SentStream {
    const stream = this.streams[host];
    const end = this.dataFin[host];
    this.facts.retransmitted += stream.retransmitted;
    this.facts.reinjected += stream.reinjected;
    if (end >= 0 && stream.contiguous !== end) {
      this.problems.add("the data does not reach to DATA_FIN without holes", `host ${"AB"[host]}: ${stream.contiguous} bytes, DATA_FIN at ${end}, last byte at ${stream.end}`);
    }
    return { stream, end, endAcknowledged: end >= 0 && this.acknowledged[host] === end + 1 };
  }

  /** RFC 7323 §2.2: scaled if both SYNs have the option, but never on a SYN. */
  private windowOf({ frame, subflow, direction }: SentFrame): number {
    const scales = this.connection.subflows[subflow]!.flow.windowScale;
    return frame.syn || scales.includes(-1) ? frame.window : frame.window * 2 ** (scales[direction] as number);
  }

  /** Four octets stand for the nearest number: no stream here is as long as 2 GiB. */
  private offsetOf(host: HostIndex, number: bigint, octets: number): number {
    return Number(BigInt.asIntN(octets * 8, number - this.connection.keys[host].idsn - 1n));
  }
}

/** The sum of 16-bit words, not folded; an odd octet at the end is the upper half of one. */
function sumOf(bytes: Buffer): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i++) sum += i % 2 === 0 ? (bytes[i] as number) * 256 : (bytes[i] as number);
  return sum;
}

/** The streams of a connection without Multipath TCP. */
export function plainStreams(flow: Flow, problems: Problems, facts: CaptureFacts): [SentStream, SentStream] {
  const of = (host: HostIndex): SentStream => {
    const frames = flow.frames.filter(({ direction }) => direction === host).map(({ frame }) => frame);
    const stream = new CapturedStream(frames.reduce((sum, frame) => sum + frame.payload.length, 0));
    const first = ((flow.initialSequence[host] ?? 0) + 1) | 0;
    let end = -1;
    for (const frame of frames) {
      if (frame.syn) continue;
      const offset = (frame.sequence - first) | 0;
      stream.place(frame.payload, offset, 0, `frame ${frame.number}`, problems);
      if (frame.fin) end = offset + frame.payload.length;
    }
    facts.payload += stream.bytes.length;
    facts.retransmitted += stream.retransmitted;
    return { stream, end, endAcknowledged: false };
  };
  return [of(0), of(1)];
}
