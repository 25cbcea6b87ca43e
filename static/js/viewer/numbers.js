// Arithmetic that several parts need.

export function clamp(value, lowest, highest) {
  return Math.min(Math.max(value, lowest), highest);
}

export function mix(a, b, share) {
  return a + (b - a) * share;
}
