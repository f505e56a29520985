import { MILLISECOND } from "mptcp";
import type { StreamConnection } from "mptcp";
import { multiPath, Simulation } from "mptcp/sim";
import type { Application, HostSettings, SimHost } from "mptcp/sim";
import type { IpAddress } from "mptcp/wire";

/** A client with two fast paths to a server, on which applications are started in batches. */
export class TwoPaths {
  readonly simulation = new Simulation({ seed: 1 });
  readonly client: SimHost;
  readonly server: SimHost;
  private readonly address: IpAddress;

  constructor(paths: number, settings: HostSettings = {}) {
    const link = { rate: 10e9, delay: MILLISECOND, queue: { packets: 20_000 } };
    const network = multiPath(this.simulation, { paths: Array.from({ length: paths }, () => link), client: settings, server: settings });
    this.client = network.client;
    this.server = network.server;
    const address = network.serverAddresses[0]?.[0];
    if (address === undefined) throw new Error("the server has no address");
    this.address = address;
  }

  listen(port: number, accept: (connection: StreamConnection) => Application): void {
    this.server.listen(port, accept);
  }

  connect(port: number, application: Application): StreamConnection {
    return this.client.connect(this.address, port, application);
  }

  /** Lets `time` ns pass. */
  pass(time: number): void {
    this.simulation.run(this.simulation.now + time);
  }
}
