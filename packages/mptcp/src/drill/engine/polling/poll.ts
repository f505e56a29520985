import { MILLISECOND, NEVER } from "../../../core/index.ts";
import { CONSTANTS } from "../../system/index.ts";
import type { CallResult, PolledDescriptor } from "../../system/index.ts";
import type { Descriptors } from "../process/descriptors.ts";
import { attemptOrWait, done } from "../process/outcome.ts";
import type { Outcome } from "../process/outcome.ts";

/** poll(2). */
export function poll(descriptors: Descriptors, polled: readonly PolledDescriptor[], timeout: number, now: number): Outcome {
  const look = (): CallResult => {
    const revents = polled.map(({ events, fd }) => {
      if (fd < 0) return 0;
      const file = descriptors.find(fd);
      return file === undefined ? POLLNVAL : file.readiness() & (events | POLLERR | POLLHUP);
    });
    return done(revents.filter((bits) => bits !== 0).length, { revents });
  };
  const attempt = (): CallResult | null => {
    const result = look();
    return result.value > 0 ? result : null;
  };
  if (timeout === 0) return look();
  return attemptOrWait(attempt, timeout < 0 ? NEVER : now + timeout * MILLISECOND, look);
}

const { POLLERR, POLLHUP, POLLNVAL } = CONSTANTS;
