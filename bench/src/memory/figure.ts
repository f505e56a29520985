/** One measured figure and the bound that it must keep. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly bound: number;
  readonly unit: "octets" | "%" | "entries";
}

/** Says how far a measurement is; called as often as the caller likes. */
export type Progress = (what: string, done: number, of: number) => void;

/** Octets of the heap and of buffers outside it that are in use, after a forced collection. @throws Error without `node --expose-gc` */
export function heapInUse(): number {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error("run with node --expose-gc");
  for (let i = 0; i < 4; i++) gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
