import { TCP_FLAG } from "mptcp/wire";
import { LONG, PIECE, SHORT, SHORT_ONES } from "./experiments.ts";
import { finding } from "./finding.ts";
import type { Finding, Run } from "./finding.ts";
import { judgeMarks, judgeOrder, judgePlain } from "./headers.ts";
import { judgeEcho, judgeOptions } from "./option-judgements.ts";
import { Passage } from "./passage.ts";
import { PROBE_OPTIONS } from "./probe-options.ts";
import { isReset } from "./sight.ts";

/** What differs, in one run of an experiment, from a path with nothing on it. */
export function judge(experiment: string, run: Run): Finding[] {
  const [name = "", detail = ""] = experiment.split("/");
  const out = new Passage(run, "out");
  const back = new Passage(run, "in");
  const both = [out, back];
  if (name === "silent-server") return judgeSilentServer(back);
  if (name === "stray") return judgeStray(out);
  const always = both.flatMap((passage) => [...judgeResets(passage), ...judgeOrder(passage)]);
  const option = PROBE_OPTIONS.find((one) => one === detail);
  if (name === "option" && option !== undefined) return [...always, ...both.flatMap((passage) => judgeOptions(passage, option, true))];
  if (!isThrough(out, back)) {
    // Experiments that come behind the first need not say again that nothing comes about.
    const isSyn = name === "syn-data" && out.syn.seen === undefined;
    if (isSyn) return [...always, finding("syn-data", "out", "lost", "no SYN with data arrives")];
    return name === "plain" ? [...always, finding("reach", out.syn.seen === undefined ? "out" : "in", "unanswered", out.syn.seen === undefined ? "no SYN arrives" : "no SYN+ACK arrives")] : always;
  }
  switch (name) {
    case "plain": return [...always, ...judgePlain(run, both)];
    case "marks": return [...always, ...both.flatMap(judgeMarks)];
    case "data-option": return option === undefined ? always : [...always, ...both.flatMap((passage) => judgeOptions(passage, option, false))];
    case "echo": return [...always, ...judgeEcho(back)];
    case "hole": return [...always, ...judgeHole(detail === "out" ? out : back)];
    case "unseen": return [...always, ...judgeUnseen(detail === "out" ? out : back)];
    case "silence": return [...always, ...judgeSilence(...active(detail, out, back))];
    case "sizes": return [...always, ...judgeSizes(detail === "out" ? out : back)];
    case "acks": return [...always, ...judgeAcks(detail === "out" ? out : back)];
    case "syn-data": return [...always, ...both.flatMap(judgeSynData)];
    default: return always;
  }
}

const active = (way: string, out: Passage, back: Passage): [Passage, Passage] => (way === "out" ? [out, back] : [back, out]);

function isThrough(out: Passage, back: Passage): boolean {
  return back.syn.seen !== undefined && out.seen.some(({ flags }) => (flags & (TCP_FLAG.SYN | TCP_FLAG.ACK)) === TCP_FLAG.ACK);
}

/** A RST that the other end has not sent: with numbers of no other, and more of them than were sent or in the midst of what was. */
function judgeResets(passage: Passage): Finding[] {
  const { seen, sent, way } = passage;
  const own = sent.filter(isReset);
  const places = new Set(own.map((sight) => passage.sentAt(sight)));
  const all = seen.filter(isReset);
  const isForged = all.some((sight) => !places.has(passage.seenAt(sight)) && (all.length > own.length || seen.slice(seen.indexOf(sight)).some((later) => !isReset(later))));
  return isForged ? [finding("reset", way, "forged", "a RST arrives that the other end did not send")] : [];
}

function judgeSilentServer(back: Passage): Finding[] {
  const { seen, sent } = back.syn;
  return seen !== undefined && sent === undefined ? [finding("silent-server", "in", "answered", "a SYN+ACK arrives that the server did not send")] : [];
}

function judgeStray(out: Passage): Finding[] {
  if (out.seen.some(({ length }) => length > 0)) return [];
  return [finding("stray", "out", "lost", "data of a connection that never began does not arrive")];
}

/** Data that came at once, that came when the hole was filled, or that never came. */
function judgeHole(passage: Passage): Finding[] {
  const { way } = passage;
  const behind = passage.sentData.find((sight) => passage.sentAt(sight) === 2 * PIECE);
  const first = passage.sentData.find((sight) => passage.sentAt(sight) === 0);
  if (behind === undefined || first === undefined) return [];
  const arrival = passage.arrivalOf(2 * PIECE);
  if (arrival === undefined) return [finding("hole", way, "lost", "data behind a hole does not arrive")];
  const [before, fill] = [passage.arrivalOf(0), passage.arrivalOf(PIECE)];
  const late = before === undefined ? 0 : arrival.time - before.time - (behind.time - first.time);
  const isHeld = (fill !== undefined && fill.time <= arrival.time) || late > LATE;
  return isHeld ? [finding("hole", way, "held", "data behind a hole arrives when the hole is filled, or late")] : [];
}

/** @param passage the way of the ACK for data that was not sent */
function judgeUnseen(passage: Passage): Finding[] {
  const { way } = passage;
  const [sent, seen] = [passage.sentAcks.map((sight) => passage.sentAck(sight)), passage.seenAcks.map((sight) => passage.seenAck(sight))];
  if (!sent.some(isBold) || seen.some(isBold)) return [];
  if (seen.filter(isHonest).length > sent.filter(isHonest).length) return [finding("unseen-ack", way, "corrected", "an ACK for data that was not sent arrives as one for what was")];
  return [finding("unseen-ack", way, "lost", "an ACK for data that was not sent does not arrive")];
}

/** What an ACK for more than was sent acknowledges, and an honest one. Where an editor made the stream longer or shorter, places are others by a few octets. */
const isBold = (place: number): boolean => place > 2 * PIECE;
const isHonest = (place: number): boolean => place > 0 && !isBold(place);

/** What comes back although the receiver is silent, and what becomes of other data at the same place. */
function judgeSilence(data: Passage, acks: Passage): Finding[] {
  const found: Finding[] = [];
  const [first, second] = data.sentData;
  if (first === undefined || second === undefined) return found;
  // The receiver says nothing for two waits, of which the second segment marks the first.
  const until = second.time + EARLY * (second.time - first.time);
  const said = acks.sentAcks.filter((sight) => acks.sentAck(sight) > 0).length;
  const heard = acks.seenAcks.filter((sight) => acks.seenAck(sight) > 0);
  // A sender that was late takes what is not early for early, but hears no more than was said; who hears a copy hears it late.
  if (heard.length > said && heard.some(({ time }) => time < until)) found.push(finding("early-ack", data.way, "acknowledged", "data is acknowledged before its receiver does"));
  const contents = data.seenData.filter((sight) => data.seenAt(sight) === 0).map(({ content }) => content);
  if (contents.includes("b")) return found;
  if (!contents.includes("a")) return found;
  const isRepeated = contents.filter((content) => content === "a").length > 1;
  found.push(finding("retransmission", data.way, isRepeated ? "replaced" : "lost", isRepeated ? "a retransmission arrives with the payload of the first one" : "a retransmission with another payload does not arrive"));
  return found;
}

function judgeSizes(passage: Passage): Finding[] {
  const { way } = passage;
  const found: Finding[] = [];
  const first = passage.arrivalOf(0);
  if (first !== undefined && first.length < MUCH * LONG && passage.arrivalOf(first.length) !== undefined) found.push(finding("long-segment", way, "split", `a segment of ${LONG} octets arrives in pieces of ${first.length}`));
  const short = passage.seenData.filter((sight) => passage.seenAt(sight) >= LONG);
  const longest = Math.max(0, ...short.map(({ length }) => length));
  if (longest > SHORT) found.push(finding("short-segments", way, "joined", `segments of ${SHORT} octets arrive as one of ${longest}`));
  return found;
}

function judgeAcks(passage: Passage): Finding[] {
  const [sent, seen] = [numbers(passage.sentAcks.map((sight) => passage.sentAck(sight))), numbers(passage.seenAcks.map((sight) => passage.seenAck(sight)))];
  if (sent < SHORT_ONES || seen === 0 || seen >= sent) return [];
  return [finding("acks", passage.way, "fewer", `of ${sent} ACKs that follow each other ${seen} arrive`)];
}

/** How many different ones. */
const numbers = (values: readonly number[]): number => new Set(values.filter((value) => value > 0)).size;

function judgeSynData(passage: Passage): Finding[] {
  const { sent, seen } = passage.syn;
  if (sent === undefined || sent.length === 0) return [];
  if (seen === undefined) return [finding("syn-data", passage.way, "lost", "a SYN with data does not arrive")];
  return seen.length === 0 ? [finding("syn-data", passage.way, "removed", "a SYN arrives without its data")] : [];
}

/** Later than this behind its time, ns, data was held. */
const LATE = 150e6;
/** Of the second wait: as much of it as an ACK needs not to be the receiver's. */
const EARLY = 0.9;
/** An editor may make a segment shorter by less. */
const MUCH = 0.9;
