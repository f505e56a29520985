import type { Command } from "commander";
import { controlFromEnvironment, openControl } from "mptcp/node";
import type { Control, ControlOptions, Stack } from "mptcp/node";
import { UsageProblem } from "./open-links.ts";

/** What the command line says of a control socket: a path, the usual one (true), none (false), or nothing. */
export type ControlOption = string | boolean | undefined;

/** Adds `--control` and `--no-control`. */
export function controlOptions(command: Command): Command {
  return command
    .option("--control [path]", "the socket by which mptcp status, monitor and others see this process and command it (without a path, and by default: in a folder of yours alone)")
    .option("--no-control", "no such socket");
}

/**
 * Opens the control socket that was asked for; where nothing was said, the one that the environment asks for, or the usual one.
 * @param notice hears why the usual one is not there, which is no failure where nobody asked for it
 * @throws Error why there is none although it was asked for
 */
export async function openControlOption(stack: Stack, option: ControlOption, settings: Omit<ControlOptions, "path">, notice: (text: string) => void): Promise<Control | null> {
  if (option === false) return null;
  if (option === true) return wanted(openControl(stack, settings));
  if (option === "") throw new UsageProblem("--control= has no path");
  if (option !== undefined) return wanted(openControl(stack, { ...settings, path: option }));
  if ((process.env["MPTCP_CONTROL"] ?? "") !== "") return wanted(controlFromEnvironment(stack, settings));
  try {
    return await openControl(stack, settings);
  } catch (error) {
    notice(`no control socket, so that mptcp status does not see this process: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}

/** What helps with ports does not help with paths: only what went wrong is told. */
async function wanted<T>(opening: Promise<T>): Promise<T> {
  try {
    return await opening;
  } catch (error) {
    throw error instanceof Error ? new Error(error.message, { cause: error }) : error;
  }
}
