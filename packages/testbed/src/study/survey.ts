import { seededSources } from "mptcp";
import { Simulation } from "mptcp/sim";
import type { SimNode } from "mptcp/sim";
import { IpAddress } from "mptcp/wire";
import { accessNetworks, makeBox } from "./access-network.ts";
import type { AccessNetwork, PlacedBox } from "./access-network.ts";
import { StudyClient } from "./client.ts";
import { CONTROL_PORT, PAPER_SHARES, STUDY_PORTS, WEB_PORT } from "./paper.ts";
import { boxesOf } from "./report.ts";
import type { StudyReport } from "./report.ts";
import { StudyServer } from "./server.ts";
import { StudyNode } from "./sim-node.ts";

/** A network to study in virtual time. */
export interface StudiedNetwork extends Pick<AccessNetwork, "boxes" | "delay" | "rate"> {
  readonly seed: number;
  readonly ports?: readonly number[];
  /** Share of the packets that are lost on the access link, each way. */
  readonly loss?: number;
}

/** Has the probe study a network in virtual time. @throws RangeError for a kind of box that there is not */
export function studyNetwork({ boxes, delay, rate, seed, loss = 0, ports = STUDY_PORTS }: StudiedNetwork): StudyReport {
  const simulation = new Simulation({ seed });
  const [near, far] = [IpAddress.from("192.168.1.2"), IpAddress.from("203.0.113.80")];
  const server = new StudyServer({ address: far, controlPort: CONTROL_PORT, ports: null, mtu: MTU, random: seededSources(seed, ["study", "server"]) });
  const client = new StudyClient({ address: near, server: far, controlPort: CONTROL_PORT, ports, wait: WAIT, mtu: MTU, random: seededSources(seed, ["study", "client"]) });
  const clientNode = new StudyNode(simulation, "client", near, client);
  const serverNode = new StudyNode(simulation, "server", far, server);
  let before: SimNode = clientNode;
  for (const [i, box] of boxes.entries()) {
    const node = simulation.addMiddlebox(`${i + 1} ${box.kind}`, makeBox(box));
    simulation.connect(before, node, { rate: LAN_RATE, delay: LAN_DELAY });
    before = node;
  }
  simulation.connect(before, serverNode, { rate, delay, ...(loss > 0 ? { loss } : {}) });
  client.start(0);
  clientNode.work(0);
  simulation.runUntil(() => client.report !== null, LONGEST);
  return client.report ?? { client: String(near), seenAs: "", server: String(far), roundTrip: 0, problem: "it did not end", ports: [] };
}

/** What a survey of many networks came to. */
export interface SurveyReport {
  readonly seed: number;
  readonly networks: number;
  readonly shares: readonly RecoveredShare[];
  readonly naming: Naming;
}

/** A share of the paper, and what the probe found: on a high port, on the one between, and on port 80. */
export interface RecoveredShare {
  readonly name: string;
  readonly text: string;
  readonly ports: readonly { readonly port: number; readonly paper: number; readonly found: number }[];
}

export interface Naming {
  /** Networks that have boxes, and those of them in which all were named and no other. */
  readonly boxed: number;
  readonly right: number;
  /** Networks without any box, and those of them in which one was named. */
  readonly clear: number;
  readonly alarms: number;
  /** By kind: in how many networks it is, in how many of these it was named, and in how many others. */
  readonly kinds: readonly { readonly kind: string; readonly there: number; readonly named: number; readonly wrongly: number }[];
  /** The networks in which something was amiss. */
  readonly wrong: readonly { readonly network: number; readonly boxes: readonly PlacedBox[]; readonly named: readonly string[]; readonly problem: string | null }[];
}

/** Studies many access networks, as the paper found them, one after the other. */
export class Survey {
  private readonly seed: number;
  private readonly networks: readonly AccessNetwork[];
  private readonly reports: StudyReport[] = [];

  constructor(networks: number, seed: number) {
    this.seed = seed;
    this.networks = accessNetworks(networks, seed);
  }

  get done(): number {
    return this.reports.length;
  }

  get total(): number {
    return this.networks.length;
  }

  /** Studies the next network. @returns false when there is none */
  step(): boolean {
    const network = this.networks[this.reports.length];
    if (network === undefined) return false;
    this.reports.push(studyNetwork({ ...network, seed: this.seed * 100_003 + network.number }));
    return true;
  }

  /** Of the networks so far. */
  get report(): SurveyReport {
    const { reports, seed } = this;
    const shares = PAPER_SHARES.map(({ name, text, everywhere, web, isShownBy }) => ({
      name,
      text,
      ports: STUDY_PORTS.map((port) => ({
        port,
        paper: port === WEB_PORT ? web : everywhere,
        found: reports.filter(({ ports }) => ports.find((one) => one.port === port)?.findings.some(isShownBy) === true).length / Math.max(1, reports.length),
      })),
    }));
    return { seed, networks: reports.length, shares, naming: this.naming };
  }

  private get naming(): Naming {
    const all = this.reports.map((report, i) => {
      const network = this.networks[i] as AccessNetwork;
      return { network: network.number, boxes: network.boxes, problem: report.problem, named: [...boxesOf(report).keys()].toSorted() };
    });
    const isRight = ({ boxes, named, problem }: (typeof all)[number]): boolean => problem === null && kindsOf(boxes).join() === named.join();
    const boxed = all.filter(({ boxes }) => boxes.length > 0);
    const clear = all.filter(({ boxes }) => boxes.length === 0);
    const kinds = [...new Set(all.flatMap(({ boxes, named }) => [...kindsOf(boxes), ...named]))].toSorted().map((kind) => {
      const there = all.filter(({ boxes }) => boxes.some((box) => box.kind === kind));
      const wrongly = all.filter(({ boxes, named }) => named.includes(kind) && !boxes.some((box) => box.kind === kind)).length;
      return { kind, there: there.length, named: there.filter(({ named }) => named.includes(kind)).length, wrongly };
    });
    return { boxed: boxed.length, right: boxed.filter(isRight).length, clear: clear.length, alarms: clear.filter(({ named }) => named.length > 0).length, kinds, wrong: all.filter((one) => !isRight(one)) };
  }
}

const kindsOf = (boxes: readonly PlacedBox[]): string[] => [...new Set(boxes.map(({ kind }) => kind))].toSorted();

/** Whether every share was found within 3 points, and the boxes named in 95 % of the networks that have some. */
export function surveyIsMet({ naming, shares }: SurveyReport): boolean {
  return shares.every(({ ports }) => ports.every(({ found, paper }) => Math.abs(found - paper) <= MOST_OFF)) && naming.right >= LEAST_NAMED * naming.boxed;
}

const MOST_OFF = 0.03;
const LEAST_NAMED = 0.95;
/** Octets. */
const MTU = 1500;
/** The least wait for an answer, ns. */
const WAIT = 300e6;
const LAN_RATE = 1e9;
const LAN_DELAY = 0.2e6;
/** ns */
const LONGEST = 3600e9;
