/** What `readv`, `writev`, `sendmsg` and `recvmsg` take: vectors of octets, headers of messages, control messages. */
import type { ControlMessage, SocketAddress } from "mptcp/drill";
import type { Memory, Room } from "../system/memory.ts";
import { putSocketAddress, SOCKADDR_ROOM, takeSocketAddress } from "../system/socket-address.ts";

/** An array of `struct iovec`, and what it leads to. */
export interface Vectors {
  readonly room: Room;
  readonly count: number;
  readonly parts: readonly Room[];
}

/** Vectors that the kernel fills. */
export const emptyVectors = (memory: Memory, lengths: readonly number[], isNowhere = false): Vectors =>
  vectorsOf(memory, lengths.map((length) => (isNowhere ? memory.nowhere(length) : memory.room(length))));

/** Vectors that the kernel reads. */
export const fullVectors = (memory: Memory, data: readonly Uint8Array[], isNowhere = false): Vectors =>
  vectorsOf(memory, data.map((octets) => (isNowhere ? memory.nowhere(octets.length) : memory.copy(octets))));

function vectorsOf(memory: Memory, parts: readonly Room[]): Vectors {
  const room = memory.room(IOVEC_LENGTH * parts.length);
  parts.forEach(({ address, octets }, at) => {
    room.view.setBigUint64(IOVEC_LENGTH * at, BigInt(address), true);
    room.view.setBigUint64(IOVEC_LENGTH * at + 8, BigInt(octets.length), true);
  });
  return { room, count: parts.length, parts };
}

/** The first `count` octets that vectors hold. */
export function dataOf({ parts }: Vectors, count: number): Uint8Array {
  const data = new Uint8Array(count);
  let at = 0;
  for (const { octets } of parts) {
    const part = octets.subarray(0, count - at);
    data.set(part, at);
    at += part.length;
  }
  return data;
}

/** `struct msghdr` and all that it leads to. */
export class Message {
  readonly header: Room;
  private readonly name: Room | null;
  private readonly vectors: Vectors;
  private readonly control: Room;

  private constructor(memory: Memory, name: Room | null, vectors: Vectors, control: Room) {
    this.name = name;
    this.vectors = vectors;
    this.control = control;
    this.header = memory.room(MSGHDR_LENGTH);
    const { view } = this.header;
    if (name !== null) {
      view.setBigUint64(NAME, BigInt(name.address), true);
      view.setUint32(NAME_LENGTH, name.octets.length, true);
    }
    view.setBigUint64(VECTORS, BigInt(vectors.room.address), true);
    view.setBigUint64(VECTOR_COUNT, BigInt(vectors.count), true);
    if (control.octets.length > 0) view.setBigUint64(CONTROL, BigInt(control.address), true);
    view.setBigUint64(CONTROL_LENGTH, BigInt(control.octets.length), true);
  }

  /** One that is received. */
  static empty(memory: Memory, lengths: readonly number[], controlLength: number, isNowhere = false): Message {
    return new Message(memory, memory.room(SOCKADDR_ROOM), emptyVectors(memory, lengths, isNowhere), memory.room(controlLength));
  }

  /** One that is sent. */
  static full(memory: Memory, address: SocketAddress | null, data: readonly Uint8Array[], control: readonly ControlMessage[], isNowhere = false): Message {
    return new Message(memory, address === null ? null : putSocketAddress(memory, address), fullVectors(memory, data, isNowhere), putControl(memory, control));
  }

  /** What came, of which `count` octets are data. */
  received(count: number): { address: SocketAddress | null; data: Uint8Array; flags: number; control: readonly ControlMessage[] } {
    const { view } = this.header;
    return {
      address: this.name === null ? null : takeSocketAddress(this.name, view.getUint32(NAME_LENGTH, true)),
      data: dataOf(this.vectors, count),
      flags: view.getUint32(FLAGS, true),
      control: takeControl(this.control, Number(view.getBigUint64(CONTROL_LENGTH, true))),
    };
  }
}

/** Each control message begins at a multiple of eight octets. */
const aligned = (length: number): number => (length + 7) & ~7;

function putControl(memory: Memory, control: readonly ControlMessage[]): Room {
  const room = memory.room(control.reduce((length, { data }) => length + aligned(CMSG_HEADER + data.length), 0));
  let at = 0;
  for (const { level, type, data } of control) {
    room.view.setBigUint64(at, BigInt(CMSG_HEADER + data.length), true);
    room.view.setInt32(at + 8, level, true);
    room.view.setInt32(at + 12, type, true);
    room.octets.set(data, at + CMSG_HEADER);
    at += aligned(CMSG_HEADER + data.length);
  }
  return room;
}

function takeControl({ octets, view }: Room, length: number): ControlMessage[] {
  const found: ControlMessage[] = [];
  const end = Math.min(length, octets.length);
  for (let at = 0; at + CMSG_HEADER <= end; ) {
    const own = Number(view.getBigUint64(at, true));
    if (own < CMSG_HEADER || at + own > end) break;
    found.push({ level: view.getInt32(at + 8, true), type: view.getInt32(at + 12, true), data: octets.slice(at + CMSG_HEADER, at + own) });
    at += aligned(own);
  }
  return found;
}

const IOVEC_LENGTH = 16;
/** Octets of `struct cmsghdr`. */
const CMSG_HEADER = 16;
/** Octets of `struct msghdr`, and where its fields are. */
const MSGHDR_LENGTH = 56;
const NAME = 0;
const NAME_LENGTH = 8;
const VECTORS = 16;
const VECTOR_COUNT = 24;
const CONTROL = 32;
const CONTROL_LENGTH = 40;
const FLAGS = 48;
