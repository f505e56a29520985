/**
 * What is used of Node's own inside to put a stream of this library beneath a `net.Socket`: the C++ stream that calls JavaScript (JSStream), on which `tls`, `http` and `http2`
 * can stand as they stand on a socket of the system, and the few numbers by which streams and their handles talk. `net` has no public way for it. What differs between Node 20, 22, 24
 * and 26 is in `write-request.ts`; {@link nodeStreams} looks for it.
 *
 * @module
 */
import { MptcpError } from "../../core/index.ts";

/** A request of Node's streams to a handle: to connect, to write, to shut down. */
export interface HandleRequest {
  oncomplete?: ((status: number, ...values: unknown[]) => void) | undefined;
}

/** Node's stream in C++ whose work is done in JavaScript, by methods that a subclass has: `onreadstart`, `onreadstop`, `onwrite`, `onshutdown`, `isClosing`. */
export interface NativeStream {
  /** What hears of data where nobody in C++ does: Node's own function, called with the handle as its `this`. */
  onread: ((buffer: ArrayBufferLike | undefined) => unknown) | undefined;
  /** Tells whoever reads of data; what is given is copied. */
  readBuffer(bytes: Uint8Array): void;
  /** Tells whoever reads that nothing more comes. */
  emitEOF(): void;
  finishWrite(request: HandleRequest, status: number): void;
  finishShutdown(request: HandleRequest, status: number): void;
  getAsyncId(): number;
}

/** What there is to be used. */
export interface NodeStreams {
  readonly JSStream: new () => NativeStream;
  /** By which a handle tells Node's streams the results of its last call, at the indexes that follow. */
  readonly state: Int32Array;
  readonly readBytesOrError: number;
  readonly arrayBufferOffset: number;
  readonly bytesWritten: number;
  readonly lastWriteWasAsync: number;
  /** Since Node 24.22; behind the end of `state` before. */
  readonly lastWriteError: number;
}

interface StreamBinding {
  readonly streamBaseState?: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kArrayBufferOffset: number;
  readonly kBytesWritten: number;
  readonly kLastWriteWasAsync: number;
  readonly kLastWriteErr?: number;
}

/** What this version of Node has. Where it, or its permission model, does not let one have them, making a stream throws an MptcpError ERR_MPTCP_NODE. */
export function nodeStreams(): NodeStreams {
  const js = binding("js_stream") as { readonly JSStream?: NodeStreams["JSStream"] } | null;
  const streams = binding("stream_wrap") as StreamBinding | null;
  if (typeof js?.JSStream !== "function" || !(streams?.streamBaseState instanceof Int32Array)) return { JSStream: NoStream, state: new Int32Array(8), readBytesOrError: 0, arrayBufferOffset: 1, bytesWritten: 2, lastWriteWasAsync: 3, lastWriteError: 4 };
  const { streamBaseState: state, kReadBytesOrError: readBytesOrError, kArrayBufferOffset: arrayBufferOffset, kBytesWritten: bytesWritten, kLastWriteWasAsync: lastWriteWasAsync, kLastWriteErr: lastWriteError = state.length } = streams;
  return { JSStream: js.JSStream, state, readBytesOrError, arrayBufferOffset, bytesWritten, lastWriteWasAsync, lastWriteError };
}

const NoStream = function (): never {
  throw new MptcpError("ERR_MPTCP_NODE", `sockets of a stack cannot be put beneath those of this Node (${process.version}): its streams are not known, or not to be had (process.binding)`);
} as unknown as new () => NativeStream;

/** A part of Node's inside; null where it is not to be had. */
export function binding(name: string): unknown {
  const settings = process as unknown as { readonly binding?: (name: string) => unknown; noDeprecation: boolean | undefined };
  const { noDeprecation } = settings;
  // With --pending-deprecation Node warns whoever asks; an application can do nothing about it.
  settings.noDeprecation = true;
  try {
    return settings.binding?.call(process, name) ?? null;
  } catch {
    // The permission model forbids it.
    return null;
  } finally {
    settings.noDeprecation = noDeprecation;
  }
}
