"use strict";

// What every page needs: focus on the error summary, and tables that follow their links.
{
  document.addEventListener("DOMContentLoaded", () => {
    document.querySelector("[data-focus]")?.focus();
  });

  // A click anywhere in a row opens what its link opens; the link itself stays the way by keyboard.
  document.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-row-link]");
    if (!row || event.target.closest("a, button, input, label") || getSelection().toString()) return;
    row.querySelector("a")?.click();
  });
}
