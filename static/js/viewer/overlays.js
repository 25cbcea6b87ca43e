// What lies over a picture, drawn as SVG in the picture's own pixels: it follows every zoom and pan
// by its viewBox alone. Maps, marks, the line of a measurement and the scale.

import { clamp, mix } from "./numbers.js";
import { nearestNode, nodeAt } from "./pixels.js";

const SVG = "http://www.w3.org/2000/svg";
const CIVIDIS = ["#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#fee838"];
const RULERS_MM = [100, 50, 20, 10, 5, 2, 1];

export function svg(name, attributes = {}, parent = null) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent?.append(made);
  return made;
}

// A map over the whole of a picture, below its marks.
export function mapImage({ canvas, columns: width, rows: height }, href) {
  const image = svg("image", { href, width, height, preserveAspectRatio: "none", class: "map" });
  image.style.display = "none";
  canvas.prepend(image);
  return image;
}

// The similarity of each node as a picture, in the colours of its legend.
export function similarityPicture({ rows, columns, nodes }) {
  const surface = document.createElement("canvas");
  [surface.width, surface.height] = [columns, rows];
  const context = surface.getContext("2d");
  const image = context.createImageData(columns, rows);
  for (let node = 0; node < rows * columns; node++) {
    if (nodes[4 * node + 3] < 0.5) continue;
    image.data.set([...cividis(nodes[4 * node + 2]), 255], 4 * node);
  }
  context.putImageData(image, 0, 0);
  return surface.toDataURL("image/png");
}

function cividis(share) {
  const at = clamp(share, 0, 1) * (CIVIDIS.length - 1);
  const below = Math.min(Math.floor(at), CIVIDIS.length - 2);
  const parts = [CIVIDIS[below], CIVIDIS[below + 1]].map((ink) => parseInt(ink.slice(1), 16));
  return [16, 8, 0].map((bits) => {
    const [a, b] = parts.map((ink) => (ink >> bits) & 255);
    return mix(a, b, at - below);
  });
}

// Marks on the prior, carried to the current picture while the prior is laid on it.
export function carryMarks(canvas, grid, prior, current) {
  const aspect = prior.columns / prior.rows;
  for (const disc of canvas.querySelectorAll(".disc")) {
    const circle = disc.querySelector("circle");
    const [x, y] = ["cx", "cy"].map((name) => Number(circle.getAttribute(name)));
    const node = nearestNode(grid, x / prior.columns, y / prior.rows, aspect);
    const led = nodeAt(grid, node.across, node.down);
    const aside = nodeAt(grid, node.across, node.down + 0.05);
    const each = (0.05 * current.rows) / ((aside.down - led.down) * prior.rows);
    const [to, down] = [node.across * current.columns, node.down * current.rows];
    disc.setAttribute("transform", `translate(${to} ${down}) scale(${each}) translate(${-x} ${-y})`);
  }
}

export function returnMarks(canvas) {
  for (const disc of canvas.querySelectorAll(".disc")) disc.removeAttribute("transform");
}

// A bar of a round number of millimetres, in pixels of the screen, at the foot of a pane.
export function rulerText(millimetre, paneWidth) {
  const length = RULERS_MM.find((each) => each * millimetre <= paneWidth / 4) || RULERS_MM.at(-1);
  return { width: length * millimetre, text: `${length} mm` };
}

// A line between two places of a picture, its length beyond the end that leaves most room for it.
export function drawLine(canvas, from, to, text) {
  const group = canvas.querySelector(".measure") || svg("g", { class: "measure" }, canvas);
  const { x: shownFrom, width, height } = canvas.viewBox.baseVal;
  const [left, right] = from.x < to.x ? [from, to] : [to, from];
  const isLeftFreer = (left.x + right.x) / 2 > shownFrom + width / 2;
  const [{ x, y }, anchor, dx] = isLeftFreer ? [left, "end", "-0.5em"] : [right, "start", "0.5em"];
  const size = height / 34;
  group.replaceChildren();
  svg("line", { x1: from.x, y1: from.y, x2: to.x, y2: to.y }, group);
  for (const end of [from, to]) svg("circle", { cx: end.x, cy: end.y, r: size / 6 }, group);
  svg("text", { x, y, dx, dy: "0.35em", "text-anchor": anchor, "font-size": size }, group).textContent = text;
}

export function clearLine(canvas) {
  canvas.querySelector(".measure")?.remove();
}
