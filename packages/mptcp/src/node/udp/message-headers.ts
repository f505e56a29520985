import { SOCKET_ADDRESS_SPACE } from "./socket-address.ts";
import { IOVEC_LENGTH, MMSGHDR } from "./system-calls.ts";

/** Where things stand in the headers of a call of recvmmsg: `struct mmsghdr` for each message, then each one's vector, address and control message. Octets. */
export interface MessageLayout {
  readonly messages: number;
  /** Room for the octets of one message. */
  readonly messageLength: number;
  readonly controlSpace: number;
  readonly vectors: number;
  readonly addresses: number;
  readonly controls: number;
  /** Of all headers. */
  readonly length: number;
}

export function layoutOf(messages: number, messageLength: number, controlSpace: number): MessageLayout {
  const vectors = messages * MMSGHDR.length;
  const addresses = vectors + messages * IOVEC_LENGTH;
  const controls = addresses + messages * SOCKET_ADDRESS_SPACE;
  return { messages, messageLength, controlSpace, vectors, addresses, controls, length: controls + messages * controlSpace };
}

/** Writes the pointers of headers, which stay as they are from call to call. @param headers address of the headers themselves @param data address of the messages' octets */
export function pointHeaders(view: DataView, layout: MessageLayout, headers: number, data: number): void {
  const { messages, messageLength, controlSpace, vectors, addresses, controls } = layout;
  for (let i = 0; i < messages; i++) {
    const at = i * MMSGHDR.length;
    const vector = vectors + i * IOVEC_LENGTH;
    writePointer(view, at + MMSGHDR.name, headers + addresses + i * SOCKET_ADDRESS_SPACE);
    writePointer(view, at + MMSGHDR.vectors, headers + vector);
    writePointer(view, at + MMSGHDR.vectorCount, 1);
    writePointer(view, at + MMSGHDR.control, headers + controls + i * controlSpace);
    writePointer(view, vector, data + i * messageLength);
    writePointer(view, vector + 8, messageLength);
  }
}

/** Writes a pointer or a `size_t`. */
export function writePointer(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
}
