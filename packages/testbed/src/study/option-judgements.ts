import { finding } from "./finding.ts";
import type { Finding } from "./finding.ts";
import type { Passage } from "./passage.ts";
import { OPTION_PREFIXES } from "./probe-options.ts";
import type { ProbeOption } from "./probe-options.ts";
import type { Sight } from "./sight.ts";

/** What became of an option in one direction. @param onSyn whether SYNs had it too */
export function judgeOptions(passage: Passage, option: ProbeOption, onSyn: boolean): Finding[] {
  const found: Finding[] = [];
  const { sent, seen } = passage.syn;
  const name = passage.way === "out" ? "syn" : "syn-ack";
  if (onSyn && sent !== undefined) {
    found.push(...judgePair(passage, option, name, sent, seen));
    if (seen === undefined) return found;
  }
  // The client's first segment behind the handshake is the third ACK; the data behind it has other options.
  const data = passage.sentData[0];
  if (data !== undefined) found.push(...judgePair(passage, option, "data", data, passage.arrivalOf(passage.sentAt(data))));
  const ack = passage.sentAcks.findLast((sight) => optionsOf(sight, option).length > 0);
  const isSame = (sight: Sight): boolean => ack !== undefined && passage.seenAck(sight) === passage.sentAck(ack) && passage.seenAt(sight) === passage.sentAt(ack);
  // An editor moves the numbers; but for those of the handshake there are no other ACKs.
  const arrived = passage.seenAcks.find(isSame) ?? passage.seenAcks.find((sight) => passage.seenAck(sight) > 0);
  if (ack !== undefined && passage.seenData.length + passage.seenAcks.length > 0) found.push(...judgePair(passage, option, "ack", ack, arrived));
  return found;
}

/** Options on a SYN+ACK that the server has not put there. */
export function judgeEcho(back: Passage): Finding[] {
  const { sent, seen } = back.syn;
  if (sent === undefined || seen === undefined) return [];
  const options = seen.options.filter((option) => !sent.options.includes(option));
  return options.length === 0 ? [] : [finding("echo", "in", "echoed", "options of the SYN arrive on the SYN+ACK, which had none")];
}

function judgePair({ way }: Passage, option: ProbeOption, segment: string, sent: Sight, seen: Sight | undefined): Finding[] {
  const say = (verdict: string, detail: string): Finding[] => [finding("option", way, verdict, `${segment}: ${detail}`, { option, segment })];
  if (seen === undefined) return say("lost", `a segment with ${option} does not arrive`);
  const [before, after] = [optionsOf(sent, option), optionsOf(seen, option)];
  if (before.join() === after.join()) return [];
  if (after.length === 0) return say("removed", `${option} is taken off`);
  if (after.length > before.length && before.every((one) => after.includes(one))) return say("duplicated", `${option} is there more often than it was sent`);
  if (after.toSorted().join() === before.toSorted().join()) return say("reordered", `${option} is in another order`);
  return say("changed", `${option} is another one: ${after.join(" ")} for ${before.join(" ")}`);
}

function optionsOf(sight: Sight, option: ProbeOption): string[] {
  return sight.options.filter((one) => OPTION_PREFIXES[option].some((prefix) => one.startsWith(prefix)));
}
