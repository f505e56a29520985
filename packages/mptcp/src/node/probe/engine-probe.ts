import type { ConnectionInfo, MptcpConnection } from "../../mptcp/index.ts";
import { MP_CAPABLE_FLAG, TCP_FLAG } from "../../wire/index.ts";
import type { MpCapable, TcpSegment } from "../../wire/index.ts";
import { answerToCapable, answerToSyn, describeSynAck, optionRows } from "./judge.ts";
import type { CapableAnswer, SynAnswer } from "./judge.ts";
import { row } from "./report.ts";
import type { ProbeOutcome, ProbeRow, ProbeTarget } from "./report.ts";
import type { Sighting } from "./tap.ts";
import { handMadeSyn, Trial } from "./trial.ts";
import type { Course } from "./trial.ts";

/** Tries one address with the engine, which sees every packet: plain TCP, version 1 with data and a join, version 0. */
export async function probeAddress(course: Course, send: string): Promise<ProbeTarget> {
  const rows: ProbeRow[] = [];
  const target = (outcome: ProbeOutcome, version: 0 | 1 | null, summary: string, roundTrip: number | null): ProbeTarget => ({ address: String(course.remote), outcome, version, summary, roundTrip, rows });
  const plain = await plainTrial(course, rows, send);
  if (plain === null) return target("unreachable", null, rows[0]?.verdict ?? "", null);
  const capable = await capableTrial(course, rows, send);
  const older = await versionZero(course, rows);
  rows.push(...optionRows(plain, capable.synAck, course.tap.mtu, course.local.family));
  rows.push(row("sequence_numbers", "unknown", "looked at both ends' sequence numbers", "ours only", "whether a middlebox shifts them cannot be seen from one end; Multipath TCP does not mind"));
  if (capable.works) return target("multipath", 1, older ? "speaks Multipath TCP, versions 1 and 0" : "speaks Multipath TCP, version 1", plain.roundTrip);
  if (older) return target("multipath", 0, "speaks Multipath TCP, version 0 (RFC 6824) only, as this library does where it is asked to", plain.roundTrip);
  return target("tcp", null, capable.summary, plain.roundTrip);
}

/** Whether the address can be reached at all, and what TCP looks like there. */
async function plainTrial(course: Course, rows: ProbeRow[], send: string): Promise<(SynAnswer & { kind: "synack" }) | null> {
  const trial = new Trial(course, { multipath: false });
  await trial.until(() => trial.connected || trial.connection.closed);
  const answer = answerToSyn(trial.first);
  const { error } = trial.connection;
  const did = "opened plain TCP";
  if (answer.kind === "synack") {
    rows.push(row("tcp", "ok", did, `${describeSynAck(answer.segment)} after ${answer.roundTrip.toFixed(1)} ms`, answer.attempts > 1 ? `reachable, after ${answer.attempts} SYNs` : "reachable"));
    if (trial.connected) await plainData(trial, rows, send);
    trial.abort();
    return answer;
  }
  trial.abort();
  if (answer.kind === "reset" || error === "ECONNREFUSED") rows.push(row("tcp", "fail", did, answer.kind === "reset" ? "RST" : "ICMP port unreachable", "nobody listens there, or a firewall refuses"));
  else if (error === "EHOSTUNREACH" || error === "ENETUNREACH") rows.push(row("tcp", "fail", did, `ICMP unreachable (${error})`, "no way leads there"));
  else rows.push(row("tcp", "fail", did, `silence, to ${counted(answer.attempts, "SYN")}`, "nobody is there, or a firewall swallows what comes"));
  return null;
}

/** What Multipath TCP's data is to be compared with, and the end. */
async function plainData(trial: Trial, rows: ProbeRow[], send: string): Promise<void> {
  if (send === "") {
    trial.end();
    await trial.until(() => trial.first.some(isFin) || trial.connection.closed, GRACE);
    return;
  }
  trial.write(send);
  trial.end();
  await trial.until(() => trial.isDrained || trial.connection.closed);
  const did = `sent ${counted(new TextEncoder().encode(send).length, "octet")} in plain TCP`;
  if (trial.isDrained) rows.push(row("tcp_data", "ok", did, "ACK of them", "data passes"));
  else rows.push(row("tcp_data", "fail", did, trial.connection.error === "ECONNRESET" ? "RST" : "no ACK of them", "data does not pass in plain TCP either: what follows is not Multipath TCP's fault"));
}

interface CapableFinding {
  readonly works: boolean;
  /** Why not. */
  readonly summary: string;
  readonly synAck: TcpSegment | null;
}

/** Version 1: handshake, data, one more subflow, and the end. */
async function capableTrial(course: Course, rows: ProbeRow[], send: string): Promise<CapableFinding> {
  // Every SYN carries the option, so that silence is silence. Keepalives call for a DSS where nobody has anything to say.
  const trial = new Trial(course, { mptcp: { capableSyns: Number.MAX_SAFE_INTEGER }, tcp: { keepAliveIdle: KEEP_ALIVE, keepAliveInterval: KEEP_ALIVE, noDelay: true } });
  try {
    await trial.until(() => trial.connected || trial.connection.closed);
    const answer = answerToSyn(trial.first);
    const did = "opened with MP_CAPABLE, version 1";
    if (answer.kind !== "synack") {
      const came = answer.kind === "reset" ? "RST" : `silence, to ${counted(answer.attempts, "SYN")}`;
      const verdict = answer.kind === "reset" ? "something refuses SYNs with the option; plain TCP passes" : "a black hole for SYNs with the option; plain TCP passes";
      rows.push(row("mp_capable", "fail", did, came, verdict));
      return { works: false, summary: `plain TCP only: ${verdict}`, synAck: null };
    }
    const sent = answer.syn.mptcp.find((option) => option.kind === "mp_capable");
    const capable: CapableAnswer = sent === undefined ? { kind: "absent" } : answerToCapable(answer.segment, sent);
    const finding = capableRow(capable, did);
    rows.push(finding);
    if (capable.kind !== "accepted") return { works: false, summary: `plain TCP only: ${finding.verdict}`, synAck: answer.segment };
    const { multipath } = trial;
    const summary = multipath === null ? "plain TCP only" : await exchange(course, trial, multipath, rows, send);
    return { works: summary === null, summary: summary ?? "", synAck: answer.segment };
  } finally {
    trial.abort();
  }
}

function capableRow(answer: CapableAnswer, did: string): ProbeRow {
  const id = "mp_capable";
  switch (answer.kind) {
    case "accepted": {
      const { flags } = answer.option;
      const notes = [(flags & MP_CAPABLE_FLAG.A) === 0 ? "" : "checksums required", (flags & MP_CAPABLE_FLAG.C) === 0 ? "" : "no joins to this address (C flag)"].filter((note) => note !== "");
      return row(id, "ok", did, `SYN+ACK with MP_CAPABLE, version 1, and a key${notes.length === 0 ? "" : `; ${notes.join("; ")}`}`, "the peer speaks Multipath TCP");
    }
    case "other_version":
      return row(id, "fail", did, `SYN+ACK with MP_CAPABLE, version ${answer.option.version}`, `the peer speaks version ${answer.option.version} and not 1`);
    case "unusable":
      return row(id, "fail", did, `SYN+ACK with MP_CAPABLE, flags ${answer.option.flags.toString(2).padStart(8, "0")}`, `the peer asks for what this library does not know (${answer.reason})`);
    case "reflected":
      return row(id, "fail", did, "SYN+ACK with our own MP_CAPABLE, unchanged", "the peer or a middlebox sends back options that it does not know; no Multipath TCP");
    case "malformed":
      return row(id, "fail", did, "SYN+ACK with an option that is no answer", "something mangles the option; no Multipath TCP");
    case "absent":
      return row(id, "fail", did, "SYN+ACK without MP_CAPABLE", "the peer does not speak it, or a middlebox took the option away");
  }
}

/** What follows the handshake. @returns why Multipath TCP does not work after all; null when it does */
async function exchange(course: Course, trial: Trial, connection: MptcpConnection, rows: ProbeRow[], send: string): Promise<string | null> {
  if (send !== "") trial.write(send);
  const gone = (): boolean => connection.closed || connection.fallback !== null;
  const info = (): ConnectionInfo => connection.info(course.runtime.now);
  await trial.until(() => gone() || (info().fullyEstablished && (send === "" || info().bytesAcknowledged > 0)));
  rows.push(dssRow(trial, connection, send));
  if (connection.fallback !== null) return `plain TCP only: options are lost after the handshake (${connection.fallback})`;
  if (!info().fullyEstablished) return "Multipath TCP begins, but no DSS comes back";
  if (!connection.closed) rows.push(await joinRow(course, trial, connection));
  if (send !== "") {
    await trial.until(() => gone() || info().sendBuffered === 0);
    rows.push(dataRow(trial, info()));
  }
  if (!connection.closed) {
    trial.end();
    await trial.until(() => gone() || info().endAcknowledged);
  }
  const isEnded = info().endAcknowledged;
  if (isEnded) await trial.until(gone, GRACE);
  if (isEnded) rows.push(row("data_fin", "ok", "sent DATA_FIN", "DATA_ACK of it", "the connection closes as one of Multipath TCP"));
  else rows.push(row("data_fin", "warn", "sent DATA_FIN", "nothing", "the end of the connection is not acknowledged at its own level"));
  return connection.fallback === null ? null : `plain TCP only: options are lost in the course of the connection (${connection.fallback})`;
}

function dataRow(trial: Trial, { bytesAcknowledged, sendBuffered }: ConnectionInfo): ProbeRow {
  const did = `sent ${counted(bytesAcknowledged + sendBuffered, "octet")}`;
  const came = `DATA_ACK up to ${bytesAcknowledged}, and ${counted(trial.received, "octet")} in answer`;
  if (sendBuffered === 0) return row("data", "ok", did, came, "data passes in both sequence spaces");
  return row("data", "warn", did, came, "not all of it is acknowledged at the level of the connection");
}

function dssRow(trial: Trial, connection: MptcpConnection, send: string): ProbeRow {
  const did = send === "" ? "third ACK with both keys, and waited for a DSS" : "sent first data, with MP_CAPABLE and both keys";
  const reset = trial.first.some(({ direction, packet }) => direction === "in" && packet.tcp !== null && (packet.tcp.flags & TCP_FLAG.RST) !== 0);
  if (connection.session.fullyEstablished && connection.fallback === null) return row("dss", "ok", did, "DSS with DATA_ACK", "options pass both ways after the handshake too");
  if (connection.fallback !== null) return row("dss", "fail", did, "acknowledgments without DSS", `something takes the options of later segments away; the connection went on as TCP (${connection.fallback})`);
  if (reset) return row("dss", "fail", did, "RST", "something resets connections whose segments carry the options");
  const acknowledged = trial.first.filter(({ direction, packet }) => direction === "in" && packet.tcp !== null && (packet.tcp.flags & TCP_FLAG.SYN) === 0);
  if (acknowledged.length === 0) return row("dss", "fail", did, "silence", "segments with options get lost after the handshake");
  return row("dss", "fail", did, "acknowledgments without DSS", "something takes the options of later segments away, or the peer has gone over to plain TCP");
}

/** MP_JOIN from our second address, or to an address that the peer announced. */
async function joinRow(course: Course, trial: Trial, connection: MptcpConnection): Promise<ProbeRow> {
  const did = "opened a second subflow with MP_JOIN";
  const announced = trial.first.flatMap(({ direction, packet }) => (direction === "in" && packet.tcp !== null ? packet.tcp.mptcp : [])).filter((option) => option.kind === "add_addr");
  const own = course.runtime.host.localAddresses().filter((entry) => entry.address.family === course.remote.family).length;
  if (own < 2 && announced.length === 0) return row("join", "note", did, "not tried: we have one address of this family and the peer announced none", "give a second link to try it");
  if (connection.session.peerDeniesJoin && announced.length === 0) return row("join", "note", did, "not tried: the peer forbids joins to this address (C flag) and announced no other", "right for a server behind a load balancer");
  // Which manager opens which path when is its own matter: what counts is what is on the wire.
  const joined = (): boolean => connection.subflows.some((subflow) => !subflow.first && subflow.established);
  const refused = (): boolean => joinsOf(trial).length > 0 && joinsOf(trial).every(isRefused);
  await trial.until(() => joined() || connection.closed || connection.fallback !== null || refused());
  const joins = joinsOf(trial);
  if (joined()) {
    const by = connection.subflows.find((subflow) => !subflow.first && subflow.established)?.tcp.tuple;
    return row("join", "ok", did, `SYN+ACK with MP_JOIN and the right HMAC, from ${by?.remoteAddress} to ${by?.localAddress}`, "a second subflow is in use");
  }
  const last = joins.at(-1);
  if (last === undefined) return row("join", "unknown", did, "not tried", "the connection ended before, or no path offered itself");
  if (last.answer.kind === "reset") return row("join", "warn", did, `RST to ${last.local}`, "the peer refuses one more subflow: a limit, or a load balancer that leads to another host");
  if (last.answer.kind === "silence") return row("join", "warn", did, `silence, to ${counted(last.answer.attempts, "SYN")} from ${last.local}`, "the second path swallows the join, or does not lead there");
  const hasOption = last.answer.segment.mptcp.some((option) => option.kind === "mp_join_synack");
  if (!hasOption) return row("join", "warn", did, "SYN+ACK without MP_JOIN", "the second path takes the option away, or leads to another host");
  if (last.wasReset) return row("join", "warn", did, "SYN+ACK with MP_JOIN, and then RST", "the peer refuses one more subflow, as its limit may say, or the third ACK's option got lost");
  return row("join", "warn", did, "SYN+ACK with MP_JOIN, and then no confirmation", "the HMAC is wrong, or the third ACK's option gets lost");
}

/** One attempt at a second subflow. */
interface Join {
  readonly local: string;
  readonly answer: SynAnswer;
  /** The peer broke it off, at whatever time. */
  readonly wasReset: boolean;
}

function isRefused({ answer, wasReset }: Join): boolean {
  return wasReset || (answer.kind === "synack" && !answer.segment.mptcp.some((option) => option.kind === "mp_join_synack"));
}

/** Each SYN with MP_JOIN that went out, and its answer. */
function joinsOf(trial: Trial): readonly Join[] {
  const flows = new Map<string, Sighting[]>();
  for (const sighting of trial.others) {
    const { direction, packet } = sighting;
    if (packet.tcp === null) continue;
    const [local, port] = direction === "in" ? [packet.destination, packet.tcp.destinationPort] : [packet.source, packet.tcp.sourcePort];
    const key = `${local} port ${port}`;
    const flow = flows.get(key);
    if (flow === undefined) flows.set(key, [sighting]);
    else flow.push(sighting);
  }
  return Array.from(flows, ([local, sightings]) => ({ local, sightings }))
    .filter(({ sightings }) => sightings.some(({ direction, packet }) => direction === "out" && packet.tcp !== null && packet.tcp.mptcp.some((option) => option.kind === "mp_join_syn")))
    .map(({ local, sightings }) => ({ local, answer: answerToSyn(sightings), wasReset: sightings.some(({ direction, packet }) => direction === "in" && packet.tcp !== null && (packet.tcp.flags & TCP_FLAG.RST) !== 0) }));
}

/** RFC 8684 §3.1: a listener of version 0 ignores a SYN of version 1, which has no key; only a SYN of its own version finds it. */
async function versionZero(course: Course, rows: ProbeRow[]): Promise<boolean> {
  const key = new Uint8Array(8);
  course.runtime.host.random.keys.fill(key);
  const sent: MpCapable = { kind: "mp_capable", version: 0, flags: MP_CAPABLE_FLAG.H, senderKey: key, receiverKey: null, dataLength: -1, checksum: -1 };
  const answer = await handMadeSyn(course, sent);
  const id = "version_0";
  const did = "SYN with MP_CAPABLE, version 0, and broke off";
  if (answer === null) rows.push(row(id, "note", did, "silence", "a black hole for SYNs with that option"));
  else if ((answer.flags & TCP_FLAG.RST) !== 0) rows.push(row(id, "note", did, "RST", "something refuses SYNs with that option"));
  else {
    const capable = answerToCapable(answer, sent);
    if (capable.kind === "accepted") {
      rows.push(row(id, "ok", did, "SYN+ACK with MP_CAPABLE, version 0, and a key", "the peer speaks version 0 (RFC 6824)"));
      return true;
    }
    const came = { absent: "SYN+ACK without MP_CAPABLE", reflected: "SYN+ACK with our own key", malformed: "SYN+ACK with an option that is no answer", other_version: "SYN+ACK with another version", unusable: "SYN+ACK with unknown flags" }[capable.kind];
    rows.push(row(id, "note", did, came, capable.kind === "reflected" ? "the peer or a middlebox sends back options that it does not know" : "no version 0, which is as it should be today"));
  }
  return false;
}

function isFin({ direction, packet }: Sighting): boolean {
  return direction === "in" && packet.tcp !== null && (packet.tcp.flags & (TCP_FLAG.FIN | TCP_FLAG.RST)) !== 0;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** How long a peer has to close its end in turn before we break off, ms. */
const GRACE = 500;
/** ns */
const KEEP_ALIVE = 300_000_000;
