import { afterEach, describe, expect, it } from "vitest";
import { EngineEnd, patternSha } from "./engine-end.ts";
import { kernelTestObstacle, Namespace } from "./namespace.ts";

const obstacle = kernelTestObstacle();
if (obstacle !== null) console.warn(`tests against the kernel are skipped: ${obstacle}`);

const LENGTH = 10_000_000;

describe.skipIf(obstacle !== null).each([
  { name: "plain packets", offload: false },
  { name: "super-segments", offload: true },
])("TCP with the kernel, $name", ({ offload }) => {
  let namespace: Namespace | null = null;
  let engine: EngineEnd | null = null;

  async function setUp(): Promise<{ namespace: Namespace; engine: EngineEnd }> {
    namespace = new Namespace();
    engine = new EngineEnd();
    await engine.link({ name: "tun0", host: ["10.1.0.2", "fd00:1::2"], kernel: ["10.1.0.1/24", "fd00:1::1/64"], offload, namespace: namespace.path });
    return { namespace, engine };
  }

  afterEach(async () => {
    await engine?.close();
    await namespace?.close();
    engine = null;
    namespace = null;
  });

  it.each(["10.1.0.1", "fd00:1::1"])("exchanges 10 MB each way as a client of %s", async (address) => {
    const { namespace: ns, engine: own } = await setUp();
    const peer = ns.peer();
    await peer.do("listen", { address, port: 4000, mptcp: false });
    const accepted = peer.do("accept");
    const stream = own.connect(address, 4000, { multipath: false });
    await accepted;
    stream.send(LENGTH, true);
    const answer = await peer.do("exchange", { bytes: LENGTH });
    await stream.ended();
    expect(answer).toMatchObject({ received: LENGTH, sha: patternSha(LENGTH), sent: LENGTH });
    expect(stream.received).toBe(LENGTH);
    expect(stream.sha).toBe(answer.sentSha);
    expect(stream.connection.multipath).toBe(false);
    expect(own.links[0]?.counters).toMatchObject({ dropped: 0, refused: 0 });
    if (offload) expect((own.links[0]?.counters.packetsIn ?? 0) + (own.links[0]?.counters.packetsOut ?? 0)).toBeLessThan(LENGTH / 1448);
  });

  it.each(["10.1.0.2", "fd00:1::2"])("exchanges 10 MB each way as a server at %s", async (address) => {
    const { namespace: ns, engine: own } = await setUp();
    own.listen(4000, { multipath: false });
    const peer = ns.peer();
    const accepted = own.accept();
    expect(await peer.do("connect", { address, port: 4000, mptcp: false })).toEqual({});
    const stream = await accepted;
    stream.send(LENGTH, true);
    const answer = await peer.do("exchange", { bytes: LENGTH });
    await stream.ended();
    expect(answer).toMatchObject({ received: LENGTH, sha: patternSha(LENGTH), sent: LENGTH });
    expect(stream.sha).toBe(answer.sentSha);
  });

  it("sends no larger segments than the kernel wants", async () => {
    const { namespace: ns, engine: own } = await setUp();
    ns.run("ip", "route", "replace", "10.1.0.0/24", "dev", "tun0", "advmss", "500");
    const sizes: number[] = [];
    const link = own.links[0];
    if (link !== undefined) {
      const send = link.send.bind(link);
      link.send = (packet) => {
        const { tcp } = packet;
        if (tcp !== null) sizes.push(tcp.segmentSize > 0 ? tcp.segmentSize : tcp.payload.length);
        return send(packet);
      };
    }
    const peer = ns.peer();
    await peer.do("listen", { address: "10.1.0.1", port: 4000, mptcp: false });
    const accepted = peer.do("accept");
    const stream = own.connect("10.1.0.1", 4000, { multipath: false });
    await accepted;
    stream.send(1_000_000, true);
    expect(await peer.do("receive", { bytes: -1 })).toMatchObject({ received: 1_000_000, sha: patternSha(1_000_000) });
    // Less the timestamps.
    expect(Math.max(...sizes)).toBe(488);
  });

  it("is refused by a closed port, and refuses", async () => {
    const { namespace: ns, engine: own } = await setUp();
    const stream = own.connect("10.1.0.1", 4001, { multipath: false });
    await stream.closed();
    expect(stream.error).toBe("ECONNREFUSED");
    expect(await ns.peer().do("connect", { address: "10.1.0.2", port: 4001, mptcp: false })).toMatchObject({ error: "ConnectionRefusedError" });
  });
});
