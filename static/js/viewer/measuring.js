// A diameter: a line over one picture as acquired, its length, and the mark it proposes.

import * as overlays from "./overlays.js";
import { pixelUnder } from "./pointer.js";
import { films, one } from "./state.js";
import { decimal } from "./words.js";

export function begin(film, event) {
  films.forEach((each) => overlays.clearLine(each.canvas));
  film.measured = { from: pixelUnder(film, event), to: pixelUnder(film, event) };
}

export function extend(film, event) {
  if (!film.measured) return;
  film.measured.to = pixelUnder(film, event);
  overlays.drawLine(film.canvas, film.measured.from, film.measured.to, lengthText(film));
}

export function end(film) {
  if (!film.measured || length(film) < 1) return;
  const onPrior = film.which === "prior";
  const told = onPrior ? gettext("%(length)s on the prior picture.") : gettext("%(length)s on the current picture.");
  const doubt = film.spacing ? "" : ` ${gettext("Its scale is unknown.")}`;
  one("[data-measured]").textContent = interpolate(told, { length: lengthText(film) }, true) + doubt;
  proposeMark(film);
}

function length({ measured: { from, to } }) {
  return Math.hypot(to.x - from.x, to.y - from.y);
}

function lengthText(film) {
  return film.spacing ? `${decimal(length(film) * film.spacing, 1)} mm` : `${length(film).toFixed(0)} px`;
}

// The disc over the measured line, in the form that keeps it.
function proposeMark(film) {
  const form = document.querySelector("[data-mark-form]");
  if (!form) return;
  const { from, to } = film.measured;
  const [x, y] = [(from.x + to.x) / 2, (from.y + to.y) / 2];
  for (const [name, value] of Object.entries({ x, y, radius: length(film) / 2 })) {
    form.elements[name].value = value.toFixed(1);
  }
  for (const option of form.querySelectorAll("[name=picture]")) option.checked = option.value === film.which;
  form.dispatchEvent(new Event("input", { bubbles: true }));
  one("[data-keep-mark]").hidden = false;
}
