// Single keys for what the buttons do. They can be given other letters or be switched off (for all
// pages: page.js), and are silent wherever text is typed. What was chosen stays in this browser; it
// says nothing of anybody.

const KEPT = "viewer-keys";
const TYPED = "input:not([type=checkbox], [type=radio], [type=range]), textarea, select, [contenteditable]";
const PRESSED = "button, a, summary, input, [role=button]";
const NAMES = { " ": gettext("Space"), ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓" };

export function listen(actions, dialog) {
  const chosen = JSON.parse(localStorage.getItem(KEPT) || "{}").keys || {};
  const keyOf = (action) => chosen[action.name] ?? action.key;

  addEventListener("keydown", (event) => {
    if (!keysAreOn() || event.ctrlKey || event.altKey || event.metaKey || dialog.open) return;
    if (event.defaultPrevented || event.target.closest(TYPED)) return;
    const isArrow = event.key.startsWith("Arrow");
    if (isArrow && event.target.closest("input")) return;
    if (isArrow && !event.target.closest("[data-viewer]")) return;
    if (event.key === " " && event.target.closest(PRESSED)) return;
    const action = actions.find((each) => keyOf(each).toLowerCase() === event.key.toLowerCase());
    if (!action) return;
    event.preventDefault();
    action.run(event);
  });

  const rows = dialog.querySelector("[data-key-rows]");
  for (const action of actions) {
    const row = rows.insertRow();
    const cell = document.createElement("th");
    cell.scope = "row";
    cell.textContent = action.text;
    row.append(cell);
    row.insertCell().append(isFixed(action) ? named(action.key) : field(action));
  }
  const isOn = dialog.querySelector("[data-keys-on]");
  isOn.checked = keysAreOn();
  isOn.addEventListener("change", () => setKeysOn(isOn.checked));

  function field(action) {
    const input = document.createElement("input");
    Object.assign(input, { value: keyOf(action), maxLength: 1, className: "key" });
    input.setAttribute("aria-label", interpolate(gettext("Key for: %(action)s"), { action: action.text }, true));
    input.addEventListener("change", () => {
      const isTaken = actions.some((each) => each !== action && keyOf(each).toLowerCase() === input.value.toLowerCase());
      if (input.value.trim() && !isTaken) chosen[action.name] = input.value;
      input.value = keyOf(action);
      localStorage.setItem(KEPT, JSON.stringify({ keys: chosen }));
    });
    return input;
  }
}

function isFixed(action) {
  return action.key in NAMES;
}

function named(key) {
  const made = document.createElement("kbd");
  made.textContent = NAMES[key];
  return made;
}
