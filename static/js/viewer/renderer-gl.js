// Draws panes with WebGL2. The values stay integers of full depth up to the window, which is
// applied for each pixel of the screen.

import { GRAY_LEVELS, levelFor } from "./pixels.js";

const KINDS = { plain: 0, aligned: 1, difference: 2 };
const MOST_POINTS = 16;
export const DIFFERENCE_GAIN = 5; // full colour at a fifth of the window's width

const VERTEX = `#version 300 es
in vec2 corner;
void main() { gl_Position = vec4(corner, 0.0, 1.0); }`;

const FRAGMENT = `#version 300 es
precision highp float;
precision highp int;
precision highp usampler2D;
precision highp sampler2D;
uniform usampler2D picture, prior;
uniform sampler2D grid;
uniform int kind, level, priorLevel, points;
uniform ivec2 size, priorSize;
uniform float largest, priorLargest;
uniform vec4 pane;       // left, bottom, width, height in pixels of the canvas
uniform vec2 middle;     // of the pane, on the stage
uniform float perUnit;   // pixels of the canvas
uniform vec3 place;      // left, top, unit of the picture
uniform vec2 window;     // centre, width in shares of the gray scale
uniform bool inverted;
uniform vec2 match[${MOST_POINTS}];
out vec4 colour;

float between(float a, float b, float c, float d, vec2 f) {
  return mix(mix(a, b, f.x), mix(c, d, f.x), f.y);
}

float valueAt(usampler2D values, vec2 p, ivec2 size, int level) {
  ivec2 last = max(size >> level, ivec2(1)) - 1;
  vec2 q = p / float(1 << level) - 0.5;
  ivec2 i = ivec2(floor(q));
  return between(
    float(texelFetch(values, clamp(i, ivec2(0), last), level).r),
    float(texelFetch(values, clamp(i + ivec2(1, 0), ivec2(0), last), level).r),
    float(texelFetch(values, clamp(i + ivec2(0, 1), ivec2(0), last), level).r),
    float(texelFetch(values, clamp(i + ivec2(1, 1), ivec2(0), last), level).r),
    q - floor(q));
}

vec4 nodeAt(vec2 share) {
  ivec2 last = textureSize(grid, 0) - 1;
  vec2 q = clamp(share * vec2(textureSize(grid, 0)) - 0.5, vec2(0.0), vec2(last));
  ivec2 i = min(ivec2(floor(q)), last - 1);
  vec2 f = q - vec2(i);
  return mix(
    mix(texelFetch(grid, i, 0), texelFetch(grid, i + ivec2(1, 0), 0), f.x),
    mix(texelFetch(grid, i + ivec2(0, 1), 0), texelFetch(grid, i + ivec2(1, 1), 0), f.x), f.y);
}

bool isInside(vec2 p, ivec2 size) {
  return all(greaterThanEqual(p, vec2(0.0))) && all(lessThan(p, vec2(size)));
}

float shown(float value) { return clamp((value - window.x) / window.y + 0.5, 0.0, 1.0); }

float matched(float value) {
  for (int i = 1; i < points; i++) {
    if (value <= match[i].x || i == points - 1) {
      vec2 a = match[i - 1], b = match[i];
      return clamp(a.y + (value - a.x) / (b.x - a.x) * (b.y - a.y), 0.0, 1.0);
    }
  }
  return value;
}

void main() {
  colour = vec4(0.0, 0.0, 0.0, 1.0);
  vec2 at = gl_FragCoord.xy - pane.xy - 0.5 * pane.zw;
  vec2 p = (middle + vec2(at.x, -at.y) / perUnit - place.xy) / place.z;
  if (!isInside(p, size)) return;
  float gray;
  if (kind == ${KINDS.plain}) {
    gray = shown(valueAt(picture, p, size, level) / largest);
  } else {
    vec4 node = nodeAt(p / vec2(size));
    vec2 q = node.xy * vec2(priorSize);
    bool reached = isInside(q, priorSize);
    float before = reached ? valueAt(prior, q, priorSize, priorLevel) / priorLargest : 0.0;
    if (kind == ${KINDS.aligned}) {
      if (!reached) return;
      gray = shown(before);
    } else {
      float now = valueAt(picture, p, size, level) / largest;
      float change = node.w > 0.999 ? clamp((now - matched(before)) / window.y * ${DIFFERENCE_GAIN.toFixed(1)}, -1.0, 1.0) : 0.0;
      vec3 ink = change > 0.0 ? vec3(1.0, 0.62, 0.12) : vec3(0.3, 0.68, 1.0);
      colour.rgb = mix(vec3(0.22 * shown(now)), ink, abs(change));
      return;
    }
  }
  colour.rgb = vec3(inverted ? 1.0 - gray : gray);
}`;

const SCALARS = ["kind", "level", "priorLevel", "points", "inverted"];

// A renderer for the canvas, or null where the browser or the size of a picture does not allow it.
export function createRenderer(canvas, largestSide) {
  const gl = canvas.getContext("webgl2", { alpha: false, antialias: false, depth: false });
  if (!gl || gl.getParameter(gl.MAX_TEXTURE_SIZE) < largestSide) return null;
  const program = linked(gl);
  gl.useProgram(program);
  const uniforms = new Map();
  for (let i = 0; i < gl.getProgramParameter(program, gl.ACTIVE_UNIFORMS); i++) {
    const name = gl.getActiveUniform(program, i).name.replace("[0]", "");
    uniforms.set(name, gl.getUniformLocation(program, name));
  }
  gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 3, -1, -1, 3]), gl.STATIC_DRAW);
  gl.enableVertexAttribArray(0);
  gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  gl.enable(gl.SCISSOR_TEST);
  ["picture", "prior", "grid"].forEach((name, unit) => gl.uniform1i(uniforms.get(name), unit));

  const nothing = { rows: 1, columns: 1, depth: 8, largest: 255, levels: [{ rows: 1, columns: 1, values: new Uint8Array(1) }] };
  const empty = pictureTexture(gl, nothing);
  const held = new Map();
  let grid = { texture: gridTexture(gl, 2, 2, new Float32Array(16)), match: [] };

  return {
    name: "WebGL2",
    setPicture(which, picture) {
      held.set(which, pictureTexture(gl, picture));
    },
    setGrid({ rows, columns, nodes, match }) {
      grid = { texture: gridTexture(gl, rows, columns, nodes), match };
    },
    draw({ ratio, view, window, inverted, items }) {
      gl.scissor(0, 0, canvas.width, canvas.height);
      gl.clearColor(0, 0, 0, 1);
      gl.clear(gl.COLOR_BUFFER_BIT);
      for (const { pane, clip, kind, which, place } of items) {
        const base = held.get(which);
        if (!base) continue;
        const other = held.get("prior") || empty;
        const bottom = canvas.height - (pane.top + pane.height) * ratio;
        const perUnit = view.scale * ratio;
        const level = levelFor(base.picture, perUnit * place.unit);
        const priorLevel = levelFor(other.picture, (perUnit * place.height) / other.picture.rows);
        upload(gl, base, level);
        upload(gl, other, priorLevel);
        gl.viewport(0, 0, canvas.width, canvas.height);
        gl.scissor(
          Math.round(clip.left * ratio),
          Math.round(canvas.height - (clip.top + clip.height) * ratio),
          Math.round(clip.width * ratio),
          Math.round(clip.height * ratio),
        );
        bind(gl, 0, base.texture);
        bind(gl, 1, other.texture);
        bind(gl, 2, grid.texture);
        const points = grid.match.length / 2;
        const values = { kind: KINDS[kind], level, priorLevel, points, inverted: Number(inverted) };
        for (const name of SCALARS) gl.uniform1i(uniforms.get(name), values[name]);
        gl.uniform1f(uniforms.get("largest"), base.picture.largest);
        gl.uniform1f(uniforms.get("priorLargest"), other.picture.largest);
        gl.uniform1f(uniforms.get("perUnit"), perUnit);
        gl.uniform2i(uniforms.get("size"), base.picture.columns, base.picture.rows);
        gl.uniform2i(uniforms.get("priorSize"), other.picture.columns, other.picture.rows);
        gl.uniform2f(uniforms.get("middle"), view.x, view.y);
        gl.uniform2f(uniforms.get("window"), window.centre / GRAY_LEVELS, window.width / GRAY_LEVELS);
        gl.uniform3f(uniforms.get("place"), place.left, place.top, place.unit);
        gl.uniform4f(uniforms.get("pane"), pane.left * ratio, bottom, pane.width * ratio, pane.height * ratio);
        if (grid.match.length) gl.uniform2fv(uniforms.get("match"), grid.match);
        gl.drawArrays(gl.TRIANGLES, 0, 3);
      }
    },
  };
}

function linked(gl) {
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.bindAttribLocation(program, 0, "corner");
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program));
  return program;
}

function pictureTexture(gl, picture) {
  const texture = newTexture(gl);
  gl.texStorage2D(gl.TEXTURE_2D, picture.levels.length, picture.depth === 8 ? gl.R8UI : gl.R16UI, picture.columns, picture.rows);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST_MIPMAP_NEAREST);
  return { picture, texture, uploaded: new Set() };
}

// A level is uploaded when it is first drawn: from afar a film is seen without its 24 MB.
function upload(gl, { picture, texture, uploaded }, level) {
  if (uploaded.has(level)) return;
  uploaded.add(level);
  bind(gl, 0, texture);
  const { columns, rows, values } = picture.levels[level];
  const kind = picture.depth === 8 ? gl.UNSIGNED_BYTE : gl.UNSIGNED_SHORT;
  gl.texSubImage2D(gl.TEXTURE_2D, level, 0, 0, columns, rows, gl.RED_INTEGER, kind, values);
}

function gridTexture(gl, rows, columns, nodes) {
  const made = newTexture(gl);
  gl.texStorage2D(gl.TEXTURE_2D, 1, gl.RGBA32F, columns, rows);
  gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, columns, rows, gl.RGBA, gl.FLOAT, nodes);
  return made;
}

function newTexture(gl) {
  const made = gl.createTexture();
  gl.activeTexture(gl.TEXTURE0);
  gl.bindTexture(gl.TEXTURE_2D, made);
  for (const name of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, name, gl.NEAREST);
  for (const name of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, name, gl.CLAMP_TO_EDGE);
  return made;
}

function bind(gl, unit, made) {
  gl.activeTexture(gl.TEXTURE0 + unit);
  gl.bindTexture(gl.TEXTURE_2D, made);
}
