import { afterEach, describe, expect, it } from "vitest";
import { infoOfTcp } from "../../src/tcp/index.ts";
import type { TcpInfo, TcpSocket } from "../../src/tcp/index.ts";
import { patternSha } from "./engine-end.ts";
import type { Stream } from "./engine-end.ts";
import { engineAddress, kernelAddress, KernelLab, MUCH } from "./kernel-lab.ts";
import { kernelTestObstacle, Namespace } from "./namespace.ts";

const obstacle = kernelTestObstacle();
if (obstacle !== null) console.warn(`tests against the kernel are skipped: ${obstacle}`);

/** Whether the kernel can be told to speak accurate ECN: 6.18 cannot, though it has parts of it. */
async function speaksAccurate(): Promise<boolean> {
  const namespace = new Namespace();
  try {
    namespace.sysctl("net.ipv4.tcp_ecn", 3);
    return true;
  } catch {
    return false;
  } finally {
    await namespace.close();
  }
}

const isAccurate = obstacle === null && (await speaksAccurate());

/** A lab whose link marks one in ten of our packets that can be marked. */
async function marking(kernel: number): Promise<KernelLab> {
  const lab = await KernelLab.make({ tcp: { ecn: "accurate" } });
  lab.namespace.sysctl("net.ipv4.tcp_ecn", kernel);
  const link = lab.engine.links[0]!;
  const send = link.send.bind(link);
  let count = 0;
  link.send = (packet) => {
    if ((packet.trafficClass & 3) !== 0 && count++ % 10 === 9) packet.trafficClass |= 3;
    return send(packet);
  };
  return lab;
}

function tcpOf(stream: Stream): TcpInfo {
  const { tcp } = stream.connection as TcpSocket;
  return infoOfTcp(tcp, 0);
}

/** Both send, and nothing is lost. */
async function exchange({ peer, stream }: Awaited<ReturnType<KernelLab["client"]>>): Promise<TcpInfo> {
  stream.send(MUCH, true);
  const answer = await peer.do("exchange", { bytes: MUCH });
  const info = tcpOf(stream);
  await stream.ended();
  expect(answer).toMatchObject({ received: MUCH, sha: patternSha(MUCH), sent: MUCH });
  expect(stream.sha).toBe(answer.sentSha);
  return info;
}

describe.skipIf(obstacle !== null)("accurate ECN with a kernel", () => {
  afterEach(() => KernelLab.closeAll());

  describe.each([4, 6] as const)("over IPv%i", (family) => {
    it.each([[0, false], [1, true], [2, true]] as const)("that knows RFC 3168 alone, and is asked: tcp_ecn=%i", async (kernel, isSpoken) => {
      const lab = await marking(kernel);
      const info = await exchange(await lab.client(kernelAddress(1, family), { multipath: false }, { mptcp: false }));
      expect([info.ecn, info.accurateEcn, info.markReductions > 0]).toEqual([isSpoken, null, isSpoken]);
    });

    it.each([[0, false], [1, true], [2, false]] as const)("that asks for no more than RFC 3168: tcp_ecn=%i", async (kernel, isSpoken) => {
      const lab = await marking(kernel);
      const info = await exchange(await lab.server(engineAddress(1, family), { multipath: false }, { mptcp: false }));
      expect([info.ecn, info.accurateEcn, info.markReductions > 0]).toEqual([isSpoken, null, isSpoken]);
    });

    it.skipIf(!isAccurate).each(["client", "server"] as const)("that speaks it, as its %s", async (role) => {
      const lab = await marking(3);
      const connected = role === "client" ? await lab.client(kernelAddress(1, family), { multipath: false }, { mptcp: false }) : await lab.server(engineAddress(1, family), { multipath: false }, { mptcp: false });
      const info = await exchange(connected);
      expect(info.accurateEcn).toMatchObject({ failure: "none" });
      expect(info.accurateEcn!.delivered.packets).toBeGreaterThan(MUCH / 1448 / 20);
    });
  });
});
