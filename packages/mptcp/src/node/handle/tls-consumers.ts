import * as tls from "node:tls";
import { StreamHandle } from "./stream-handle.ts";

/** What `tls` calls to stand on a handle. */
type WrapHandle = (this: tls.TLSSocket, ...given: unknown[]) => { readonly _parent?: unknown };

/** From now on a {@link StreamHandle} knows the TLS socket that stands on it, which hears of its errors. Node has the handle itself tell those, in C++. */
export function noteTlsConsumers(): void {
  if (isNoted) return;
  isNoted = true;
  const prototype = tls.TLSSocket.prototype as unknown as { _wrapHandle?: WrapHandle };
  const { _wrapHandle: wrapHandle } = prototype;
  if (typeof wrapHandle !== "function") return;
  prototype._wrapHandle = function noting(...given) {
    const wrap = wrapHandle.apply(this, given);
    if (wrap._parent instanceof StreamHandle) wrap._parent.consumer = this;
    return wrap;
  };
}

let isNoted = false;
