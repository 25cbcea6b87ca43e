// Fetches what is drawn: the pictures at full depth, the grid between them, the evidence maps. What
// fails is said; the 8-bit copies of the page stay where a picture does not come.

import { render, setPicture } from "./drawing.js";
import { mapImage } from "./overlays.js";
import { loadCorrespondence, loadHeat, loadPicture } from "./pixels.js";
import { films, one, stage } from "./state.js";
import { say } from "./words.js";

// True where all of them came. They are drawn together: a reader compares nothing with one of them.
export async function loadPictures() {
  say(gettext("Loading the pictures at full depth…"));
  const loaded = await Promise.allSettled(films.map((film) => loadPicture(film.element.dataset.pixels)));
  loaded.forEach(({ value }, i) => value && setPicture(films[i], value));
  const isWhole = loaded.every(({ value }) => value);
  one("[data-pixels-failed]").hidden = isWhole;
  return isWhole;
}

// The grid, or null where there is none or it does not come.
export async function loadGrid() {
  if (!stage.dataset.correspondence) return null;
  try {
    return await loadCorrespondence(stage.dataset.correspondence);
  } catch {
    one("[data-alignment-failed]").hidden = false;
    return null;
  }
}

export async function loadHeats() {
  const awaited = films.filter((film) => film.element.dataset.heat && !film.maps.heat);
  if (!awaited.length) return;
  say(gettext("Loading the evidence maps…"));
  stage.setAttribute("aria-busy", "true");
  const loaded = await Promise.allSettled(
    awaited.map(async (film) => {
      film.heat = await loadHeat(film.element.dataset.heat);
      film.maps.heat = mapImage(film, film.heat.url);
    }),
  );
  stage.removeAttribute("aria-busy");
  one("[data-heat-failed]").hidden = loaded.every(({ status }) => status === "fulfilled");
  render();
}
