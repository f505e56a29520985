import type { EpollEvent } from "../../system/index.ts";
import type { Expression, StructField } from "../../syntax/ast.ts";
import type { Filled } from "../plan.ts";
import { Refused } from "../refused.ts";
import type { Arguments, PlannedCall } from "./arguments.ts";
import { MAX_ELEMENTS } from "./arguments.ts";

/** Calls that wait for events of descriptors. */

const EVENT_FIELDS = ["events", "fd", "ptr", "u32", "u64"];

export function planPoll(args: Arguments): PlannedCall {
  const count = args.number(1, "how many descriptors there are", 0, MAX_ELEMENTS);
  const elements = args.elements(args.at(0), "descriptors");
  if (elements.length !== count) throw new Refused(args.at(1).place, `there are ${elements.length} descriptors, not ${count}`);
  const filled: Filled[] = [];
  const descriptors = elements.map((element, index) => {
    const fields = args.structure(element, "a descriptor", ["fd", "events", "revents"]);
    const [fd, events, revents] = ["fd", "events", "revents"].map((name) => fields.get(name));
    if (fd === undefined || events === undefined) throw new Refused(element.place, "a descriptor is {fd=3, events=POLLIN, revents=POLLIN}");
    if (revents !== undefined && revents.value.kind !== "ellipsis") filled.push({ kind: "revents", index, value: args.values.number(revents.value, "revents", 0), place: revents.place });
    return { fd: args.values.number(fd.value, "a descriptor", -1, 0xffff), events: args.values.number(events.value, "events", 0) };
  });
  return { call: { name: "poll", descriptors, timeout: args.number(2, "a timeout") }, filled };
}

export function planEpollCreate(args: Arguments): PlannedCall {
  args.number(0, "a size");
  return { call: { name: "epoll_create", flags: 0 }, descriptor: true };
}

export function planEpollCreate1(args: Arguments): PlannedCall {
  return { call: { name: "epoll_create", flags: args.number(0, "flags", 0) }, descriptor: true };
}

export function planEpollCtl(args: Arguments): PlannedCall {
  const event = args.isNull(3) || args.isEllipsis(3) ? null : eventOf(args, args.at(3));
  return {
    call: {
      name: "epoll_ctl",
      epoll: args.descriptor(0),
      operation: args.number(1, "an operation", 0),
      fd: args.descriptor(2),
      event: event === null ? null : { events: event.events, data: event.data ?? 0n },
    },
  };
}

export function planEpollWait(args: Arguments): PlannedCall {
  const filled: Filled[] = [];
  if (!args.isEllipsis(1)) {
    for (const [index, element] of args.elements(args.at(1), "events").entries()) {
      const { events, data } = eventOf(args, element);
      filled.push({ kind: "event", index, events, data, place: element.place });
    }
  }
  return { call: { name: "epoll_wait", epoll: args.descriptor(0), count: args.number(2, "how many events there may be", -1, MAX_ELEMENTS), timeout: args.number(3, "a timeout") }, filled };
}

/** `{events=EPOLLIN, fd=4}`; what comes back with an event is the script's number. */
function eventOf(args: Arguments, expression: Expression): Omit<EpollEvent, "data"> & { data: bigint | null } {
  const fields = args.structure(expression, "an event", EVENT_FIELDS);
  const events = fields.get("events");
  if (events === undefined) throw new Refused(expression.place, "an event is {events=EPOLLIN, fd=4}");
  const data = ["fd", "ptr", "u32", "u64"].map((name) => fields.get(name)).find((field): field is StructField => field !== undefined);
  return { events: args.values.number(events.value, "events", 0), data: data === undefined || data.value.kind === "ellipsis" ? null : BigInt.asUintN(64, args.values.integer(data.value, data.name!)) };
}
