import type { Listener } from "../../../host/index.ts";
import type { Attentive } from "./machine.ts";

/** A listener of the engine, and the sockets that have it: several where they share a port by SO_REUSEPORT. Whoever accepts first has what waits. */
export class SharedListener implements Attentive {
  readonly key: string;
  readonly listener: Listener;
  private readonly members = new Set<Attentive>();

  constructor(key: string, listener: Listener) {
    this.key = key;
    this.listener = listener;
  }

  join(member: Attentive): void {
    this.members.add(member);
  }

  /** @returns whether it has nobody any more */
  leave(member: Attentive): boolean {
    this.members.delete(member);
    return this.members.size === 0;
  }

  onReady(now: number): void {
    for (const member of this.members) member.onReady(now);
  }
}
