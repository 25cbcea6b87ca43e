// What the viewer draws from: full-depth pictures, the grid between two of them, evidence maps.

import { clamp, mix } from "./numbers.js";

export const GRAY_LEVELS = 4095; // the scale of centre and width, whatever the depth of a picture

const pictures = new Map();

// { rows, columns, depth, levels: [{ rows, columns, values }] }, level 0 as acquired; once for each
// address: the head of the page has it begun (early.js).
export function loadPicture(url) {
  if (!pictures.has(url)) pictures.set(url, decoded(url));
  return pictures.get(url);
}

// The worker starts while the picture is on its way.
async function decoded(url) {
  const worker = new Worker(new URL("decode.js", import.meta.url), { type: "module" });
  const answer = new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data));
    worker.onerror = () => reject(new Error("the picture could not be decoded"));
  });
  const asked = answered(url)
    .then((response) => response.arrayBuffer())
    .then((content) => worker.postMessage(content, [content]));
  try {
    const [picture] = await Promise.all([answer, asked]);
    return { ...picture, largest: picture.depth === 8 ? 255 : 65535 };
  } finally {
    worker.terminate();
  }
}

// Where each node of the current picture lies on the prior; the layout is the server's.
export async function loadCorrespondence(url) {
  const values = new Float32Array(await (await answered(url)).arrayBuffer());
  const [rows, columns, points] = values;
  const start = 3 + 2 * points;
  const nodes = values.subarray(start, start + 4 * rows * columns);
  return { rows, columns, match: values.subarray(3, start), nodes };
}

// The heat is the picture's opacity: 255 where the evidence is strongest. ``url`` draws it at once.
export async function loadHeat(url) {
  const bitmap = await createImageBitmap(await (await answered(url)).blob(), {
    premultiplyAlpha: "none",
  });
  const { width: columns, height: rows } = bitmap;
  const surface = document.createElement("canvas");
  [surface.width, surface.height] = [columns, rows];
  const context = surface.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, columns, rows);
  const values = new Uint8Array(rows * columns);
  for (let i = 0; i < values.length; i++) values[i] = data[4 * i + 3];
  return { rows, columns, values, url: surface.toDataURL("image/png") };
}

async function answered(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`answered ${response.status}`);
  return response;
}

// Place and similarity at a point of the current picture given as shares of its sides.
export function nodeAt({ rows, columns, nodes }, across, down) {
  const column = clamp(across * columns - 0.5, 0, columns - 1);
  const row = clamp(down * rows - 0.5, 0, rows - 1);
  const [left, top] = [Math.min(Math.floor(column), columns - 2), Math.min(Math.floor(row), rows - 2)];
  const [right, below] = [column - left, row - top];
  const first = 4 * (top * columns + left);
  const mixed = (channel) => {
    const upper = mix(nodes[first + channel], nodes[first + 4 + channel], right);
    const next = first + 4 * columns + channel;
    return mix(upper, mix(nodes[next], nodes[next + 4], right), below);
  };
  return { across: mixed(0), down: mixed(1), ssim: mixed(2), measured: mixed(3) > 0.999 };
}

// The place on the current picture that a place on the prior belongs to: the grid leads the other way.
export function nearestNode({ rows, columns, nodes }, across, down, aspect) {
  let best = 0;
  let smallest = Infinity;
  for (let node = 0; node < rows * columns; node++) {
    const distance = ((nodes[4 * node] - across) * aspect) ** 2 + (nodes[4 * node + 1] - down) ** 2;
    if (distance < smallest) [smallest, best] = [distance, node];
  }
  return { across: ((best % columns) + 0.5) / columns, down: (Math.floor(best / columns) + 0.5) / rows };
}

// The level whose pixels come nearest to those of the screen.
export function levelFor(picture, screenPerPixel) {
  const wanted = Math.round(Math.log2(1 / screenPerPixel));
  return clamp(wanted, 0, picture.levels.length - 1);
}
