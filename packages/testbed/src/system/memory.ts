import type { System } from "./system.ts";

/** Octets at a place that the kernel can be told. */
export interface Room {
  readonly octets: Uint8Array;
  readonly view: DataView;
  readonly address: number;
}

/** What a system call reads and writes. It stays where it is as long as this is held. */
export class Memory {
  private readonly system: System;
  private readonly rooms: Room[] = [];

  constructor(system: System) {
    this.system = system;
  }

  /** Octets that are 0. */
  room(length: number): Room {
    // None has no place of its own.
    const octets = new Uint8Array(Math.max(length, 1));
    const room = { octets: octets.subarray(0, length), view: new DataView(octets.buffer), address: this.system.addressOf(octets) };
    this.rooms.push(room);
    return room;
  }

  /** Octets at address 0, where no program has any. */
  nowhere(length: number): Room {
    const octets = new Uint8Array(length);
    return { octets, view: new DataView(octets.buffer), address: 0 };
  }

  /** A copy of `octets`. */
  copy(octets: Uint8Array): Room {
    const room = this.room(octets.length);
    room.octets.set(octets);
    return room;
  }
}
