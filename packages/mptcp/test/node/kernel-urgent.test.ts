import { afterEach, describe, expect, it } from "vitest";
import { STREAM_EVENT } from "../../src/tcp/index.ts";
import { Payload, TCP_FLAG } from "../../src/wire/index.ts";
import { patternSha } from "./engine-end.ts";
import { KernelLab } from "./kernel-lab.ts";
import { kernelTestObstacle } from "./namespace.ts";

const obstacle = kernelTestObstacle();
if (obstacle !== null) console.warn(`tests against the kernel are skipped: ${obstacle}`);

/** The octets of `kernel-peer.py`. */
const pattern = (at: number, length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (at + i) % 251);

afterEach(() => KernelLab.closeAll());

describe.skipIf(obstacle !== null).each([{ name: "plain packets", offload: false }, { name: "super-segments", offload: true }])("urgent data with the kernel, $name", ({ offload }) => {
  it.each([10, 20_000])("is what the kernel's program is told of, behind %i octets and before others", async (before) => {
    const lab = await KernelLab.make({ offload, tcp: { sendBuffer: { initial: 1_000_000, max: 1_000_000, autoTune: false } } });
    const { peer, stream } = await lab.client("10.1.0.1", { multipath: false }, { mptcp: false });
    const link = lab.engine.links[0]!;
    const send = link.send.bind(link);
    let [marked, cut] = [0, 0];
    link.send = (packet) => {
      if (packet.tcp !== null && (packet.tcp.flags & TCP_FLAG.URG) !== 0) {
        marked++;
        if (packet.tcp.segmentSize > 0) cut++;
      }
      return send(packet);
    };
    const { connection } = stream;
    const now = lab.engine.runtime.now;
    expect(connection.write(Payload.of(pattern(0, before)), false, now)).toBe(before);
    expect(connection.writeUrgent(Payload.of(pattern(before, 1)), false, now)).toBe(1);
    expect(connection.write(Payload.of(pattern(before + 1, 5000)), false, now)).toBe(5000);
    lab.engine.runtime.poke();
    expect(await peer.do("receive urgent", { at: before, bytes: 5000 })).toEqual({ received: before + 5001, text: "as it was sent" });
    expect(marked).toBeGreaterThan(0);
    expect(cut).toBe(0);
    // And from here on there are super-segments again.
    const length = 1_000_000;
    stream.send(length);
    expect(await peer.do("receive", { bytes: length })).toMatchObject({ received: length, sha: patternSha(length) });
    const packets = link.counters.packetsOut;
    stream.send(length);
    await peer.do("receive", { bytes: length });
    if (offload) expect(link.counters.packetsOut - packets).toBeLessThan(length / 1448);
  });

  it("comes in line from the kernel, and the engine's application hears of its end", async () => {
    const lab = await KernelLab.make({ offload });
    const { peer, stream } = await lab.server("10.1.0.2", { multipath: false }, { mptcp: false });
    let known = 0;
    const onEvents = stream.onEvents.bind(stream);
    stream.onEvents = (events, now) => {
      if ((events & STREAM_EVENT.urgent) !== 0) known = stream.received + stream.connection.urgent;
      onEvents(events, now);
    };
    await peer.do("send", { bytes: 100_000 });
    expect(await peer.do("send urgent", { at: 100_000, bytes: 50 })).toEqual({ sent: 50 });
    await stream.until(() => stream.received === 100_050);
    expect([stream.sha, known, stream.connection.urgent]).toEqual([patternSha(100_050), 100_050, 0]);
  });

  it("is data as any other over Multipath TCP", async () => {
    const lab = await KernelLab.make({ offload });
    const { peer, stream } = await lab.server();
    await peer.do("send", { bytes: 1000 });
    expect(await peer.do("send urgent", { at: 1000, bytes: 50 })).toEqual({ sent: 50 });
    await stream.until(() => stream.received === 1050);
    expect([stream.sha, stream.connection.urgent, stream.connection.multipath]).toEqual([patternSha(1050), 0, true]);
    expect(() => stream.connection.writeUrgent(Payload.of(pattern(0, 1)), false, 0)).toThrow(expect.objectContaining({ code: "ERR_MPTCP_URGENT" }) as Error);
  });
});
