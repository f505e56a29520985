import { writeFileSync } from "node:fs";
import { randomSources } from "mptcp";
import { CryptoRandom } from "mptcp/node";
import { IpAddress } from "mptcp/wire";
import { CONTROL_PORT, StudyClient, StudyServer, STUDY_PORTS, studyPage, Survey, surveyIsMet, surveyPage } from "@mptcp/testbed/study";
import type { StudyReport, SurveyReport } from "@mptcp/testbed/study";
import { EXIT, exitOf } from "../io.ts";
import type { Io, Signal } from "../io.ts";
import type { TunOption } from "../link-options.ts";
import { explain, explainFile } from "../remedies.ts";
import { isSameFamily, openDevice, RealHalf } from "./real-half.ts";
import type { StudyFlags } from "./options.ts";
import { studyText, surveyText } from "./text.ts";
import { StudyScreen } from "./screen.ts";

/** `mptcp study`. @returns 0 where nothing was found, 1 where something was, 2 for wrong usage or a host that cannot ask, 3 for a server that cannot be reached, 130 or 143 when it was interrupted */
export async function studyCommand(host: string | null, flags: StudyFlags, io: Io): Promise<number> {
  const problem = problemOf(host, flags);
  if (problem !== null) {
    io.stderr.write(`${problem}\n`);
    return EXIT.usage;
  }
  if (flags.survey !== undefined) return survey(flags.survey, flags, io);
  const device = flags.tun?.[0] as TunOption;
  const interruption = new Interruption(io);
  try {
    return flags.server === true ? await serve(device, flags, interruption, io) : await study(device, String(host), flags, interruption, io);
  } catch (error) {
    io.stderr.write(`${explain(error)}\n`);
    return EXIT.usage;
  } finally {
    interruption.cancel();
  }
}

function problemOf(host: string | null, { server, tun = [], survey: networks, ports = [], control = CONTROL_PORT, out }: StudyFlags): string | null {
  if ([host !== null, server === true, networks !== undefined].filter(Boolean).length !== 1) return "say what is to be done: the address of a server, --server or --survey";
  if (networks !== undefined) return tun.length > 0 ? "--survey is about emulated networks, which need no --tun" : null;
  if (tun.length !== 1) return "one --tun is needed, the device that segments go over: --tun name=mp0,host=10.1.0.2,kernel=10.1.0.1/24";
  if (ports.includes(control)) return `port ${control} is that of --control; take another one for --ports`;
  if (server === true) return out === undefined ? null : "--out is for the client, which has the report";
  const address = IpAddress.parse(String(host));
  if (address === null) return `"${String(host)}" is no IP address: the segments are made here, and no name is looked up for them`;
  return isSameFamily(String(address), (tun[0] as TunOption).host) ? null : `${String(host)} and ${(tun[0] as TunOption).host} are of different families`;
}

async function serve(device: TunOption, { ports, control = CONTROL_PORT, json = false }: StudyFlags, interruption: Interruption, io: Io): Promise<number> {
  const link = await openDevice(device);
  const server = new StudyServer({ address: IpAddress.from(device.host), controlPort: control, ports: ports ?? null, mtu: link.mtu, random: randomSources(() => new CryptoRandom()) });
  let told = 0;
  const broken = new Deferred<Error>();
  const half = new RealHalf(
    link,
    server,
    () => {
      if (json || server.experiments < told + TELL_EACH) return;
      told = server.experiments;
      io.stderr.write(`${told} experiments so far\n`);
    },
    broken.resolve,
  );
  half.begin();
  io.stderr.write(`serving studies on ${device.host}, ${ports === undefined ? "all ports" : `ports ${ports.join(", ")}`}; clients ask at port ${control}\n`);
  try {
    const end = await Promise.race([interruption.signal, broken.promise]);
    if (end instanceof Error) throw end;
    if (json) io.stdout.write(`${JSON.stringify({ experiments: server.experiments })}\n`);
    return exitOf(end);
  } finally {
    await half.close();
  }
}

async function study(device: TunOption, host: string, flags: StudyFlags, interruption: Interruption, io: Io): Promise<number> {
  const { ports = STUDY_PORTS, control = CONTROL_PORT, wait = USUAL_WAIT, json = false, out } = flags;
  const link = await openDevice(device);
  const random = randomSources(() => new CryptoRandom());
  const client = new StudyClient({ address: IpAddress.from(device.host), server: IpAddress.from(host), controlPort: control, ports, wait: wait * 1e9, mtu: link.mtu, random });
  const screen = new StudyScreen(io.stderr, io.clock, "experiments");
  const over = new Deferred<StudyReport>();
  const broken = new Deferred<Error>();
  const half = new RealHalf(
    link,
    client,
    () => {
      screen.update(client.progress.done, client.progress.total);
      if (client.report !== null) over.resolve(client.report);
    },
    broken.resolve,
  );
  io.stderr.write(`studying the way from ${device.host} to ${host}, ports ${ports.join(", ")}\n`);
  client.start(half.now);
  half.begin();
  try {
    const end = await Promise.race([over.promise, interruption.signal, broken.promise]);
    screen.end();
    if (typeof end === "string") return exitOf(end);
    if (end instanceof Error) throw end;
    io.stdout.write(json ? `${JSON.stringify(end, null, 2)}\n` : studyText(end, io.stdout.colors));
    if (!write(out, () => studyPage(end), io)) return EXIT.failed;
    if (end.problem !== null) return EXIT_UNREACHABLE;
    return end.ports.some(({ boxes }) => boxes.length > 0) ? EXIT.failed : EXIT.ok;
  } finally {
    screen.end();
    await half.close();
  }
}

async function survey(networks: number, { seed = 1, json = false, out }: StudyFlags, io: Io): Promise<number> {
  const interruption = new Interruption(io);
  const screen = new StudyScreen(io.stderr, io.clock, "networks");
  const run = new Survey(networks, seed);
  try {
    while (run.step()) {
      screen.update(run.done, run.total);
      // Ctrl-C is heard between two networks.
      await new Promise<void>((resolve) => void setImmediate(resolve));
      if (interruption.by !== null) return exitOf(interruption.by);
    }
    screen.end();
    const report: SurveyReport = run.report;
    io.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : surveyText(report, io.stdout.colors));
    if (!write(out, () => surveyPage(report), io)) return EXIT.failed;
    return surveyIsMet(report) ? EXIT.ok : EXIT.failed;
  } finally {
    screen.end();
    interruption.cancel();
  }
}

/** @returns false when that failed, which is told */
function write(path: string | undefined, page: () => string, io: Io): boolean {
  if (path === undefined) return true;
  try {
    writeFileSync(path, page());
    return true;
  } catch (error) {
    io.stderr.write(`${explainFile(path, error as NodeJS.ErrnoException)}\n`);
    return false;
  }
}

/** A promise that is fulfilled from outside. */
class Deferred<T> {
  resolve!: (value: T) => void;
  readonly promise = new Promise<T>((resolve) => (this.resolve = resolve));
}

/** The wish of the user that it ends. */
class Interruption {
  by: Signal | null = null;
  readonly signal: Promise<Signal>;
  readonly cancel: () => void;

  constructor(io: Io) {
    const asked = new Deferred<Signal>();
    this.signal = asked.promise;
    this.cancel = io.onInterrupt((by) => {
      this.by = by ?? "SIGINT";
      asked.resolve(this.by);
    });
  }
}

/** The server cannot be reached, as with mptcp probe. */
const EXIT_UNREACHABLE = 3;
/** Seconds. */
const USUAL_WAIT = 0.3;
const TELL_EACH = 100;
