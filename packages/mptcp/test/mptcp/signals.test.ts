import { describe, expect, test } from "vitest";
import type { MptcpOption, Packet } from "../../src/wire/index.ts";
import { Dss, packetLength, Payload } from "../../src/wire/index.ts";
import type { App, PairOptions, Sent, Side } from "./pair.ts";
import { isReset, isSyn, Pair } from "./pair.ts";
import { versionX } from "./version-x.ts";

/** A connection that has exchanged a byte, so that both sides may announce and join. */
function establish(options: PairOptions): { pair: Pair; client: App; server: App } {
  const pair = new Pair(options);
  const { client, server } = pair.establish();
  client.write(1);
  pair.run(500);
  return { pair, client, server };
}

/** A segment as the client would send it on its path now, with `options` besides, at `shift` octets from where it stands. */
function forged(pair: Pair, path: number, options: readonly MptcpOption[], shift = 0): Packet {
  const isPlain = (sent: Sent): boolean => sent.from === "client" && sent.client === path && !isSyn(sent) && !isReset(sent);
  const last = pair.packets(isPlain).at(-1) as Sent;
  const packet = last.packet.clone();
  const segment = packet.tcp as NonNullable<Packet["tcp"]>;
  segment.sequence = (segment.sequence + segment.payload.length + shift) >>> 0;
  segment.payload = Payload.of(new Uint8Array(0));
  segment.sackBlocks = [];
  segment.mptcp = [...options];
  packet.length = packetLength(packet);
  return packet;
}

/** The same, as a copy of octets that the client sent before. */
function repeated(pair: Pair, options: readonly MptcpOption[]): Packet {
  const packet = forged(pair, 0, options, -1);
  (packet.tcp as NonNullable<Packet["tcp"]>).payload = Payload.of(new Uint8Array(1));
  packet.length = packetLength(packet);
  return packet;
}

function backups(app: App): boolean[] {
  return app.engine.subflows.map((subflow) => subflow.peerBackup);
}

const counted = (pair: Pair, side: Side, name: string): number => pair.hosts[side].counters.value(name);

describe("MP_PRIO concerns the subflow that it came on alone (RFC 8684 §3.3.8, §5)", () => {
  test("one that names an address, as version 0 had it, is ignored and counted", () => {
    const { pair, server } = establish({ clientAddresses: 2 });
    pair.inject("server", forged(pair, 1, [{ kind: "mp_prio", backup: true, addressId: 0 }]));
    pair.inject("server", forged(pair, 1, [{ kind: "mp_prio", backup: true, addressId: 2 }]));
    expect([backups(server), counted(pair, "server", "PriorityForeignForm"), pair.counter("server", "MPPrioRx")]).toEqual([[false, false], 2, 0]);
    pair.inject("server", forged(pair, 1, [{ kind: "mp_prio", backup: true, addressId: -1 }]));
    expect([backups(server), pair.counter("server", "MPPrioRx")]).toEqual([[false, true], 1]);
  });

  test("a version that has such a form obeys it", () => {
    const mptcp = { versions: [versionX] };
    const { pair, server } = establish({ clientAddresses: 2, client: { mptcp }, server: { mptcp } });
    pair.inject("server", forged(pair, 1, [{ kind: "mp_prio", backup: true, addressId: 0 }]));
    expect(backups(server)).toEqual([true, false]);
  });
});

describe("a segment that is wholly old signals nothing (RFC 8684 §3, §3.4.1, §3.4.2)", () => {
  const old = (pair: Pair, options: readonly MptcpOption[]): readonly Packet[] => [repeated(pair, options), forged(pair, 0, options, -1)];

  test("neither MP_PRIO, MP_FASTCLOSE, REMOVE_ADDR, ADD_ADDR nor MP_FAIL, with data or without", () => {
    const { pair, client, server } = establish({ clientAddresses: 2 });
    const { session } = client.mptcp;
    const { localSpace } = session;
    const signals: readonly MptcpOption[] = [
      { kind: "mp_prio", backup: true, addressId: -1 },
      { kind: "mp_fastclose", receiverKey: session.remote.key },
      { kind: "remove_addr", addressIds: [2] },
      session.version.addAddress(session.keysOut, { addressId: 9, address: pair.address("server", 0), port: 99 }),
      { kind: "mp_fail", dsnHigh: localSpace.high(1), dsnLow: localSpace.low(1) },
    ];
    const before = server.mptcp.addresses.remote.map((entry) => entry.id);
    for (const signal of signals) for (const packet of old(pair, [signal])) pair.inject("server", packet);
    pair.run(100);
    expect([server.connection.closed, server.established, backups(server), server.connection.fallback]).toEqual([false, [1, 2], [false, false], null]);
    expect(server.mptcp.addresses.remote.map((entry) => entry.id)).toEqual(before);
    expect(counted(pair, "server", "SignalsOnOldSegments")).toBeGreaterThanOrEqual(signals.length);
    // In its place each of them counts.
    pair.inject("server", forged(pair, 0, [signals[0] as MptcpOption]));
    pair.inject("server", forged(pair, 0, [signals[1] as MptcpOption]));
    expect([backups(server)[0] ?? "closed", server.connection.closed]).toEqual(["closed", true]);
  });

  test("its Data ACK counts all the same", () => {
    const { pair, client, server } = establish({});
    pair.lose((sent) => sent.from === "client" && sent.segment.mptcp.some((one) => one.kind === "dss"));
    server.write(500);
    pair.run(30);
    expect(server.drained).toBe(false);
    const dss = new Dss();
    dss.dataAckLength = 4;
    dss.dataAckLow = client.mptcp.session.remoteSpace.low(500);
    pair.inject("server", repeated(pair, [dss]));
    expect(server.engine.sender.una).toBe(500);
  });
});

test("a probe, which the peer answers unread, carries no signal: it goes on an ACK of its own", () => {
  const { pair, client, server } = establish({ clientAddresses: 2 });
  client.mptcp.setBackup(1, true, pair.now);
  client.engine.subflows[0]?.sendProbe(pair.now);
  pair.run(100);
  expect(backups(server)).toEqual([true, false]);
});

describe("an MP_PRIO that got lost is said again when data still comes on the backup", () => {
  /** The client makes its second path a backup; the first `lost` of its MP_PRIOs are lost. */
  function demote(lost: number): { pair: Pair; client: App; server: App; said: () => number } {
    const { pair, client, server } = establish({ clientAddresses: 2 });
    const isPriority = (sent: Sent): boolean => sent.segment.mptcp.some((one) => one.kind === "mp_prio");
    pair.lose(isPriority, lost);
    client.mptcp.setBackup(2, true, pair.now);
    pair.run(500);
    return { pair, client, server, said: () => pair.packets(isPriority).length };
  }

  test("until the peer heard", () => {
    const { pair, client, server, said } = demote(1);
    for (let n = 0; n < 20; n++) {
      server.write(100_000);
      pair.run(500);
    }
    expect([client.received, said(), backups(server)]).toEqual([2_000_000, 2, [false, true]]);
  });

  test("three times at the most, and not at all when it heard at once", () => {
    for (const [lost, expected] of [[0, 1], [100, 4]] as const) {
      const { pair, client, server, said } = demote(lost);
      for (let n = 0; n < 20; n++) {
        server.write(100_000);
        pair.run(500);
      }
      expect([client.received, said()]).toEqual([2_000_000, expected]);
    }
  });
});
