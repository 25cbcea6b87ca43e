// What the viewer shows now, and of which pictures. The other files read and change it; it knows
// none of them.

import { placed } from "./geometry.js";

export const FIRST_WINDOW = { centre: 2048, width: 4096 };
const SINGLE = ["swipe", "blink", "difference"];

export const viewer = document.querySelector("[data-viewer]");
export const stage = viewer.querySelector("[data-stage]");
export const one = (selector) => viewer.querySelector(selector);
export const all = (selector) => [...viewer.querySelectorAll(selector)];

export const films = all("[data-film]").map((element) => ({
  which: element.dataset.film,
  element,
  canvas: element.querySelector("svg"),
  rows: Number(element.dataset.rows),
  columns: Number(element.dataset.columns),
  spacing: Number(element.dataset.spacing) || null,
  laterality: element.dataset.laterality,
  maps: {},
}));
export const places = placed(films);
films.forEach((film, i) => (film.place = places[i]));
export const current = films.at(-1);
export const prior = films.length > 1 ? films[0] : null;

export const shown = {
  mode: "side",
  tool: "pan",
  isDrawing: false, // a mark, by the form below the viewer
  grid: null, // where each place of the current picture lies on the prior
  wantsAligned: true,
  isAligned: false,
  window: { ...FIRST_WINDOW },
  inverted: false,
  view: { x: 0, y: 0, scale: 1 },
  isFitted: true,
  split: 0.5,
  blinks: "current",
  rate: 1,
  opacity: 0.6,
};

// Both pictures in one pane, over each other.
export function isSingle() {
  return SINGLE.includes(shown.mode);
}

// The prior that is laid on the current picture lies where that lies.
export function placeOf(film) {
  return film === prior && shown.isAligned ? current.place : film.place;
}

// Of the screen on one of the current picture, in percent.
export function zoomPercent() {
  return Math.round(100 * shown.view.scale * current.place.unit);
}
