// A gray PNG of 8 or 16 bits, as the server stores it, into its values: browsers would cut 16 bits
// to 8. The inflating is the browser's own.

const SIGNATURE = 0x89504e47;

export async function decodePng(buffer) {
  const bytes = new DataView(buffer);
  if (bytes.byteLength < 33 || bytes.getUint32(0) !== SIGNATURE) throw new Error("not a PNG");
  const columns = bytes.getUint32(16);
  const rows = bytes.getUint32(20);
  const depth = bytes.getUint8(24);
  const isGray = bytes.getUint8(25) === 0 && bytes.getUint8(28) === 0;
  if (!isGray || (depth !== 8 && depth !== 16)) throw new Error("not a gray PNG of 8 or 16 bits");

  const parts = [];
  for (let at = 8; at + 12 <= bytes.byteLength; ) {
    const length = bytes.getUint32(at);
    const isData = bytes.getUint32(at + 4) === 0x49444154;
    if (isData) parts.push(new Uint8Array(buffer, at + 8, length));
    at += 12 + length;
  }
  const inflated = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate"));
  const lines = new Uint8Array(await new Response(inflated).arrayBuffer());
  const bytesEach = depth / 8;
  const stride = columns * bytesEach;
  if (lines.length !== rows * (stride + 1)) throw new Error("a PNG of another length");
  undoFilters(lines, rows, stride, bytesEach);
  return { rows, columns, depth, values: gathered(lines, rows, columns, depth) };
}

// PNG 1.2, chapter 6, in place.
function undoFilters(lines, rows, stride, step) {
  for (let row = 0; row < rows; row++) {
    const start = row * (stride + 1) + 1;
    const above = start - stride - 1;
    const filter = lines[start - 1];
    const hasAbove = row > 0;
    if (filter === 1) {
      for (let i = step; i < stride; i++) lines[start + i] += lines[start + i - step];
    } else if (filter === 2 && hasAbove) {
      for (let i = 0; i < stride; i++) lines[start + i] += lines[above + i];
    } else if (filter === 3 || filter === 4) {
      for (let i = 0; i < stride; i++) {
        const left = i >= step ? lines[start + i - step] : 0;
        const up = hasAbove ? lines[above + i] : 0;
        const corner = hasAbove && i >= step ? lines[above + i - step] : 0;
        lines[start + i] += filter === 3 ? (left + up) >> 1 : paeth(left, up, corner);
      }
    }
  }
}

function paeth(left, up, corner) {
  const guess = left + up - corner;
  const [a, b, c] = [guess - left, guess - up, guess - corner].map(Math.abs);
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}

function gathered(lines, rows, columns, depth) {
  const values = depth === 8 ? new Uint8Array(rows * columns) : new Uint16Array(rows * columns);
  for (let row = 0, to = 0; row < rows; row++) {
    let from = row * ((columns * depth) / 8 + 1) + 1;
    if (depth === 8) {
      values.set(lines.subarray(from, from + columns), to);
      to += columns;
      continue;
    }
    for (const end = to + columns; to < end; from += 2) values[to++] = (lines[from] << 8) | lines[from + 1];
  }
  return values;
}
