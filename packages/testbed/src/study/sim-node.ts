import type { Egress, Scheduled, Simulation, SimNode } from "mptcp/sim";
import type { IpAddress, Packet } from "mptcp/wire";

/** Half of the probe, as its drivers know it: {@link StudyClient} and {@link StudyServer}. */
export interface StudyHalf {
  receive(packet: Packet, now: number): void;
  nextTimeout(): number;
  handleTimeout(now: number): void;
  pollTransmit(): Packet | null;
}

/** Half of the probe as a node of a simulation, on one link. */
export class StudyNode implements SimNode, Scheduled {
  slot = -1;
  readonly background = false;
  readonly name: string;
  private readonly half: StudyHalf;
  private readonly address: IpAddress;
  private readonly events: ReturnType<Simulation["eventsOf"]>;
  private egress: Egress | null = null;

  constructor(simulation: Simulation, name: string, address: IpAddress, half: StudyHalf) {
    this.name = name;
    this.half = half;
    this.address = address;
    this.events = simulation.eventsOf(this);
  }

  attach(egress: Egress): number {
    this.egress = egress;
    return 0;
  }

  addressesOn(): readonly IpAddress[] {
    return [this.address];
  }

  passes(): boolean {
    return false;
  }

  receive(packet: Packet, _port: number, now: number): void {
    this.half.receive(packet, now);
    this.work(now);
  }

  fire(now: number): void {
    this.half.handleTimeout(now);
    this.work(now);
  }

  /** Sends what there is, and sees to it that it is woken in time. */
  work(now: number): void {
    for (let packet = this.half.pollTransmit(); packet !== null; packet = this.half.pollTransmit()) this.egress?.send(packet, now);
    this.events.schedule(this, Math.max(now, Math.ceil(this.half.nextTimeout())));
  }
}
