import { readFileSync, statSync, writeFileSync } from "node:fs";
import type { CommandOutcome } from "mptcp/drill";
import type { Namespace } from "./namespace.ts";

/** The command `sysctl` in a namespace: the same files, without a process, and of them only those that are the namespace's own. */
export class Sysctl {
  /**
   * The congestion control that sockets are to have where the kernel does not let the namespace have it as its default: it lets it have those alone that the machine allows to
   * everybody, which cubic often is not. Null: that of the kernel.
   */
  congestion: string | null = null;
  private readonly namespace: Namespace;

  constructor(namespace: Namespace) {
    this.namespace = namespace;
  }

  /** `-q`, `-n`, `-e`, `-w`, then names and `name=value`. */
  run(words: readonly string[]): CommandOutcome {
    const options = words.filter((word) => word.startsWith("-"));
    const letters = options.join("").replaceAll("-", "");
    const unknown = options.find((word) => !/^-[qnew]+$/.test(word) && !["--quiet", "--values", "--ignore", "--write"].includes(word));
    if (unknown !== undefined) return failed(`sysctl: option ${unknown} is not carried out here`);
    const wants = (letter: string, long: string): boolean => letters.includes(letter) && options.some((word) => word === long || (/^-\w+$/.test(word) && word.includes(letter)));
    const [isQuiet, isBare, isLenient] = [wants("q", "--quiet"), wants("n", "--values"), wants("e", "--ignore")];
    const outcome = { status: 0, output: "", errors: "" };
    for (const word of words.filter((one) => !one.startsWith("-"))) {
      const equals = word.indexOf("=");
      const name = (equals < 0 ? word : word.slice(0, equals)).trim();
      const value = equals < 0 ? null : word.slice(equals + 1).trim();
      const complaint = value === null ? this.complaintOf(name) : this.write(name, value);
      if (complaint !== null) {
        if (isLenient && complaint.isMissing) continue;
        outcome.status = 1;
        outcome.errors += `sysctl: ${complaint.text}\n`;
      } else if (value === null || !isQuiet) {
        const shown = value ?? this.read(name);
        outcome.output += isBare ? `${shown}\n` : `${dotted(name)} = ${shown}\n`;
      }
    }
    return outcome;
  }

  /** A value, without the end of its line. @throws the error of node:fs */
  read(name: string): string {
    if (this.congestion !== null && dotted(name) === CONGESTION) return this.congestion;
    return this.namespace.inside(() => readFileSync(pathOf(name), "utf8")).trimEnd();
  }

  /** Sets a value. @returns what is wrong; null when it is set */
  write(name: string, value: string): Complaint | null {
    const complaint = this.complaintOf(name);
    if (complaint !== null) return complaint;
    const path = pathOf(name);
    // What two namespaces have in common is the same file, and belongs to the machine.
    const own = this.namespace.inside(() => statSync(path));
    const outside = statSync(path, { throwIfNoEntry: false });
    if (outside !== undefined && outside.ino === own.ino && outside.dev === own.dev) return { text: `${dotted(name)} is the whole machine's, and is not set here`, isMissing: false };
    try {
      this.namespace.inside(() => writeFileSync(path, value, { flag: "r+" }));
      if (dotted(name) === CONGESTION) this.congestion = null;
      return null;
    } catch (error) {
      if (dotted(name) === CONGESTION && this.read(AVAILABLE).split(" ").includes(value)) {
        this.congestion = value;
        return null;
      }
      return { text: `setting key "${dotted(name)}": ${reasonOf(error)}`, isMissing: false };
    }
  }

  private complaintOf(name: string): Complaint | null {
    if (!/^net[./]/.test(name) || name.split(/[./]/).some((part) => part === "")) return { text: `${name} is not below net`, isMissing: false };
    const found = this.namespace.inside(() => statSync(pathOf(name), { throwIfNoEntry: false }));
    if (found?.isFile() === true) return null;
    return { text: found === undefined ? `cannot stat ${pathOf(name)}: No such file or directory` : `${dotted(name)} is a folder`, isMissing: found === undefined };
  }
}

export const CONGESTION = "net.ipv4.tcp_congestion_control";
const AVAILABLE = "net.ipv4.tcp_available_congestion_control";

interface Complaint {
  readonly text: string;
  /** There is no such name. */
  readonly isMissing: boolean;
}

/** As sysctl(8): what separates first is what separates; the other one stands for it in names of devices. */
function pathOf(name: string): string {
  const isDotted = /[./]/.exec(name)?.[0] !== "/";
  const path = isDotted ? name.replace(/[./]/g, (letter) => (letter === "." ? "/" : ".")) : name;
  return `/proc/sys/${path}`;
}

const dotted = (name: string): string => (/[./]/.exec(name)?.[0] === "/" ? name.replace(/[./]/g, (letter) => (letter === "/" ? "." : "/")) : name);

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
  return { EINVAL: "Invalid argument", EACCES: "Permission denied", EPERM: "Operation not permitted", ERANGE: "Numerical result out of range", ENOENT: "No such file or directory" }[code] ?? code;
}

const failed = (text: string): CommandOutcome => ({ status: 1, output: "", errors: `${text}\n` });
