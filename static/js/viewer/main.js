// The viewer: two pictures on one stage under one view and one window. This file holds what is
// shown and ties the parts together; each part is a file of its own beside it.

import * as geometry from "./geometry.js";
import * as keys from "./keys.js";
import * as overlays from "./overlays.js";
import * as motion from "./motion.js";
import * as panels from "./panels.js";
import { clamp, loadCorrespondence, loadHeat, loadPicture, nodeAt } from "./pixels.js";
import { createRenderer as createCanvasRenderer } from "./renderer-2d.js";
import { createRenderer as createGlRenderer, GRAY_LEVELS } from "./renderer-gl.js";
import * as tools from "./tools.js";

const SINGLE = ["swipe", "blink", "difference"];
const MAPS = { ssim: "ssim", gradcam: "heat" };
const NEEDS_GRID = ["difference", "ssim"];
const FIRST_WINDOW = { centre: 2048, width: 4096 };
const STEP = 1.25;
const ARROW_PX = 40;
const SAY_AFTER_MS = 400;

const viewer = document.querySelector("[data-viewer]");
const stage = viewer.querySelector("[data-stage]");
const one = (selector) => viewer.querySelector(selector);
const all = (selector) => [...viewer.querySelectorAll(selector)];

const films = all("[data-film]").map((element) => ({
  which: element.dataset.film,
  element,
  canvas: element.querySelector("svg"),
  rows: Number(element.dataset.rows),
  columns: Number(element.dataset.columns),
  spacing: Number(element.dataset.spacing) || null,
  laterality: element.dataset.laterality,
  maps: {},
}));
const places = geometry.placed(films);
films.forEach((film, i) => (film.place = places[i]));
const current = films.at(-1);
const prior = films.length > 1 ? films[0] : null;
const inMillimetres = films.every((film) => film.spacing);
const stillness = matchMedia("(prefers-reduced-motion: reduce)");

const shown = {
  mode: "side",
  tool: "pan",
  isDrawing: false, // a mark, by the form below the viewer
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
let surface = one("[data-surface]");
let renderer = null;
let grid = null;
let size = { width: 0, height: 0 };
let frame = 0;
let beat = 0;
let saying = 0;

function start() {
  renderer = newRenderer();
  panels.listen(viewer, { onShow: () => layOut() });
  new ResizeObserver(layOut).observe(stage);
  all("[data-stage-tools]").forEach((each) => (each.hidden = false));
  stage.classList.add("is-live");
  wireControls();
  tools.listen(stage, { chosen: chosenTool, filmAt, act });
  keys.listen(actions(), one("[data-help]"));
  stillness.addEventListener("change", restartBlink);
  layOut();
  load();
}

function newRenderer() {
  const longest = Math.max(...films.flatMap((film) => [film.rows, film.columns]));
  const made = stage.dataset.renderer === "canvas" ? null : createGlRenderer(surface, longest);
  if (!made) surface = replaced(surface);
  surface.addEventListener("webglcontextlost", (event) => {
    event.preventDefault();
    surface = replaced(surface);
    renderer = createCanvasRenderer(surface);
    films.filter((film) => film.picture).forEach((film) => renderer.setPicture(film.which, film.picture));
    if (grid) renderer.setGrid(grid);
    layOut();
  });
  const used = made || createCanvasRenderer(surface);
  stage.dataset.renderer = used.name;
  return used;
}

// A canvas that was asked for WebGL gives no other context.
function replaced(canvas) {
  const fresh = canvas.cloneNode();
  canvas.replaceWith(fresh);
  return fresh;
}

async function load() {
  say("Loading the pictures at full depth…");
  const loading = films.map(async (film) => {
    film.picture = await loadPicture(film.element.dataset.pixels);
    renderer.setPicture(film.which, film.picture);
    film.element.classList.add("is-drawn");
    render();
  });
  const loaded = await Promise.allSettled(loading);
  const failed = films.filter((_, i) => loaded[i].status === "rejected");
  if (failed.length) fail(failed);
  if (stage.dataset.correspondence && !failed.length) await loadGrid();
  render();
  requestAnimationFrame(() => {
    performance.mark("viewer-first-pixels");
    stage.dataset.state = failed.length ? "failed" : "ready";
  });
  say();
}

async function loadGrid() {
  try {
    grid = await loadCorrespondence(stage.dataset.correspondence);
  } catch {
    one("[data-alignment-failed]").hidden = false;
    return;
  }
  renderer.setGrid(grid);
  current.maps.ssim = overlays.mapImage(current, overlays.similarityPicture(grid));
  all("[data-needs-grid]").forEach((control) => (control.disabled = false));
  settleAlignment();
}

function fail(failed) {
  one("[data-pixels-failed]").hidden = false;
  failed.forEach((film) => film.element.classList.add("is-failed"));
}

// --- What is drawn ----------------------------------------------------------------------------

function layOut() {
  const bounds = stage.getBoundingClientRect();
  if (!bounds.width || !bounds.height) return;
  const isSingle = SINGLE.includes(shown.mode);
  stage.classList.toggle("is-single", isSingle);
  size = { width: bounds.width, height: bounds.height };
  for (const film of films) {
    const pane = film.element.getBoundingClientRect();
    film.pane = { left: pane.left - bounds.left, top: pane.top - bounds.top, width: pane.width, height: pane.height };
  }
  if (shown.isFitted) fit();
  render();
}

function fit() {
  const isCentred = SINGLE.includes(shown.mode) || !prior;
  shown.view = geometry.fitted(places, current.pane, { isCentred });
  shown.isFitted = true;
}

function render() {
  if (!frame) frame = requestAnimationFrame(draw);
}

function draw() {
  frame = 0;
  const { view, window, inverted } = shown;
  const ratio = (devicePixelRatio || 1) * motion.scale(render);
  const sides = [size.width, size.height].map((side) => Math.round(side * ratio));
  if (surface.width !== sides[0] || surface.height !== sides[1]) [surface.width, surface.height] = sides;
  renderer.draw({ ratio, view, window, inverted, items: items() });
  for (const film of films) {
    const part = geometry.shownPart(view, placeOf(film), film.pane);
    film.canvas.setAttribute("viewBox", `${part.x} ${part.y} ${part.width} ${part.height}`);
    film.canvas.classList.toggle("is-away", film.which === "prior" && shown.mode === "difference");
    for (const [name, map] of Object.entries(film.maps)) {
      map.style.display = MAPS[shown.mode] === name ? "" : "none";
      map.style.opacity = String(shown.opacity);
    }
    drawRuler(film);
  }
  const split = `${(100 * shown.split).toFixed(2)}%`;
  const isSwipe = shown.mode === "swipe";
  if (prior) {
    prior.element.style.clipPath = isSwipe ? `inset(0 calc(100% - ${split}) 0 0)` : "";
    current.element.style.clipPath = isSwipe ? `inset(0 0 0 ${split})` : "";
    for (const film of films) {
      film.element.classList.toggle("is-hidden", shown.mode === "blink" && film.which !== shown.blinks);
    }
    one("[data-divider]").style.left = split;
  }
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

// The prior that is laid on the current picture lies where that lies.
function placeOf(film) {
  return film === prior && shown.isAligned ? current.place : film.place;
}

function drawRuler(film) {
  const ruler = film.element.querySelector("[data-ruler]");
  if (!ruler || !inMillimetres) return;
  const { width, text } = overlays.rulerText(shown.view.scale, film.pane.width);
  ruler.hidden = false;
  ruler.style.width = `${width}px`;
  ruler.textContent = text;
}

// --- What can be done -------------------------------------------------------------------------

function chosenTool() {
  return shown.mode === "swipe" && shown.tool === "pan" ? "swipe" : shown.tool;
}

function filmAt(event) {
  if (SINGLE.includes(shown.mode)) {
    return shown.mode === "swipe" && shareAt(event) < shown.split ? prior : current;
  }
  return films.find(({ element }) => {
    const bounds = element.getBoundingClientRect();
    return event.clientX >= bounds.left && event.clientX < bounds.right;
  });
}

function shareAt(event) {
  const bounds = stage.getBoundingClientRect();
  return clamp((event.clientX - bounds.left) / bounds.width, 0, 1);
}

// From the middle of the pane, as geometry counts.
function inPane(film, event) {
  const bounds = film.element.getBoundingClientRect();
  return {
    x: event.clientX - bounds.left - bounds.width / 2,
    y: event.clientY - bounds.top - bounds.height / 2,
  };
}

function pixelUnder(film, event) {
  return geometry.pixelAt(shown.view, placeOf(film), inPane(film, event));
}

const act = {
  pan(across, down) {
    setView(geometry.panned(shown.view, across, down));
  },
  zoom(factor, event) {
    const film = event && filmAt(event);
    setView(geometry.zoomed(shown.view, factor, film ? inPane(film, event) : undefined, zoomLimits()));
  },
  window(centre, width) {
    setWindow({ centre: shown.window.centre + centre, width: shown.window.width + width });
  },
  swipe(event) {
    setSplit(shareAt(event));
  },
  measureFrom(film, event) {
    films.forEach((each) => overlays.clearLine(each.canvas));
    film.measured = { from: pixelUnder(film, event), to: pixelUnder(film, event) };
  },
  measureTo(film, event) {
    if (!film.measured) return;
    film.measured.to = pixelUnder(film, event);
    overlays.drawLine(film.canvas, film.measured.from, film.measured.to, lengthText(film));
  },
  measured(film) {
    if (!film.measured || length(film) < 1) return;
    const scale = film.spacing ? "" : ", whose scale is unknown";
    one("[data-measured]").textContent = `${lengthText(film)} on the ${film.which} picture${scale}.`;
    proposeMark(film);
  },
  probe(film, event) {
    one("[data-probe]").textContent = film && event ? probed(film, pixelUnder(film, event)) : "";
  },
};

function setView(view) {
  shown.view = view;
  shown.isFitted = false;
  motion.moved();
  render();
  saySoon();
}

function zoomLimits() {
  const whole = geometry.fitted(places, current.pane).scale;
  return { lowest: whole / 4, highest: 32 / current.place.unit };
}

function setWindow({ centre, width }) {
  shown.window = { centre: clamp(centre, -GRAY_LEVELS, 2 * GRAY_LEVELS), width: clamp(width, 1, 4 * GRAY_LEVELS) };
  render();
  saySoon();
}

function setSplit(share) {
  shown.split = clamp(share, 0, 1);
  one("[data-split]").value = String(Math.round(100 * shown.split));
  render();
}

function setInverted(inverted) {
  shown.inverted = inverted;
  one("[data-invert]").setAttribute("aria-pressed", String(inverted));
  render();
}

function setAligned(isWanted) {
  shown.wantsAligned = isWanted;
  if (!isWanted && NEEDS_GRID.includes(shown.mode)) setMode("side");
  settleAlignment();
}

// Lengths, marks and evidence are of a picture as it was acquired, not as it was bent to fit.
function settleAlignment() {
  if (!prior) return;
  const isAcquired = shown.mode === "gradcam" || shown.tool === "measure" || shown.isDrawing;
  shown.isAligned = Boolean(grid) && shown.wantsAligned && !isAcquired;
  one("[data-aligned]").checked = shown.isAligned;
  one("[data-aligned]").disabled = !grid || isAcquired;
  stage.classList.toggle("is-aligned", shown.isAligned);
  if (shown.isAligned) overlays.carryMarks(prior.canvas, grid, prior, current);
  else overlays.returnMarks(prior.canvas);
  render();
}

async function setMode(mode) {
  const button = one(`[data-mode="${mode}"]`);
  if (!button || button.disabled) return;
  shown.mode = mode;
  all("[data-mode]").forEach((each) => each.setAttribute("aria-pressed", String(each === button)));
  all("[data-for]").forEach((each) => (each.hidden = !each.dataset.for.split(" ").includes(mode)));
  if (NEEDS_GRID.includes(mode)) {
    shown.wantsAligned = true;
    if (shown.tool === "measure") setTool("pan");
  }
  settleAlignment();
  if (mode === "gradcam") await loadHeats();
  restartBlink();
  layOut();
  say();
}

async function loadHeats() {
  for (const film of films.filter((each) => each.element.dataset.heat && !each.maps.heat)) {
    film.maps.heat = overlays.mapImage(film, film.element.dataset.heat);
    film.heat = await loadHeat(film.element.dataset.heat);
  }
}

function setTool(tool) {
  shown.tool = tool;
  all("[data-tool]").forEach((each) => each.setAttribute("aria-pressed", String(each.dataset.tool === tool)));
  stage.dataset.tool = tool;
  one("[data-measuring]").hidden = tool !== "measure";
  if (tool === "measure") leaveSingle();
  settleAlignment();
}

function leaveSingle() {
  if (!["side", "gradcam"].includes(shown.mode)) setMode("side");
}

function reset() {
  setWindow({ ...FIRST_WINDOW });
  setInverted(false);
  fit();
  layOut();
}

function fullSize() {
  setView({ ...shown.view, scale: 1 / current.place.unit });
}

// --- Blinking ---------------------------------------------------------------------------------

function restartBlink() {
  clearInterval(beat);
  beat = 0;
  shown.blinks = "current";
  const isStill = stillness.matches;
  if (one("[data-still]")) one("[data-still]").hidden = !isStill;
  if (shown.mode === "blink" && !isStill) beat = setInterval(showOther, 500 / shown.rate);
}

function showOther() {
  shown.blinks = shown.blinks === "prior" ? "current" : "prior";
  render();
}

// --- Measuring --------------------------------------------------------------------------------

function length({ measured: { from, to } }) {
  return Math.hypot(to.x - from.x, to.y - from.y);
}

function lengthText(film) {
  return film.spacing ? `${(length(film) * film.spacing).toFixed(1)} mm` : `${length(film).toFixed(0)} px`;
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

// --- Words ------------------------------------------------------------------------------------

function probed(film, { x, y }) {
  const laid = film === prior && shown.isAligned;
  const base = laid ? current : film;
  if (x < 0 || y < 0 || x >= base.columns || y >= base.rows) return "";
  const shares = [x / base.columns, y / base.rows];
  const node = grid && (base === current || laid) ? nodeAt(grid, ...shares) : null;
  const at = laid ? { x: node.across * prior.columns, y: node.down * prior.rows } : { x, y };
  const words = [`${laid ? "prior" : film.which} column ${Math.floor(at.x)}, row ${Math.floor(at.y)}`];
  const value = valueAt(film.picture, at);
  if (value !== null) words.push(`gray ${value.toFixed(1)}`);
  if (shown.mode === "ssim" && film === current) words.push(node.measured ? `SSIM ${node.ssim.toFixed(2)}` : "SSIM not measured here");
  if (shown.mode === "gradcam" && film.heat) words.push(`evidence ${(heatAt(film.heat, shares) / 255).toFixed(2)} of 1`);
  return words.join(", ");
}

function valueAt(picture, { x, y }) {
  if (!picture || x < 0 || y < 0 || x >= picture.columns || y >= picture.rows) return null;
  const stored = picture.levels[0].values[Math.floor(y) * picture.columns + Math.floor(x)];
  return (stored / picture.largest) * GRAY_LEVELS;
}

function heatAt({ rows, columns, values }, [across, down]) {
  return values[Math.floor(down * rows) * columns + Math.floor(across * columns)];
}

function tellNumbers() {
  const numbers = {
    centre: Math.round(shown.window.centre),
    width: Math.round(shown.window.width),
    zoom: Math.round(100 * shown.view.scale * current.place.unit),
  };
  for (const [name, value] of Object.entries(numbers)) {
    const field = one(`[data-number=${name}]`);
    if (field !== document.activeElement) field.value = value;
  }
}

function saySoon() {
  clearTimeout(saying);
  saying = setTimeout(say, SAY_AFTER_MS);
}

function say(text) {
  const { centre, width } = shown.window;
  const zoom = Math.round(100 * shown.view.scale * current.place.unit);
  one("[data-status]").textContent =
    text || `Window ${Math.round(centre)} / ${Math.round(width)}, zoom ${zoom} %${shown.isAligned ? ", prior aligned" : ""}`;
}

// --- Controls and keys ------------------------------------------------------------------------

function wireControls() {
  const clicks = {
    "[data-zoom=in]": () => act.zoom(STEP),
    "[data-zoom=out]": () => act.zoom(1 / STEP),
    "[data-zoom=fit]": () => (fit(), layOut(), say()),
    "[data-zoom=full]": fullSize,
    "[data-invert]": () => setInverted(!shown.inverted),
    "[data-reset]": reset,
    "[data-other]": showOther,
    "[data-help-open]": () => one("[data-help]").showModal(),
    "[data-help-close]": () => one("[data-help]").close(),
  };
  for (const [selector, run] of Object.entries(clicks)) one(selector)?.addEventListener("click", run);
  all("[data-mode]").forEach((each) => each.addEventListener("click", () => setMode(each.dataset.mode)));
  all("[data-tool]").forEach((each) => each.addEventListener("click", () => setTool(each.dataset.tool)));
  all("[data-pan]").forEach((each) => each.addEventListener("click", () => pan(each.dataset.pan)));

  const fields = {
    "[data-number=centre]": (value) => setWindow({ ...shown.window, centre: value }),
    "[data-number=width]": (value) => setWindow({ ...shown.window, width: value }),
    "[data-number=zoom]": (value) => setView({ ...shown.view, scale: Math.max(value, 1) / 100 / current.place.unit }),
    "[data-split]": (value) => setSplit(value / 100),
    "[data-map-opacity]": (value) => ((shown.opacity = value / 100), render()),
    "[data-rate]": (value) => ((shown.rate = clamp(value, 0.2, 2.5)), restartBlink()),
  };
  for (const [selector, run] of Object.entries(fields)) {
    for (const field of all(selector)) {
      field.addEventListener("input", () => {
        if (field.value !== "" && Number.isFinite(field.valueAsNumber)) run(field.valueAsNumber);
        all(selector).filter((each) => each !== field).forEach((each) => (each.value = field.value));
      });
    }
  }
  one("[data-aligned]")?.addEventListener("change", (event) => setAligned(event.target.checked));
  addEventListener("drawing", (event) => {
    shown.isDrawing = event.detail;
    if (shown.isDrawing) leaveSingle();
    settleAlignment();
  });
  one("[data-measuring]").hidden = true;
}

function pan(direction) {
  const [across, down] = { left: [1, 0], right: [-1, 0], up: [0, 1], down: [0, -1] }[direction];
  act.pan(across * ARROW_PX, down * ARROW_PX);
}

function arrow(direction) {
  return (event) => {
    const step = { left: -0.02, right: 0.02 }[direction];
    if (shown.mode === "swipe" && step && !event.shiftKey) setSplit(shown.split + step);
    else pan(direction);
  };
}

function actions() {
  const modes = all("[data-mode]").map((button, i) => ({
    name: button.dataset.mode,
    key: button.dataset.key || String(i + 1),
    text: button.dataset.text,
    run: () => setMode(button.dataset.mode),
  }));
  return [
    ...modes,
    { name: "pan", key: "p", text: "Drag moves", run: () => setTool("pan") },
    { name: "zoom", key: "z", text: "Drag enlarges", run: () => setTool("zoom") },
    { name: "window", key: "w", text: "Drag sets the window", run: () => setTool("window") },
    { name: "measure", key: "d", text: "Drag measures a diameter", run: () => setTool("measure") },
    { name: "aligned", key: "a", text: "Prior aligned or as acquired", run: () => setAligned(!shown.isAligned) },
    { name: "invert", key: "i", text: "Invert black and white", run: () => setInverted(!shown.inverted) },
    { name: "in", key: "+", text: "Larger", run: () => act.zoom(STEP) },
    { name: "out", key: "-", text: "Smaller", run: () => act.zoom(1 / STEP) },
    { name: "fit", key: "=", text: "Fit to the window", run: () => (fit(), layOut()) },
    { name: "reset", key: " ", text: "Reset window and zoom", run: reset },
    { name: "left", key: "ArrowLeft", text: "Look left; in swipe, move the divider", run: arrow("left") },
    { name: "right", key: "ArrowRight", text: "Look right; in swipe, move the divider", run: arrow("right") },
    { name: "up", key: "ArrowUp", text: "Look up", run: arrow("up") },
    { name: "down", key: "ArrowDown", text: "Look down", run: arrow("down") },
    { name: "help", key: "?", text: "These keys", run: () => one("[data-help]").showModal() },
  ];
}

start();
