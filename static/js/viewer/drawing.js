// Draws what is shown: the panes and what lies over them, once for each frame in which it changed.

import * as geometry from "./geometry.js";
import * as motion from "./motion.js";
import * as overlays from "./overlays.js";
import { createRenderer as createCanvasRenderer } from "./renderer-2d.js";
import { createRenderer as createGlRenderer } from "./renderer-gl.js";
import { current, films, isSingle, one, placeOf, places, prior, shown, stage } from "./state.js";
import { tellNumbers } from "./words.js";

const MAPS = { ssim: "ssim", gradcam: "heat" };
const inMillimetres = films.every((film) => film.spacing);

let surface = one("[data-surface]");
let renderer = null;
let size = { width: 0, height: 0 };
let frame = 0;

export function start() {
  const longest = Math.max(...films.flatMap((film) => [film.rows, film.columns]));
  const made = stage.dataset.renderer === "canvas" ? null : createGlRenderer(surface, longest);
  if (!made) surface = replaced(surface);
  surface.addEventListener("webglcontextlost", (event) => {
    event.preventDefault();
    surface = replaced(surface);
    renderer = createCanvasRenderer(surface);
    films.filter((film) => film.picture).forEach((film) => renderer.setPicture(film.which, film.picture));
    if (shown.grid) renderer.setGrid(shown.grid);
    layOut();
  });
  renderer = made || createCanvasRenderer(surface);
  stage.dataset.renderer = renderer.name;
  new ResizeObserver(layOut).observe(stage);
}

// A canvas that was asked for WebGL gives no other context.
function replaced(canvas) {
  const fresh = canvas.cloneNode();
  canvas.replaceWith(fresh);
  return fresh;
}

export function setPicture(film, picture) {
  film.picture = picture;
  renderer.setPicture(film.which, picture);
  film.element.classList.add("is-drawn");
  render();
}

export function setGrid(grid) {
  shown.grid = grid;
  renderer.setGrid(grid);
  current.maps.ssim = overlays.mapImage(current, overlays.similarityPicture(grid));
}

export function layOut() {
  const bounds = stage.getBoundingClientRect();
  if (!bounds.width || !bounds.height) return;
  stage.classList.toggle("is-single", isSingle());
  size = { width: bounds.width, height: bounds.height };
  for (const film of films) {
    const pane = film.element.getBoundingClientRect();
    film.pane = { left: pane.left - bounds.left, top: pane.top - bounds.top, width: pane.width, height: pane.height };
  }
  if (shown.isFitted) fit();
  render();
}

export function fit() {
  shown.view = geometry.fitted(places, current.pane, { isCentred: isSingle() || !prior });
  shown.isFitted = true;
}

export function render() {
  if (!frame) frame = requestAnimationFrame(draw);
}

function draw() {
  frame = 0;
  const { view, window, inverted } = shown;
  const ratio = (devicePixelRatio || 1) * motion.scale(render);
  const sides = [size.width, size.height].map((side) => Math.round(side * ratio));
  if (surface.width !== sides[0] || surface.height !== sides[1]) [surface.width, surface.height] = sides;
  renderer.draw({ ratio, view, window, inverted, items: items() });
  films.forEach(drawOver);
  if (prior) drawBoth();
  tellNumbers();
}

function items() {
  if (films.some((film) => !film.pane)) return [];
  const drawn = (film, clip) => {
    const isLaid = film === prior && shown.isAligned;
    const which = isLaid ? "current" : film.which;
    return { pane: film.pane, clip: clip || film.pane, kind: isLaid ? "aligned" : "plain", which, place: placeOf(film) };
  };
  const { width, height } = size;
  switch (shown.mode) {
    case "swipe": {
      const at = Math.round(width * shown.split);
      return [
        drawn(prior, { left: 0, top: 0, width: at, height }),
        drawn(current, { left: at, top: 0, width: width - at, height }),
      ];
    }
    case "blink":
      return [drawn(shown.blinks === "prior" ? prior : current)];
    case "difference":
      return [{ ...drawn(current), kind: "difference" }];
    default:
      return films.map((film) => drawn(film));
  }
}

function drawOver(film) {
  const part = geometry.shownPart(shown.view, placeOf(film), film.pane);
  film.canvas.setAttribute("viewBox", `${part.x} ${part.y} ${part.width} ${part.height}`);
  film.canvas.classList.toggle("is-away", film.which === "prior" && shown.mode === "difference");
  for (const [name, map] of Object.entries(film.maps)) {
    map.style.display = MAPS[shown.mode] === name ? "" : "none";
    map.style.opacity = String(shown.opacity);
  }
  const ruler = film.element.querySelector("[data-ruler]");
  if (!ruler || !inMillimetres) return;
  const { width, text } = overlays.rulerText(shown.view.scale, film.pane.width);
  ruler.hidden = false;
  ruler.style.width = `${width}px`;
  ruler.textContent = text;
}

function drawBoth() {
  const split = `${(100 * shown.split).toFixed(2)}%`;
  const isSwipe = shown.mode === "swipe";
  prior.element.style.clipPath = isSwipe ? `inset(0 calc(100% - ${split}) 0 0)` : "";
  current.element.style.clipPath = isSwipe ? `inset(0 0 0 ${split})` : "";
  for (const film of films) {
    film.element.classList.toggle("is-hidden", shown.mode === "blink" && film.which !== shown.blinks);
  }
  one("[data-divider]").style.left = split;
}
