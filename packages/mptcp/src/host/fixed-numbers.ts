import type { FixedNumber, RandomPurpose, RandomSource, RandomSources } from "../core/index.ts";
import { FixableRandom, MptcpError } from "../core/index.ts";
import type { PortRange } from "./ports.ts";

/**
 * The random numbers that a host draws next, by what they are for. What is not named is drawn as if nothing were fixed, and so is what comes after the
 * numbers that are: the first connection gets the first key, the second one the second.
 */
export interface FixedNumbers {
  /** Keys of connections in Multipath TCP, 64 bits or eight octets each: one when such a connection is opened, or its SYN arrives. One whose token is in use is passed over. */
  readonly keys?: readonly (bigint | Uint8Array)[];
  /** Nonces of joins, 32 bits each: one when a join is sent, or its SYN arrives. */
  readonly nonces?: readonly number[];
  /** Initial sequence numbers, 32 bits each: one for each TCP connection, subflows included. */
  readonly sequenceNumbers?: readonly number[];
  /** What our timestamps are at time 0 of the driver's clock, 32 bits each: one for each TCP connection; they count milliseconds from there. */
  readonly timestampOffsets?: readonly number[];
  /** Ephemeral ports, of the host's range, of connections that are opened without a local port; where one is in use, the next that is free. */
  readonly ports?: readonly number[];
  /** The secret behind SYN cookies, 256 bits or 32 octets. It is drawn when the host sends its first one. */
  readonly cookieSecrets?: readonly (bigint | Uint8Array)[];
}

/** The sources of a host, whose next draws can be fixed. */
export class HostRandom implements RandomSources {
  readonly keys: FixableRandom;
  readonly nonces: FixableRandom;
  readonly sequenceNumbers: FixableRandom;
  readonly timestampOffsets: FixableRandom;
  readonly ports: FixableRandom;
  readonly cookieSecrets: FixableRandom;
  private readonly portRange: PortRange;

  /** @param beneath the sources, or what gives them by their purpose */
  constructor(beneath: RandomSources | ((purpose: RandomPurpose) => RandomSource), portRange: PortRange) {
    this.portRange = portRange;
    const source = (purpose: RandomPurpose): FixableRandom => new FixableRandom(typeof beneath === "function" ? beneath(purpose) : beneath[purpose]);
    this.keys = source("keys");
    this.nonces = source("nonces");
    this.sequenceNumbers = source("sequenceNumbers");
    this.timestampOffsets = source("timestampOffsets");
    this.ports = source("ports");
    this.cookieSecrets = source("cookieSecrets");
  }

  /** @throws MptcpError ERR_OUT_OF_RANGE for a number that cannot be drawn; then none is fixed */
  fix(numbers: FixedNumbers): void {
    const { keys = [], nonces = [], sequenceNumbers = [], timestampOffsets = [], ports = [], cookieSecrets = [] } = numbers;
    for (const key of keys) checkBits("a key", key, 64);
    for (const nonce of nonces) checkBits("a nonce", nonce, 32);
    for (const number of sequenceNumbers) checkBits("an initial sequence number", number, 32);
    for (const offset of timestampOffsets) checkBits("an offset of timestamps", offset, 32);
    const [first, last] = this.portRange;
    for (const port of ports) if (!(Number.isInteger(port) && port >= first && port <= last)) throw outOfRange("an ephemeral port", `${first} to ${last}`, port);
    for (const secret of cookieSecrets) checkBits("a secret of SYN cookies", secret, 256);
    this.keys.fix(keys);
    this.nonces.fix(nonces);
    this.sequenceNumbers.fix(sequenceNumbers);
    this.timestampOffsets.fix(timestampOffsets);
    this.ports.fix(ports);
    this.cookieSecrets.fix(cookieSecrets);
  }
}

function checkBits(what: string, value: FixedNumber, bits: number): void {
  if (value instanceof Uint8Array) {
    if (value.length * 8 !== bits) throw outOfRange(what, `${bits / 8} octets`, value.length);
  } else if ((typeof value === "number" && !Number.isInteger(value)) || value < 0 || BigInt(value) >= 1n << BigInt(bits)) {
    throw outOfRange(what, `a whole number of ${bits} bits`, value);
  }
}

function outOfRange(what: string, wanted: string, got: number | bigint): MptcpError {
  return new MptcpError("ERR_OUT_OF_RANGE", `${what} is ${wanted}, got ${got}`);
}
