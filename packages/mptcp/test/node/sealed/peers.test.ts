import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { COOKIE, INITIATION, RESPONSE } from "../../../src/node/udp/sealed/messages.ts";
import { ADDRESS, carry, End, KEY, OTHER_KEY } from "./ends.ts";
import type { Clock, EndOptions } from "./ends.ts";

const ZERO = { sessions: 0, plain: 0, foreign: 0, unknown: 0, forged: 0, replayed: 0, challenged: 0, refused: 0, overflowed: 0 };

function ends(a: EndOptions = {}, b: EndOptions = a): { readonly clock: Clock; readonly client: End; readonly server: End } {
  const clock = { now: 1000 };
  return { clock, client: new End(clock, a), server: new End(clock, b) };
}

/** Two ends that have a session, and have used it. */
function joined(a: EndOptions = {}, b: EndOptions = a): ReturnType<typeof ends> {
  const all = ends(a, b);
  all.client.send("hello");
  carry(all.client, all.server);
  all.server.send("welcome");
  carry(all.client, all.server);
  expect(all.client.got).toEqual(["welcome"]);
  expect(all.server.got).toEqual(["hello"]);
  return all;
}

const typeOf = (datagram: Uint8Array | undefined): number => datagram?.[0] ?? -1;

describe("two ends with a key", () => {
  it("agree on a session by one round trip, for which what is to be sent waits", () => {
    const { client, server } = ends();
    client.send("one");
    client.send("two");
    const [initiation, ...rest] = client.take();
    expect([initiation?.length, rest.length]).toEqual([INITIATION.length, 0]);
    expect(server.receive(initiation as Uint8Array)).toBe(0);
    const [response] = server.take();
    expect(response?.length).toBe(RESPONSE.length);
    expect(client.receive(response as Uint8Array)).toBe(0);
    expect(client.sent.map(typeOf)).toEqual([4, 4]);
    carry(client, server);
    expect(server.got).toEqual(["one", "two"]);
    server.send("three");
    expect(server.sent.map(typeOf)).toEqual([4]);
    carry(client, server);
    expect(client.got).toEqual(["three"]);
    expect(client.counters).toEqual({ ...ZERO, sessions: 1 });
    expect(server.counters).toEqual({ ...ZERO, sessions: 1 });
    expect([client.seals.pending, server.seals.pending, client.seals.queued]).toEqual([0, 0, 0]);
  });

  it("show nothing of what they send", () => {
    const { client, server } = joined();
    client.send("a secret of the client's");
    server.send("a secret of the server's");
    carry(client, server);
    const wire = Buffer.concat([...client.all, ...server.all]).toString("latin1");
    for (const word of ["secret", "hello", "welcome"]) expect(wire).not.toContain(word);
  });

  it("begin at both ends at once, and understand each other from then on", () => {
    const { client, server, clock } = ends();
    client.send("ping");
    server.send("pong");
    const [fromClient, fromServer] = [client.take(), server.take()];
    for (const datagram of fromClient) server.receive(datagram);
    for (const datagram of fromServer) client.receive(datagram);
    carry(client, server);
    for (let i = 0; i < 5; i++) {
      client.send(`c${i}`);
      server.send(`s${i}`);
      carry(client, server);
      clock.now += 100;
    }
    expect(server.got).toEqual(["ping", "c0", "c1", "c2", "c3", "c4"]);
    expect(client.got).toEqual(["pong", "s0", "s1", "s2", "s3", "s4"]);
    expect(client.sent).toEqual([]);
    expect(client.counters).toEqual({ ...ZERO, sessions: 2 });
  });

  it("understand nobody with another key, and say so in a counter alone", () => {
    const { client, server } = ends({}, { keys: [OTHER_KEY] });
    client.send("hello");
    carry(client, server);
    server.send("hello");
    carry(client, server);
    expect([client.got, server.got]).toEqual([[], []]);
    expect(server.counters).toEqual({ ...ZERO, foreign: 1 });
    expect(client.counters).toEqual({ ...ZERO, foreign: 1 });
    expect(server.all.map(typeOf)).toEqual([1]);
  });

  it("take nothing in the clear, whatever it looks like, and answer nothing to it", () => {
    const { server } = joined();
    const tcp = new Uint8Array(40);
    tcp[0] = 0x50;
    const before = server.all.length;
    expect(server.receive(tcp)).toBe(-1);
    expect(server.counters.plain).toBe(1);
    expect(server.receive(Uint8Array.of(0))).toBe(-1);
    expect(server.receive(new Uint8Array(0))).toBe(-1);
    expect(server.counters.forged).toBe(2);
    expect(server.all.length).toBe(before);
  });

  it("exchange their key one after the other, where the new one is accepted first", () => {
    const { client, server } = joined({ keys: [OTHER_KEY] }, { keys: [KEY, OTHER_KEY] });
    expect(client.counters.sessions).toBe(1);
    expect(server.counters.foreign).toBe(0);
  });

  it("keep a binding alive by a datagram that holds nothing", () => {
    const { client, server } = joined();
    client.sealed.keepAlive(ADDRESS, client.peerPort);
    const [datagram] = client.sent;
    expect([typeOf(datagram), datagram?.length]).toEqual([4, 32]);
    expect(server.receive(datagram as Uint8Array)).toBe(0);
    // Before there is a session, or after it, by what begins one.
    const late = new End({ now: 0 });
    late.sealed.keepAlive(ADDRESS, 1000);
    expect(late.sent.map(typeOf)).toEqual([1]);
  });
});

describe("a handshake whose messages are lost", () => {
  it("is repeated as segments are sent again: the same three times, ever later, then another", () => {
    const { client, clock } = ends();
    const sent: { readonly at: number; readonly bytes: string }[] = [];
    for (let at = 0; at <= 20_000; at += 250) {
      clock.now = 1000 + at;
      client.send("syn");
      for (const datagram of client.take()) sent.push({ at, bytes: String(datagram) });
    }
    expect(sent.map(({ at }) => at)).toEqual([0, 1000, 3000, 7000, 8000, 10_000, 14_000, 15_000, 17_000]);
    expect(new Set(sent.map(({ bytes }) => bytes)).size).toBe(3);
    // What waits is bounded in number and in time.
    expect(client.seals.queued).toBeLessThanOrEqual(4 * 3);
  });

  it("completes when the initiation was lost, and when the answer was, by which nothing new is made", () => {
    const { client, server, clock } = ends();
    client.send("syn");
    client.take();
    clock.now += 1000;
    client.send("syn");
    for (const datagram of client.take()) server.receive(datagram);
    const [lost] = server.take();
    clock.now += 2000;
    client.send("syn");
    for (const datagram of client.take()) server.receive(datagram);
    expect(server.sent.map(String)).toEqual([String(lost)]);
    carry(client, server);
    expect(server.got).toEqual(["syn"]);
    expect(server.seals.pending).toBe(0);
  });

  it("leaves a session in use as it is until the next one is confirmed", () => {
    const { client, server, clock } = joined();
    clock.now += 121_000;
    client.send("old keys");
    const [initiation, data] = client.take();
    expect([typeOf(initiation), typeOf(data)]).toEqual([1, 4]);
    server.receive(initiation as Uint8Array);
    server.receive(data as Uint8Array);
    server.take();
    server.send("old keys, too");
    carry(client, server);
    expect([server.got.at(-1), client.got.at(-1)]).toEqual(["old keys", "old keys, too"]);
    expect([client.counters.sessions, server.counters.sessions, server.seals.pending]).toEqual([1, 1, 1]);
  });
});

describe("new keys", () => {
  it("come after two minutes of use; what was sealed before still opens, in any order, once", () => {
    const { client, server, clock } = joined();
    const late: Uint8Array[] = [];
    for (let i = 0; i < 3; i++) {
      client.send(`late ${i}`);
      late.push(...client.take());
    }
    clock.now += 121_000;
    client.send("renews");
    carry(client, server);
    expect([client.counters.sessions, server.counters.sessions]).toEqual([2, 2]);
    client.send("new");
    carry(client, server);
    for (const datagram of late.toReversed()) expect(server.receive(datagram)).toBe(6);
    for (const datagram of late) expect(server.receive(datagram)).toBe(-1);
    expect(server.got).toEqual(["hello", "renews", "new", "late 2", "late 1", "late 0"]);
    expect(server.counters.replayed).toBe(3);
    clock.now += 60_000;
    expect(server.receive(late[0] as Uint8Array)).toBe(-1);
  });

  it("come for many rounds while both ends send, whoever of them is silent", () => {
    for (const speakers of [["client"], ["server"], ["client", "server"]]) {
      const { client, server, clock } = joined();
      let sent = 0;
      for (let i = 0; i < 100; i++) {
        clock.now += 10_000;
        for (const who of speakers) (who === "client" ? client : server).send(`${who} ${i}`, false);
        sent += speakers.length;
        carry(client, server);
        client.sealed.sweep();
        server.sealed.sweep();
      }
      expect(client.got.length + server.got.length).toBe(sent + 2);
      expect(client.counters.sessions).toBeGreaterThan(5);
      expect({ ...client.counters, sessions: 0 }).toEqual(ZERO);
      expect({ ...server.counters, sessions: 0 }).toEqual(ZERO);
    }
  });

  it("come after so many datagrams; beyond the limit nothing is sealed by the old ones, and nothing is lost", () => {
    const { client, server } = joined({ limits: { rekeyAfterDatagrams: 5, rejectAfterDatagrams: 8 } });
    // Nothing arrives: the old keys are used up.
    for (let i = 0; i < 12; i++) client.send(`${i}`);
    const datagrams = client.take();
    expect(datagrams.filter((datagram) => typeOf(datagram) === 4).length).toBe(7);
    expect(client.seals.queued).toBeGreaterThan(0);
    for (const datagram of datagrams) server.receive(datagram);
    carry(client, server);
    expect(server.got).toEqual(["hello", ...Array.from({ length: 12 }, (_, i) => `${i}`)]);
    const numbers = client.all.filter((datagram) => typeOf(datagram) === 4).map((datagram) => String(datagram.subarray(4, 16)));
    expect(new Set(numbers).size).toBe(numbers.length);
  });

  it("are needed after three minutes without use; the old ones are forgotten, and the peer a minute later", () => {
    const { client, server, clock } = joined();
    client.send("late", false);
    const [late] = client.take();
    clock.now += 180_000;
    client.sealed.sweep();
    server.sealed.sweep();
    expect(server.receive(late as Uint8Array)).toBe(-1);
    expect(server.counters.unknown).toBe(1);
    server.send("again");
    expect(server.sent.map(typeOf)).toEqual([1]);
    carry(client, server);
    expect(client.got.at(-1)).toBe("again");
  });
});

describe("a peer that begins anew", () => {
  it("is noticed after five seconds without an answer, by who sends what asks for one", () => {
    const { client, server, clock } = joined();
    const restarted = new End(clock);
    let noticed = -1;
    for (let at = 0; at <= 7000 && noticed < 0; at += 500) {
      client.send("data");
      for (const datagram of client.take()) restarted.receive(datagram);
      for (const datagram of restarted.take()) client.receive(datagram);
      if (client.counters.sessions === 2) noticed = at;
      clock.now += 500;
    }
    expect(noticed).toBe(5000);
    client.send("data");
    carry(client, restarted);
    expect(restarted.got).toContain("data");
    expect(server.counters.sessions).toBe(1);
  });

  it("is not looked for where only acknowledgments leave", () => {
    const { client, clock } = joined();
    for (let i = 0; i < 100; i++) {
      clock.now += 1000;
      client.send("ack", false);
    }
    expect(client.take().map(typeOf)).toEqual(Array(100).fill(4));
  });

  it("replaces the session once it has used its own, and not by an initiation alone", () => {
    const { client, server, clock } = joined();
    clock.now += 1000;
    const restarted = new End(clock);
    restarted.send("new life");
    for (const datagram of restarted.take()) server.receive(datagram);
    server.take();
    server.send("to the old one");
    expect(server.sent.map(typeOf)).toEqual([4]);
    carry(client, server);
    expect(client.got.at(-1)).toBe("to the old one");
    clock.now += 1000;
    restarted.send("new life");
    carry(restarted, server);
    expect(server.got.at(-1)).toBe("new life");
    server.send("to the new one");
    carry(restarted, server);
    expect(restarted.got.at(-1)).toBe("to the new one");
  });
});

describe("cookies", () => {
  /** A server that asks for them, and a client that has begun. */
  function asked(): ReturnType<typeof ends> & { readonly initiation: Uint8Array; readonly reply: Uint8Array } {
    const all = ends({}, { limits: { cookiesFrom: 0 } });
    all.client.send("syn");
    const [initiation] = all.client.take() as [Uint8Array];
    expect(all.server.receive(initiation)).toBe(0);
    const [reply] = all.server.take() as [Uint8Array];
    return { ...all, initiation, reply };
  }

  it("are asked for where many sessions wait, at the price of a round trip and of no memory", () => {
    const { client, server, reply, initiation } = asked();
    expect([typeOf(reply), reply.length]).toEqual([3, COOKIE.length]);
    expect(reply.length).toBeLessThan(initiation.length);
    expect([server.seals.pending, server.counters.challenged]).toEqual([0, 1]);
    client.receive(reply);
    const [again] = client.sent as [Uint8Array];
    expect(again.subarray(0, INITIATION.mac2)).toEqual(initiation.subarray(0, INITIATION.mac2));
    carry(client, server);
    expect(server.got).toEqual(["syn"]);
    expect(server.counters).toEqual({ ...ZERO, sessions: 1, challenged: 1 });
  });

  it("are begun with when 256 wait, and only then", () => {
    const { server, clock } = ends();
    for (let i = 0; i < 258; i++) {
      const other = new End(clock);
      other.send("syn");
      for (const datagram of other.take()) server.receive(datagram, 2000 + i);
    }
    expect([server.seals.pending, server.counters.challenged]).toEqual([256, 2]);
  });

  it("are used again for two minutes, and not asked for where there is a session", () => {
    const { client, server, clock, reply } = asked();
    client.receive(reply);
    carry(client, server);
    clock.now += 125_000;
    client.send("new keys");
    carry(client, server);
    expect(server.counters).toEqual({ ...ZERO, sessions: 2, challenged: 1 });
    const lost = asked();
    lost.client.receive(lost.reply);
    lost.client.take();
    for (let i = 0; i < 4; i++) {
      lost.clock.now += 5000;
      lost.client.send("syn");
      if (i < 3) lost.client.take();
    }
    carry(lost.client, lost.server);
    expect(lost.server.counters).toEqual({ ...ZERO, sessions: 1, challenged: 1 });
  });

  it("hold for one address and port, and no longer than four minutes", () => {
    const { client, server, clock, reply } = asked();
    client.receive(reply);
    const [again] = client.take() as [Uint8Array];
    server.receive(again, 2000);
    expect([server.take().map(typeOf), server.seals.pending]).toEqual([[3], 0]);
    for (const [wait, answer] of [[239_999, 2], [1, 3], [119_999, 3]] as const) {
      clock.now += wait;
      server.receive(again);
      expect(server.take().map(typeOf)).toEqual([answer]);
      // The session that the first one made is not what this is about.
      server.sealed.close();
    }
  });

  it("are taken once for an initiation, and only by who made it, unchanged", () => {
    const { client, server, reply } = asked();
    for (let at = 4; at < reply.length; at += 3) {
      const other = reply.slice();
      other[at] = (other[at] as number) ^ 1;
      expect(client.receive(other)).toBe(-1);
    }
    const third = new End({ now: 1000 });
    third.send("syn");
    third.take();
    expect(third.receive(reply)).toBe(-1);
    expect([client.sent, third.sent]).toEqual([[], []]);
    expect(client.receive(reply)).toBe(0);
    expect(client.receive(reply)).toBe(-1);
    expect(client.sent.length).toBe(1);
    carry(client, server);
    expect(server.got).toEqual(["syn"]);
  });

  it("are nothing that a recording has: from addresses of others nothing waits", () => {
    const { client, server, clock } = ends({}, { limits: { cookiesFrom: 5 } });
    for (let i = 0; i < 100; i++) {
      const other = new End(clock);
      other.send("syn");
      for (const datagram of other.take()) server.receive(datagram, 2000 + i);
    }
    expect([server.seals.pending, server.counters.challenged]).toEqual([5, 95]);
    server.take();
    client.send("syn");
    carry(client, server);
    expect(server.got).toEqual(["syn"]);
  });
});

describe("attacks", () => {
  it("datagrams that are sent back to who sent them open nothing, and are answered by nothing", () => {
    const { client, server } = joined();
    client.send("data");
    const before = client.all.length;
    const sessions = client.counters.sessions;
    for (const datagram of client.all.slice()) expect(client.receive(datagram)).toBe(-1);
    expect(client.all.length).toBe(before);
    expect([client.counters.sessions, client.seals.pending, client.got]).toEqual([sessions, 0, ["welcome"]]);
    for (const datagram of server.all.slice()) expect(server.receive(datagram)).toBe(-1);
    // Nor while the handshake is under way.
    const lone = new End({ now: 0 });
    lone.send("syn");
    const [initiation] = lone.take();
    expect(lone.receive(initiation as Uint8Array)).toBe(-1);
    expect([lone.sent, lone.seals.pending, lone.counters.replayed]).toEqual([[], 0, 1]);
  });

  it("all that was ever sent may be sent again, after new keys as well, and nothing comes of it", () => {
    const { client, server, clock } = joined();
    for (let i = 0; i < 4; i++) {
      clock.now += 121_000;
      client.send(`c${i}`);
      carry(client, server);
      server.send(`s${i}`);
      carry(client, server);
    }
    const [toServer, toClient] = [client.all.slice(), server.all.slice()];
    const [fromServer, fromClient] = [server.all.length, client.all.length];
    const got = [...server.got, ...client.got];
    for (const datagram of toServer) expect(server.receive(datagram)).toBe(-1);
    for (const datagram of toClient) expect(client.receive(datagram)).toBe(-1);
    expect([...server.got, ...client.got]).toEqual(got);
    expect([server.all.length, client.all.length]).toEqual([fromServer, fromClient]);
    expect(server.seals.pending).toBe(0);
    client.send("still there");
    carry(client, server);
    expect(server.got.at(-1)).toBe("still there");
  });

  it("a recorded initiation from another address makes a session that nobody can use, and is answered to once", () => {
    const { client, server, clock } = ends();
    client.send("syn");
    const [initiation] = client.take() as [Uint8Array];
    expect(server.receive(initiation, 2000)).toBe(0);
    expect(server.receive(initiation, 3000)).toBe(-1);
    const [response] = server.take() as [Uint8Array];
    expect(response.length).toBeLessThan(initiation.length);
    expect(server.seals.pending).toBe(1);
    clock.now += 10_000;
    server.sealed.sweep();
    expect(server.seals.pending).toBe(0);
  });

  it("a recorded initiation does not keep an attempt that is under way from being repeated", () => {
    const { client, server, clock } = ends();
    client.send("syn");
    client.take();
    clock.now += 900;
    const other = new End(clock);
    other.send("syn");
    for (const datagram of other.take()) client.receive(datagram);
    client.take();
    clock.now += 100;
    client.send("syn");
    expect(client.sent.map(typeOf)).toEqual([1]);
    carry(client, server);
    expect(server.got).toEqual(["syn"]);
  });

  it("a flood of initiations without the key makes no state, and none is answered", () => {
    const { server } = ends();
    for (let i = 0; i < 500; i++) {
      const made = new Uint8Array(INITIATION.length).fill(i & 0xff);
      made.set([1, 0, 0, 0]);
      expect(server.receive(made, 2000 + i)).toBe(-1);
    }
    expect(server.counters).toEqual({ ...ZERO, foreign: 500 });
    expect([server.sent.length, server.seals.pending]).toEqual([0, 0]);
  });

  it("a flood of recorded ones takes the places that there are, for ten seconds, and no session in use", () => {
    const { client, server, clock } = joined({ limits: { pending: 20 } });
    for (let i = 0; i < 60; i++) {
      const other = new End(clock);
      other.send("syn");
      for (const datagram of other.take()) server.receive(datagram, 2000 + i);
    }
    expect([server.seals.pending, server.counters.refused]).toEqual([20, 40]);
    client.send("data");
    server.take();
    carry(client, server);
    expect(server.got.at(-1)).toBe("data");
    clock.now += 10_000;
    server.sealed.sweep();
    const late = new End(clock);
    late.send("syn");
    for (const datagram of late.take()) expect(server.receive(datagram, 5000)).toBe(0);
  });

  it("one address has no more than its share of the places", () => {
    const { server, clock } = ends({}, { limits: { pendingPerAddress: 3 } });
    for (let i = 0; i < 5; i++) {
      const other = new End(clock);
      other.send("syn");
      for (const datagram of other.take()) server.receive(datagram, 2000 + i);
    }
    expect([server.seals.pending, server.counters.refused]).toEqual([3, 2]);
    server.sealed.close();
    expect([server.seals.pending, server.seals.admits(ADDRESS)]).toEqual([0, true]);
  });

  it("an older initiation of the peer's does not take the place of a newer one", () => {
    const { client, server, clock } = ends();
    client.send("syn");
    const [old] = client.take() as [Uint8Array];
    clock.now += 8000;
    const again = new End(clock);
    again.send("syn");
    const [fresh] = again.take() as [Uint8Array];
    server.receive(fresh);
    const [response] = server.take() as [Uint8Array];
    expect(server.receive(old)).toBe(-1);
    again.receive(response);
    carry(again, server);
    expect(server.got).toEqual(["syn"]);
  });

  it("what is changed on the way opens nothing, throws nothing, and leaves the two in step", () => {
    fc.assert(
      fc.property(fc.array(fc.record({ which: fc.nat(2), at: fc.nat(120), to: fc.nat(255), cut: fc.nat(100) }), { maxLength: 30 }), (changes) => {
        const { client, server } = ends();
        client.send("syn");
        const [initiation] = client.take() as [Uint8Array];
        // Its second MAC is looked at where cookies are asked for.
        for (const { at, to, cut } of changes) server.receive(changed(initiation, at % INITIATION.mac2, to, cut));
        expect(server.seals.pending).toBe(0);
        server.receive(initiation);
        const [response] = server.take() as [Uint8Array];
        for (const { at, to, cut } of changes) client.receive(changed(response, at, to, cut));
        expect(client.counters.sessions).toBe(0);
        client.receive(response);
        const [data] = client.take() as [Uint8Array];
        for (const { at, to, cut } of changes) server.receive(changed(data, at, to, cut));
        expect(server.got).toEqual([]);
        server.receive(data);
        expect(server.got).toEqual(["syn"]);
      }),
      { numRuns: 60 },
    );
  });

  it("whatever arrives in whatever state throws nothing and delivers nothing", () => {
    const { client, server, clock } = joined();
    const recorded = [...client.all, ...server.all];
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 120 }),
      fc.tuple(fc.constantFrom(1, 2, 3, 4), fc.uint8Array({ minLength: 66, maxLength: 102 })).map(([type, rest]) => Uint8Array.of(type, 0, 0, 0, ...rest)),
      fc.constantFrom(...recorded),
    );
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 20 }), fc.nat(300_000), (datagrams, wait) => {
        const got = server.got.length;
        for (const datagram of datagrams) {
          server.receive(datagram);
          client.receive(datagram);
        }
        expect(server.got.length).toBe(got);
        clock.now += wait;
        client.sealed.sweep();
        server.sealed.sweep();
        client.take();
        server.take();
      }),
      { numRuns: 200 },
    );
    clock.now += 20_000;
    client.send("still there");
    carry(client, server);
    expect(server.got.at(-1)).toBe("still there");
  });
});

/** Changes one octet to another value, or cuts something off: never the same as before. */
function changed(datagram: Uint8Array, at: number, to: number, cut: number): Uint8Array {
  const copy = datagram.slice(0, cut < 20 ? Math.max(0, datagram.length - 1 - cut) : datagram.length);
  const i = at % Math.max(1, copy.length);
  if (copy.length === datagram.length) copy[i] = to === copy[i] ? to ^ 1 : to;
  return copy;
}
