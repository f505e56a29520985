import type { Plan } from "@mptcp/scenario";

/** Whether nothing on the way treats one packet other than the next: then it makes no difference whether the segments of a super-segment cross by themselves. */
export function isTransparent({ links, routers }: Plan["network"]): boolean {
  const directions = links.flatMap(({ up, down }) => [up, down]);
  return (
    routers.every(({ natAddress }) => natAddress === null) &&
    links.every(({ middleboxes }) => middleboxes.length === 0) &&
    directions.every(({ rate, loss, jitter, discipline }) => rate === Number.POSITIVE_INFINITY && loss === 0 && jitter === 0 && discipline === null)
  );
}
