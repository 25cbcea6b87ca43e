// What a reader can do to the pictures. Buttons, keys, fields and drags all come here.

import * as blink from "./blink.js";
import { fit, layOut, render } from "./drawing.js";
import * as geometry from "./geometry.js";
import { loadHeats } from "./loading.js";
import * as motion from "./motion.js";
import * as overlays from "./overlays.js";
import { clamp } from "./numbers.js";
import { GRAY_LEVELS } from "./pixels.js";
import { filmAt, inPane } from "./pointer.js";
import { FIRST_WINDOW, all, current, isSingle, one, places, prior, shown, stage } from "./state.js";
import { say, saySoon } from "./words.js";

const NEEDS_GRID = ["difference", "ssim"];
const ON_ACQUIRED = ["side", "gradcam"];
const ARROW_PX = 40;
const FASTEST_BLINK = 2.5;

// --- View -------------------------------------------------------------------------------------

function setView(view) {
  shown.view = view;
  shown.isFitted = false;
  motion.moved();
  render();
  saySoon();
}

export function pan(across, down) {
  setView(geometry.panned(shown.view, across, down));
}

export function look(direction) {
  const [across, down] = { left: [1, 0], right: [-1, 0], up: [0, 1], down: [0, -1] }[direction];
  pan(across * ARROW_PX, down * ARROW_PX);
}

// About the place under the pointer, where there is one.
export function zoom(factor, event) {
  const film = event && filmAt(event);
  const whole = geometry.fitted(places, current.pane).scale;
  const limits = { lowest: whole / 4, highest: 32 / current.place.unit };
  setView(geometry.zoomed(shown.view, factor, film ? inPane(film, event) : undefined, limits));
}

// In percent of the current picture's own pixels.
export function setZoom(percent) {
  setView({ ...shown.view, scale: Math.max(percent, 1) / 100 / current.place.unit });
}

export function fitAll() {
  fit();
  layOut();
  say();
}

// --- Grays ------------------------------------------------------------------------------------

export function setWindow({ centre = shown.window.centre, width = shown.window.width }) {
  shown.window = { centre: clamp(centre, -GRAY_LEVELS, 2 * GRAY_LEVELS), width: clamp(width, 1, 4 * GRAY_LEVELS) };
  render();
  saySoon();
}

export function setInverted(inverted) {
  shown.inverted = inverted;
  one("[data-invert]").setAttribute("aria-pressed", String(inverted));
  render();
}

export function reset() {
  setWindow(FIRST_WINDOW);
  setInverted(false);
  fit();
  layOut();
}

// --- Modes and tools --------------------------------------------------------------------------

export async function setMode(mode) {
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
  blink.restart();
  layOut();
  if (mode === "gradcam") await loadHeats();
  say();
}

export function setTool(tool) {
  shown.tool = tool;
  all("[data-tool]").forEach((each) => each.setAttribute("aria-pressed", String(each.dataset.tool === tool)));
  stage.dataset.tool = tool;
  one("[data-measuring]").hidden = tool !== "measure";
  if (tool === "measure") leaveSingle();
  settleAlignment();
}

export function setDrawing(isDrawing) {
  shown.isDrawing = isDrawing;
  if (isDrawing) leaveSingle();
  settleAlignment();
}

function leaveSingle() {
  if (!ON_ACQUIRED.includes(shown.mode)) setMode("side");
}

export function setSplit(share) {
  shown.split = clamp(share, 0, 1);
  one("[data-split]").value = String(Math.round(100 * shown.split));
  render();
}

export function setOpacity(share) {
  shown.opacity = share;
  render();
}

export function setRate(rate) {
  shown.rate = clamp(rate, 0.2, FASTEST_BLINK);
  blink.restart();
}

// --- Alignment --------------------------------------------------------------------------------

export function setAligned(isWanted) {
  shown.wantsAligned = isWanted;
  if (!isWanted && NEEDS_GRID.includes(shown.mode)) setMode("side");
  settleAlignment();
}

// Lengths, marks and evidence are of a picture as it was acquired, not as it was bent to fit.
export function settleAlignment() {
  if (!prior) return;
  const isAcquired = shown.mode === "gradcam" || shown.tool === "measure" || shown.isDrawing;
  shown.isAligned = Boolean(shown.grid) && shown.wantsAligned && !isAcquired;
  one("[data-aligned]").checked = shown.isAligned;
  one("[data-aligned]").disabled = !shown.grid || isAcquired;
  stage.classList.toggle("is-aligned", shown.isAligned);
  if (shown.isAligned) overlays.carryMarks(prior.canvas, shown.grid, prior, current);
  else overlays.returnMarks(prior.canvas);
  render();
}
