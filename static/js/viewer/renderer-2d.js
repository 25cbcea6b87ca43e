// Draws panes without WebGL2: the same window over the same full-depth values, the nearest of
// them for each pixel of the screen.

import { clamp } from "./numbers.js";
import { GRAY_LEVELS, levelFor, nodeAt } from "./pixels.js";
import { DIFFERENCE_GAIN } from "./renderer-gl.js";

export function createRenderer(canvas) {
  const context = canvas.getContext("2d", { alpha: false });
  const held = new Map();
  let grid = null;

  return {
    name: "canvas",
    setPicture: (which, picture) => held.set(which, picture),
    setGrid: (given) => (grid = given),
    draw({ ratio, view, window, inverted, items }) {
      context.fillStyle = "#000";
      context.fillRect(0, 0, canvas.width, canvas.height);
      for (const item of items) {
        const picture = held.get(item.which);
        if (!picture || (item.kind !== "plain" && !(grid && held.has("prior")))) continue;
        drawPane(item, picture, { ratio, view, window, inverted });
      }
    },
  };

  function drawPane({ pane, clip, kind, place }, picture, { ratio, view, window, inverted }) {
    const [left, top, columns, rows] = [clip.left, clip.top, clip.width, clip.height].map((side) =>
      Math.round(side * ratio),
    );
    if (columns < 1 || rows < 1) return;
    const image = context.createImageData(columns, rows);
    const inks = new Uint32Array(image.data.buffer).fill(0xff000000);
    const perUnit = view.scale * ratio;
    const here = reader(picture, perUnit * place.unit);
    const prior = kind === "plain" ? null : held.get("prior");
    const before = prior && reader(prior, (perUnit * place.height) / prior.rows);
    const [low, width] = [window.centre / GRAY_LEVELS - window.width / GRAY_LEVELS / 2, window.width / GRAY_LEVELS];
    const shown = (value) => clamp((value - low) / width, 0, 1);
    const across = (x) =>
      (view.x + ((left + x + 0.5) / ratio - pane.left - pane.width / 2) / view.scale - place.left) / place.unit;
    const down = (y) =>
      (view.y + ((top + y + 0.5) / ratio - pane.top - pane.height / 2) / view.scale - place.top) / place.unit;

    for (let y = 0, to = 0; y < rows; y++) {
      const row = down(y);
      for (let x = 0; x < columns; x++, to++) {
        const column = across(x);
        if (row < 0 || row >= picture.rows || column < 0 || column >= picture.columns) continue;
        if (kind === "plain") {
          inks[to] = gray(shown(here(column, row)), inverted);
          continue;
        }
        const node = nodeAt(grid, column / picture.columns, row / picture.rows);
        const [there, deep] = [node.across * prior.columns, node.down * prior.rows];
        const isReached = there >= 0 && there < prior.columns && deep >= 0 && deep < prior.rows;
        if (kind === "aligned") {
          if (isReached) inks[to] = gray(shown(before(there, deep)), inverted);
          continue;
        }
        const now = here(column, row);
        const was = matched(isReached ? before(there, deep) : 0);
        inks[to] = difference(shown(now), node.measured ? clamp(((now - was) / width) * DIFFERENCE_GAIN, -1, 1) : 0);
      }
    }
    context.putImageData(image, left, top);
  }

  function matched(value) {
    const { match } = grid;
    let i = 2;
    while (i < match.length - 2 && value > match[i]) i += 2;
    const slope = (match[i + 1] - match[i - 1]) / (match[i] - match[i - 2]);
    return clamp(match[i - 1] + (value - match[i - 2]) * slope, 0, 1);
  }
}

// Values as shares of the largest, by place in pixels of the picture as acquired.
function reader(picture, screenPerPixel) {
  const level = levelFor(picture, screenPerPixel);
  const { rows, columns, values } = picture.levels[level];
  const each = 1 / (1 << level);
  return (column, row) => {
    const x = Math.min(Math.floor(column * each), columns - 1);
    return values[Math.min(Math.floor(row * each), rows - 1) * columns + x] / picture.largest;
  };
}

function gray(share, inverted) {
  const level = Math.round(255 * (inverted ? 1 - share : share));
  return packed(level, level, level);
}

function difference(now, change) {
  const [red, green, blue] = change > 0 ? [1, 0.62, 0.12] : [0.3, 0.68, 1];
  const [under, over] = [0.22 * now * (1 - Math.abs(change)), Math.abs(change)];
  return packed(...[red, green, blue].map((ink) => Math.round(255 * (under + ink * over))));
}

function packed(red, green, blue) {
  return (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;
}
