import { MILLISECOND, NEVER, SECOND } from "../core/index.ts";
import type { DecisionEvent } from "../core/index.ts";
import type { EndpointFlags, PathManagerFactory } from "../mptcp/index.ts";
import { multiPath, PacedSender, Simulation, Sink } from "../sim/index.ts";
import type { AccessPath, Application, MultiPath, SimHost } from "../sim/index.ts";
import type { IpAddress } from "../wire/index.ts";
import { CheckedPeer } from "./checked-peer.ts";
import type { PathManagerFindings } from "./path-manager-rules.ts";

// A path manager in simulated networks, at both ends.

interface World {
  readonly simulation: Simulation;
  readonly built: MultiPath;
  readonly opened: OpenedSubflows;
}

/** The subflows that path managers opened. */
class OpenedSubflows {
  /** The latest one, and how many there were. */
  last = "none";
  count = 0;
  /** The first path that was tried more than so often within an hour; null while there is none. */
  excess: string | null = null;
  private readonly perHour: number;
  private readonly times = new Map<string, number[]>();

  constructor(perHour: number) {
    this.perHour = perHour;
  }

  note(host: string, pathIndex: number, at: number): void {
    this.count++;
    this.last = `${host} opened path ${pathIndex} at ${at / SECOND} s`;
    const key = `${host} ${pathIndex}`;
    const times = (this.times.get(key) ?? []).filter((time) => time > at - HOUR);
    times.push(at);
    this.times.set(key, times);
    if (times.length > this.perHour) this.excess ??= `the ${host} tries path ${pathIndex} ${times.length} times within an hour`;
  }
}

function world(factory: PathManagerFactory, client: Application, server: Application, perHour: number, seed: number): World {
  const opened = new OpenedSubflows(perHour);
  const event = (one: DecisionEvent): void => {
    if (one.kind === "path_manager" && one.action === "open") opened.note(one.host, one.pathIndex, one.at);
  };
  const simulation = new Simulation({ seed, observers: [{ event }] });
  const mptcp = { pathManager: factory };
  const built = multiPath(simulation, { paths: PATHS, serverAddresses: 2, client: { mptcp }, server: { mptcp } });
  // As an operator would have them used, whatever the path manager goes by.
  flag(built.client, built.clientAddresses);
  flag(built.server, built.serverAddresses);
  built.server.listen(PORT, () => server);
  built.client.connect(built.serverAddresses[0]?.[0] as IpAddress, PORT, client, { localAddress: built.clientAddresses[0]?.[0] as IpAddress });
  return { simulation, built, opened };
}

function flag(host: SimHost, addresses: readonly (readonly IpAddress[])[]): void {
  addresses.forEach((own, link) => {
    if (link === 0) return;
    for (const address of own) {
      host.removeAddress(address);
      host.addAddress(address, { link, flags: USED });
    }
  });
}

/** Transfers in which everything but the first path comes and goes. */
export function checkRoamingTransfers(factory: PathManagerFactory, findings: PathManagerFindings): void {
  for (const seed of [1, 2, 3]) {
    const [upload, download] = [500_000 * seed, 300_000];
    const [client, server] = [new CheckedPeer(upload, download), new CheckedPeer(download, upload)];
    const run = world(factory, client, server, NEVER, seed);
    const { simulation, built } = run;
    const address = (host: "client" | "server", link: number): IpAddress => (host === "client" ? built.clientAddresses : built.serverAddresses)[link]?.[0] as IpAddress;
    const goes = (at: number, host: "client" | "server", link: number): void => void simulation.at(at * MILLISECOND, () => built[host].removeAddress(address(host, link)));
    const comes = (at: number, host: "client" | "server", link: number): void =>
      void simulation.at(at * MILLISECOND, () => built[host].addAddress(address(host, link), { link, flags: USED }));
    goes(300 * seed, "client", 1);
    comes(1000 * seed, "client", 1);
    goes(700 * seed, "server", 1);
    comes(1500 * seed, "server", 1);
    goes(1600 * seed, "client", 2);
    goes(1700 * seed, "client", 1);
    comes(2400 * seed, "client", 2);
    simulation.at(500 * MILLISECOND * seed, (now) => built.access[2]?.down(now));
    simulation.at(2000 * MILLISECOND * seed, (now) => built.access[2]?.up(now));
    simulation.runUntil(() => client.closedAt >= 0 && server.closedAt >= 0, LIMIT);
    for (const problem of [...client.problems("the client"), ...server.problems("the server")]) {
      findings.add("transfer", `a transfer while addresses come and go, seed ${seed}, ${LIMIT / SECOND} s: ${problem}`);
    }
    if (client.closedAt >= 0 && server.closedAt >= 0) checkEnd(run, findings);
  }
}

/** A connection that says something every ten minutes for some hours, while one path is dead. */
export function checkIdleConnection(factory: PathManagerFactory, perHour: number, findings: PathManagerFindings): void {
  const [client, server] = [new PacedSender({ size: 100, interval: 600 * SECOND, count: 19 }), new Sink()];
  const run = world(factory, client, server, perHour, 4);
  const { simulation, built, opened } = run;
  simulation.at(0, (now) => built.access[1]?.down(now));
  simulation.runUntil(() => (client.closedAt >= 0 && server.closedAt >= 0) || opened.excess !== null, 3 * HOUR + LIMIT);
  if (opened.excess !== null) return findings.add("attempts", `on an idle connection ${opened.excess}`);
  const isOver = client.closedAt >= 0 && server.closedAt >= 0;
  if (server.bytesRead !== 1900 || !isOver) findings.add("transfer", `an idle connection with a dead path: ${server.bytesRead} of 1900 bytes arrived, and it is ${isOver ? "" : "not "}closed`);
  if (isOver) checkEnd(run, findings);
}

/** Nothing is opened after the end, and nothing remains. */
function checkEnd({ simulation, built, opened }: World, findings: PathManagerFindings): void {
  const before = opened.count;
  simulation.run(simulation.now + HOUR);
  if (opened.count > before) findings.add("end", `after the end ${opened.count - before} subflows were opened, the last when ${opened.last}`);
  for (const node of [built.client, built.server]) {
    const left = node.host.usage;
    if (left.connections + left.pendingJoins + left.tokens + left.timers > 0) findings.add("end", `an hour after the end the ${node.name} keeps ${JSON.stringify(left)}`);
  }
}

const PATHS: readonly AccessPath[] = [
  { rate: 2e6, delay: 20 * MILLISECOND, queue: { packets: 30 } },
  { rate: 1e6, delay: 40 * MILLISECOND, queue: { packets: 30 } },
  { rate: 1e6, delay: 10 * MILLISECOND, queue: { packets: 30 } },
];
const USED: Partial<EndpointFlags> = { subflow: true, signal: true, fullmesh: true };
const PORT = 80;
const LIMIT = 300 * SECOND;
const HOUR = 3600 * SECOND;
