// Prior and current in turns, at a rate that no seizure follows; still where less motion is asked for.

import { render } from "./drawing.js";
import { one, shown } from "./state.js";

const stillness = matchMedia("(prefers-reduced-motion: reduce)");
let beat = 0;

export function restart() {
  clearInterval(beat);
  beat = 0;
  shown.blinks = "current";
  const isStill = stillness.matches;
  if (one("[data-still]")) one("[data-still]").hidden = !isStill;
  if (shown.mode === "blink" && !isStill) beat = setInterval(showOther, 500 / shown.rate);
}

export function showOther() {
  shown.blinks = shown.blinks === "prior" ? "current" : "prior";
  render();
}

stillness.addEventListener("change", restart);
