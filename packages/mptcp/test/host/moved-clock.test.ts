import { expect, it } from "vitest";
import { MILLISECOND, SECOND, seededSources } from "../../src/core/index.ts";
import { Host } from "../../src/host/index.ts";
import { MptcpConnection } from "../../src/mptcp/index.ts";
import type { StreamConnection } from "../../src/tcp/index.ts";
import { encodePacket, IpAddress, packetLength, Payload } from "../../src/wire/index.ts";
import type { Packet } from "../../src/wire/index.ts";
import { throughJson } from "./moving.ts";

/** Two hosts, a link of 10 ms between their addresses that loses every 40th packet, and a clock for each. */
class TwoClocks {
  now = SECOND;
  readonly sent: string[] = [];
  received = 0;
  private client = this.host("client", CLIENTS);
  private readonly server = this.host("server", SERVERS);
  private connection: StreamConnection;
  private accepted: StreamConnection | null = null;
  /** By how much the client's clock is ahead, ns. */
  private ahead = 0;
  private written = 0;
  private count = 0;
  private readonly flying: { readonly at: number; readonly to: "client" | "server"; readonly link: number; readonly packet: Packet }[] = [];

  constructor() {
    const listener = this.server.listen(80);
    this.connection = this.client.connect(SERVERS[0]!, 80, {}, this.now);
    this.accept = (): void => void (this.accepted ??= listener.accept());
  }

  private readonly accept: () => void;

  private host(name: string, addresses: readonly IpAddress[], now = SECOND): Host {
    const host = new Host({ name, random: seededSources(5, [name]) });
    addresses.forEach((address, link) => host.addAddress(address, { link }, now));
    return host;
  }

  /** Goes on in a host of another process, whose clock shows `ahead` more. */
  move(ahead: number): void {
    const snapshot = throughJson(this.connection.snapshot(this.now));
    this.client = this.host("client", CLIENTS, this.now + ahead);
    this.ahead = ahead;
    this.connection = this.client.restore(snapshot, {}, this.now + ahead);
    expect(this.connection).toBeInstanceOf(MptcpConnection);
  }

  run(until: number): void {
    for (;;) {
      this.drive();
      const next = Math.min(this.flying[0]?.at ?? Number.POSITIVE_INFINITY, Math.ceil(this.client.nextTimeout() - this.ahead), Math.ceil(this.server.nextTimeout()));
      if (next > until) return;
      this.now = Math.max(this.now, next);
      while (this.flying.length > 0 && this.flying[0]!.at <= this.now) {
        const { link, packet, to } = this.flying.shift()!;
        if (to === "client") this.client.receive(packet, link, this.now + this.ahead);
        else this.server.receive(packet, link, this.now);
      }
      if (this.client.nextTimeout() <= this.now + this.ahead) this.client.handleTimeout(this.now + this.ahead);
      if (this.server.nextTimeout() <= this.now) this.server.handleTimeout(this.now);
    }
  }

  private drive(): void {
    this.act();
    for (let isBusy = true; isBusy; ) {
      isBusy = this.transmit(this.client, "server", this.ahead) || this.transmit(this.server, "client", 0);
      while (this.client.pollEvent() !== null || this.server.pollEvent() !== null) isBusy = true;
      this.act();
    }
  }

  private act(): void {
    this.connection.takeEvents();
    this.accept();
    if (this.written < LENGTH) this.written += this.connection.write(Payload.virtual(Math.min(50_000, LENGTH - this.written)), true, this.now + this.ahead);
    for (let read = this.accepted?.read(1e6, this.now) ?? null; read !== null; read = this.accepted?.read(1e6, this.now) ?? null) this.received += read.length;
    this.accepted?.takeEvents();
  }

  private transmit(from: Host, to: "client" | "server", ahead: number): boolean {
    let isAny = false;
    for (const link of [0, 1]) {
      for (let packet = from.pollTransmit(link, this.now + ahead); packet !== null; packet = from.pollTransmit(link, this.now + ahead)) {
        isAny = true;
        const bytes = new Uint8Array(packetLength(packet));
        encodePacket(packet, bytes, 0);
        this.sent.push(`${this.now} ${to} ${link} ${Buffer.from(bytes).toString("hex").slice(0, 200)}`);
        if (++this.count % 40 !== 0) this.flying.push({ at: this.now + (10 + 5 * link) * MILLISECOND, to, link, packet });
      }
    }
    this.flying.sort((a, b) => a.at - b.at);
    return isAny;
  }
}

const LENGTH = 600_000;
const CLIENTS = ["10.0.0.1", "10.0.1.1"].map((text) => IpAddress.from(text));
const SERVERS = ["10.0.0.2", "10.0.1.2"].map((text) => IpAddress.from(text));

it("a connection restored where the clock shows another time sends what it would have sent, timestamps included", () => {
  const whole = new TwoClocks();
  whole.run(30 * SECOND);
  expect(whole.received).toBe(LENGTH);
  // Once the subflows are there: what is opened later begins with the timestamps of the clock there.
  for (const [at, ahead] of [[1005, 0], [1040, 0], [1120, 86_400 * SECOND], [1200, 86_400 * SECOND]] as const) {
    const moved = new TwoClocks();
    moved.run(at * MILLISECOND);
    moved.move(ahead);
    moved.run(30 * SECOND);
    expect(moved.received).toBe(LENGTH);
    expect(moved.sent).toEqual(whole.sent);
  }
});
