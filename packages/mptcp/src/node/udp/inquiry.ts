import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";
import type { IpAddress } from "../../wire/index.ts";
import type { UdpPort } from "./port.ts";

/** What came of an inquiry: "forged" when there were errors about what was never sent. */
export type InquiryOutcome = "closed" | "forged" | "unanswered";

/** Begins to ask whether anybody has `remotePort` open. @returns how to give that up */
export type Inquirer = (port: UdpPort, remote: IpAddress, remotePort: number, onOver: (outcome: InquiryOutcome) => void) => () => void;

/**
 * Asks whether anybody has a peer's UDP port open where errors come without what the datagram carried: the system keeps it to itself, or the peer's quotes eight
 * octets (RFC 792).
 *
 * Some sockets at ports that the system picks are connected to the peer, and questions leave from a few of these, one after the other, in an order that is drawn. Who sends
 * errors without having seen the questions has to guess the ports. One who tries all of them sooner hits one from which nothing has been sent yet, and that shows that the errors are made up:
 * of 3,360 such tries one succeeds. Questions are repeated, since systems send few errors (RFC 1812 §4.3.2.8).
 */
export class Inquiry {
  private readonly port: UdpPort;
  private readonly remote: IpAddress;
  private readonly remotePort: number;
  private readonly onOver: (outcome: InquiryOutcome) => void;
  /** Those that are open; the first ones ask. */
  private readonly sockets: Socket[] = [];
  private answers = 0;
  private isOver = false;
  private repeat: NodeJS.Timeout | null = null;
  private end: NodeJS.Timeout | null = null;

  constructor(port: UdpPort, remote: IpAddress, remotePort: number, onOver: (outcome: InquiryOutcome) => void) {
    this.port = port;
    this.remote = remote;
    this.remotePort = remotePort;
    this.onOver = onOver;
  }

  /** `onOver` is called later, never from here. */
  begin(): void {
    while (this.sockets.length < PORTS) if (!this.open()) break;
    // A system may give out ports in an order that can be foreseen.
    for (let i = this.sockets.length - 1; i > 0; i--) this.swap(i, randomInt(i + 1));
    this.end = setTimeout(() => this.finish("unanswered"), this.sockets.length < PORTS ? 0 : PATIENCE).unref();
    if (this.sockets.length === PORTS) this.ask();
  }

  close(): void {
    this.isOver = true;
    for (const timer of [this.repeat, this.end]) if (timer !== null) clearTimeout(timer);
    for (const socket of this.sockets.splice(0)) shut(socket);
  }

  /** @returns false where the system has no socket for it, or no way to the peer */
  private open(): boolean {
    if (this.remotePort === 0) return false;
    const socket = createSocket({ type: this.remote.family === 4 ? "udp4" : "udp6", lookup: asIs });
    let isFailed = false;
    socket.on("error", ({ code }: NodeJS.ErrnoException) => {
      isFailed = true;
      if (code === "ECONNREFUSED") this.onRefused(socket);
    });
    // Nothing is to be looked up, so that both are done on return.
    socket.bind({ address: this.port.localText, exclusive: true });
    if (!isFailed) {
      socket.unref();
      socket.connect(this.remotePort, String(this.remote));
      if (isConnected(socket)) {
        this.sockets.push(socket);
        return true;
      }
    }
    shut(socket);
    return false;
  }

  private swap(one: number, other: number): void {
    const { sockets } = this;
    [sockets[one], sockets[other]] = [sockets[other] as Socket, sockets[one] as Socket];
  }

  private readonly ask = (): void => {
    const [asking] = this.sockets;
    if (this.isOver || asking === undefined) return;
    this.port.question(this.remote, this.remotePort, (octets) =>
      asking.send(octets, (error: NodeJS.ErrnoException | null) => {
        // What came for the question before may stand in the way of this one.
        if (error?.code === "ECONNREFUSED") this.onRefused(asking);
      }),
    );
    this.repeat = setTimeout(this.ask, INTERVAL).unref();
  };

  private onRefused(socket: Socket): void {
    const at = this.sockets.indexOf(socket);
    if (this.isOver || at < 0) return;
    if (at > 0) {
      this.finish("forged");
      return;
    }
    if (this.repeat !== null) clearTimeout(this.repeat);
    shut(this.sockets.shift() as Socket);
    if (++this.answers === QUESTIONS) this.finish("closed");
    else this.ask();
  }

  private finish(outcome: InquiryOutcome): void {
    if (this.isOver) return;
    this.close();
    this.onOver(outcome);
  }
}

/** Asks by sockets of node:dgram. */
export const inquire: Inquirer = (port, remote, remotePort, onOver) => {
  const inquiry = new Inquiry(port, remote, remotePort, onOver);
  inquiry.begin();
  return () => inquiry.close();
};

/** Whether the system knows the one peer of a socket: where there is no route to it, it does not. */
export function isConnected(socket: Socket): boolean {
  try {
    socket.remoteAddress();
    return true;
  } catch {
    return false;
  }
}

function shut(socket: Socket): void {
  // Errors that are on their way to be told are nobody's any more.
  socket.removeAllListeners("error").on("error", () => {});
  socket.close();
}

type Lookup = NonNullable<Parameters<typeof createSocket>[0] extends infer Options ? (Options extends { lookup?: infer L } ? L : never) : never>;

/** Addresses are not looked up. */
export const asIs: Lookup = (hostname, options, callback) => {
  callback(null, hostname, Number(options) === 6 ? 6 : 4);
};

/** Sockets, and how many of them ask. */
const PORTS = 16;
const QUESTIONS = 3;
/** ms until a question is repeated, and until nobody is waited for any more. */
const INTERVAL = 300;
const PATIENCE = 2900;
