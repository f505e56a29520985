import { formatRate, formatSize } from "@mptcp/scenario/units";
import type { AnySocket } from "mptcp/node";
import type { Io } from "../io.ts";
import { cutTo } from "../screen-region.ts";
import { pathText } from "../transfer-rows.ts";
import { directionsOf, PROTOCOL, VERSION } from "./protocol.ts";
import type { Direction, DirectionFigures, EndFigures, IntervalFigures, PathFigures, Test } from "./protocol.ts";

/** Tells a client's test: rows while it runs and in the end, or one object of JSON, on standard output. */
export class Report {
  private readonly test: Test;
  private readonly json: boolean;
  private readonly io: Io;

  constructor(test: Test, json: boolean, io: Io) {
    this.test = test;
    this.json = json;
    this.io = io;
  }

  begin(peer: string, via: EndFigures["via"], sockets: readonly AnySocket[]): void {
    if (this.json) return;
    const fallback = sockets.map((socket) => socket.mptcp.info()).find((info) => !info.multipath);
    const how = fallback === undefined ? "Multipath TCP" : `plain TCP${fallback.fallback === null ? "" : ` (${fallback.fallback})`}`;
    this.line(`connected to ${peer}: ${testText(this.test)}, ${how}${via === "kernel" ? " of the kernel" : ""}`);
    this.line(row("", "rate", "amount", "resent", "rtt", "window"));
  }

  interval(direction: Direction, { startMilliseconds, endMilliseconds, bytes, paths }: IntervalFigures): void {
    if (this.json) return;
    const milliseconds = Math.max(1, endMilliseconds - startMilliseconds);
    const name = `${(startMilliseconds / 1000).toFixed(2)}-${(endMilliseconds / 1000).toFixed(2)} s ${direction}`;
    this.rows(name, bytes, paths, milliseconds * 1000, direction === "up");
  }

  /** @param error null when all went well */
  end(client: EndFigures | null, server: EndFigures | null, error: string | null): void {
    const goodput = (direction: Direction): number | null => receiverOf(direction, client, server)?.bitsPerSecond ?? null;
    if (this.json) {
      const goodputBitsPerSecond = { up: goodput("up"), down: goodput("down") };
      this.io.stdout.write(`${JSON.stringify({ protocol: PROTOCOL, version: VERSION, test: this.test, error, goodputBitsPerSecond, client, server })}\n`);
      return;
    }
    if (client !== null) {
      for (const direction of directionsOf(this.test)) this.total(direction, client, server);
      this.line(`CPU: client ${cpuText(client)}${server === null ? "" : `, server ${cpuText(server)}`}`);
    }
    if (error !== null) this.io.stderr.write(`${error}\n`);
  }

  private total(direction: Direction, client: EndFigures, server: EndFigures | null): void {
    const ends = [["client", client[direction]], ["server", server?.[direction] ?? null]] as const;
    this.line("");
    for (const role of ["sender", "receiver"] as const) {
      for (const [name, figures] of ends) {
        if (figures?.role !== role) continue;
        const word = role === "sender" ? "sent" : "received";
        this.rows(`${direction}, ${word}: ${name}, ${(figures.durationMicroseconds / 1e6).toFixed(2)} s`, figures.bytes, figures.paths, figures.durationMicroseconds, role === "sender");
      }
    }
  }

  /** @param isSender whether this end knows what was sent again, how long the way is and how much is under way */
  private rows(name: string, bytes: number, paths: readonly PathFigures[], microseconds: number, isSender: boolean): void {
    const rate = (count: number): string => formatRate(microseconds === 0 ? 0 : Math.round((count * 8e6) / microseconds));
    const resent = paths.reduce((sum, path) => sum + path.bytesRetransmitted, 0);
    this.line(row(name, rate(bytes), formatSize(bytes), isSender ? formatSize(resent) : ""));
    for (const path of paths) {
      const amounts = [`  ${pathText(path)}`, rate(path.bytes), formatSize(path.bytes)] as const;
      if (!isSender) {
        this.line(row(...amounts));
        continue;
      }
      const rtt = path.rttMicroseconds === 0 ? "" : `${(path.rttMicroseconds / 1000).toFixed(path.rttMicroseconds < 10_000 ? 2 : 1)} ms`;
      this.line(row(...amounts, formatSize(path.bytesRetransmitted), rtt, formatSize(path.congestionWindowBytes)));
    }
  }

  private line(text: string): void {
    const { columns } = this.io.stdout;
    this.io.stdout.write(`${columns === 0 ? text : cutTo(text, columns)}\n`);
  }
}

/** "10 s up, 4 connections". */
export function testText({ direction, streams, timeMilliseconds, bytes }: Test): string {
  const amount = bytes === null ? `${(timeMilliseconds ?? 0) / 1000} s` : formatSize(bytes);
  const way = direction === "both" ? "both ways at once" : direction;
  return `${amount} ${way}, ${streams} ${streams === 1 ? "connection" : "connections"}${direction === "both" ? " each" : ""}`;
}

/** What a server saw of a test, in a line. */
export function describeServed(figures: EndFigures): string {
  const parts = ([["up", figures.up], ["down", figures.down]] as const).flatMap(([, one]) => {
    if (one === null) return [];
    return [`${formatSize(one.bytes)} ${one.role === "sender" ? "sent" : "received"}, ${formatRate(one.bitsPerSecond)}`];
  });
  return `${parts.join("; ")}; CPU ${cpuText(figures)}`;
}

/** What counts is what arrived. */
function receiverOf(direction: Direction, ...ends: readonly (EndFigures | null)[]): DirectionFigures | null {
  return ends.map((end) => end?.[direction] ?? null).find((figures) => figures?.role === "receiver") ?? null;
}

function cpuText({ cpu }: EndFigures): string {
  const share = (microseconds: number): string => `${Math.round((100 * microseconds) / Math.max(1, cpu.elapsedMicroseconds))} %`;
  return `${share(cpu.userMicroseconds + cpu.systemMicroseconds)} (${share(cpu.systemMicroseconds)} system)`;
}

/** 79 columns. */
function row(name: string, rate: string, amount: string, resent = "", rtt = "", window = ""): string {
  return `${name.length > NAME ? `${name.slice(0, NAME - 2)}..` : name.padEnd(NAME)}${rate.padStart(10)}${amount.padStart(9)}${resent.padStart(9)}${rtt.padStart(9)}${window.padStart(9)}`.trimEnd();
}

/** Columns of a name. */
const NAME = 33;
