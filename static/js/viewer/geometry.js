// Where pictures lie on the stage and what a pane shows of it. Stage units are millimetres where
// the scale of every picture is known, else pixels of the current one. Both panes share one view,
// so what is done to one picture is done to the other.

import { clamp } from "./numbers.js";

// Chest walls lie on the same line, x = 0, and the pictures' middles at the same height.
export function placed(films) {
  const known = films.every((film) => film.spacing);
  const [reference] = films.slice(-1);
  return films.map(({ rows, columns, spacing, laterality }) => {
    const unit = known ? spacing : reference.rows / rows;
    return {
      unit,
      left: laterality === "R" ? -columns * unit : 0,
      top: (-rows * unit) / 2,
      width: columns * unit,
      height: rows * unit,
    };
  });
}

// The view in which all pictures fit a pane: chest walls at its edge, or the pictures in its middle.
export function fitted(places, pane, { isCentred = false } = {}) {
  const height = Math.max(...places.map((place) => place.height));
  const width = Math.max(...places.map((place) => place.width));
  const scale = Math.min(pane.width / width, pane.height / height);
  const side = places[0].left < 0 ? -1 : 1;
  return { x: (side * (isCentred ? width : pane.width / scale)) / 2, y: 0, scale };
}

// Zoom so that the point under ``at`` (from the middle of the pane) stays where it is.
export function zoomed(view, factor, at = { x: 0, y: 0 }, limits = { lowest: 0, highest: Infinity }) {
  const scale = clamp(view.scale * factor, limits.lowest, limits.highest);
  const held = 1 / view.scale - 1 / scale;
  return { x: view.x + at.x * held, y: view.y + at.y * held, scale };
}

export function panned(view, across, down) {
  return { ...view, x: view.x - across / view.scale, y: view.y - down / view.scale };
}

// A point of the pane, from its middle, in pixels of a picture.
export function pixelAt(view, place, at) {
  return {
    x: (view.x + at.x / view.scale - place.left) / place.unit,
    y: (view.y + at.y / view.scale - place.top) / place.unit,
  };
}

// What of a picture a pane shows, in its pixels: the viewBox of what is drawn over it.
export function shownPart(view, place, pane) {
  const { x, y } = pixelAt(view, place, { x: -pane.width / 2, y: -pane.height / 2 });
  const each = view.scale * place.unit;
  return { x, y, width: pane.width / each, height: pane.height / each };
}
