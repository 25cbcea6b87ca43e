// One panel of pictures at a time, and the opacity of the map in each. Without it all are shown.

export function listen(viewer, { onShow }) {
  const buttons = [...viewer.querySelectorAll("[data-show]")];
  const panels = [...viewer.querySelectorAll("[data-panel]")];

  function show(name) {
    panels.forEach((panel) => (panel.hidden = panel.dataset.panel !== name));
    buttons.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.show === name)));
    onShow(name);
  }

  viewer.classList.add("has-modes");
  if (buttons.length > 1) viewer.querySelector("[data-viewer-tools]").hidden = false;
  buttons.forEach((button) => button.addEventListener("click", () => show(button.dataset.show)));

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
  show("acquired");
}
