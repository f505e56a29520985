import { tunLink } from "mptcp/node";
import type { LinkDriver } from "mptcp/node";
import { IpAddress } from "mptcp/wire";
import type { Packet } from "mptcp/wire";
import type { StudyHalf } from "@mptcp/testbed/study";
import type { TunOption } from "../link-options.ts";

/** A device for a half of the probe, whose packets cross as they are: nothing is left to the kernel. @throws MptcpError with the remedy when the machine does not let us */
export function openDevice({ name, host, kernel, mtu }: TunOption): Promise<LinkDriver> {
  return tunLink({ name, host, offload: false, ...(kernel === null ? {} : { kernel }), ...(mtu === null ? {} : { mtu }) });
}

/** Runs half of the probe over a real link, by the machine's clock. */
export class RealHalf {
  private readonly link: LinkDriver;
  private readonly half: StudyHalf;
  private readonly moved: () => void;
  private readonly broken: (error: Error) => void;
  private readonly start = process.hrtime.bigint();
  private timer: NodeJS.Timeout | undefined;
  /** What the device had no room for. */
  private waiting: Packet | null = null;

  /** @param moved is called whenever something has happened @param broken when the link broke for good */
  constructor(link: LinkDriver, half: StudyHalf, moved: () => void, broken: (error: Error) => void) {
    this.link = link;
    this.half = half;
    this.moved = moved;
    this.broken = broken;
  }

  /** ns since this was made. */
  get now(): number {
    return Number(process.hrtime.bigint() - this.start);
  }

  begin(): void {
    this.link.start({
      connections: { phaseOf: () => null, opened: () => [], portClosed: () => {} },
      receive: (packet) => this.half.receive(packet, this.now),
      batchEnd: () => this.work(),
      room: () => this.work(),
      failed: (error) => this.broken(error),
    });
    this.link.ref();
    this.work();
  }

  /** Sends what there is, and sees to it that the half is woken in time. */
  work(): void {
    const { half, link } = this;
    for (let packet = this.waiting ?? half.pollTransmit(); packet !== null; packet = half.pollTransmit()) {
      this.waiting = null;
      if (link.send(packet)) continue;
      this.waiting = packet;
      break;
    }
    link.flush();
    clearTimeout(this.timer);
    const wait = (half.nextTimeout() - this.now) / 1e6;
    this.timer = wait < LONGEST_TIMER ? setTimeout(() => this.wake(), Math.max(0, wait)) : undefined;
    this.moved();
  }

  async close(): Promise<void> {
    clearTimeout(this.timer);
    await this.link.close();
  }

  private wake(): void {
    this.half.handleTimeout(this.now);
    this.work();
  }
}

/** Whether two addresses can speak with each other. */
export const isSameFamily = (a: string, b: string): boolean => IpAddress.from(a).family === IpAddress.from(b).family;

/** ms; later deadlines are NEVER, or as good. */
const LONGEST_TIMER = 2 ** 31 - 1;
