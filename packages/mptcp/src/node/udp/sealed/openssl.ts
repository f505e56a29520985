import { createCipheriv } from "node:crypto";
import { endianness } from "node:os";
import { nativeNow } from "../../native.ts";

/**
 * AES-256-GCM of the OpenSSL that is in Node, called without the objects that node:crypto makes for each message, which cost several times what the cipher does.
 * The functions are public ones of OpenSSL 1.1 and 3 (EVP_EncryptInit(3)), found in the process itself. All that they are given lies in one block of memory
 * that is never moved, so that no pointer goes anywhere else.
 */
export interface DirectCipher {
  /** As `AeadKey.seal`. */
  seal(key: Uint8Array, counter: number, bytes: Uint8Array, from: number, end: number): void;
  /** As `AeadKey.open`. */
  open(key: Uint8Array, counter: number, bytes: Uint8Array, from: number, end: number, target: number): number;
  /** Overwrites the key that was used last. */
  forget(): void;
}

let loaded: DirectCipher | null | undefined;

/** The cipher, loaded once; null where koffi or OpenSSL's functions are not to be had, or do not do what node:crypto does. */
export function directCipher(): DirectCipher | null {
  if (loaded === undefined) loaded = load();
  return loaded;
}

type Call = (...given: readonly (number | null)[]) => number;

function load(): DirectCipher | null {
  try {
    const library = nativeNow("calls of OpenSSL", "node:crypto does it");
    if (endianness() !== "LE" || library.koffi.sizeof("void *") !== 8) return null;
    const pointer = (prototype: string): number => Number(library.koffi.address((library.func(prototype) as () => unknown)()));
    const block = new Uint8Array(BLOCK_LENGTH);
    const calls = {
      initEncrypt: library.func("int EVP_EncryptInit_ex(void *context, void *type, void *engine, void *key, void *iv)") as Call,
      encrypt: library.func("int EVP_EncryptUpdate(void *context, void *out, void *length, void *in, int octets)") as Call,
      endEncrypt: library.func("int EVP_EncryptFinal_ex(void *context, void *out, void *length)") as Call,
      initDecrypt: library.func("int EVP_DecryptInit_ex(void *context, void *type, void *engine, void *key, void *iv)") as Call,
      decrypt: library.func("int EVP_DecryptUpdate(void *context, void *out, void *length, void *in, int octets)") as Call,
      endDecrypt: library.func("int EVP_DecryptFinal_ex(void *context, void *out, void *length)") as Call,
      control: library.func("int EVP_CIPHER_CTX_ctrl(void *context, int type, int number, void *pointer)") as Call,
    };
    const type = pointer("void *EVP_aes_256_gcm()");
    const [encryption, decryption] = [pointer("void *EVP_CIPHER_CTX_new()"), pointer("void *EVP_CIPHER_CTX_new()")];
    if (calls.initEncrypt(encryption, type, null, null, null) !== 1 || calls.initDecrypt(decryption, type, null, null, null) !== 1) return null;
    const cipher = new Calls(calls, encryption, decryption, block, Number(library.koffi.address(block)));
    return isRight(cipher) ? cipher : null;
  } catch {
    return null;
  }
}

interface EvpCalls {
  readonly initEncrypt: Call;
  readonly encrypt: Call;
  readonly endEncrypt: Call;
  readonly initDecrypt: Call;
  readonly decrypt: Call;
  readonly endDecrypt: Call;
  readonly control: Call;
}

/** One context for each direction, which are of this thread and live as long as it does. */
class Calls implements DirectCipher {
  private readonly calls: EvpCalls;
  private readonly encryption: number;
  private readonly decryption: number;
  private readonly block: Uint8Array;
  private readonly view: DataView;
  private readonly key: number;
  private readonly nonce: number;
  private readonly tag: number;
  private readonly length: number;
  private readonly data: number;

  /** @param address where `block` is in memory */
  constructor(calls: EvpCalls, encryption: number, decryption: number, block: Uint8Array, address: number) {
    this.calls = calls;
    this.encryption = encryption;
    this.decryption = decryption;
    this.block = block;
    this.view = new DataView(block.buffer);
    this.key = address + KEY;
    this.nonce = address + NONCE;
    this.tag = address + TAG;
    this.length = address + LENGTH;
    this.data = address + DATA;
  }

  seal(key: Uint8Array, counter: number, bytes: Uint8Array, from: number, end: number): void {
    const { block, calls, encryption, data, length } = this;
    const octets = end - from;
    this.begin(key, counter, octets);
    block.set(bytes.subarray(from, end), DATA);
    const isDone =
      calls.initEncrypt(encryption, null, null, this.key, this.nonce) === 1 &&
      (octets === 0 || calls.encrypt(encryption, data, length, data, octets) === 1) &&
      calls.endEncrypt(encryption, data + octets, length) === 1 &&
      calls.control(encryption, GET_TAG, TAG_LENGTH, this.tag) === 1;
    // OpenSSL has no reason to; what is not sealed does not leave.
    if (!isDone) throw new Error("OpenSSL did not seal a datagram");
    bytes.set(block.subarray(DATA, DATA + octets), from);
    bytes.set(block.subarray(TAG, TAG + TAG_LENGTH), end);
  }

  open(key: Uint8Array, counter: number, bytes: Uint8Array, from: number, end: number, target: number): number {
    const { block, calls, decryption, data, length } = this;
    const octets = end - from - TAG_LENGTH;
    if (octets < 0 || octets > MOST) return -1;
    this.begin(key, counter, octets);
    block.set(bytes.subarray(from, end - TAG_LENGTH), DATA);
    block.set(bytes.subarray(end - TAG_LENGTH, end), TAG);
    const isAuthentic =
      calls.initDecrypt(decryption, null, null, this.key, this.nonce) === 1 &&
      (octets === 0 || calls.decrypt(decryption, data, length, data, octets) === 1) &&
      calls.control(decryption, SET_TAG, TAG_LENGTH, this.tag) === 1 &&
      calls.endDecrypt(decryption, data + octets, length) === 1;
    if (!isAuthentic) return -1;
    bytes.set(block.subarray(DATA, DATA + octets), target);
    return octets;
  }

  forget(): void {
    this.begin(NO_KEY, 0, 0);
    this.calls.initEncrypt(this.encryption, null, null, this.key, this.nonce);
    this.calls.initDecrypt(this.decryption, null, null, this.key, this.nonce);
  }

  private begin(key: Uint8Array, counter: number, octets: number): void {
    // Beyond the block there is memory of somebody else's.
    if (key.length !== KEY_LENGTH || octets > MOST) throw new RangeError("a datagram is no longer than 65,535 octets");
    this.block.set(key, KEY);
    this.view.setUint32(NONCE + 4, Math.floor(counter / 0x1_0000_0000));
    this.view.setUint32(NONCE + 8, counter >>> 0);
  }
}

/** Whether it does what node:crypto does, and opens nothing that was changed. */
function isRight(cipher: DirectCipher): boolean {
  const key = Uint8Array.from({ length: KEY_LENGTH }, (_, i) => i);
  const nonce = new Uint8Array(12);
  const counter = 0x1_0000_0002;
  new DataView(nonce.buffer).setBigUint64(4, BigInt(counter));
  for (const length of [0, 1, 100]) {
    const plain = new Uint8Array(length).fill(length);
    const reference = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_LENGTH });
    const expected = Buffer.concat([reference.update(plain), reference.final(), reference.getAuthTag()]);
    const bytes = new Uint8Array(length + TAG_LENGTH);
    bytes.set(plain);
    cipher.seal(key, counter, bytes, 0, length);
    if (!expected.equals(bytes)) return false;
    bytes[length] = (bytes[length] as number) ^ 1;
    if (cipher.open(key, counter, bytes, 0, bytes.length, 0) !== -1) return false;
    bytes[length] = (bytes[length] as number) ^ 1;
    if (cipher.open(key, counter, bytes, 0, bytes.length, 0) !== length || bytes.subarray(0, length).some((octet) => octet !== length)) return false;
  }
  return true;
}

const TAG_LENGTH = 16;
const KEY_LENGTH = 32;
/** The longest that UDP carries fits. */
const MOST = 65_535;
// The block: key, nonce (32 zero bits and the counter), tag, a number that OpenSSL writes, data.
const KEY = 0;
const NONCE = 32;
const TAG = 48;
const LENGTH = 64;
const DATA = 128;
const BLOCK_LENGTH = DATA + MOST + 65;
const NO_KEY = new Uint8Array(KEY_LENGTH);
/** EVP_CTRL_AEAD_GET_TAG and EVP_CTRL_AEAD_SET_TAG of openssl/evp.h. */
const GET_TAG = 0x10;
const SET_TAG = 0x11;
