// The viewer: two pictures on one stage under one view and one window. Each part is a file of its
// own beside this one; what is shown stands in state.js, what can be done to it in steps.js.

import * as controls from "./controls.js";
import * as drawing from "./drawing.js";
import * as keys from "./keys.js";
import { loadGrid, loadPictures } from "./loading.js";
import * as measuring from "./measuring.js";
import * as panels from "./panels.js";
import * as pointer from "./pointer.js";
import * as room from "./room.js";
import { all, one, shown, stage, viewer } from "./state.js";
import * as steps from "./steps.js";
import * as tools from "./tools.js";
import { probed, say } from "./words.js";

// What a drag does, step by step.
const act = {
  pan: steps.pan,
  zoom: steps.zoom,
  window(centre, width) {
    steps.setWindow({ centre: shown.window.centre + centre, width: shown.window.width + width });
  },
  swipe: (event) => steps.setSplit(pointer.shareAt(event)),
  measureFrom: measuring.begin,
  measureTo: measuring.extend,
  measured: measuring.end,
  probe(film, event) {
    one("[data-probe]").textContent = film && event ? probed(film, pointer.pixelUnder(film, event)) : "";
  },
};

function chosenTool() {
  return shown.mode === "swipe" && shown.tool === "pan" ? "swipe" : shown.tool;
}

async function start() {
  const loaded = load(); // what is on its way goes on while the rest is set up
  stage.classList.add("is-live");
  all("[data-stage-tools]").forEach((each) => (each.hidden = false));
  panels.listen(viewer, { onShow: drawing.layOut });
  room.take();
  addEventListener("resize", room.take);
  drawing.start();
  controls.wire();
  tools.listen(stage, { chosen: chosenTool, filmAt: pointer.filmAt, act });
  keys.listen(controls.actions(), one("[data-help]"));
  drawing.layOut();
  await loaded;
}

async function load() {
  const coming = loadGrid();
  const isWhole = await loadPictures();
  const grid = isWhole && (await coming);
  if (grid) {
    drawing.setGrid(grid);
    all("[data-needs-grid]").forEach((control) => (control.disabled = false));
    steps.settleAlignment();
  }
  room.take();
  drawing.render();
  await nextFrame(); // in which they are drawn
  await nextFrame(); // before which they are on the screen
  performance.mark("viewer-first-pixels");
  stage.dataset.state = isWhole ? "ready" : "failed";
  say();
}

function nextFrame() {
  return new Promise((resolve) => requestAnimationFrame(resolve));
}

start();
