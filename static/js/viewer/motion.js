// Smooth movement before fine pixels: where a screen draws slowly, half the resolution is drawn for
// as long as something moves, and all of it as soon as it rests.

const REST_MS = 160;
const SLOW_MS = 28;
const FRAMES = 4;

let movedAt = -Infinity;
let drawnAt = -Infinity;
let slowFrames = 0;
let rest = 0;

export function moved() {
  movedAt = performance.now();
}

// The share of the screen's resolution to draw now; ``again`` draws once more at rest.
export function scale(again) {
  const now = performance.now();
  const isMoving = now - movedAt < REST_MS;
  if (isMoving) {
    const pause = now - drawnAt;
    if (pause < REST_MS) slowFrames = pause > SLOW_MS ? slowFrames + 1 : Math.max(slowFrames - 0.25, 0);
    clearTimeout(rest);
    rest = setTimeout(again, REST_MS + 20);
  }
  drawnAt = now;
  return isMoving && slowFrames >= FRAMES ? 0.5 : 1;
}
