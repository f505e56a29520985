/** What has something to say to others before this process, or worker thread, ends. */
export interface Leaver {
  /** Says it, at once: nothing that waits for the event loop happens any more. */
  leave(): void;
}

const leavers = new Set<Leaver>();

/** `leaver` is called when the process exits; not when it is killed by a signal that it does not handle, nor a worker that is terminated. */
export function callAtExit(leaver: Leaver): void {
  if (leavers.size === 0) process.on("exit", onExit);
  leavers.add(leaver);
}

export function doNotCallAtExit(leaver: Leaver): void {
  if (leavers.delete(leaver) && leavers.size === 0) process.off("exit", onExit);
}

function onExit(): void {
  for (const leaver of leavers) {
    try {
      leaver.leave();
    } catch {
      // The others have something to say, too, and the process ends in any case.
    }
  }
}
