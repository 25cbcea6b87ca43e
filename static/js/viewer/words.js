// What is told in words and numbers: the window, the zoom and the values under the pointer.

import { GRAY_LEVELS, nodeAt } from "./pixels.js";
import { current, one, placeOf, prior, shown, zoomPercent } from "./state.js";

const SAY_AFTER_MS = 400;
let saying = 0;

// Seen while something is awaited; of what the fields show it is for those who hear the page.
export function say(awaited = "") {
  const { centre, width } = shown.window;
  const numbers = { centre: Math.round(centre), width: Math.round(width), zoom: `${zoomPercent()} %` };
  const told = shown.isAligned
    ? gettext("Window %(centre)s / %(width)s, zoom %(zoom)s, prior aligned")
    : gettext("Window %(centre)s / %(width)s, zoom %(zoom)s");
  const status = one("[data-status]");
  status.classList.toggle("visually-hidden", !awaited);
  status.textContent = awaited || interpolate(told, numbers, true);
}

export function saySoon() {
  clearTimeout(saying);
  saying = setTimeout(say, SAY_AFTER_MS);
}

export function tellNumbers() {
  const { centre, width } = shown.window;
  const numbers = { centre: Math.round(centre), width: Math.round(width), zoom: zoomPercent() };
  for (const [name, value] of Object.entries(numbers)) {
    const field = one(`[data-number=${name}]`);
    if (field !== document.activeElement) field.value = value;
  }
}

// ``at`` is in pixels of the picture that the film's place belongs to.
export function probed(film, { x, y }) {
  const laid = placeOf(film) !== film.place;
  const base = laid ? current : film;
  if (x < 0 || y < 0 || x >= base.columns || y >= base.rows) return "";
  const shares = [x / base.columns, y / base.rows];
  const node = shown.grid && (base === current || laid) ? nodeAt(shown.grid, ...shares) : null;
  const at = laid ? { x: node.across * prior.columns, y: node.down * prior.rows } : { x, y };
  const spot = { column: Math.floor(at.x), row: Math.floor(at.y) };
  const where = film === prior ? gettext("prior column %(column)s, row %(row)s") : gettext("current column %(column)s, row %(row)s");
  const words = [interpolate(where, spot, true)];
  const value = valueAt(film.picture, at);
  if (value !== null) words.push(filled(gettext("gray %(value)s"), value, 1));
  if (shown.mode === "ssim" && film === current) words.push(node.measured ? `SSIM ${decimal(node.ssim, 2)}` : gettext("SSIM not measured here"));
  if (shown.mode === "gradcam" && film.heat) words.push(filled(gettext("evidence %(value)s of 1"), heatAt(film.heat, shares) / 255, 2));
  return words.join(", ");
}

function filled(text, value, places) {
  return interpolate(text, { value: decimal(value, places) }, true);
}

// As the reader's language writes it.
export function decimal(value, places) {
  return value.toFixed(places).replace(".", get_format("DECIMAL_SEPARATOR"));
}

function valueAt(picture, { x, y }) {
  if (!picture || x < 0 || y < 0 || x >= picture.columns || y >= picture.rows) return null;
  const stored = picture.levels[0].values[Math.floor(y) * picture.columns + Math.floor(x)];
  return (stored / picture.largest) * GRAY_LEVELS;
}

function heatAt({ rows, columns, values }, [across, down]) {
  return values[Math.floor(down * rows) * columns + Math.floor(across * columns)];
}
