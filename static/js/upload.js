"use strict";

// Many files, one request each: a row a file, with its progress and the server's answer.
{
  const form = document.querySelector("[data-upload]");
  const list = form.querySelector("[data-rows]");
  const picker = form.querySelector("#many-files");
  const zone = form.querySelector("[data-drop-zone]");
  const template = document.getElementById("upload-row");
  const summary = form.querySelector("[data-summary]");
  const waiting = [];
  let sending = false;

  form.querySelector("[data-single-file]").remove();
  form.querySelector("[data-many-files]").hidden = false;

  picker.addEventListener("change", () => {
    [...picker.files].forEach(addRow);
    picker.value = "";
  });
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("is-over");
  });
  zone.addEventListener("dragleave", () => zone.classList.remove("is-over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("is-over");
    [...event.dataTransfer.files].forEach(addRow);
  });

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const boxes = [...form.querySelectorAll("[name=confirmed_identifiers]")];
    if (boxes.filter((box) => box.checked).length < 2) {
      const [first] = boxes.filter((box) => !box.checked);
      first.setCustomValidity(gettext("Compare at least two with the request or the person, then tick them."));
      first.reportValidity();
      form.addEventListener("change", () => first.setCustomValidity(""), { once: true });
      return;
    }
    const rows = [...list.children].filter((row) => !row.dataset.sent);
    if (!rows.length) {
      picker.focus();
      say(gettext("Choose at least one file first."));
      return;
    }
    rows.forEach((row) => enqueue(row, {}));
  });

  list.addEventListener("click", (event) => {
    const row = event.target.closest(".upload-row");
    if (event.target.closest("[data-remove]")) {
      row.remove();
      return;
    }
    const again = event.target.closest("[data-resend]");
    if (!again) return;
    if (again.dataset.resend === "file") enqueue(row, { asTheFileSays: true });
    if (again.dataset.resend === "same") enqueue(row, {});
    if (again.dataset.resend === "reason") {
      const reason = row.querySelector("[data-reason]");
      if (reason.value.trim()) enqueue(row, { reason: reason.value });
      else reason.focus();
    }
  });

  addEventListener("beforeunload", (event) => {
    if (sending) event.preventDefault();
  });

  function sizeOf(file) {
    const kib = Math.ceil(file.size / 1024);
    return kib < 1024 ? `${kib} KiB` : `${(kib / 1024).toFixed(1)} MiB`;
  }

  function addRow(file) {
    const row = template.content.firstElementChild.cloneNode(true);
    row.file = file;
    row.querySelector("[data-name]").textContent = file.name;
    row.querySelector("[data-size]").textContent = sizeOf(file);
    list.append(row);
  }

  function enqueue(row, how) {
    row.dataset.sent = "yes";
    row.querySelector("[data-remove]").hidden = true;
    row.querySelectorAll("select").forEach((select) => (select.disabled = true));
    show(row, gettext("Waiting"), 0);
    waiting.push([row, how]);
    if (!sending) sendNext();
  }

  function sendNext() {
    const next = waiting.shift();
    sending = Boolean(next);
    if (next) send(...next);
    else summarise();
  }

  function send(row, { reason = "", asTheFileSays = false }) {
    const data = new FormData(form);
    for (const select of row.querySelectorAll("[data-field]")) {
      data.set(select.dataset.field, asTheFileSays ? "" : select.value);
    }
    if (asTheFileSays) {
      ["exam_date", "accession_number", "pixel_spacing_mm"].forEach((name) => data.set(name, ""));
    }
    data.set("identity_reason", reason);
    data.set("file", row.file);
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("HX-Request", "true");
    request.upload.addEventListener("progress", (event) => {
      if (!event.lengthComputable) return;
      const percent = (100 * event.loaded) / event.total;
      const share = `${Math.round(percent)} %`;
      show(row, interpolate(gettext("Sending, %(share)s"), { share }, true), percent);
    });
    request.upload.addEventListener("load", () => show(row, gettext("Checking the file"), 100));
    request.addEventListener("load", () => answered(row, request));
    request.addEventListener("error", () => failed(row, gettext("The connection broke.")));
    request.send(data);
  }

  function answered(row, request) {
    const isFragment = request.responseText.includes("data-outcome");
    if (!isFragment) {
      failed(row, interpolate(gettext("The server answered with error %(status)s."), { status: request.status }, true));
      return;
    }
    row.querySelector("[data-progress]").hidden = true;
    const result = row.querySelector("[data-result]");
    result.innerHTML = request.responseText;
    htmx.process(result);
    if (result.querySelector("[data-outcome=refused]")) reopen(row);
    sendNext();
  }

  // A refused file can be corrected and goes out again with the next "Upload".
  function reopen(row) {
    delete row.dataset.sent;
    row.querySelector("[data-remove]").hidden = false;
    row.querySelectorAll("select").forEach((select) => (select.disabled = false));
  }

  function failed(row, text) {
    reopen(row);
    row.querySelector("[data-progress]").hidden = true;
    const result = row.querySelector("[data-result]");
    const again = document.createElement("button");
    again.type = "button";
    again.className = "button";
    again.dataset.resend = "same";
    again.textContent = gettext("Send again");
    const hint = gettext("It is not known to be stored; sending it again does no harm.");
    result.replaceChildren(`${text} ${hint} `, again);
    sendNext();
  }

  function show(row, text, percent) {
    row.querySelector("[data-result]").replaceChildren();
    row.querySelector("[data-progress]").hidden = false;
    row.querySelector("progress").value = percent;
    row.querySelector("[data-state]").textContent = text;
  }

  function summarise() {
    const stored = list.querySelectorAll("[data-outcome=stored]").length;
    const refused = list.children.length - stored;
    say(interpolate(gettext("%(stored)s stored, %(refused)s not stored."), { stored, refused }, true));
  }

  function say(text) {
    summary.textContent = text;
  }
}
