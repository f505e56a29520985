// Makes key pairs of handshakes, and says how many.
import { ephemeralKeyPair } from "../../../src/node/udp/sealed/noise.ts";

let octets = 0;
for (let i = 0; i < 3000; i++) octets += ephemeralKeyPair().publicKey.length;
console.log(octets / 32);
