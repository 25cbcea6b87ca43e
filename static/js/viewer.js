"use strict";

// One way of looking at a time, and the opacity of each map. Without it all are shown.
{
  const viewer = document.querySelector("[data-viewer]");
  const tools = viewer.querySelector("[data-viewer-tools]");
  const buttons = [...tools.querySelectorAll("[data-show]")];
  const panels = [...viewer.querySelectorAll("[data-panel]")];

  function show(name) {
    panels.forEach((panel) => (panel.hidden = panel.dataset.panel !== name));
    buttons.forEach((button) =>
      button.setAttribute("aria-pressed", String(button.dataset.show === name)),
    );
  }

  if (buttons.length > 1) {
    tools.hidden = false;
    viewer.classList.add("has-modes");
    buttons.forEach((button) => button.addEventListener("click", () => show(button.dataset.show)));
    show("acquired");
  }

  for (const opacity of viewer.querySelectorAll("[data-opacity]")) {
    const figure = opacity.closest("figure");
    const overlay = figure.querySelector("[data-overlay]");
    const text = figure.querySelector("[data-opacity-text]");
    const apply = () => {
      overlay.hidden = opacity.value === "0";
      overlay.style.opacity = String(opacity.value / 100);
      text.textContent = `${opacity.value} %`;
    };
    opacity.addEventListener("input", apply);
    apply();
  }

  const align = viewer.querySelector("[data-align]");
  align?.addEventListener("change", () => {
    for (const picture of viewer.querySelectorAll("[data-prior]")) {
      picture.hidden = (picture.dataset.prior === "aligned") !== align.checked;
    }
  });
}
