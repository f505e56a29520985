import { congestionControls, pathManagers, schedulers } from "mptcp";
import { FuzzRandom } from "../random.ts";

/** Who attacks: somebody who sees nothing, somebody on the way of one path, the peer itself; or nobody. */
export const ATTACKERS = ["off-path", "on-path", "peer", "nobody"] as const;
export type Attacker = (typeof ATTACKERS)[number];

export interface PathPlan {
  /** bit/s */
  readonly rate: number;
  /** ms */
  readonly delay: number;
  readonly family: 4 | 6;
  readonly nat: boolean;
  readonly loss: number;
  readonly duplicate: number;
  readonly detour: number;
}

/** How an application closes: after its last byte, by aborting or going away after so many, or only when told to. */
export interface ClosingPlan {
  readonly how: "end" | "abort" | "abandon" | "late";
  readonly after: number;
}

export interface ConnectionPlan {
  /** ms after the start; -1: when those before it are over, and there is nobody to attack. */
  readonly at: number;
  readonly multipath: boolean;
  /** 0: whichever is free. Two connections of the same port are one after the other, so that the second has the four-tuple of the first. */
  readonly localPort: number;
  readonly upload: number;
  readonly download: number;
  /** Bytes that an application writes at once; the next piece comes some milliseconds later. */
  readonly piece: number;
  readonly client: ClosingPlan;
  readonly server: ClosingPlan;
}

/** How one host speaks. */
export interface HostPlan {
  readonly buffer: number;
  readonly timestamps: boolean;
  readonly sack: boolean;
  readonly noDelay: boolean;
  readonly keepAlive: boolean;
  readonly dataSequenceLength: 4 | 8;
  readonly checksum: boolean;
  readonly scheduler: string;
  readonly congestion: string;
  readonly pathManager: string;
  readonly fastclose: "reset" | "ack";
  readonly denyJoinInitialAddress: boolean;
}

/** Everything of a run that is drawn before it begins. */
export interface RunPlan {
  readonly seed: number;
  readonly index: number;
  readonly attacker: Attacker;
  /** The path that an attacker on the path sits on. */
  readonly attackedPath: number;
  /** The host whose packets a hostile peer does not get to change: the one that is attacked. */
  readonly victim: "client" | "server";
  /** Packets to inject. */
  readonly packets: number;
  /** What an attacker who sees nothing knows besides addresses. */
  readonly knowsPorts: boolean;
  readonly knowsToken: boolean;
  /** Of a thousand packets that pass an attacker, how many are changed on their way. */
  readonly tampering: number;
  readonly paths: readonly PathPlan[];
  readonly serverAddresses: number;
  readonly client: HostPlan;
  readonly server: HostPlan;
  readonly synCookies: "auto" | "always" | "never";
  readonly halfOpen: number;
  readonly connections: readonly ConnectionPlan[];
  /** Whether addresses come and go, links go down, policies are exchanged. */
  readonly changes: boolean;
  /** From when on a middlebox takes Multipath TCP's options away, ms; -1: never. Only with one path. */
  readonly stripFrom: number;
  /** Whether the hosts' ports are given out by their links, as over UDP. */
  readonly heldPorts: boolean;
}

/** Draws run `index` of `seed`. @param only an attacker, for those who want no other */
export function drawPlan(seed: number, index: number, only: Attacker | null = null): RunPlan {
  const random = new FuzzRandom();
  random.start(seed, index);
  const drawn = random.below(100);
  const attacker = only ?? (drawn < 40 ? "off-path" : drawn < 75 ? "on-path" : "peer");
  const offPath = attacker === "off-path" || attacker === "nobody";
  const chance = (percent: number): boolean => random.below(100) < percent;
  const cookies = chance(25) ? "always" : chance(20) ? "never" : "auto";
  const paths = Array.from({ length: 1 + random.below(3) }, () => drawPath(random));
  const stripFrom = paths.length === 1 && chance(12) ? random.below(2000) : -1;
  return {
    seed,
    index,
    attacker,
    attackedPath: random.below(paths.length),
    victim: chance(50) ? "client" : "server",
    packets: 150 + random.below(600),
    knowsPorts: chance(85),
    knowsToken: chance(40),
    tampering: attacker === "peer" ? 20 + random.below(300) : chance(50) ? random.below(80) : 0,
    paths,
    serverAddresses: chance(30) ? paths.length : 1,
    client: drawHost(random, stripFrom >= 0),
    server: drawHost(random, stripFrom >= 0),
    synCookies: cookies,
    // Without cookies a flood of made-up SYNs keeps others out of a full listener: that is what cookies are for.
    halfOpen: cookies === "never" && offPath ? 1024 : pick(random, [1, 4, 1024]),
    connections: drawConnections(random, offPath),
    changes: chance(60),
    stripFrom,
    heldPorts: chance(25),
  };
}

function drawPath(random: FuzzRandom): PathPlan {
  const family = random.oneIn(4) ? 6 : 4;
  return {
    rate: 1e6 * (1 + random.below(50)),
    delay: 1 + random.below(40),
    family,
    nat: family === 4 && random.oneIn(5),
    loss: random.oneIn(2) ? 0 : random.below(20) / 1000,
    duplicate: random.oneIn(4) ? random.below(30) / 1000 : 0,
    detour: random.oneIn(4) ? random.below(60) / 1000 : 0,
  };
}

function drawHost(random: FuzzRandom, stripped: boolean): HostPlan {
  return {
    buffer: pick(random, [0, 0, 4000, 30_000, 200_000]),
    timestamps: !random.oneIn(3),
    sack: !random.oneIn(4),
    noDelay: random.oneIn(2),
    keepAlive: random.oneIn(6),
    dataSequenceLength: random.oneIn(2) ? 4 : 8,
    checksum: random.oneIn(3) && !stripped,
    scheduler: pick(random, Object.keys(schedulers)),
    congestion: pick(random, Object.keys(congestionControls)),
    pathManager: pick(random, Object.keys(pathManagers)),
    fastclose: random.oneIn(2) ? "reset" : "ack",
    denyJoinInitialAddress: random.oneIn(8),
  };
}

function drawConnections(random: FuzzRandom, offPath: boolean): ConnectionPlan[] {
  const one = (at: number, localPort: number, multipath: boolean): ConnectionPlan => ({
    at,
    localPort,
    multipath,
    upload: 4 + drawBytes(random),
    download: drawBytes(random),
    piece: random.oneIn(2) ? 1e9 : 1 + random.below(8000),
    client: drawClosing(random, offPath),
    server: drawClosing(random, offPath),
  });
  const made = [one(0, random.oneIn(3) ? REUSED_PORT : 0, true)];
  if (random.oneIn(2)) made.push(one(random.below(2000), 0, false));
  if (random.oneIn(3)) made.push(one(random.below(2000), 0, true));
  const [first] = made;
  if (first !== undefined && first.localPort !== 0) made.push(one(LATER, first.localPort, !random.oneIn(4)));
  return [...made, ...Array.from({ length: SPARE }, () => one(-1, 0, !random.oneIn(4)))];
}

function drawBytes(random: FuzzRandom): number {
  return pick(random, [0, random.below(100), random.below(3000), random.below(30_000), random.below(120_000)]);
}

function drawClosing(random: FuzzRandom, offPath: boolean): ClosingPlan {
  // Where every connection is to come through, most of them must be meant to.
  const graceful = random.below(100) < (offPath ? 85 : 60);
  const how = graceful ? (random.oneIn(2) ? "late" : "end") : random.oneIn(2) ? "abort" : "abandon";
  return { how, after: random.below(20_000) };
}

export function pick<T>(random: FuzzRandom, choices: readonly T[]): T {
  return choices[random.below(choices.length)] as T;
}

/** The client's port of connections that have a four-tuple in common. */
export const REUSED_PORT = 40_000;
/** Connections in reserve. */
const SPARE = 8;
/** ms: by then the first connection is over, and TIME-WAIT too. */
const LATER = 90_000;
