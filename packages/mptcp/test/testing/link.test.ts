import { describe, expect, test } from "vitest";
import { MILLISECOND, NEVER, SECOND } from "../../src/core/index.ts";
import { Pipe, queueDisciplines } from "../../src/sim/index.ts";
import type { Egress, EgressListener, PipeOptions } from "../../src/sim/index.ts";
import { checkLink } from "../../src/testing/index.ts";
import type { LinkClaims, LinkEnvironment, LinkFactory } from "../../src/testing/index.ts";
import type { Packet } from "../../src/wire/index.ts";

function pipe(options: PipeOptions): LinkFactory<Pipe> {
  return (name, { simulation, target, port }) => {
    const made = new Pipe(simulation.queue, name, options, simulation.seed, simulation.observer);
    made.connect(target, port);
    return made;
  };
}

const BASE: PipeOptions = { rate: 10e6, delay: 10 * MILLISECOND, queue: { packets: 30 } };
const CHANGES: LinkClaims<Pipe>["changes"] = [
  (link, now) => link.down(now),
  (link, now) => link.down(now, true),
  (link, now) => link.change({ rate: 100e6 }, now),
  (link, now) => link.change({ delay: 0, jitter: MILLISECOND }, now),
];

/** Values of each option of our links, and what is claimed beside rate and delay. An option that is new does not compile until it is here. */
const KINDS: { readonly [K in keyof Required<PipeOptions>]: readonly (readonly [PipeOptions[K], LinkClaims<Pipe>?])[] } = {
  rate: [[Number.POSITIVE_INFINITY], [256e3], [7777777]],
  delay: [[0], [300 * MILLISECOND]],
  queue: [[{ packets: 2 }], [{ bytes: 20_000 }]],
  loss: [[0.02], [{ p: 0.01, r: 0.3 }]],
  jitter: [[30 * MILLISECOND]],
  reorder: [[true, { reorders: true }]],
  detour: [[{ probability: 0.05, extraDelay: 20 * MILLISECOND }, { reorders: true }]],
  duplicate: [[0.05, { repeats: true }]],
  mtu: [[600], [9000]],
  segmentation: [[true]],
  ecnThreshold: [[5]],
  discipline: Object.values(queueDisciplines).map((kind): readonly [PipeOptions["discipline"]] => [kind()]),
};

describe("our links conform", () => {
  const kinds = Object.entries(KINDS).flatMap(([name, values]) => values.map(([value, claims]) => [name, value, claims] as const));
  test.each(kinds)("%s: %j", (name, value, claims) => {
    const options: PipeOptions = { ...BASE, [name]: value };
    expect(checkLink(pipe(options), { rate: options.rate!, delay: options.delay!, changes: CHANGES, ...claims })).toEqual([]);
  });

  test("all at once", () => {
    const options: PipeOptions = { ...BASE, loss: 0.01, jitter: 5 * MILLISECOND, reorder: true, detour: { probability: 0.01, extraDelay: 9 * MILLISECOND }, duplicate: 0.02 };
    expect(checkLink(pipe(options), { rate: 10e6, delay: 10 * MILLISECOND, reorders: true, repeats: true, changes: CHANGES })).toEqual([]);
  });
});

/** A link of 8 Mb/s and 5 ms that keeps the contract, and is easily broken. */
class Simple implements Egress {
  readonly name: string;
  readonly mtu: number = 1500;
  readonly maxPacket: number = 1500;
  listener: EgressListener | null = null;
  readonly environment: LinkEnvironment;
  protected freeAt = 0;

  constructor(name: string, environment: LinkEnvironment) {
    this.name = name;
    this.environment = environment;
  }

  send(packet: Packet, now: number): void {
    if (packet.length > this.maxPacket) return this.lose(packet, now);
    if (this.freeAt - now > 50 * MILLISECOND) return this.lose(packet, now);
    this.freeAt = Math.max(this.freeAt, now) + packet.length * 1000;
    this.arrive(packet, this.freeAt + 5 * MILLISECOND);
  }

  roomAt(packets: number, now: number): number {
    return Math.max(now, this.freeAt - packets * MILLISECOND);
  }

  protected arrive(packet: Packet, at: number): void {
    const { simulation, target, port } = this.environment;
    simulation.at(at, (now) => target.receive(packet, port, now));
  }

  protected lose(packet: Packet, at: number): void {
    this.environment.simulation.observer?.event({ kind: "packet_lost", at, host: this.name, connection: -1, subflow: -1, cause: packet.length > this.maxPacket ? "mtu" : "queue", length: packet.length });
  }
}

function broken(change: (name: string, environment: LinkEnvironment) => Egress, claims: LinkClaims = {}): string[] {
  return [...new Set(checkLink(change, { rate: 8e6, delay: 5 * MILLISECOND, ...claims }).map((found) => found.case))];
}

describe("a link is found out that", () => {
  test("does nothing wrong: there is nothing to find", () => {
    expect(checkLink((name, environment) => new Simple(name, environment), { rate: 8e6, delay: 5 * MILLISECOND })).toEqual([]);
  });

  test("loses packets without a word, or tells of losses that were none", () => {
    class Silent extends Simple {
      private count = 0;
      protected override arrive(packet: Packet, at: number): void {
        if (++this.count % 20 > 0) super.arrive(packet, at);
      }
    }
    const [found] = checkLink((name, environment) => new Silent(name, environment));
    expect(found?.case).toBe("loss");
    expect(found?.problem).toBe("of 300 packets 15 did not arrive, beside 0 of which it said that they were lost");
    expect(found?.contract).toMatch(/observer hears of a `packet_lost`/);
    expect(found?.advice).toMatch(/Emit `packet_lost`/);
    class Wailing extends Simple {
      override send(packet: Packet, now: number): void {
        this.lose(packet, now);
        super.send(packet, now);
      }
    }
    expect(broken((name, environment) => new Wailing(name, environment))).toContain("loss");
  });

  test("reorders or repeats without claiming it", () => {
    class Hasty extends Simple {
      private count = 0;
      protected override arrive(packet: Packet, at: number): void {
        super.arrive(packet, ++this.count % 10 === 0 ? at + 3 * MILLISECOND : at);
      }
    }
    const hasty = (name: string, environment: LinkEnvironment): Egress => new Hasty(name, environment);
    expect(broken(hasty)).toEqual(["order"]);
    expect(broken(hasty, { reorders: true })).toEqual([]);
    class Twice extends Simple {
      protected override arrive(packet: Packet, at: number): void {
        super.arrive(packet, at);
        super.arrive(packet.clone(), at);
      }
    }
    const twice = (name: string, environment: LinkEnvironment): Egress => new Twice(name, environment);
    expect(broken(twice)).toEqual(["copies"]);
    expect(broken(twice, { repeats: true })).toEqual([]);
    class Same extends Simple {
      protected override arrive(packet: Packet, at: number): void {
        super.arrive(packet, at);
        super.arrive(packet, at);
      }
    }
    expect(broken((name, environment) => new Same(name, environment), { repeats: true })).toContain("copies");
  });

  test("changes packets, or takes those that are too large", () => {
    class Meddling extends Simple {
      override send(packet: Packet, now: number): void {
        packet.hopLimit--;
        super.send(packet, now);
      }
    }
    expect(broken((name, environment) => new Meddling(name, environment))).toContain("content");
    class Wide extends Simple {
      override send(packet: Packet, now: number): void {
        this.arrive(packet, now + 5 * MILLISECOND);
      }
    }
    expect(broken((name, environment) => new Wide(name, environment))).toEqual(expect.arrayContaining(["too large", "rate"]));
  });

  test("is faster or slower than it claims, too early, or delivers while it is given", () => {
    const simple = (name: string, environment: LinkEnvironment): Egress => new Simple(name, environment);
    expect(broken(simple, { rate: 4e6 })).toEqual(["rate"]);
    expect(broken(simple, { rate: 16e6 })).toEqual(["rate"]);
    expect(broken(simple, { delay: 6 * MILLISECOND, rate: 7.9e6 })).toContain("time");
    class Direct extends Simple {
      protected override arrive(packet: Packet): void {
        const { simulation, target, port } = this.environment;
        target.receive(packet, port, simulation.now);
      }
    }
    expect(broken((name, environment) => new Direct(name, environment), { delay: 0, rate: Number.POSITIVE_INFINITY })).toContain("inside send");
  });

  test("is wrong about room", () => {
    class Deaf extends Simple {
      override roomAt(_packets: number, now: number): number {
        return now;
      }
    }
    expect(broken((name, environment) => new Deaf(name, environment))).toContain("room");
    class Never extends Simple {
      override roomAt(packets: number, now: number): number {
        return this.freeAt > now + 2 * MILLISECOND ? NEVER : super.roomAt(packets, now);
      }
    }
    expect(broken((name, environment) => new Never(name, environment))).toContain("room");
    class Past extends Simple {
      override roomAt(packets: number): number {
        return this.freeAt - packets * MILLISECOND;
      }
    }
    expect(broken((name, environment) => new Past(name, environment))).toContain("room");
    class Sleepy extends Simple {
      speedUp(now: number): void {
        this.freeAt = now;
      }
    }
    expect(checkLink((name, environment) => new Sleepy(name, environment), { changes: [(link, now) => link.speedUp(now)] }).map((found) => found.case)).toEqual(["wake"]);
  });

  test("is not the same again, by state in the module or by draws that others take", () => {
    let shared = 0;
    class Moody extends Simple {
      protected override arrive(packet: Packet, at: number): void {
        super.arrive(packet, at + (shared++ % 7 === 0 ? 1 : 0));
      }
    }
    expect(broken((name, environment) => new Moody(name, environment))).toEqual(["the same again"]);
  });

  test("keeps what it does not need, or never rests", () => {
    class Hoarder extends Simple {
      readonly seen: Packet[] = [];
      override send(packet: Packet, now: number): void {
        this.seen.push(packet);
        super.send(packet, now);
      }
    }
    expect(broken((name, environment) => new Hoarder(name, environment))).toEqual(["memory"]);
    class Restless extends Simple {
      constructor(name: string, environment: LinkEnvironment) {
        super(name, environment);
        const tick = (now: number): void => void environment.simulation.at(now + SECOND, tick);
        tick(0);
      }
    }
    expect(broken((name, environment) => new Restless(name, environment))).toEqual(["idle"]);
  });

  test("kills connections, throws, or has no sensible limits", () => {
    const sieve = pipe({ ...BASE, loss: 0.9 });
    expect(checkLink(sieve).map((found) => found.case)).toEqual(["connection", "connection", "connection"]);
    expect(checkLink(sieve, { connections: false })).toEqual([]);
    class Fragile extends Simple {
      override send(packet: Packet, now: number): void {
        if (packet.length < 500) throw new Error("too small");
        super.send(packet, now);
      }
    }
    expect(broken((name, environment) => new Fragile(name, environment))).toContain("throws");
    class Narrow extends Simple {
      override readonly maxPacket = 100;
    }
    expect(broken((name, environment) => new Narrow(name, environment))).toContain("limits");
  });
});
