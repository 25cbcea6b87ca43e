"use strict";

// Warns two minutes before the session ends, and keeps what was typed when it has ended.
{
  const WARN_MS = 120_000;
  const KEPT = "session-ends"; // all tabs share a session, so they share its end
  const dialog = document.querySelector("dialog[data-session]");
  const before = dialog.querySelector("[data-before-end]");
  const after = dialog.querySelector("[data-after-end]");
  const stay = dialog.querySelector("[data-stay]");
  const close = dialog.querySelector("[data-close]");
  let limit = Date.now() + 1000 * dialog.dataset.left; // the longest a session lives
  let seen = false; // that it cannot be extended

  extended();
  setInterval(look, 1000);

  // Every answer extends the session, also one that only a part of the page asked for.
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) extended();
  });
  addEventListener("storage", (event) => {
    if (event.key === KEPT && dialog.open) ask();
  });
  addEventListener("visibilitychange", () => {
    if (!document.hidden && dialog.open && !after.hidden) ask();
  });
  stay.addEventListener("click", ask);
  close.addEventListener("click", () => {
    seen = true;
    dialog.close();
  });
  dialog.addEventListener("cancel", (event) => event.preventDefault());

  function extended() {
    localStorage.setItem(KEPT, Math.min(Date.now() + 1000 * dialog.dataset.idle, limit));
  }

  function look() {
    const left = Number(localStorage.getItem(KEPT)) - Date.now();
    if (left <= 0) over();
    else if (left <= WARN_MS) warn(left);
  }

  function warn(left) {
    const seconds = Math.ceil(left / 1000);
    const text = seconds > 60 ? `${Math.floor(seconds / 60)} min ${seconds % 60} s` : `${seconds} s`;
    dialog.querySelector("[data-countdown]").textContent = text;
    const atLimit = limit - Date.now() <= WARN_MS;
    dialog.querySelector("[data-at-limit]").hidden = !atLimit;
    stay.hidden = atLimit;
    close.hidden = !atLimit;
    if (!dialog.open && !seen) dialog.showModal();
  }

  // The page is covered: whoever passes by sees nothing of it.
  function over() {
    dialog.classList.add("is-over");
    before.hidden = true;
    if (after.hidden) {
      after.hidden = false;
      if (!dialog.open) dialog.showModal();
      after.querySelector("a").focus();
    }
  }

  async function ask() {
    const answer = await fetch(dialog.dataset.session, { redirect: "manual" }).catch(() => null);
    if (!answer?.ok) {
      say(gettext("You are not signed in yet."));
      return;
    }
    const session = await answer.json();
    if (session.user !== dialog.dataset.user) {
      location.reload(); // somebody else: nothing of this page is theirs
      return;
    }
    // Signing in changed the token that forms carry.
    for (const field of document.querySelectorAll("[name=csrfmiddlewaretoken]")) {
      field.value = session.csrf;
    }
    limit = Date.now() + 1000 * session.left_s;
    extended();
    dialog.classList.remove("is-over");
    before.hidden = false;
    after.hidden = true;
    say("");
    dialog.close();
  }

  function say(text) {
    dialog.querySelector("[data-session-said]").textContent = text;
  }
}
