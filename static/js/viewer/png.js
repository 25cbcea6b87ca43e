// A gray PNG of 8 or 16 bits, as the server stores it, into its values: browsers would cut 16 bits
// to 8. The inflating is the browser's own; each line is taken as it comes out of it.

const SIGNATURE = 0x89504e47;
const DATA = 0x49444154;
const PIECE = 1 << 18; // what is inflated at once

export async function decodePng(buffer) {
  const bytes = new DataView(buffer);
  if (bytes.byteLength < 33 || bytes.getUint32(0) !== SIGNATURE) throw new Error("not a PNG");
  const columns = bytes.getUint32(16);
  const rows = bytes.getUint32(20);
  const depth = bytes.getUint8(24);
  const isGray = bytes.getUint8(25) === 0 && bytes.getUint8(28) === 0;
  if (!isGray || (depth !== 8 && depth !== 16)) throw new Error("not a gray PNG of 8 or 16 bits");

  const step = depth / 8;
  const values = depth === 8 ? new Uint8Array(rows * columns) : new Uint16Array(rows * columns);
  let [line, above] = [newLine(columns, step), newLine(columns, step)];
  let [row, filled] = [0, step - 1];
  for (const reader = inflate(deflatedPart(bytes)).getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    for (let at = 0; at < value.length; ) {
      const taken = Math.min(line.length - filled, value.length - at);
      line.set(value.subarray(at, at + taken), filled);
      [at, filled] = [at + taken, filled + taken];
      if (filled < line.length) break;
      if (row === rows) throw new Error("a PNG of another length");
      undoFilter(line, above, step);
      gather(line, values.subarray(row * columns, (row + 1) * columns), step);
      [line, above, filled, row] = [above, line, step - 1, row + 1];
    }
  }
  if (row !== rows) throw new Error("a PNG of another length");
  return { rows, columns, depth, values };
}

// One pixel of 0 before the first, as the filters want it; the last of its bytes takes the filter.
function newLine(columns, step) {
  return new Uint8Array((columns + 1) * step);
}

// The data chunks, put together in place: they are many and small.
function deflatedPart(bytes) {
  const whole = new Uint8Array(bytes.buffer);
  let end = 0;
  for (let at = 8; at + 12 <= bytes.byteLength; ) {
    const length = bytes.getUint32(at);
    const isData = bytes.getUint32(at + 4) === DATA;
    at += 12 + length;
    if (!isData) continue;
    whole.copyWithin(end, at - 4 - length, at - 4);
    end += length;
  }
  return whole.subarray(0, end);
}

function inflate(deflated) {
  const { readable, writable } = new DecompressionStream("deflate");
  const writer = writable.getWriter();
  const failed = () => {}; // the reader is told too
  for (let at = 0; at < deflated.length; at += PIECE) writer.write(deflated.subarray(at, at + PIECE)).catch(failed);
  writer.close().catch(failed);
  return readable;
}

// PNG 1.2, chapter 6, in place; ``above`` is the line before, or all 0. Plain loops over bytes: this
// runs 24 million times for a film.
function undoFilter(line, above, step) {
  const filter = line[step - 1];
  line[step - 1] = 0;
  if (filter === 1) {
    for (let i = step; i < line.length; i++) line[i] += line[i - step];
  } else if (filter === 2) {
    for (let i = step; i < line.length; i++) line[i] += above[i];
  } else if (filter === 3) {
    for (let i = step; i < line.length; i++) line[i] += (line[i - step] + above[i]) >> 1;
  } else if (filter === 4) {
    for (let i = step; i < line.length; i++) line[i] += paeth(line[i - step], above[i], above[i - step]);
  }
}

function paeth(left, up, corner) {
  const a = Math.abs(up - corner);
  const b = Math.abs(left - corner);
  const c = Math.abs(left + up - 2 * corner);
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}

function gather(line, values, step) {
  if (step === 1) values.set(line.subarray(1));
  else for (let to = 0, i = 2; i < line.length; i += 2) values[to++] = (line[i] << 8) | line[i + 1];
}
