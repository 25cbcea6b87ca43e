// Buttons, fields and keys, each tied to its step.

import { showOther } from "./blink.js";
import { all, one, shown } from "./state.js";
import * as steps from "./steps.js";

const STEP = 1.25;
const SPLIT_STEP = 0.02;

export function wire() {
  const clicks = {
    "[data-zoom=in]": () => steps.zoom(STEP),
    "[data-zoom=out]": () => steps.zoom(1 / STEP),
    "[data-zoom=fit]": steps.fitAll,
    "[data-zoom=full]": () => steps.setZoom(100),
    "[data-invert]": () => steps.setInverted(!shown.inverted),
    "[data-reset]": steps.reset,
    "[data-other]": showOther,
    "[data-help-open]": openHelp,
    "[data-help-close]": () => one("[data-help]").close(),
  };
  for (const [selector, run] of Object.entries(clicks)) one(selector)?.addEventListener("click", run);
  const chosen = { mode: steps.setMode, tool: steps.setTool, pan: steps.look };
  for (const [name, run] of Object.entries(chosen)) {
    for (const button of all(`button[data-${name}]`)) button.addEventListener("click", () => run(button.dataset[name]));
  }

  const fields = {
    "[data-number=centre]": (centre) => steps.setWindow({ centre }),
    "[data-number=width]": (width) => steps.setWindow({ width }),
    "[data-number=zoom]": steps.setZoom,
    "[data-split]": (value) => steps.setSplit(value / 100),
    "[data-map-opacity]": (value) => steps.setOpacity(value / 100),
    "[data-rate]": steps.setRate,
  };
  for (const [selector, run] of Object.entries(fields)) {
    for (const field of all(selector)) {
      field.addEventListener("input", () => {
        if (field.value !== "" && Number.isFinite(field.valueAsNumber)) run(field.valueAsNumber);
        all(selector).filter((each) => each !== field).forEach((each) => (each.value = field.value));
      });
    }
  }
  one("[data-aligned]")?.addEventListener("change", (event) => steps.setAligned(event.target.checked));
  addEventListener("drawing", (event) => steps.setDrawing(event.detail)); // by the form below
}

// What single keys do, in the order in which the help tells it.
export function actions() {
  const modes = all("[data-mode]").map((button, i) => ({
    name: button.dataset.mode,
    key: button.dataset.key || String(i + 1),
    text: button.dataset.text,
    run: () => steps.setMode(button.dataset.mode),
  }));
  return [
    ...modes,
    { name: "pan", key: "p", text: gettext("Drag moves"), run: () => steps.setTool("pan") },
    { name: "zoom", key: "z", text: gettext("Drag enlarges"), run: () => steps.setTool("zoom") },
    { name: "window", key: "w", text: gettext("Drag sets the window"), run: () => steps.setTool("window") },
    { name: "measure", key: "d", text: gettext("Drag measures a diameter"), run: () => steps.setTool("measure") },
    { name: "aligned", key: "a", text: gettext("Prior aligned or as acquired"), run: () => steps.setAligned(!shown.isAligned) },
    { name: "invert", key: "i", text: gettext("Invert black and white"), run: () => steps.setInverted(!shown.inverted) },
    { name: "in", key: "+", text: gettext("Larger"), run: () => steps.zoom(STEP) },
    { name: "out", key: "-", text: gettext("Smaller"), run: () => steps.zoom(1 / STEP) },
    { name: "fit", key: "=", text: gettext("Fit to the window"), run: steps.fitAll },
    { name: "reset", key: " ", text: gettext("Reset window and zoom"), run: steps.reset },
    { name: "left", key: "ArrowLeft", text: gettext("Look left; in swipe, move the divider"), run: arrow("left") },
    { name: "right", key: "ArrowRight", text: gettext("Look right; in swipe, move the divider"), run: arrow("right") },
    { name: "up", key: "ArrowUp", text: gettext("Look up"), run: arrow("up") },
    { name: "down", key: "ArrowDown", text: gettext("Look down"), run: arrow("down") },
    { name: "help", key: "?", text: gettext("These keys"), run: openHelp },
  ];
}

function openHelp() {
  one("[data-help]").showModal();
}

function arrow(direction) {
  return (event) => {
    const step = { left: -SPLIT_STEP, right: SPLIT_STEP }[direction];
    if (shown.mode === "swipe" && step && !event.shiftKey) steps.setSplit(shown.split + step);
    else steps.look(direction);
  };
}
