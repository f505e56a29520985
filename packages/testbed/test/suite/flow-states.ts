import { TCP_FLAG, type TcpSegment } from "mptcp/wire";

/** RFC 9293 §3.3.2, with what Multipath TCP adds. */
export const STATES = ["CLOSED", "LISTEN", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSING", "CLOSE-WAIT", "LAST-ACK", "TIME-WAIT"] as const;
export type State = (typeof STATES)[number];

/** One end of a connection or subflow, as those see it who see its segments. */
export class FlowState {
  state: State = "CLOSED";
  isSecond = false;
  /** Whether the stack opened it. */
  isActive = false;
  /** Whether one end asked for Multipath TCP, and the stack does not speak it. */
  fellBack = false;
  #capable = false;
  #iss = -1;
  /** What the stack expects next; -1 before it has said so. */
  #expected = -1;
  /** Numbers behind the FINs; -1 where there was none. */
  #ownFin = -1;
  #peersFin = -1;

  /** A segment that the stack sent. */
  sent(segment: TcpSegment): void {
    const { flags } = segment;
    if ((flags & TCP_FLAG.ACK) !== 0) this.#expected = segment.acknowledgment;
    if ((flags & TCP_FLAG.RST) !== 0) this.state = "CLOSED";
    else if ((flags & TCP_FLAG.SYN) !== 0) this.#sentSyn(segment);
    else this.#sentOther(segment);
  }

  #sentSyn(segment: TcpSegment): void {
    this.#iss = segment.sequence;
    this.state = (segment.flags & TCP_FLAG.ACK) === 0 ? "SYN-SENT" : "SYN-RECEIVED";
    if (this.state === "SYN-SENT") this.isActive = true;
    this.#note(segment);
    if (this.state === "SYN-RECEIVED") this.fellBack = this.#capable && segment.mptcp.length === 0;
  }

  #sentOther(segment: TcpSegment): void {
    if (this.state === "SYN-SENT") this.state = "ESTABLISHED";
    this.fellBack = this.#capable && segment.mptcp.length === 0;
    if (this.#peersFin >= 0 && segment.acknowledgment === this.#peersFin) this.#acknowledgedFin();
    if ((segment.flags & TCP_FLAG.FIN) === 0) return;
    this.#ownFin = behind(segment);
    if (this.state === "ESTABLISHED" || this.state === "SYN-RECEIVED") this.state = "FIN-WAIT-1";
    else if (this.state === "CLOSE-WAIT") this.state = "LAST-ACK";
  }

  #acknowledgedFin(): void {
    const next: Partial<Record<State, State>> = { ESTABLISHED: "CLOSE-WAIT", "SYN-RECEIVED": "CLOSE-WAIT", "FIN-WAIT-1": "CLOSING", "FIN-WAIT-2": "TIME-WAIT" };
    this.state = next[this.state] ?? this.state;
  }

  /** A segment that arrived at the stack. */
  received(segment: TcpSegment): void {
    const { flags } = segment;
    if ((flags & TCP_FLAG.SYN) !== 0) this.#note(segment);
    if ((flags & TCP_FLAG.RST) !== 0) {
      if (this.state === "SYN-SENT" ? (flags & TCP_FLAG.ACK) !== 0 : segment.sequence === this.#expected) this.state = "CLOSED";
      return;
    }
    if ((flags & TCP_FLAG.ACK) !== 0) this.#acknowledged(segment.acknowledgment);
    if ((flags & TCP_FLAG.FIN) !== 0) this.#peersFin = behind(segment);
  }

  #acknowledged(number: number): void {
    if (this.state === "SYN-RECEIVED" && number === ((this.#iss + 1) >>> 0)) this.state = "ESTABLISHED";
    if (number !== this.#ownFin) return;
    const next: Partial<Record<State, State>> = { "FIN-WAIT-1": "FIN-WAIT-2", CLOSING: "TIME-WAIT", "LAST-ACK": "CLOSED" };
    this.state = next[this.state] ?? this.state;
  }

  #note({ mptcp }: TcpSegment): void {
    if (mptcp.some(({ kind }) => kind === "mp_capable")) this.#capable = true;
    if (mptcp.some(({ kind }) => kind === "mp_join_syn")) this.isSecond = true;
  }
}

/** The sequence number behind a segment with a FIN. */
function behind({ payload, sequence }: TcpSegment): number {
  return (sequence + payload.length + 1) >>> 0;
}
