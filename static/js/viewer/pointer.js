// Which picture, and which pixel of it, the pointer is over.

import { pixelAt } from "./geometry.js";
import { clamp } from "./numbers.js";
import { current, films, isSingle, placeOf, prior, shown, stage } from "./state.js";

export function filmAt(event) {
  if (isSingle()) return shown.mode === "swipe" && shareAt(event) < shown.split ? prior : current;
  return films.find(({ element }) => {
    const bounds = element.getBoundingClientRect();
    return event.clientX >= bounds.left && event.clientX < bounds.right;
  });
}

// Of the stage's width.
export function shareAt(event) {
  const bounds = stage.getBoundingClientRect();
  return clamp((event.clientX - bounds.left) / bounds.width, 0, 1);
}

// From the middle of the pane, as geometry counts.
export function inPane(film, event) {
  const bounds = film.element.getBoundingClientRect();
  return {
    x: event.clientX - bounds.left - bounds.width / 2,
    y: event.clientY - bounds.top - bounds.height / 2,
  };
}

export function pixelUnder(film, event) {
  return pixelAt(shown.view, placeOf(film), inPane(film, event));
}
