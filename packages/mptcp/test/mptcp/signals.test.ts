import { describe, expect, test } from "vitest";
import type { MptcpOption, Packet } from "../../src/wire/index.ts";
import { packetLength, Payload } from "../../src/wire/index.ts";
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
    const mptcp = { version: versionX };
    const { pair, server } = establish({ clientAddresses: 2, client: { mptcp }, server: { mptcp } });
    pair.inject("server", forged(pair, 1, [{ kind: "mp_prio", backup: true, addressId: 0 }]));
    expect(backups(server)).toEqual([true, false]);
  });
});
