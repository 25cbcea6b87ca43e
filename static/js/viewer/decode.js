// The worker that decodes one picture: its values, and each time halved for looking from afar.

import { decodePng } from "./png.js";

const SMALLEST_SIDE = 256;

addEventListener("message", async ({ data: content }) => {
  try {
    const { rows, columns, depth, values } = await decodePng(content);
    const levels = [{ rows, columns, values }];
    while (Math.min(levels.at(-1).rows, levels.at(-1).columns) >= 2 * SMALLEST_SIDE) {
      levels.push(halved(levels.at(-1)));
    }
    postMessage({ rows, columns, depth, levels }, levels.map((level) => level.values.buffer));
  } catch (error) {
    postMessage({ error: error.message });
  }
});

function halved({ rows, columns, values }) {
  const [half, wide] = [rows >> 1, columns >> 1];
  const mean = new values.constructor(half * wide);
  for (let row = 0, to = 0; row < half; row++) {
    let upper = 2 * row * columns;
    let lower = upper + columns;
    for (let column = 0; column < wide; column++, upper += 2, lower += 2) {
      mean[to++] = (values[upper] + values[upper + 1] + values[lower] + values[lower + 1] + 2) >> 2;
    }
  }
  return { rows: half, columns: wide, values: mean };
}
