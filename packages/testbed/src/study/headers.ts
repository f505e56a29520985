import { TCP_FLAG } from "mptcp/wire";
import { finding } from "./finding.ts";
import type { Finding, Run } from "./finding.ts";
import type { Passage } from "./passage.ts";
import type { Sight } from "./sight.ts";

/** What a plain connection shows: addresses, numbers, windows, payload. */
export function judgePlain(run: Run, passages: readonly Passage[]): Finding[] {
  return [...judgeAddress(run), ...passages.flatMap((passage) => [...judgeSyn(passage), ...judgeWindows(passage), ...judgePayload(passage)])];
}

/** Where the client's segments come from, for the server. */
function judgeAddress({ client, server }: Run): Finding[] {
  const seen = server.seen[0]?.peer;
  return seen === undefined || seen === client.own ? [] : [finding("address", "out", "translated", `the server sees ${seen} for ${client.own}`)];
}

function judgeSyn(passage: Passage): Finding[] {
  const { way } = passage;
  const { sent, seen } = passage.syn;
  if (sent === undefined || seen === undefined) return [];
  const found: Finding[] = [];
  if (sent.sequence !== seen.sequence) found.push(finding("sequence-numbers", way, "moved", `initial sequence number ${seen.sequence} for ${sent.sequence}`));
  if (sent.maximumSegmentSize !== seen.maximumSegmentSize) {
    const verdict = seen.maximumSegmentSize === 0 ? "removed" : seen.maximumSegmentSize < sent.maximumSegmentSize ? "lowered" : "raised";
    found.push(finding("mss", way, verdict, `MSS ${seen.maximumSegmentSize} for ${sent.maximumSegmentSize}`));
  }
  if (sent.windowScale !== seen.windowScale) found.push(finding("window-scale", way, seen.windowScale < 0 ? "removed" : "changed", `window scale ${seen.windowScale} for ${sent.windowScale}`));
  if (sent.sackPermitted && !seen.sackPermitted) found.push(finding("sack-permitted", way, "removed", "SACK permitted is taken off"));
  return found;
}

function judgeWindows(passage: Passage): Finding[] {
  for (const sight of passage.sentData) {
    const seen = arrivalAt(passage, sight);
    if (seen !== undefined && seen.window !== sight.window) {
      return [finding("window", passage.way, seen.window < sight.window ? "lowered" : "raised", `window ${seen.window} for ${sight.window}`)];
    }
  }
  return [];
}

/** Octets up to the end of the last. */
const total = (sights: readonly Sight[], at: (sight: Sight) => number): number => Math.max(0, ...sights.map((sight) => at(sight) + sight.length));
const isFtp = (sight: Sight): boolean => sight.content === "f";

function judgePayload(passage: Passage): Finding[] {
  const { way } = passage;
  const found: Finding[] = [];
  const [sent, seen] = [total(passage.sentData, (sight) => passage.sentAt(sight)), total(passage.seenData, (sight) => passage.seenAt(sight))];
  const command = passage.sentData.find(isFtp);
  const place = command === undefined ? 0 : passage.sentAt(command);
  const isEarlier = passage.seenData.some((sight) => passage.seenAt(sight) < place && sight.content === "?");
  if (command !== undefined && !isEarlier && !passage.seenData.some(isFtp) && seen > place) {
    return [finding("ftp", way, "changed", `a command of FTP arrives with ${seen - place} octets for ${command.length}`)];
  }
  if (sent !== seen && isEarlier) found.push(finding("payload", way, seen > sent ? "longer" : "shorter", `${seen} octets arrive for ${sent}`));
  else if (isEarlier) found.push(finding("payload", way, "changed", "other octets arrive, as many as were sent"));
  else if (seen < sent) found.push(finding("payload", way, "missing", `${seen} octets of ${sent} arrive`));
  return found;
}

const count = (keys: readonly string[], key: string): number => keys.filter((one) => one === key).length;

/** Segments that came more often than they were sent, or behind such as were sent later. */
export function judgeOrder(passage: Passage): Finding[] {
  const { way } = passage;
  const sent = passage.sentData.map((sight) => `${passage.sentAt(sight)} ${sight.content}`);
  const seen = passage.seenData.map((sight) => `${passage.seenAt(sight)} ${sight.content}`).filter((key) => sent.includes(key));
  const found: Finding[] = [];
  if (seen.some((key) => count(seen, key) > count(sent, key))) found.push(finding("copies", way, "several", "a segment arrives several times"));
  const order = [...new Set(seen)].map((key) => sent.indexOf(key));
  if (order.some((place, i) => i > 0 && place < (order[i - 1] as number))) found.push(finding("order", way, "changed", "segments arrive in another order"));
  return found;
}

const flags = (sight: Sight): number => sight.flags & (TCP_FLAG.ECE | TCP_FLAG.CWR);

/** DSCP, ECN and hop limits. */
export function judgeMarks(passage: Passage): Finding[] {
  const { way } = passage;
  const found: Finding[] = [];
  const [ect, ce, high] = passage.sentData;
  const { sent, seen } = passage.syn;
  if (sent !== undefined && seen !== undefined && flags(sent) !== flags(seen)) found.push(finding("ecn-flags", way, "changed", "ECE and CWR of the SYN do not arrive"));
  const pairs = [ect, ce].map((sight) => (sight === undefined ? undefined : arrivalAt(passage, sight)));
  const dscp = pairs.find((arrived) => arrived !== undefined && arrived.trafficClass >> 2 !== DSCP);
  if (dscp !== undefined) found.push(finding("dscp", way, "changed", `DSCP ${dscp.trafficClass >> 2} for ${DSCP}`));
  const [first, second] = pairs;
  if (first !== undefined && (first.trafficClass & ECN) === 0) found.push(finding("ecn-codepoint", way, "cleared", "ECT(0) arrives as Not-ECT"));
  if (second !== undefined && (second.trafficClass & ECN) !== ECN) found.push(finding("ce", way, "cleared", "CE does not arrive"));
  const [low, far] = [pairs[0], high === undefined ? undefined : arrivalAt(passage, high)];
  if (ect !== undefined && high !== undefined && low !== undefined && far !== undefined && far.hopLimit - low.hopLimit !== high.hopLimit - ect.hopLimit) {
    found.push(finding("hop-limit", way, "changed", `hop limits ${low.hopLimit} and ${far.hopLimit} for ${ect.hopLimit} and ${high.hopLimit}`));
  }
  return found;
}

function arrivalAt(passage: Passage, sight: Sight): Sight | undefined {
  const place = passage.sentAt(sight);
  return passage.seenData.find((seen) => passage.seenAt(seen) === place);
}

/** What {@link MARKED} has. */
const DSCP = 10;
/** The lower two bits of the traffic class. */
const ECN = 3;
