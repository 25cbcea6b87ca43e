// The pictures get the height that the window leaves between the tools above and the options below
// them, so that the whole of both breasts is seen without scrolling.

import { one, stage } from "./state.js";

const LEAST_PX = 320;

export function take() {
  const above = stage.getBoundingClientRect().top + scrollY;
  const below = one("[data-stage-below]").offsetHeight;
  const free = Math.max(Math.floor(innerHeight - above - below), LEAST_PX);
  stage.style.setProperty("--stage-height", `${free}px`);
}
