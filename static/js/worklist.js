"use strict";

// J and K go through the rows; whoever comes back stands where they left.
{
  const KEPT = "worklist-place";
  const rows = () => [...document.querySelectorAll("[data-worklist] [data-row]")];

  document.addEventListener("keydown", (event) => {
    const step = { j: 1, k: -1 }[event.key.toLowerCase()];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!keysAreOn() || event.target.closest("input, select, textarea, dialog")) return;
    const all = rows();
    if (!all.length) return;
    const at = all.indexOf(document.activeElement);
    const next = at < 0 ? (step > 0 ? 0 : all.length - 1) : at + step;
    all[Math.min(Math.max(next, 0), all.length - 1)].focus();
  });

  // Ids only: what is kept in the browser names nobody.
  document.addEventListener("click", (event) => {
    const row = event.target.closest("[data-worklist] tr")?.querySelector("[data-row]");
    if (!row) return;
    const place = { list: location.search, row: row.id, top: scrollY };
    sessionStorage.setItem(KEPT, JSON.stringify(place));
  });

  const kept = JSON.parse(sessionStorage.getItem(KEPT) || "null");
  if (kept && kept.list === location.search) {
    document.getElementById(kept.row)?.focus({ preventScroll: true });
    scrollTo(0, kept.top);
  }
}
