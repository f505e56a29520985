/**
 * Octets at the start of a subflow that went on our SYN, or came with the peer's (RFC 7413): they are no part of the data sequence space (RFC 8684 §B.2), so the
 * mappings of either direction count from behind them.
 */
export class EarlyData {
  sent = 0;
  received = 0;
}
