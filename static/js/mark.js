"use strict";

// A mark drawn by hand: its centre where the pointer goes down, its radius where it is let go.
// The number fields hold what is sent; without this script they are typed.
{
  const form = document.querySelector("[data-mark-form]");
  const canvases = [...document.querySelectorAll("[data-canvas]")];
  if (form && canvases.length) {
    const button = document.querySelector("[data-draw]");
    const text = button.querySelector("[data-draw-text]");
    const hint = document.querySelector("[data-draw-hint]");
    const said = text.textContent;
    const fields = form.elements;
    const draft = document.createElementNS("http://www.w3.org/2000/svg", "circle");
    draft.classList.add("draft");
    let centre = null;

    button.hidden = false;
    button.addEventListener("click", () => setDrawing(button.getAttribute("aria-pressed") !== "true"));
    addEventListener("keydown", (event) => {
      if (event.key === "Escape") setDrawing(false);
    });
    form.addEventListener("input", show);
    form.addEventListener("change", ({ target }) => {
      if (target.name === "picture") leaveOther(target.value);
    });

    for (const canvas of canvases) {
      canvas.addEventListener("pointerdown", (event) => {
        if (event.button !== 0) return;
        event.preventDefault();
        canvas.setPointerCapture(event.pointerId);
        centre = place(canvas, event);
        fields.x.value = Math.round(centre.x);
        fields.y.value = Math.round(centre.y);
        fields.radius.value = canvas.dataset.firstRadius;
        choose(canvas.dataset.canvas);
        show();
      });
      canvas.addEventListener("pointermove", (event) => {
        if (!centre) return;
        const { x, y } = place(canvas, event);
        const radius = Math.hypot(x - centre.x, y - centre.y);
        if (radius > canvas.dataset.firstRadius / 8) fields.radius.value = Math.round(radius);
        show();
      });
      for (const end of ["pointerup", "pointercancel"]) {
        canvas.addEventListener(end, () => (centre = null));
      }
    }
    show();

    function setDrawing(on) {
      button.setAttribute("aria-pressed", String(on));
      text.textContent = on ? gettext("Stop drawing") : said;
      hint.hidden = !on;
      canvases.forEach((canvas) => canvas.classList.toggle("is-open", on));
      if (on) document.querySelector("[data-show=acquired]")?.click();
      dispatchEvent(new CustomEvent("drawing", { detail: on }));
    }

    function place(canvas, event) {
      return new DOMPoint(event.clientX, event.clientY).matrixTransform(
        canvas.getScreenCTM().inverse(),
      );
    }

    function choose(picture) {
      for (const option of form.querySelectorAll("[name=picture]")) {
        option.checked = option.value === picture;
      }
      leaveOther(picture);
    }

    // A mark takes the place of one on the same picture only; where there is none, of none.
    function leaveOther(chosen) {
      const { onPrior, onCurrent } = form.dataset;
      const own = ({ prior: onPrior, current: onCurrent }[chosen] ?? "").trim();
      if (!fields.replaces) return;
      const possible = own ? ["another", ...own.split(" ")] : ["another"];
      if (possible.includes(fields.replaces.value)) return;
      fields.replaces.value = own ? "" : "another";
    }

    function show() {
      const chosen = form.querySelector("[name=picture]:checked")?.value;
      const canvas = canvases.find((each) => each.dataset.canvas === chosen);
      const [x, y, radius] = ["x", "y", "radius"].map((name) => parseFloat(fields[name].value));
      if (!canvas || ![x, y, radius].every(Number.isFinite) || radius <= 0) {
        draft.remove();
        return;
      }
      draft.setAttribute("cx", x);
      draft.setAttribute("cy", y);
      draft.setAttribute("r", radius);
      canvas.append(draft);
    }
  }
}
