import type { StreamConnection } from "../tcp/index.ts";
import type { Packet } from "../wire/index.ts";
import type { Host } from "./host.ts";
import type { Listener } from "./listener.ts";

/** What a driver does for the {@link Pump} of its host. */
export interface PumpDriver {
  /** The numbers of the links, in the order in which they are asked for what they take. */
  readonly order: readonly number[];
  /** The time, ns. Asked once per round. */
  time(): number;
  /** Whether a link takes one more packet now. A link without room is asked again when the driver pumps next. */
  hasRoom(link: number, now: number): boolean;
  /** Takes a packet for a link that has room. */
  send(link: number, packet: Packet, now: number): void;
  /** Something happened to a connection or a listener: see {@link Host.pollEvent}. May command connections. */
  dispatch(ready: StreamConnection | Listener, now: number): void;
}

/**
 * The drain loop of a {@link Host}, the same for every driver: everything that can be done now is done. It transmits, tells what happened, and
 * goes round again, until nothing moves.
 *
 * A driver pumps after each packet that it gave to `host.receive`, after `host.handleTimeout` and after commands from outside, and then sleeps
 * until `host.nextTimeout()`.
 */
export class Pump {
  private readonly host: Host;
  private readonly driver: PumpDriver;
  private isRunning = false;

  constructor(host: Host, driver: PumpDriver) {
    this.host = host;
    this.driver = driver;
  }

  /** Whether the loop is at work: a command from within needs no pumping of its own. */
  get running(): boolean {
    return this.isRunning;
  }

  /** Does all that can be done now; nothing when it is at work already. What the driver throws passes through. */
  run(): void {
    if (this.isRunning) return;
    this.isRunning = true;
    const { driver, host } = this;
    try {
      for (;;) {
        const now = driver.time();
        this.transmit(now);
        let ready = host.pollEvent();
        if (ready === null) break;
        for (; ready !== null; ready = host.pollEvent()) driver.dispatch(ready, now);
      }
    } finally {
      this.isRunning = false;
    }
  }

  /**
   * Sends what can be sent now, and tells nobody anything. What one link takes, or a scheduler's veto on it, may give another link something to send: goes round until no link has
   * anything. A second round in which all that is offered is vetoed ends it: a scheduler that sends nothing has its reasons.
   */
  transmit(now: number): void {
    const { driver, host } = this;
    for (let quiet = 0; quiet < 2; quiet++) {
      let isAsked = false;
      const { order } = driver;
      for (let i = 0; i < order.length; i++) {
        const link = order[i] as number;
        if (!host.hasOutput(link)) continue;
        while (driver.hasRoom(link, now)) {
          isAsked = true;
          const packet = host.pollTransmit(link, now);
          if (packet === null) break;
          driver.send(link, packet, now);
          quiet = -1;
        }
      }
      if (!isAsked) return;
    }
  }
}
