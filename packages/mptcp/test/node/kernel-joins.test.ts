import { afterEach, describe, expect, it } from "vitest";
import { linuxEndpoints, roundRobin } from "../../src/mptcp/index.ts";
import { IpAddress } from "../../src/wire/index.ts";
import { patternSha } from "./engine-end.ts";
import type { Connected } from "./kernel-lab.ts";
import { KernelLab, MUCH, mptcpOf, sentBySubflow, subflowsOf } from "./kernel-lab.ts";
import { COMBINATIONS } from "./kernel-matrix.ts";
import { kernelTestObstacle } from "./namespace.ts";

const obstacle = kernelTestObstacle();
if (obstacle !== null) console.warn(`tests against the kernel are skipped: ${obstacle}`);

/** A port of the kernel that it announces. */
const PORT = 4567;
const SIGNAL = { signal: true, subflow: false, fullmesh: false, backup: false } as const;
const NOTHING = { signal: false, subflow: false, fullmesh: false, backup: false } as const;

afterEach(() => KernelLab.closeAll());

/** Data flows both ways, `act` happens in its midst, and everything arrives. */
async function exchangeWhile({ peer, stream }: Connected, act: () => void | Promise<void>): Promise<void> {
  const length = 3 * MUCH;
  const [start, before] = [stream.written, stream.received];
  stream.restart();
  stream.send(length, true);
  const answer = peer.do("exchange", { bytes: length });
  await stream.until(() => stream.received > before + length / 10);
  await act();
  const { received, sha, sent, sentSha } = await answer;
  await stream.ended();
  expect([received, sha, sent, stream.received - before, stream.sha]).toEqual([length, patternSha(length, start), length, length, sentSha]);
  expect(stream.connection.fallback).toBeNull();
}

describe.skipIf(obstacle !== null).each(COMBINATIONS.map((combination) => ({ name: String(combination), combination })))("$name", ({ combination }) => {
  const mixed = combination.families[0] !== combination.families[1];

  it("is joined by the kernel, which the engine has told an address, and which echoes it", async () => {
    const lab = await combination.lab(2, { flags: SIGNAL, mptcp: { pathManager: linuxEndpoints } });
    lab.namespace.limits(8, 8);
    const connected = await combination.connect(lab);
    await lab.warmUp(connected);
    await lab.until(() => subflowsOf(connected.stream) === 2);
    await lab.exchangeMuch(connected);
    expect(lab.namespace.counter("MPTcpExtMPJoinSynAckRx")).toBe(1);
    expect(lab.namespace.counter("MPTcpExtAddAddr")).toBe(1);
    expect(lab.namespace.counter("MPTcpExtEchoAddTx")).toBe(1);
    await lab.agree();
  });

  // The kernel joins the address that it knows, which is of the first subflow's family.
  it.skipIf(mixed)("is joined by the kernel from an endpoint that it gets later", async () => {
    const lab = await combination.lab(2, { flags: NOTHING, mptcp: { pathManager: linuxEndpoints } });
    lab.namespace.limits(8);
    const connected = await combination.connect(lab);
    await lab.warmUp(connected);
    lab.namespace.endpoint(combination.theirs(2), "subflow");
    await lab.until(() => subflowsOf(connected.stream) === 2);
    await lab.exchangeMuch(connected);
    expect(lab.namespace.counter("MPTcpExtMPJoinSynAckRx")).toBe(1);
    await lab.agree();
  });

  // A client that announces an address without a port does not listen there.
  it.skipIf(combination.role === "server")("joins an announced address of a separate network from its own one there, as the kernel's route would", async () => {
    const lab = await combination.lab(2, { flags: NOTHING, mptcp: { pathManager: linuxEndpoints } });
    lab.namespace.limits(8);
    lab.namespace.endpoint(combination.theirs(2), "signal");
    const connected = await combination.connect(lab);
    await lab.warmUp(connected);
    await lab.until(() => subflowsOf(connected.stream) === 2);
    expect(mptcpOf(connected.stream).subflows.map(({ tcp }) => [String(tcp.tuple.localAddress), String(tcp.tuple.remoteAddress)])).toContainEqual([combination.ours(2), combination.theirs(2)]);
    await lab.exchange(connected, 100_000);
    await lab.agree();
  });

  it("joins an address and port that the kernel announces, and echoes it", async () => {
    const lab = await combination.lab(2, { flags: { ...NOTHING, fullmesh: true }, mptcp: { pathManager: linuxEndpoints } });
    lab.namespace.limits(8);
    // An announcement of an IPv6 address with a port leaves no room for timestamps, and Linux drops it rather than them.
    if (combination.family(2) === 6) lab.namespace.sysctl("net.ipv4.tcp_timestamps", 0);
    lab.namespace.endpoint(combination.theirs(2), "signal", "port", String(PORT));
    const connected = await combination.connect(lab);
    await lab.warmUp(connected);
    const expected = mixed ? 2 : 3;
    await lab.until(() => subflowsOf(connected.stream) === expected);
    expect(mptcpOf(connected.stream).subflows.map(({ tcp }) => tcp.tuple.remotePort).filter((port) => port === PORT)).toHaveLength(expected - 1);
    await lab.exchangeMuch(connected);
    expect(lab.namespace.counter("MPTcpExtMPJoinPortAckRx")).toBe(expected - 1);
    expect(lab.namespace.counter("MPTcpExtEchoAdd")).toBe(1);
    await lab.agree();
  });

  it.runIf(combination.role === "client")("joins an address that the kernel announces without a port, and echoes it", async () => {
    const lab = await combination.lab(2, { flags: { ...NOTHING, fullmesh: true }, mptcp: { pathManager: linuxEndpoints } });
    lab.namespace.limits(8);
    lab.namespace.endpoint(combination.theirs(2), "signal");
    const connected = await combination.connect(lab);
    await lab.warmUp(connected);
    const expected = mixed ? 2 : 3;
    await lab.until(() => subflowsOf(connected.stream) === expected);
    await lab.exchangeMuch(connected);
    expect(lab.namespace.counter("MPTcpExtMPJoinAckRx")).toBe(expected - 1);
    expect(lab.namespace.counter("MPTcpExtEchoAdd")).toBe(1);
    await lab.agree();
  });

  it("takes an address away while data flows", async () => {
    const lab = await combination.lab(2, { mptcp: { scheduler: roundRobin } });
    const connected = await combination.connectAll(lab, 2);
    await exchangeWhile(connected, async () => {
      const [, second] = lab.engine.links;
      if (second !== undefined) lab.engine.runtime.removeAddress(second, IpAddress.from(combination.ours(2)));
      await connected.stream.until(() => subflowsOf(connected.stream) === 1);
    });
    expect(lab.namespace.counter("MPTcpExtRmAddr")).toBe(1);
    await lab.agree();
  });

  it("loses an address of the kernel while data flows", async () => {
    const lab = await combination.lab(2, { flags: mixed && combination.role === "server" ? SIGNAL : NOTHING, mptcp: { scheduler: roundRobin, pathManager: linuxEndpoints } });
    lab.namespace.limits(8, 8);
    lab.namespace.endpoint(combination.theirs(2), "id", "7", ...(combination.role === "client" ? ["signal"] : ["subflow"]));
    const connected = await combination.connect(lab);
    await lab.warmUp(connected);
    await lab.until(() => subflowsOf(connected.stream) === 2);
    await exchangeWhile(connected, async () => {
      lab.namespace.run("ip", "mptcp", "endpoint", "delete", "id", "7");
      await connected.stream.until(() => subflowsOf(connected.stream) === 1);
    });
    expect(lab.engine.runtime.host.counters.value("MPTcpExtRmAddr")).toBe(1);
    // The kernel does not count the resets by which it answers what is still under way to a subflow that it has closed.
    await lab.agree(["MPTcpExtMPRstTx"]);
  });

  it("makes subflows backups and regular again, and is told so", async () => {
    // What a path may be silent for before it counts as dead is not to depend on how busy this machine is.
    const lab = await combination.lab(2, { flags: mixed && combination.role === "server" ? SIGNAL : NOTHING, tcp: { minRto: 20e9 }, mptcp: { scheduler: roundRobin, pathManager: linuxEndpoints } });
    lab.namespace.limits(8, 8);
    lab.namespace.endpoint(combination.theirs(2), "id", "9", combination.role === "client" ? "signal" : "subflow");
    const connected = await combination.connect(lab);
    await lab.warmUp(connected);
    await lab.until(() => subflowsOf(connected.stream) === 2);
    const { stream } = connected;
    const connection = mptcpOf(stream);
    const { counters } = lab.engine.runtime.host;
    /** What each subflow of the engine sends of a megabyte. */
    const shares = async (): Promise<number[]> => {
      const before = sentBySubflow(stream);
      await lab.warmUp(connected, 1_000_000);
      return sentBySubflow(stream).map((bytes, i) => bytes - (before[i] ?? 0));
    };
    lab.namespace.run("ip", "mptcp", "endpoint", "change", "id", "9", "backup");
    await lab.until(() => counters.value("MPTcpExtMPPrioRx") === 1);
    expect(connection.subflows.map((subflow) => subflow.backup)).toEqual([false, true]);
    // What was late on the one regular path may have gone out there twice.
    const [regular = 0, spare] = await shares();
    expect(spare).toBe(0);
    expect(regular).toBeGreaterThanOrEqual(1_000_000);
    lab.namespace.run("ip", "mptcp", "endpoint", "change", "id", "9", "nobackup");
    await lab.until(() => counters.value("MPTcpExtMPPrioRx") === 2);
    expect(Math.min(...(await shares()))).toBeGreaterThan(0);

    // And the other way: what the engine asks for.
    const [path] = connection.subflows;
    for (const [round, backup] of [true, false].entries()) {
      connection.setBackup(path?.pathIndex ?? 0, backup, lab.engine.runtime.now);
      lab.engine.runtime.poke();
      await lab.counted("MPTcpExtMPPrioRx", round + 1);
      const before = connection.subflows.map(({ tcp }) => tcp.receivedOffset);
      await lab.warmUp(connected, 1_000_000);
      const got = connection.subflows.map(({ tcp }, i) => tcp.receivedOffset - (before[i] ?? 0));
      if (!backup) continue;
      expect(got[0]).toBe(0);
      expect(got[1]).toBeGreaterThanOrEqual(1_000_000);
    }
    await lab.exchangeMuch(connected);
    await lab.agree();
  });
});
