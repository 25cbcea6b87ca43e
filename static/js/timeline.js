"use strict";

// Choosing two pictures: the box on a thumbnail and the one in the table stay in step, and what is
// chosen is said beside the button. Without it the form works as it stands.
{
  const form = document.querySelector("[data-pick-two]");
  if (form) {
    const boxes = [...form.elements].filter((element) => element.name === "picture");
    const said = form.querySelector("[data-picked]");
    const names = new Map(boxes.map((box) => [box.value, box.dataset.picture]));
    for (const box of boxes) {
      box.addEventListener("change", () => {
        for (const twin of boxes) if (twin.value === box.value) twin.checked = box.checked;
        tell();
      });
    }
    tell();

    function tell() {
      const chosen = [...new Set(boxes.filter((box) => box.checked).map((box) => box.value))];
      const pictures = chosen.map((key) => names.get(key)).join("; ");
      said.textContent = pictures ? interpolate(gettext("Chosen: %(pictures)s"), { pictures }, true) : "";
    }
  }
}
