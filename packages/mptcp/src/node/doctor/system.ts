import { spawnSync } from "node:child_process";
import { closeSync, constants, openSync, readFileSync } from "node:fs";
import { release } from "node:os";
import { native } from "../native.ts";

/** All that {@link doctor} asks of a machine; tests make one up. */
export interface System {
  /** As `process.platform`. */
  readonly platform: string;
  /** Release of the kernel: "6.12.3". */
  readonly release: string;
  /** Node's version without the v: "20.19.0". */
  readonly nodeVersion: string;
  /** Effective user id; -1 where there is none. */
  readonly userId: number;
  /** Text of a file; null when it is not there or may not be read. */
  readFile(path: string): string | null;
  /** Runs a command that changes nothing, such as `ip -j address`. */
  run(command: string, ...words: readonly string[]): CommandResult;
  /** Why a device may not be opened for reading and writing, as an error's code; null when it may. */
  openObstacle(path: string): string | null;
  /** Why koffi cannot be used; null when it can. */
  koffiObstacle(): Promise<string | null>;
  /** The flags that the TUN driver knows (TUNGETFEATURES); null when they cannot be had. */
  tunFeatures(): Promise<number | null>;
  /** Which offloads an interface does; null when they cannot be had. */
  offloads(device: string): Promise<Offloads | null>;
}

/** What became of a command. */
export type CommandResult =
  | { readonly kind: "done"; readonly output: string }
  /** There is no such program. */
  | { readonly kind: "missing" }
  | { readonly kind: "failed"; readonly error: string };

/** Work that an interface, or the kernel in its name, does on many segments at once. */
export interface Offloads {
  /** TCP segmentation offload. */
  readonly tso: boolean;
  /** Generic receive offload. */
  readonly gro: boolean;
}

/** This machine, as the process sees it: its own network namespace and rights. */
export function thisSystem(): System {
  return {
    platform: process.platform,
    release: release(),
    nodeVersion: process.versions.node,
    userId: process.geteuid?.() ?? -1,
    readFile: (path) => orNull(() => readFileSync(path, "utf8")),
    run,
    openObstacle: (path) => {
      try {
        closeSync(openSync(path, constants.O_RDWR | constants.O_NONBLOCK));
        return null;
      } catch (error) {
        return (error as NodeJS.ErrnoException).code ?? String(error);
      }
    },
    koffiObstacle: async () => {
      try {
        await native("TUN links and kernel sockets", "UDP links do without");
        return null;
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    },
    tunFeatures,
    offloads,
  };
}

function run(command: string, ...words: readonly string[]): CommandResult {
  const { status, error, stdout, stderr } = spawnSync(command, words, { encoding: "utf8", env: { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`, LC_ALL: "C" } });
  if (error !== undefined) return (error as NodeJS.ErrnoException).code === "ENOENT" ? { kind: "missing" } : { kind: "failed", error: error.message };
  return status === 0 ? { kind: "done", output: stdout } : { kind: "failed", error: stderr.trim() };
}

async function tunFeatures(): Promise<number | null> {
  try {
    const library = await native("TUN links", "");
    const ioctl = library.func("ioctl", "int", ["int", "unsigned long", "void *"]) as Ioctl;
    const fd = openSync("/dev/net/tun", constants.O_RDWR | constants.O_NONBLOCK);
    try {
      const flags = Buffer.alloc(4);
      return ioctl(fd, TUNGETFEATURES, flags) === 0 ? flags.readUInt32LE() : null;
    } finally {
      closeSync(fd);
    }
  } catch {
    return null;
  }
}

/** Asks as `ethtool -k` does, which is on few machines. */
async function offloads(device: string): Promise<Offloads | null> {
  try {
    const library = await native("offloads", "");
    const ioctl = library.func("ioctl", "int", ["int", "unsigned long", "void *"]) as Ioctl;
    const socket = library.func("int socket(int domain, int type, int protocol)") as (domain: number, type: number, protocol: number) => number;
    const fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0) return null;
    try {
      const ask = (command: number): boolean | null => {
        // struct ethtool_value: the command, and room for the answer.
        const value = Buffer.alloc(8);
        value.writeUInt32LE(command);
        const request = Buffer.alloc(IFREQ_LENGTH);
        request.write(device, 0, 15, "latin1");
        request.writeBigUInt64LE(BigInt(library.koffi.address(value)), 16);
        return ioctl(fd, SIOCETHTOOL, request) === 0 ? value.readUInt32LE(4) !== 0 : null;
      };
      const tso = ask(ETHTOOL_GTSO);
      const gro = ask(ETHTOOL_GGRO);
      return tso === null || gro === null ? null : { tso, gro };
    } finally {
      closeSync(fd);
    }
  } catch {
    return null;
  }
}

function orNull<T>(action: () => T): T | null {
  try {
    return action();
  } catch {
    return null;
  }
}

type Ioctl = (fd: number, request: number, argument: Uint8Array) => number;

/** include/uapi/linux/if_tun.h, sockios.h, ethtool.h, if.h; sys/socket.h. */
const TUNGETFEATURES = 0x800454cf;
const SIOCETHTOOL = 0x8946;
const ETHTOOL_GTSO = 0x1e;
const ETHTOOL_GGRO = 0x2b;
const IFREQ_LENGTH = 40;
const AF_INET = 2;
const SOCK_DGRAM = 2;
