// A draft saves itself a moment after somebody stopped typing, as soon as nothing lacks; until then the form is kept as
// it was typed (console.js).
"use strict";

(() => {
  const form = document.querySelector("form[data-saves]");
  if (!form) return;
  const state = form.querySelector("[data-save-state]");
  const AFTER_MS = 1500;
  let timer = 0, saving = null, isChanged = false;

  function say(text, isFault = false) {
    state.textContent = text;
    state.classList.toggle("fault", isFault);
  }
  async function save() {
    isChanged = false;
    say(form.dataset.saving);
    let answer;
    try {
      answer = await fetch(form.dataset.saves, { method: "POST", body: new FormData(form), headers: { "HX-Request": "true" } });
    } catch {
      isChanged = true;
      say(form.dataset.lost, true);
      return;
    }
    const told = await answer.json().catch(() => ({}));
    if (answer.ok && told.id) settle(told);
    else if (answer.status === 422 && told.errors) say(`${form.dataset.lacking} ${told.errors.length}`);
    else say((document.documentElement.lang.startsWith("zh") ? told.detail_zh : told.detail_en) ?? form.dataset.lost, true);
  }
  function settle(told) {
    const path = `/leads/${told.id}/edit`;
    const isFirst = Boolean(form.dataset.draft);
    if (isFirst) form.dispatchEvent(new CustomEvent("draft:kept", { bubbles: true })); // it is a draft now
    form.elements.version.value = told.version;
    if (isFirst) {
      delete form.dataset.draft;
      form.dataset.saves = path;
      form.setAttribute("hx-post", path);
      form.action = path;
      htmx.process(form);
      history.replaceState(null, "", path);
    }
    const time = new Intl.DateTimeFormat("en-GB", { timeZone: "Asia/Shanghai", hour: "2-digit", minute: "2-digit" }).format(new Date());
    say(`${form.dataset.saved} ${time}`);
  }
  function soon() {
    isChanged = true;
    clearTimeout(timer);
    timer = setTimeout(() => { saving = (saving ?? Promise.resolve()).then(save); }, AFTER_MS);
  }
  form.addEventListener("input", soon);

  // What is handed in builds on what was saved last.
  form.addEventListener("htmx:confirm", (event) => {
    if (event.target !== form) return;
    clearTimeout(timer);
    isChanged = false;
    if (!saving) return;
    event.preventDefault();
    saving.then(() => event.detail.issueRequest(true));
    saving = null;
  });
  form.addEventListener("htmx:responseError", () => { isChanged = true; });
  window.addEventListener("beforeunload", (event) => { if (isChanged && !form.dataset.draft) event.preventDefault(); });
})();
