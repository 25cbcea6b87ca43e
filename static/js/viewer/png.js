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

  const inflated = inflate(deflatedPart(bytes));
  const values = depth === 8 ? new Uint8Array(rows * columns) : new Uint16Array(rows * columns);
  const length = (columns * depth) / 8 + 1;
  let [line, above] = [new Uint8Array(length), new Uint8Array(length)];
  let [row, filled] = [0, 0];
  for (const reader = inflated.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    for (let at = 0; at < value.length; ) {
      const taken = Math.min(length - filled, value.length - at);
      line.set(value.subarray(at, at + taken), filled);
      [at, filled] = [at + taken, filled + taken];
      if (filled < length) break;
      if (row === rows) throw new Error("a PNG of another length");
      undoFilter(line, above, depth / 8);
      gather(line, values.subarray(row * columns, (row + 1) * columns), depth);
      [line, above, filled, row] = [above, line, 0, row + 1];
    }
  }
  if (row !== rows) throw new Error("a PNG of another length");
  return { rows, columns, depth, values };
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

// PNG 1.2, chapter 6, in place; ``above`` is the line before, or all 0. The first byte says how.
function undoFilter(line, above, step) {
  const [filter, end] = [line[0], line.length];
  if (filter === 1) {
    for (let i = 1 + step; i < end; i++) line[i] += line[i - step];
  } else if (filter === 2) {
    for (let i = 1; i < end; i++) line[i] += above[i];
  } else if (filter === 3 || filter === 4) {
    for (let i = 1; i < end; i++) {
      const [left, corner] = i > step ? [line[i - step], above[i - step]] : [0, 0];
      line[i] += filter === 3 ? (left + above[i]) >> 1 : paeth(left, above[i], corner);
    }
  }
}

function paeth(left, up, corner) {
  const guess = left + up - corner;
  const [a, b, c] = [guess - left, guess - up, guess - corner].map(Math.abs);
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}

function gather(line, values, depth) {
  if (depth === 8) values.set(line.subarray(1));
  else for (let to = 0, i = 1; to < values.length; i += 2) values[to++] = (line[i] << 8) | line[i + 1];
}
