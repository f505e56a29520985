import type { CommandOutcome } from "../system/index.ts";
import { socketTable, SOCKET_TABLES } from "./socket-tables.ts";

/** What is around a shell: the stack's commands, files that scripts come with, time, and the environment. */
export interface ShellWorld {
  /** The text of a file, its name as a script has it, relative to the script's folder; null: there is none. */
  readFile(path: string): string | null;
  /** A command of the stack ({@link COMMANDS}). */
  command(words: readonly string[]): CommandOutcome;
  /** Time goes on, ns. */
  sleep(nanoseconds: number): void;
  /** Variables that each line begins with. packetdrill gives `OPT_LOCAL_IP` and the like, the script's options in capitals, and `OPT_LOCAL_DEV`. */
  readonly environment: ReadonlyMap<string, string>;
}

/** The number of the process that scripts know as their parent's, `$PPID`; they name a file by it. */
export const PARENT_PROCESS = "1";

const SYSCTLS = "/proc/sys/";
/** Parameters of modules of Linux, as they are if nobody changes them. */
const MODULE_PARAMETERS: ReadonlyMap<string, string> = new Map(
  Object.entries({ hystart: "1", hystart_detect: "3", hystart_low_window: "16", hystart_ack_delta_us: "2000", fast_convergence: "1", tcp_friendliness: "1" }).map(
    ([name, value]) => [`/sys/module/tcp_cubic/parameters/${name}`, value],
  ),
);

/** Files that the shell lines of a script may write, all together. */
const MAX_FILES = 64;

/** Files as shell lines see them: sysctls below /proc/sys, what they wrote below /tmp, and what lies beside the script. */
export class ShellFiles {
  readonly #world: ShellWorld;
  readonly #written = new Map<string, string>();

  constructor(world: ShellWorld) {
    this.#world = world;
  }

  /** Null: there is no such file. */
  read(path: string): string | null {
    if (path === "/dev/null") return "";
    const sockets = SOCKET_TABLES.get(path);
    if (sockets !== undefined) return socketTable(sockets, (words) => this.#world.command(words));
    if (path.startsWith(SYSCTLS)) {
      const { status, output } = this.#world.command(["sysctl", "-n", sysctlName(path)]);
      return status === 0 ? output : null;
    }
    return this.#written.get(path) ?? MODULE_PARAMETERS.get(path) ?? this.#world.readFile(path);
  }

  /** What went wrong; undefined: nothing. */
  write(path: string, text: string, appended: boolean): string | undefined {
    if (path === "/dev/null") return undefined;
    if (path.startsWith(SYSCTLS)) {
      const { status, errors } = this.#world.command(["sysctl", "-q", "-w", `${sysctlName(path)}=${text.trim()}`]);
      return status === 0 ? undefined : errors.trim() || `${path} cannot be written`;
    }
    // Parameters of a module are the whole machine's: what they are already they may be set to.
    if (MODULE_PARAMETERS.get(path) === text.trim()) return undefined;
    if (!path.startsWith("/tmp/")) return `${path} cannot be written: files are written below /tmp and /proc/sys alone`;
    if (this.#written.size >= MAX_FILES) return `more than ${MAX_FILES} files are written`;
    this.#written.set(path, appended ? (this.#written.get(path) ?? "") + text : text);
    return undefined;
  }

  remove(path: string): boolean {
    return this.#written.delete(path);
  }
}

/** `/proc/sys/net/ipv4/tcp_sack` is `net.ipv4.tcp_sack`. */
function sysctlName(path: string): string {
  return path.slice(SYSCTLS.length).replaceAll("/", ".");
}

/** A name relative to a folder, which is relative itself or empty. */
export function joined(folder: string, path: string): string {
  return folder === "" || path.startsWith("/") ? path : `${folder}/${path}`;
}
