import { executionAsyncId } from "node:async_hooks";
import { rethrow } from "../errors.ts";
import { binding } from "./node-streams.ts";

interface Inside {
  /** Does what was put off by `process.nextTick` and promises. */
  readonly tick: () => void;
  /** Ends an asynchronous context. @returns whether there was one */
  readonly leave: (asyncId: number) => boolean;
}

/**
 * Does what applications put off until the next tick. Node does that whenever one of libuv's callbacks returns, of which each read of a stream is one. Ours are calls from JavaScript, several in
 * a turn of the event loop, and Node waits until that is over. Nothing happens in a Node that has no way to it.
 */
export function doWhatWasPutOff(): void {
  inside ??= lookInside();
  if (inside === "unknown") return;
  const own = executionAsyncId();
  try {
    inside.tick();
  } catch (error) {
    // The application's, and so the process's. Node leaves the context of what threw open until the exception is at the bottom of the stack; here, there are others below it.
    while (executionAsyncId() !== own && inside.leave(executionAsyncId()));
    rethrow(error);
  }
}

function lookInside(): Inside | "unknown" {
  const { popAsyncContext: leave } = (binding("async_wrap") ?? {}) as { readonly popAsyncContext?: (asyncId: number) => boolean };
  // Node keeps it for programs that do ticks themselves.
  const { _tickCallback: tick } = process as unknown as { readonly _tickCallback?: () => void };
  return tick === undefined || leave === undefined ? "unknown" : { tick, leave };
}

let inside: Inside | "unknown" | null = null;
