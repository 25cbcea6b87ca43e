"use strict";

// What every page needs: focus on the error summary, tables that follow their links, and whether
// single keys do anything (WCAG 2.1.4: one can switch them off).
function keysAreOn() {
  return localStorage.getItem("keys") !== "off";
}
function setKeysOn(isOn) {
  localStorage.setItem("keys", isOn ? "on" : "off");
}
{
  // After the load: going to the fragment of an address takes the focus away.
  addEventListener("load", () => document.querySelector("[data-focus]")?.focus());

  document.addEventListener("DOMContentLoaded", () => {
    const panel = document.querySelector("[data-keys-panel]");
    if (!panel) return;
    const box = panel.querySelector("[data-keys-switch]");
    panel.hidden = false;
    box.checked = keysAreOn();
    box.addEventListener("change", () => setKeysOn(box.checked));
  });

  // A click anywhere in a row opens what its link opens; the link itself stays the way by keyboard.
  document.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-row-link]");
    if (!row || event.target.closest("a, button, input, label") || getSelection().toString()) return;
    row.querySelector("a")?.click();
  });
}
