/** One flow of plain TCP over a link. */
export interface Cell {
  readonly congestion: "cubic" | "reno";
  /** Bits per second. */
  readonly rate: number;
  /** Round-trip time without queueing, ms. */
  readonly rtt: number;
  /** What the link's queue holds, of what the path holds without it. */
  readonly queue: number;
  /** Share of the packets that the wire loses. */
  readonly loss: number;
}

/** 72: each controller, rate and round-trip time with short and long queues, and with loss. */
export const CELLS: readonly Cell[] = (["cubic", "reno"] as const).flatMap((congestion) =>
  [2e6, 20e6, 100e6].flatMap((rate) =>
    [20, 100, 300].flatMap((rtt) => ([[0.25, 0], [4, 0], [1, 0.001], [1, 0.01]] as const).map(([queue, loss]): Cell => ({ congestion, rate, rtt, queue, loss }))),
  ),
);

/** Payload and IP octets of a full segment with timestamps over an MTU of 1500. */
export const PAYLOAD = 1448;
export const PACKET = 1500;

/** Packets that the path holds without its queue. */
export const capacityOf = ({ rate, rtt }: Cell): number => (rate * rtt) / 1000 / 8 / PACKET;

/** Seconds of virtual time that a cell takes: there are many losses in it, or two sawtooths of standard TCP where these are what is measured. */
export function lengthOf(cell: Cell): number {
  if (cell.loss > 0) return 600;
  const rounds = (capacityOf(cell) + queueOf(cell)) / 2;
  return cell.congestion === "cubic" || cell.queue >= 1 ? 120 : Math.min(Math.max(120, Math.ceil((2 * rounds * cell.rtt) / 1000)), 600);
}

/** Packets that wait at the link at the most. */
export const queueOf = (cell: Cell): number => Math.max(4, Math.ceil(cell.queue * capacityOf(cell)));
