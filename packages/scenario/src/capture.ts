import type { PcapngWriter } from "mptcp/capture";
import type { Link, PipeTap } from "mptcp/sim";
import type { Packet } from "mptcp/wire";

/**
 * Writes what passes the first end of a link to a capture, as one interface: packets out as they are accepted into the queue, packets in as
 * they arrive. So each packet of a path is in the capture once.
 *
 * @param snapLength octets kept of each packet; 0: all
 */
export function captureLink(writer: PcapngWriter, link: Link, snapLength: number): void {
  const id = writer.addInterface({ name: link.name, description: `${link.name}, at ${link.a.name}`, snapLength });
  const out = { direction: "out" } as const;
  const incoming = { direction: "in" } as const;
  link.forward.addTap({
    entered: (packet: Packet, _departure: number, now: number) => writer.packet(id, packet, now, out),
    delivered: () => {},
    dropped: () => {},
  } satisfies PipeTap);
  link.backward.addTap({
    entered: () => {},
    delivered: (packet: Packet, now: number) => writer.packet(id, packet, now, incoming),
    dropped: () => {},
  } satisfies PipeTap);
}
