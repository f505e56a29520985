import { formatRate, formatTime } from "@mptcp/scenario";
import type { Output } from "../io.ts";
import { ScreenRegion } from "../screen-region.ts";
import type { Emulated } from "./command.ts";
import type { DirectionFigures, Figures, LinkFigures } from "./messages.ts";

/** What `mptcp emulate` shows: where the ends are, and on a terminal what each path carries now. */
export class Screen {
  readonly #output: Output;
  readonly #region: ScreenRegion | null;
  #isTyped = false;
  #figures: Figures | null = null;
  #before: Figures | null = null;
  #isOver = false;

  constructor(output: Output) {
    this.#output = output;
    this.#region = output.columns > 0 ? new ScreenRegion(output) : null;
  }

  begin({ name, scenario, namespaces }: Emulated, superSegments: boolean, isTyped: boolean): void {
    const { plan } = scenario;
    this.#isTyped = isTyped;
    const { bold, dim } = this.#output.colors;
    const lines = [`${bold(plan.title)} (${name})`];
    for (const { host, namespace } of namespaces) {
      const { interfaces } = plan.network.hosts.find((one) => one.name === host) ?? { interfaces: [] };
      lines.push(`  ${host.padEnd(8)} ip netns exec ${namespace} COMMAND   ${interfaces.map(({ name: own, address }) => `${own} ${address}`).join(", ")}`);
    }
    const [near, far] = [plan.network.client, plan.network.server].map((host) => namespaces.find((one) => one.host === host)?.namespace);
    const address = plan.network.hosts.find((one) => one.name === plan.network.server)?.interfaces[0]?.address;
    lines.push(`  ${"try".padEnd(8)} ip netns exec ${near} ping ${address}`, `  ${"".padEnd(8)} ip netns exec ${far} iperf3 -s, and ip netns exec ${near} iperf3 -c ${address}`);
    if (superSegments) lines.push(dim("  nothing on the way changes or limits packets: super-segments cross whole"));
    if (isTyped) lines.push(dim("  a digit cuts a path, and mends it; q ends"));
    this.#output.write(`${lines.join("\n")}\n\n`);
  }

  show(figures: Figures): void {
    this.#before = this.#figures;
    this.#figures = figures;
    if (!this.#isOver) this.#region?.draw(this.#lines(figures));
  }

  /** A line that stays, with the time. */
  note(text: string): void {
    this.#region?.clear();
    this.#output.write(`${(this.#figures?.time ?? 0).toFixed(1).padStart(8)} s  ${text}\n`);
    if (this.#figures !== null && !this.#isOver) this.#region?.draw(this.#lines(this.#figures));
  }

  /** The last figures stay; where nothing was drawn, they are told now. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#region === null) {
      this.#before = null;
      if (this.#figures !== null) this.#output.write(`${this.#lines(this.#figures).join("\n")}\n`);
    }
    this.#region?.leave();
  }

  /** The path with a number, counted from 0; null for none. */
  linkAt(index: number): { readonly name: string; readonly isUp: boolean } | null {
    const link = this.#figures?.links[index];
    return link === undefined ? null : { name: link.name, isUp: link.up.isUp && link.down.isUp };
  }

  /** With rates since the figures before, or from the beginning where there are none. */
  #lines(figures: Figures): readonly string[] {
    const rows = figures.links.map((link, at) => this.#row(link, at, figures));
    const { median, p99, largest } = figures.addedDelay;
    const unusable = figures.unusable === 0 ? "" : `; ${figures.unusable} packets that could not be read or written`;
    return [
      `${this.#isTyped ? "   " : ""}${"path".padEnd(12)} ${"up".padStart(14)} ${"down".padStart(14)} ${"waiting".padStart(12)} ${"lost".padStart(12)}   one way`,
      ...rows,
      `${formatTime(Math.round(figures.time) * 1e9)}; added delay: median ${micros(median)}, 99 % ${micros(p99)}, largest ${micros(largest)}${unusable}`,
    ];
  }

  #row(link: LinkFigures, at: number, figures: Figures): string {
    const before = this.#before?.links[at];
    const time = figures.time - (this.#before?.time ?? 0);
    const rateOf = (now: DirectionFigures, then: DirectionFigures | undefined): string => (now.isUp ? rateText(Math.round((8 * (now.bytes - (then?.bytes ?? 0))) / Math.max(time, 1e-3) / 1e4) * 1e4) : "down");
    const { dim } = this.#output.colors;
    const limits = [link.up, link.down].map(({ rate, delay }) => `${formatTime(delay)}, ${rateText(rate)}`);
    const limit = limits[0] === limits[1] ? limits[0] : limits.join(" / ");
    const key = this.#isTyped ? `${at + 1 < 10 ? at + 1 : " "}  ` : "";
    return `${key}${link.name.padEnd(12)} ${rateOf(link.up, before?.up).padStart(14)} ${rateOf(link.down, before?.down).padStart(14)} ${pair(link.up.queued, link.down.queued)} ${pair(lostOf(link.up), lostOf(link.down))}   ${dim(limit ?? "")}`;
  }
}

const lostOf = ({ dropped }: DirectionFigures): number => dropped.queue + dropped.random + dropped.down + dropped.mtu;
const pair = (up: number, down: number): string => `${up} / ${down}`.padStart(12);
const micros = (ns: number): string => `${Math.round(ns / 1e3)} us`;

/** "20 Mb/s", or that there is no limit. */
function rateText(rate: number | null): string {
  return rate === null ? "no limit" : formatRate(rate);
}
