import { performance } from "node:perf_hooks";
import { CryptoRandom } from "../../random.ts";
import { LinkKey } from "./key.ts";
import { ephemeralKeyPair } from "./noise.ts";
import { PEER_LIMITS, Seal } from "./seal.ts";
import { SESSION_LIMITS } from "./session.ts";

/**
 * The seal of a link on a real network: the process's clocks and the system's randomness.
 *
 * @param key what begins handshakes
 * @param others accepted besides, where a peer begins
 * @throws TypeError ERR_INVALID_ARG_VALUE for what is no key
 */
export function createSeal(key: string | Uint8Array, others: readonly (string | Uint8Array)[]): Seal {
  const random = new CryptoRandom();
  const keys = [key, ...others].map((one) => new LinkKey(one));
  const environment = { now: () => performance.now(), wallClock: () => Date.now() * 1000, fillRandom: (target: Uint8Array) => random.fill(target), keyPair: ephemeralKeyPair };
  return new Seal(keys, environment, { ...SESSION_LIMITS, ...PEER_LIMITS });
}
