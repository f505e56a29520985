import { afterEach, describe, expect, it } from "vitest";
import { linuxEndpoints } from "../../src/mptcp/index.ts";
import type { EndpointFlags, MptcpConfig } from "../../src/mptcp/index.ts";
import { version1 } from "../../src/mptcp/version/v1.ts";
import type { Version } from "../../src/mptcp/version/version.ts";
import type { TcpSegment } from "../../src/wire/index.ts";
import { IpAddress, MP_CAPABLE_FLAG, packetLength, TCP_FLAG } from "../../src/wire/index.ts";
import type { App } from "../mptcp/pair.ts";
import { Pair } from "../mptcp/pair.ts";
import { versionX } from "../mptcp/version-x.ts";
import { KernelLab, mptcpOf, subflowsOf } from "./kernel-lab.ts";
import type { Connected } from "./kernel-lab.ts";
import { kernelTestObstacle } from "./namespace.ts";

const obstacle = kernelTestObstacle();
if (obstacle !== null) console.warn(`tests against the kernel are skipped: ${obstacle}`);

afterEach(() => KernelLab.closeAll());

/** What happens to the one that counts, which is the kernel, or an engine in virtual time. Its peer is an engine in both runs. */
interface Case {
  /** What the one that counts is. */
  readonly role: "client" | "server";
  /** Whether it, and its peer, speak Multipath TCP; true unless given. */
  readonly multipath?: boolean;
  readonly peerMultipath?: boolean;
  readonly peer?: Partial<MptcpConfig>;
  /** What the peer does with its second address; it has none unless given. */
  readonly second?: "subflow" | "signal";
  /** What the path does to what the peer sends; `late`: once something has been carried each way. */
  readonly alter?: (segment: TcpSegment, late: boolean) => void;
  /** Subflows beside the first that it takes. */
  readonly limit?: number;
  /** What happens after the connection is open and has carried something each way. */
  readonly steps: readonly Step[];
}

/** `two_subflows`, `refused`: waits for that; the others are what the peer does, or `own_abort` the one that counts. */
type Step = "two_subflows" | "priority" | "remove" | "abort" | "own_abort" | "refused" | "close";

/** Sets the flag of an extension, which nobody has defined (RFC 8684 §3.1, B): who does not know it speaks plain TCP. */
const extended: Version = Object.assign(Object.create(version1) as Version, {
  capableSyn: (flags: number, key: Uint8Array) => version1.capableSyn(flags | MP_CAPABLE_FLAG.B, key),
});

const CASES: Readonly<Record<string, Case>> = {
  "a connection to it": { role: "server", steps: ["close"] },
  "a connection from it": { role: "client", steps: ["close"] },
  "plain TCP to it": { role: "server", peerMultipath: false, steps: ["close"] },
  "plain TCP from it": { role: "client", multipath: false, steps: ["close"] },
  "an offer to it where it speaks plain TCP": { role: "server", multipath: false, steps: ["close"] },
  "an offer from it to who speaks plain TCP": { role: "client", peerMultipath: false, steps: ["close"] },
  "an offer to it of a version that it does not know": { role: "server", peer: { versions: [versionX] }, steps: ["close"] },
  "an offer to it of an extension that it does not know": { role: "server", peer: { versions: [extended] }, steps: ["close"] },
  "a join to it": { role: "server", second: "subflow", steps: ["two_subflows", "close"] },
  "a join to it beyond its limit": { role: "server", second: "subflow", limit: 0, steps: ["refused", "close"] },
  "a join to it with a token that it does not know": {
    role: "server",
    second: "subflow",
    alter: (segment) => {
      segment.mptcp = segment.mptcp.map((one) => (one.kind === "mp_join_syn" ? { ...one, token: one.token ^ 1 } : one));
    },
    steps: ["refused", "close"],
  },
  "a join to it whose HMAC is wrong": {
    role: "server",
    second: "subflow",
    alter: (segment) => {
      segment.mptcp = segment.mptcp.map((one) => (one.kind === "mp_join_ack" ? { ...one, hmac: new Uint8Array(20) } : one));
    },
    steps: ["refused", "close"],
  },
  "options that vanish from what it gets, at the handshake's end": {
    role: "server",
    alter: (segment) => {
      if ((segment.flags & TCP_FLAG.SYN) === 0) segment.mptcp = [];
    },
    steps: ["close"],
  },
  "options that vanish from what it gets, later": {
    role: "server",
    alter: (segment, late) => {
      if (late) segment.mptcp = [];
    },
    steps: ["close"],
  },
  "MP_PRIO to it": { role: "server", second: "subflow", steps: ["two_subflows", "priority", "close"] },
  "ADD_ADDR to it, which it joins": { role: "client", second: "signal", steps: ["two_subflows", "close"] },
  "REMOVE_ADDR to it": { role: "client", second: "signal", steps: ["two_subflows", "remove", "close"] },
  "MP_FASTCLOSE to it": { role: "server", steps: ["abort"] },
  "MP_FASTCLOSE from it": { role: "server", steps: ["own_abort"] },
};

/** Counters that differ for a reason, by case: the kernel's and ours. All others are the same. */
const DIFFERENCES: Readonly<Record<string, Readonly<Record<string, readonly [kernel: number, engine: number]>>>> = {
  // RFC 8684 §3.1: a host answers with the highest version that it has, and the kernel takes such an offer for none.
  "an offer to it of a version that it does not know": { MPCapableSYNRX: [0, 1], MPCapableFallbackACK: [0, 1] },
  // Ours says why by an MP_TCPRST; where the kernel has no socket yet its RST does not.
  "a join to it whose HMAC is wrong": { MPRstTx: [0, 1] },
  // RFC 8684 §3.4.2 asks for a RST on the subflow that does not answer, and ours says why; the kernel's closes with a FIN.
  "REMOVE_ADDR to it": { MPRstTx: [0, 1] },
  // The kernel's RST has room for an MP_TCPRST beside MP_FASTCLOSE; ours says it once.
  "MP_FASTCLOSE from it": { MPRstTx: [1, 0] },
};

/** Not events, or the kernel's own business: data out of order, windows, retransmissions. */
const LEFT_OUT = new Set(["MPTCPRetrans", "MPCurrEstab", "OFOQueueTail", "OFOQueue", "OFOMerge", "DuplicateData", "SndWndShared", "RcvWndShared", "RcvWndConflictUpdate", "RcvWndConflict", "WinProbe", "NoDSSInWindow"]);

const SECOND = "10.2.0.2";

function flagsOf({ second }: Case): EndpointFlags {
  return { signal: second === "signal", subflow: second === "subflow", backup: false, fullmesh: false };
}

function only(all: Iterable<readonly [string, number]>): Record<string, number> {
  const prefix = "MPTcpExt";
  return Object.fromEntries(Array.from(all).flatMap(([name, value]) => (name.startsWith(prefix) && value !== 0 && !LEFT_OUT.has(name.slice(prefix.length)) ? [[name.slice(prefix.length), value]] : [])));
}

async function ofKernel(drawn: Case): Promise<{ counted: Record<string, number>; known: ReadonlySet<string> }> {
  const lab = await KernelLab.make({ families: [4, 4], flags: flagsOf(drawn), mptcp: { ...drawn.peer, pathManager: linuxEndpoints } });
  lab.namespace.limits(drawn.limit ?? 8, 8);
  if (drawn.second === undefined) lab.engine.runtime.removeAddress(lab.engine.links[1] as never, IpAddress.from(SECOND));
  let late = false;
  for (const link of lab.engine.links) {
    const send = link.send.bind(link);
    link.send = (packet) => {
      if (packet.tcp !== null && drawn.alter !== undefined) {
        drawn.alter(packet.tcp, late);
        packet.length = packetLength(packet);
      }
      return send(packet);
    };
  }
  const kernel = drawn.multipath === false ? { mptcp: false } : {};
  const multipath = drawn.peerMultipath === false ? { multipath: false } : {};
  const connected: Connected = drawn.role === "server" ? await lab.client("10.1.0.1", multipath, kernel) : await lab.server("10.1.0.2", multipath, kernel);
  await lab.warmUp(connected, 1000);
  late = true;
  for (const step of drawn.steps) await kernelStep(lab, connected, step);
  let before = "";
  for (let tries = 0, same = 0; tries < 100 && same < 15; tries++) {
    const now = JSON.stringify(only(lab.namespace.counters()));
    same = now === before ? same + 1 : 0;
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const all = lab.namespace.counters();
  return { counted: only(all), known: new Set(Array.from(all.keys(), (name) => name.replace("MPTcpExt", ""))) };
}

async function kernelStep(lab: KernelLab, connected: Connected, step: Step): Promise<void> {
  const { peer, stream } = connected;
  const { runtime, links } = lab.engine;
  switch (step) {
    case "two_subflows":
      await lab.until(() => subflowsOf(stream) === 2);
      await lab.warmUp(connected, 1000);
      break;
    case "priority":
      mptcpOf(stream).setBackup(2, true, runtime.now);
      runtime.poke();
      await lab.counted("MPTcpExtMPPrioRx");
      break;
    case "remove":
      runtime.removeAddress(links[1] as never, IpAddress.from(SECOND));
      await lab.counted("MPTcpExtRmAddr");
      break;
    case "abort":
      stream.abort();
      break;
    case "own_abort":
      await peer.do("abort");
      break;
    case "refused":
      await lab.until(() => runtime.host.counters.value("MPTcpExtMPJoinSynTx") > 0 && subflowsOf(stream) === 1);
      break;
    case "close":
      await lab.exchange(connected, 1000);
      break;
  }
}

function ofEngine(drawn: Case): { counted: Record<string, number>; known: ReadonlySet<string> } {
  const self = drawn.role;
  const peer = self === "server" ? "client" : "server";
  const own = { mptcp: { pathManager: linuxEndpoints, limits: { subflows: drawn.limit ?? 8, addAddrAccepted: 8 } } };
  const options = { [self]: own, [peer]: { mptcp: { ...drawn.peer, pathManager: linuxEndpoints } } };
  const isPlain = (side: "client" | "server"): boolean => (side === self ? drawn.multipath : drawn.peerMultipath) === false;
  const pair = new Pair({
    ...options,
    [`${self}Addresses`]: ["10.1.0.1"],
    [`${peer}Addresses`]: ["10.1.0.2", ...(drawn.second === undefined ? [] : [SECOND])],
    ...(isPlain("server") ? { listen: { multipath: false } } : {}),
  });
  for (const side of ["client", "server"] as const) {
    pair.addresses[side].forEach((address, link) => pair.hosts[side].addAddress(address, { link, flags: side === peer ? flagsOf(drawn) : { signal: false, subflow: false, backup: false, fullmesh: false } }, 0));
  }
  let late = false;
  pair.alter((segment, sent) => {
    if (sent.from === peer) drawn.alter?.(segment, late);
  });
  const { client, server } = pair.establish(isPlain("client") ? { multipath: false } : {});
  const [ours, theirs] = self === "server" ? [server, client] : [client, server];
  const both = (): void => {
    client.write(1000);
    server.write(1000);
    pair.run(1000);
  };
  both();
  late = true;
  for (const step of drawn.steps) engineStep(pair, ours, theirs, step, both);
  return { counted: only(Object.entries(pair.hosts[self].counters.snapshot())), known: new Set(Object.keys(pair.hosts[self].counters.snapshot()).map((name) => name.replace("MPTcpExt", ""))) };
}

function engineStep(pair: Pair, ours: App, theirs: App, step: Step, both: () => void): void {
  switch (step) {
    case "two_subflows":
      expect(theirs.established).toHaveLength(2);
      both();
      break;
    case "priority":
      theirs.mptcp.setBackup(2, true, pair.now);
      break;
    case "remove":
      pair.removeAddress(theirs.side, 1);
      break;
    case "abort":
      theirs.abort();
      break;
    case "own_abort":
      ours.abort();
      break;
    case "refused":
      break;
    case "close":
      both();
      ours.end();
      theirs.end();
      break;
  }
  pair.run(5000);
}

describe.skipIf(obstacle !== null)("counters mean what the kernel's mean", () => {
  it.each(Object.entries(CASES))("%s", async (name, drawn) => {
    const kernel = await ofKernel(drawn);
    const engine = ofEngine(drawn);
    const expected: Record<string, number> = { ...kernel.counted };
    for (const [counter, [theirs, ours]] of Object.entries(DIFFERENCES[name] ?? {})) {
      expect([counter, kernel.counted[counter] ?? 0]).toEqual([counter, theirs]);
      if (ours === 0) delete expected[counter];
      else expected[counter] = ours;
    }
    // What is ours alone is no matter of meaning.
    const mine = Object.fromEntries(Object.entries(engine.counted).filter(([counter]) => kernel.known.has(counter)));
    expect(mine).toEqual(expected);
  });
});
