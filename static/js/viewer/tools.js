// What a drag on the pictures does: move, enlarge, window or measure. Each has buttons or number
// fields beside it that do the same.

const PIXELS_TO_DOUBLE = 180;
const LEVELS_A_PIXEL = 6;

// ``act`` takes the steps; ``filmAt`` says which picture a place belongs to and where in its pane.
export function listen(stage, { chosen, filmAt, act }) {
  let drag = null;

  stage.addEventListener("pointerdown", (event) => {
    if (event.defaultPrevented || event.button > 1 || event.target.closest("button, a, input")) return;
    const tool = event.button === 1 || event.shiftKey ? "pan" : chosen();
    const film = filmAt(event);
    if (!film) return;
    event.preventDefault();
    stage.focus({ preventScroll: true });
    stage.setPointerCapture(event.pointerId);
    drag = { tool, film, x: event.clientX, y: event.clientY };
    if (tool === "swipe") act.swipe(event);
    if (tool === "measure") act.measureFrom(film, event);
  });

  stage.addEventListener("pointermove", (event) => {
    if (!drag) {
      act.probe(filmAt(event), event);
      return;
    }
    const [across, down] = [event.clientX - drag.x, event.clientY - drag.y];
    [drag.x, drag.y] = [event.clientX, event.clientY];
    if (drag.tool === "pan") act.pan(across, down);
    else if (drag.tool === "zoom") act.zoom(2 ** (-down / PIXELS_TO_DOUBLE));
    else if (drag.tool === "window") act.window(down * LEVELS_A_PIXEL, across * LEVELS_A_PIXEL);
    else if (drag.tool === "swipe") act.swipe(event);
    else act.measureTo(drag.film, event);
  });

  for (const end of ["pointerup", "pointercancel"]) {
    stage.addEventListener(end, (event) => {
      if (drag?.tool === "measure") act.measured(drag.film, event);
      drag = null;
    });
  }
  stage.addEventListener("pointerleave", () => act.probe(null));

  stage.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && chosen() !== "zoom") return; // else the page scrolls
      event.preventDefault();
      act.zoom(2 ** (-event.deltaY / 400), event);
    },
    { passive: false },
  );
}
