import { InvalidArgumentError } from "commander";

/** A port of a command line, 1 to 65535. @throws InvalidArgumentError */
export function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > 65535) throw new InvalidArgumentError("A port is a whole number from 1 to 65535.");
  return port;
}

/** The seed of random draws, any whole number that is exact. @throws InvalidArgumentError */
export function parseSeed(text: string): number {
  const seed = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(seed)) throw new InvalidArgumentError("a seed is a whole number from 0.");
  return seed;
}

/** A whole number from 1, of `what`. @throws InvalidArgumentError */
export function parseCountOf(what: string, most: number): (text: string) => number {
  return (text) => {
    const count = Number(text);
    if (!/^\d+$/.test(text) || count < 1 || count > most) throw new InvalidArgumentError(`${what} are a whole number from 1 to ${most}.`);
    return count;
  };
}

/** A number of seconds, at the most `most`; 0 where that means something. @throws InvalidArgumentError */
export function parseSecondsTo(most: number, mayBeZero = false): (text: string) => number {
  return (text) => {
    const seconds = Number(text);
    if (!/^\d+(\.\d+)?$/.test(text) || (seconds === 0 && !mayBeZero) || seconds > most) throw new InvalidArgumentError(`It is a number of seconds up to ${most}.`);
    return seconds;
  };
}
