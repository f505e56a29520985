import { parseScript, type Action, type PacketAction, type Script, type TcpSegment } from "../../src/drill/index.ts";

/** The script without places, so that scripts can be compared that are written differently. */
export function withoutPlaces<T>(tree: T): T {
  if (typeof tree !== "object" || tree === null) return tree;
  if (Array.isArray(tree)) return tree.map(withoutPlaces) as T;
  return Object.fromEntries(Object.entries(tree).filter(([key]) => key !== "place").map(([key, value]) => [key, withoutPlaces(value)])) as T;
}

/** Reads a script that is right. */
export function read(text: string): Script {
  const { script, problems } = parseScript(text);
  if (problems.length > 0) throw new Error(problems.map(({ place, message }) => `${place.line}:${place.column}: ${message}`).join("\n"));
  return withoutPlaces(script);
}

/** What the only event of a script is. */
export function action(text: string): Action {
  const { events } = read(text);
  if (events.length !== 1) throw new Error(`${events.length} events`);
  return events[0]!.action;
}

export function packet(text: string): PacketAction {
  const one = action(`+0 ${text}`);
  if (one.kind !== "packet") throw new Error(`a ${one.kind}`);
  return one;
}

export function segment(text: string): TcpSegment {
  const { transport } = packet(text);
  if (transport.kind !== "tcp") throw new Error(`a packet of ${transport.kind}`);
  return transport;
}

/** What is wrong with a script: `LINE:COLUMN: message`. */
export function problemsOf(text: string): string[] {
  return parseScript(text).problems.map(({ place, message }) => `${place.line}:${place.column}: ${message}`);
}
