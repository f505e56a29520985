/**
 * The cube root of a finite number `x` >= 0, exact for cubes of integers and within a few units in the last place otherwise.
 * Only + - * /, which every engine rounds alike, so that equal seeds give equal runs; `Math.cbrt` gives no such promise.
 */
export function cubeRoot(x: number): number {
  if (!(x > 0)) return 0;
  // Scale into [1, 8) by powers of 8, which are exact, and take the same powers of 2 back at the end.
  let scale = 1;
  let reduced = x;
  while (reduced >= 8) {
    reduced /= 8;
    scale *= 2;
  }
  while (reduced < 1) {
    reduced *= 8;
    scale /= 2;
  }
  // Newton's iteration from a chord of the curve: 5 % off at the worst, so four steps reach the last bit.
  let root = (6 + reduced) / 7;
  for (let i = 0; i < 6; i++) root -= (root - reduced / (root * root)) / 3;
  return root * scale;
}
