import { afterEach, describe, expect, it } from "vitest";
import type { MptcpConfig, Version } from "../../src/mptcp/index.ts";
import { version0, version1 } from "../../src/mptcp/index.ts";
import type { Connected } from "./kernel-lab.ts";
import { KernelLab } from "./kernel-lab.ts";
import { kernelTestObstacle } from "./namespace.ts";

const obstacle = kernelTestObstacle();
if (obstacle !== null) console.warn(`tests against the kernel are skipped: ${obstacle}`);

afterEach(() => KernelLab.closeAll());

/** The engine speaks some versions with this machine's kernel, which speaks version 1 alone; data goes both ways. */
async function connected(versions: readonly Version[], open: (lab: KernelLab) => Promise<Connected>): Promise<{ multipath: boolean; fallback: string | null; tried: number }> {
  const mptcp: Partial<MptcpConfig> = { versions };
  const lab = await KernelLab.make({ families: [4, 4], mptcp });
  const pair = await open(lab);
  await lab.warmUp(pair);
  await lab.exchange(pair, 200_000);
  const { fallback, multipath } = pair.stream.connection;
  return { multipath, fallback, tried: lab.engine.runtime.host.counters.value("EarlierVersionsOffered") };
}

describe.skipIf(obstacle !== null)("versions of Multipath TCP (RFC 8684 §3.1), against this machine's kernel", () => {
  it.each([
    // The kernel answers a SYN of version 0 with plain TCP.
    ["version 0 with a listener of it", [version0], {}, { multipath: false, fallback: "no_mp_capable_in_synack", tried: 0 }],
    ["both with a listener of it", [version1, version0], {}, { multipath: true, fallback: null, tried: 0 }],
    // It forgets the connection whose SYN+ACK is answered by a RST, and takes the next SYN from the same port.
    ["both with a listener of it that speaks plain TCP", [version1, version0], { mptcp: false }, { multipath: false, fallback: "no_mp_capable_in_synack", tried: 1 }],
  ] as const)("%s", async (_name, versions, kernel, result) => {
    expect(await connected(versions, (lab) => lab.client("10.1.0.1", {}, kernel))).toEqual(result);
  });

  it.each([
    ["version 0 with a client of it, whose SYN has no key", [version0], false, null],
    ["both with a client of it", [version1, version0], true, null],
    // It does not know the version of the SYN+ACK, and completes the handshake without an option.
    ["both, version 0 preferred, with a client of it", [version0, version1], false, "no_mp_capable_in_ack"],
  ] as const)("%s", async (_name, versions, multipath, fallback) => {
    expect(await connected(versions, (lab) => lab.server())).toEqual({ multipath, fallback, tried: 0 });
  });
});
