import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Observer } from "mptcp";
import { formatEvent, PcapngWriter } from "mptcp/capture";
import type { Packet } from "mptcp/wire";
import type { Side } from "./connections/world.ts";

/** Sees a packet that a host sends, or that reaches it. */
export type PacketWatch = (packet: Packet, side: Side, direction: "in" | "out", now: number, comment?: string) => void;

/**
 * Writes the decision log of a run, and a capture at both hosts, into a folder.
 * @param run does the run, and gives what it sees to both
 */
export function record(folder: string, run: (observer: Observer, watch: PacketWatch) => void): void {
  mkdirSync(folder, { recursive: true });
  // Both hold keys and payload.
  const log = openSync(join(folder, "events.jsonl"), "w", 0o600);
  const capture = openSync(join(folder, "capture.pcapng"), "w", 0o600);
  const writer = new PcapngWriter((chunk) => writeSync(capture, chunk));
  const interfaces = { client: writer.addInterface({ name: "client" }), server: writer.addInterface({ name: "server" }) };
  let last = 0;
  run({ event: (event) => void writeSync(log, `${formatEvent(event)}\n`) }, (packet, side, direction, now, comment) => {
    last = now;
    writer.packet(interfaces[side], packet, now, { direction, ...(comment === undefined ? {} : { comments: [comment] }) });
  });
  writer.close(last);
  closeSync(capture);
  closeSync(log);
  console.log(`wrote ${folder}/events.jsonl and ${folder}/capture.pcapng`);
}
