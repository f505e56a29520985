import { TCP_FLAG } from "../../wire/index.ts";
import type { TcpSegment } from "../../wire/index.ts";
import type { TcpConnection } from "../connection.ts";

// Whose timestamps are echoed besides those of acceptable segments with a new ACK field (RFC 7323 §4.3, §5.3 R3): the choice of `timestampsOf`.

/** Whether what was received before counts: where it ends is where the window began with our last ACK. */
export function echoesDuplicate({ config, receiver, timestamps }: TcpConnection, segment: TcpSegment, end: number): boolean {
  return config.timestampsOf === "examined" && timestamps && segment.hasTimestamps && end >= receiver.lastAck;
}

/** Whether an ACK below SND.UNA counts, which may have been overtaken. */
export function echoesOldAck(tcp: TcpConnection, segment: TcpSegment, offset: number): boolean {
  return tcp.config.timestampsOf === "acceptable" || echoesPredicted(tcp, segment, offset);
}

/** Whether a segment counts before its ACK field is looked at: it is what was expected, with timestamps and no other option, and the window as it was. */
export function echoesPredicted({ config, receiver, sender, state, timestamps }: TcpConnection, segment: TcpSegment, offset: number): boolean {
  if (config.timestampsOf === "acceptable" || !timestamps || !segment.hasTimestamps || state !== "ESTABLISHED") return false;
  if (segment.mptcp.length > 0 || segment.sackBlocks.length > 0 || segment.otherOptions.length > 0) return false;
  if ((segment.flags & ~TCP_FLAG.PSH) !== TCP_FLAG.ACK || segment.window * sender.scale !== sender.window) return false;
  return offset === receiver.nxt && receiver.queue.bytes === 0;
}
