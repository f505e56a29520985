import { binding } from "./node-streams.ts";
import { doWhatWasPutOff } from "./turns.ts";

/** What is used of Node's HTTP parser in C++: callbacks are its elements, by number. */
interface Parser {
  /** Takes the data of a stream in C++ from now on, past JavaScript. */
  consume(this: Parser, stream: object): void;
  unconsume(this: Parser): void;
  [callback: number]: ((this: Parser, ...given: unknown[]) => unknown) | undefined;
}

interface Inside {
  readonly prototype: Parser;
  /** The number of the callback that hears of a piece of a body. */
  readonly onBody: number;
}

/**
 * From now on, where Node's HTTP parser consumes a stream of this library, what an application puts off until the next tick is done after each piece of a body, ahead of the body's end. So it is
 * on libuv's streams, which call the parser from C++: there, its callback is all that runs, and Node does what was put off when a callback returns. Ours calls from JavaScript, and Node waits
 * until that is done. A server's `request` would have ended before its `data` is heard, and is taken for one that nobody reads.
 *
 * @param isOurs whether that is a stream of this library
 */
export function keepTurnsOfParsers(isOurs: (stream: object) => boolean): void {
  if (isKept) return;
  isKept = true;
  const inside = lookInside();
  if (inside === null) return;
  const { prototype, onBody } = inside;
  const { consume, unconsume } = prototype;
  const originals = new WeakMap<Parser, Parser[number]>();
  prototype.consume = function (stream) {
    const original = this[onBody];
    if (original !== undefined && standsOn(stream, isOurs) && !originals.has(this)) {
      originals.set(this, original);
      this[onBody] = function (...given) {
        const result = original.apply(this, given);
        doWhatWasPutOff();
        return result;
      };
    }
    consume.call(this, stream);
  };
  // Node has one stock of parsers for all sockets.
  prototype.unconsume = function () {
    if (originals.has(this)) this[onBody] = originals.get(this);
    originals.delete(this);
    unconsume.call(this);
  };
}

let isKept = false;

/** Streams of TLS stand on others. */
function standsOn(stream: object, isOurs: (stream: object) => boolean): boolean {
  for (let at: unknown = stream; typeof at === "object" && at !== null; at = (at as { readonly _parent?: unknown })._parent) {
    if (isOurs(at)) return true;
  }
  return false;
}

/** Null where this Node does not have it: then all is as it would be without. */
function lookInside(): Inside | null {
  const { HTTPParser } = (binding("http_parser") ?? {}) as { readonly HTTPParser?: { readonly prototype: Parser; readonly kOnBody?: number } };
  if (HTTPParser?.kOnBody === undefined || typeof HTTPParser.prototype.consume !== "function" || typeof HTTPParser.prototype.unconsume !== "function") return null;
  return { prototype: HTTPParser.prototype, onBody: HTTPParser.kOnBody };
}
