import { describe, expect, it } from "vitest";
import { readKernelState, readPlainState } from "../../src/node/kernel/socket-options.ts";
import { readMptcpInfo, readSubflowAddresses, readTcpInfo } from "../../src/node/kernel/structures.ts";
import { readSubflowDiag } from "../../src/node/kernel/subflow-diag.ts";
import type { SocketCalls } from "../../src/node/kernel/system-calls.ts";

/** Octets as they were written down: hexadecimal, and in parentheses how many zeros. */
function octets(text: string): Uint8Array {
  return Buffer.concat(text.trim().split(/\s+/).map((word) => (word.startsWith("(") ? Buffer.alloc(Number(word.slice(1, -1))) : Buffer.from(word, "hex"))));
}

function viewOf(memory: Uint8Array): DataView {
  return new DataView(memory.buffer, memory.byteOffset, memory.length);
}

// Written down from Linux 6.18 on a little-endian machine: a connection of two subflows that carried 50,000 octets each way, the second a backup.
const HEADER = octets(`
  
  180100001801000008010000080100000200000004000000e051f22900000000a01ff12900000000010000040004000002000000787d79a7c760209b5aaf64a3c760209b5aaf64a327dc6f91a66e3a190202
  (14) 50c3 (6) 50c3 (6) 50c3 (6) 02000000180000001800000014000000`);
const ADDRESSES = octets(`
  01 (7) 0200a4e60a010002 (120) 02000fa00a010001 (120) 02 (7) 0200e6db0a020002 (120) 02000fa00a010001 (120)`);
const TCP = octets(`
  010000000007aa00e01c0300409c0000a80500008c05 (22) 18 (7)
  1800000018000000dc050000f06a01002f00000010000000ffffff7f2e000000a805000003 (7) 9038 (6) f979b56900000000ffffffffffffffff51c3 (6)
  50c3 (6) 2b0000002c (7) 06000000240000002400000080ae9315 (28) 25 (7) 50c3 (27) bc0100000001 (45)
  010000000007aa01e01c030000000000a80500001802 (22) 14 (7)
  1400000014000000dc05000058fa00001c0000000e000000ffffff7f0a000000a805000003 (7) 9038 (6) 7e3a175800000000ffffffffffffffff01 (15)
  0200000002 (7) 1c (43) 01 (36) bc010000fc (46)`);
const DIAG_FIRST = octets(`
  0002000014 (7) 1924000002010000a4e60fa00a010002 (12) 0a010001 (16) 1510 (22) f4010c00050008000000000008000f00000000000c00150001
  (7) 06001600520000001c010200010000000007aa00e01c0300409c0000a80500008c05 (22) 18 (7)
  1800000018000000dc050000f06a01002f00000010000000ffffff7f2e000000a805000003 (7) 9038 (6) f979b56900000000ffffffffffffffff51c3 (6)
  50c3 (6) 2b0000002c (7) 06000000240000002400000080ae9315 (28) 25 (7) 50c3 (27) bc0100000001 (45)
  680013000a0001006d7074637000000058000300080001000000000008000200787d79a708000800c3000000050009000000000005000a00000000000800030051c300000c000400df926f91a66e3a1908000500097a000008000600577c52a90600070048490000`);
const DIAG_NOT_FOUND = octets(`
  5c00000002 (7) 19240000feffffff48000000140001 (9) 02060200ffffffffe6db0fa00a020002 (12) 0a010001 (16) ffffffffffffffff`);
const DIAG_BACKUP = octets(`
  0002000014 (7) 1924000002010000e6db0fa00a020002 (12) 0a010001 (12) 030000001610 (22)
  f4010c00050008000000000008000f00000000000c00150001 (7) 06001600520000001c010200010000000007aa01e01c030000000000a80500001802 (22)
  14 (7) 1400000014000000dc05000058fa00001c0000000e000000ffffff7f0a000000a805000003 (7) 9038 (6) 7e3a175800000000ffffffffffffffff01
  (15) 0200000002 (7) 1c (43) 01 (36) bc010000fc (46)
  680013000a0001006d707463700000005800030008000100fd2e772e08000200787d79a708000800ec000000050009000000000005000a000500000008000300010000000c00040027dc6f91a66e3a190800050000000000080006006589750f0600070000000000`);
const ADDRESSES_V6 = octets(`
  01 (7) 0a00b70800000000fd000001 (11) 02 (104) 0a000fa000000000fd000001 (11) 01 (104) 02 (7) 0a00e8b700000000fd000002 (11) 02 (104)
  0a000fa000000000fd000001 (11) 01 (104)`);

/** A kernel that answers with what was written down, of a version: 6.5 has MPTCP_FULL_INFO, 5.16 the rest, and earlier ones nothing. */
function kernel(version: 6.5 | 5.16 | 5.6, infoLength = HEADER.length - 40): SocketCalls {
  const known: Uint8Array[] = [];
  const put = (target: Uint8Array, source: Uint8Array): void => target.set(source.subarray(0, target.length));
  /** As the kernel: `struct mptcp_subflow_data`, and the elements as far apart as what it has of them, if that is less than asked for. */
  const array = (value: Uint8Array, elements: Uint8Array, size: number): void => {
    const header = viewOf(value);
    const apart = Math.min(header.getUint32(12, true), size);
    header.setUint32(4, 2, true);
    header.setUint32(8, size, true);
    header.setUint32(12, apart, true);
    for (const i of [0, 1]) put(value.subarray(16 + i * apart, 16 + (i + 1) * apart), elements.subarray(i * size, (i + 1) * size));
  };
  return {
    getsockopt(_fd, level, name, value, length) {
      if (level !== 284 || version === 5.6 || (name === 4 && version !== 6.5)) return -1;
      if (name === 4) {
        const asked = viewOf(value);
        const room = asked.getUint32(20, true);
        const at = (offset: number): Uint8Array => known[Number(asked.getBigUint64(offset, true))] ?? new Uint8Array();
        put(at(24), ADDRESSES.subarray(0, room * 264));
        put(at(32), TCP.subarray(0, room * 280));
        put(value, HEADER.subarray(0, 24));
        put(value.subarray(40), HEADER.subarray(40, 40 + infoLength));
        length[0] = 40 + infoLength;
      } else if (name === 1) {
        put(value, HEADER.subarray(40, 40 + infoLength));
        length[0] = infoLength;
      } else if (name === 2) array(value, TCP, 280);
      else array(value, Buffer.concat([ADDRESSES.subarray(8, 264), ADDRESSES.subarray(272, 528)]), 256);
      return 0;
    },
    addressOf: (memory) => BigInt(known.push(memory) - 1),
    socket: () => -1,
    close: () => 0,
    getsockname: () => -1,
    getpeername: () => -1,
    send: () => -1,
    recv: () => -1,
    interfaceIndex: () => 0,
    errno: () => 95,
    errorName: () => "EOPNOTSUPP",
  };
}

const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

describe.skipIf(!isLittleEndian)("what the kernel says of its sockets", () => {
  const subflows = [
    { local: { address: "10.1.0.2", port: 42214 }, remote: { address: "10.1.0.1", port: 4000 } },
    { local: { address: "10.2.0.2", port: 59099 }, remote: { address: "10.1.0.1", port: 4000 } },
  ];

  it("is read from MPTCP_FULL_INFO, where the kernel has that", () => {
    const state = readKernelState(kernel(6.5), 3);
    expect(state?.info).toEqual({ subflows: 1, addAddrSignal: 0, addAddrAccepted: 0, subflowsMax: 4, addAddrSignalMax: 0, addAddrAcceptedMax: 4, isFallback: false, remoteKeyReceived: true, token: 2809757048, writeSequence: 11773728129537827015n, sendUnacknowledged: 11773728129537827015n, receiveNext: 1817887061281070119n, localAddrUsed: 2, localAddrMax: 2, checksumEnabled: false, retransmits: 0, bytesRetransmitted: 0, bytesSent: 50000, bytesReceived: 50000, bytesAcknowledged: 50000, subflowsTotal: 2, lastDataSent: 24, lastDataReceived: 24, lastAckReceived: 20 });
    expect(state?.subflows.map(({ id, local, remote }) => ({ id, local, remote }))).toEqual(subflows.map((subflow, i) => ({ id: i + 1, ...subflow })));
    expect(state?.subflows.map(({ tcp }) => tcp)).toEqual([
      { state: "ESTABLISHED", rto: 204000, segmentSize: 1448, unacknowledged: 0, rtt: 47, rttVariation: 16, slowStartThreshold: 2147483647, congestionWindow: 46, bytesAcknowledged: 50001, bytesReceived: 50000, segmentsSent: 43, segmentsReceived: 44, minRtt: 6, bytesSent: 50000, bytesRetransmitted: 0, lastDataSent: 24, lastDataReceived: 24, lastAckReceived: 24 },
      { state: "ESTABLISHED", rto: 204000, segmentSize: 1448, unacknowledged: 0, rtt: 28, rttVariation: 14, slowStartThreshold: 2147483647, congestionWindow: 10, bytesAcknowledged: 1, bytesReceived: 0, segmentsSent: 2, segmentsReceived: 2, minRtt: 28, bytesSent: 0, bytesRetransmitted: 0, lastDataSent: 20, lastDataReceived: 20, lastAckReceived: 20 },
    ]);
  });

  it("is read by parts from a kernel before 6.5", () => {
    const whole = readKernelState(kernel(6.5), 3);
    expect(readKernelState(kernel(5.16), 3)).toEqual(whole);
  });

  it("lacks what a kernel does not have yet", () => {
    // The structure as of 5.9, 5.12, 5.14 with its padding, 6.5 and 6.8.
    for (const [length, missing] of [
      [40, ["localAddrUsed", "localAddrMax", "checksumEnabled", "retransmits", "bytesRetransmitted", "bytesSent", "bytesReceived", "bytesAcknowledged", "subflowsTotal", "lastDataSent", "lastDataReceived", "lastAckReceived"]],
      [42, ["checksumEnabled", "retransmits", "bytesRetransmitted", "bytesSent", "bytesReceived", "bytesAcknowledged", "subflowsTotal", "lastDataSent", "lastDataReceived", "lastAckReceived"]],
      [48, ["bytesRetransmitted", "bytesSent", "bytesReceived", "bytesAcknowledged", "subflowsTotal", "lastDataSent", "lastDataReceived", "lastAckReceived"]],
      [80, ["subflowsTotal", "lastDataSent", "lastDataReceived", "lastAckReceived"]],
      [84, ["lastDataSent", "lastDataReceived", "lastAckReceived"]],
    ] as const) {
      const info = readKernelState(kernel(5.16, length), 3)?.info;
      const isNull = Object.entries(info ?? {}).flatMap(([name, value]) => (value === null ? [name] : []));
      expect(isNull).toEqual(missing);
      expect(info?.token).toBe(2809757048);
    }
  });

  it("is nothing from a kernel before 5.16, and of a socket that speaks plain TCP", () => {
    expect(readKernelState(kernel(5.6), 3)).toBeNull();
    expect(readPlainState(kernel(5.6), 3, null)).toBeNull();
  });

  it("has flags, and addresses of both families", () => {
    const fallen = Uint8Array.from(HEADER);
    fallen[48] = 1;
    expect(readMptcpInfo(viewOf(fallen), 40, 96)).toMatchObject({ isFallback: true, remoteKeyReceived: false });
    expect([0, 1].map((i) => readSubflowAddresses(viewOf(ADDRESSES_V6), i * 264 + 8))).toEqual([
      { local: { address: "fd00:1::2", port: 46856 }, remote: { address: "fd00:1::1", port: 4000 } },
      { local: { address: "fd00:2::2", port: 59575 }, remote: { address: "fd00:1::1", port: 4000 } },
    ]);
    const mapped = Uint8Array.from(ADDRESSES_V6);
    mapped.set(octets("(10) ffff c0000201"), 16);
    expect(readSubflowAddresses(viewOf(mapped), 8).local.address).toBe("192.0.2.1");
    expect(readTcpInfo(viewOf(Uint8Array.of(8, 0, 0, 0)), 0, 4)).toMatchObject({ state: "CLOSE-WAIT", rtt: 0, bytesSent: 0 });
  });

  it("tells by sock_diag which subflow is a backup, by ids of addresses", () => {
    expect(readSubflowDiag(viewOf(DIAG_FIRST))).toEqual({ isBackup: false, localId: 0, remoteId: 0 });
    expect(readSubflowDiag(viewOf(DIAG_BACKUP))).toEqual({ isBackup: true, localId: 5, remoteId: 0 });
    expect(readSubflowDiag(viewOf(DIAG_NOT_FOUND))).toBeNull();
  });

  it("is nothing where an answer of sock_diag was cut short, or is nonsense", () => {
    for (let length = 0; length < DIAG_BACKUP.length; length++) {
      const cut = DIAG_BACKUP.slice(0, length);
      const answer = readSubflowDiag(viewOf(cut));
      if (answer !== null) expect(answer).toEqual({ isBackup: true, localId: 5, remoteId: 0 });
    }
    for (let at = 88; at < DIAG_BACKUP.length; at++) {
      const changed = Uint8Array.from(DIAG_BACKUP);
      changed[at] = 0xff;
      expect(() => readSubflowDiag(viewOf(changed))).not.toThrow();
    }
  });
});
