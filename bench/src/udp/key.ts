import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createStack, generateUdpKey, UdpLink } from "mptcp/node";
import { median, spread } from "../statistics.ts";

// What a key costs one datagram: `node bench/dist/udp/key.js`. Ciphers of node:crypto, a message and its echo, and a connection opened and closed, with and
// without a key in turns; microseconds of processor time of this process, which is both ends.

const ROUNDS = 7;

function ciphers(): void {
  const cases = ["aes-128-gcm", "aes-256-gcm", "chacha20-poly1305"].flatMap((cipher) => [100, 1400].map((length) => ({ cipher, length, seal: [] as number[], open: [] as number[] })));
  for (let round = 0; round < ROUNDS; round++) for (const one of cases) measureCipher(one.cipher, one.length, one.seal, one.open);
  for (const { cipher, length, seal, open } of cases) console.log(`${cipher.padEnd(20)}${String(length).padStart(5)} octets   seal ${spread(seal, 1)}   open ${spread(open, 1)}`);
}

type Aead = "aes-256-gcm";

function measureCipher(name: string, length: number, seal: number[], open: number[]): void {
  const cipher = name as Aead;
  const key = createSecretKey(randomBytes(name === "aes-128-gcm" ? 16 : 32));
  const nonce = new Uint8Array(12);
  const view = new DataView(nonce.buffer);
  const plain = randomBytes(length);
  const out = new Uint8Array(length + 16);
  const options = { authTagLength: 16 } as const;
  const sealed: { readonly bytes: Uint8Array; readonly tag: Uint8Array }[] = [];
  seal.push(
    perCall((i) => {
      view.setUint32(8, i);
      const one = createCipheriv(cipher, key, nonce, options);
      const bytes = one.update(plain);
      one.final();
      const tag = one.getAuthTag();
      out.set(bytes);
      out.set(tag, length);
      if (i === 0) sealed.push({ bytes, tag });
    }),
  );
  const [{ bytes, tag } = { bytes: out, tag: out }] = sealed;
  view.setUint32(8, 0);
  open.push(
    perCall(() => {
      const one = createDecipheriv(cipher, key, nonce, options);
      one.setAuthTag(tag);
      out.set(one.update(bytes));
      one.final();
    }),
  );
}

function perCall(call: (i: number) => void): number {
  const count = 10_000;
  const startedAt = process.cpuUsage();
  for (let i = 0; i < count; i++) call(i);
  return since(startedAt) / count;
}

/** Microseconds of processor time. */
function since(startedAt: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(startedAt);
  return user + system;
}

/** Octets there and back, and connections, between two stacks of this process. */
class Pair {
  private readonly client;
  private readonly server;
  readonly echo: number[] = [];
  readonly open: number[] = [];
  private port = 0;

  constructor(key: string | null) {
    const stackOn = (address: string) => createStack({ links: [new UdpLink({ addresses: [address], ...(key === null ? {} : { key }) })] });
    this.client = stackOn("127.0.0.1");
    this.server = stackOn("127.0.0.2");
  }

  async listen(): Promise<void> {
    const server = this.server.createServer((socket) => socket.on("error", () => {}).pipe(socket)).listen(0);
    await once(server, "listening");
    this.port = (server.address() as AddressInfo).port;
  }

  async measure(): Promise<void> {
    const socket = this.client.connect(this.port, "127.0.0.2");
    await once(socket, "connect");
    let left = 4000;
    const octet = Buffer.of(1);
    const startedAt = process.cpuUsage();
    await new Promise<void>((resolve) => {
      socket.on("data", () => (--left === 0 ? resolve() : socket.write(octet)));
      socket.write(octet);
    });
    this.echo.push(since(startedAt) / 4000);
    socket.destroy();
    const begun = process.cpuUsage();
    for (let i = 0; i < 100; i++) {
      const one = this.client.connect(this.port, "127.0.0.2");
      await once(one, "connect");
      one.resetAndDestroy();
    }
    this.open.push(since(begun) / 100);
  }

  async close(): Promise<void> {
    await this.client.close();
    await this.server.close();
  }
}

async function messages(): Promise<void> {
  const pairs = { "without a key": new Pair(null), "with a key": new Pair(generateUdpKey()) };
  for (const pair of Object.values(pairs)) await pair.listen();
  for (let round = 0; round < ROUNDS; round++) for (const pair of Object.values(pairs)) await pair.measure();
  for (const [name, { echo, open }] of Object.entries(pairs)) console.log(`${name.padEnd(20)}1 octet and its echo ${spread(echo, 1)}   a connection opened ${spread(open, 0)}`);
  const [plain, sealed] = Object.values(pairs) as [Pair, Pair];
  console.log(`a key costs ${(median(sealed.echo) - median(plain.echo)).toFixed(1)} for a message and its echo, ${(median(sealed.open) - median(plain.open)).toFixed(0)} for a connection`);
  for (const pair of Object.values(pairs)) await pair.close();
}

ciphers();
await messages();
