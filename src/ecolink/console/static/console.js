// The console's own script: what must happen in the page itself. What a page says and allows is the node's alone.
"use strict";

(() => {
  const chinese = document.documentElement.lang.startsWith("zh");
  const csrf = document.querySelector("meta[name=csrf-token]")?.content ?? "";
  const words = chinese
    ? { days: "天", hours: "小时", minutes: "分钟", joint: "", lost: "与本机节点的连接中断，请检查网络后重试。", ended: "登录已结束，请重新登录。", failed: "操作未成功。", restored: "已恢复上次填写但未提交的内容。", afresh: "重新填写" }
    : { days: " d", hours: " h", minutes: " min", joint: " ", lost: "This node cannot be reached. Check the network and try again.", ended: "Your login has ended. Please sign in again.", failed: "That did not work.", restored: "What you typed here before and did not send is back.", afresh: "Start afresh" };

  // Requests made by htmx show the token of this login, and whatever they answer is handled here.
  document.addEventListener("htmx:configRequest", (event) => {
    if (csrf && event.detail.verb !== "get") event.detail.headers["X-CSRF-Token"] = csrf;
    // What no person pressed or typed keeps no login in use.
    if (!event.detail.triggeringEvent?.isTrusted) event.detail.headers["X-Unasked"] = "yes";
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    const form = event.detail.elt;
    if (form.matches?.("form[data-confirm]") && !window.confirm(form.dataset.confirm)) event.preventDefault();
    else if (form.matches?.("form")) clear(form);
  });
  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status >= 500 || event.detail.xhr.status === 429) again(event);
    let problem = null;
    try { problem = JSON.parse(event.detail.xhr.responseText); } catch { /* not a problem document */ }
    tell(event, problem ?? { detail_zh: words.failed, detail_en: words.failed });
  });
  document.addEventListener("htmx:sendError", (event) => {
    again(event);
    tell(event, { detail_zh: words.lost, detail_en: words.lost });
  });
  // What changed on the node is asked for until it comes.
  function again(event) {
    const asking = event.detail.requestConfig?.triggeringEvent?.type ?? "";
    if (asking.startsWith("live:")) setTimeout(() => document.body.dispatchEvent(new CustomEvent(asking)), 5000);
  }
  // What a person pressed tells them; what the page asks for by itself is asked for again anyway.
  function tell(event, problem) {
    const form = event.detail.elt.closest("form"), place = document.getElementById("said");
    if (form) { lay(form, problem); return; }
    if (event.detail.requestConfig?.triggeringEvent?.type !== "click" || !place) return;
    place.textContent = said(problem);
    place.className = "faults";
    place.hidden = false;
    place.scrollIntoView({ block: "center" });
  }
  // Where one is stands in sight, however narrow the window.
  function center() {
    for (const row of document.querySelectorAll(".tabs, .subjects ul")) {
      const here = row.querySelector("[aria-current]")?.getBoundingClientRect();
      if (here) row.scrollLeft += here.left + here.width / 2 - row.getBoundingClientRect().left - row.clientWidth / 2;
    }
  }
  center();
  window.addEventListener("resize", center);
  // A browser without scripts checks a form itself; here the node does, which knows more.
  document.addEventListener("htmx:load", (event) => {
    for (const form of event.detail.elt.querySelectorAll("form")) form.noValidate = true;
    if (event.detail.elt.matches("form")) event.detail.elt.noValidate = true;
  });
  // A form that was asked for opens above the page.
  document.addEventListener("htmx:afterSwap", (event) => {
    const place = event.detail.target;
    if (place.matches?.("dialog") && !place.open) place.showModal();
  });
  document.addEventListener("click", (event) => event.target.closest("[data-close]")?.closest("dialog")?.close());

  // A problem document (RFC 9457) is laid into the form it is about: each fault at the field with its pointer.
  function said(thing) { return (chinese ? thing.detail_zh : thing.detail_en) ?? thing.detail ?? ""; }
  function clear(form) {
    for (const fault of form.querySelectorAll(".fault")) { fault.hidden = true; fault.textContent = ""; }
    for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
    const top = form.querySelector(".faults");
    if (top) { top.hidden = true; top.textContent = ""; }
  }
  function fieldAt(form, pointer) {
    for (let place = pointer; place; place = place.slice(0, place.lastIndexOf("/"))) {
      for (const field of form.elements) if (field.name && field.name.split("@")[0] === place) return field;
    }
    for (const field of form.elements) if (field.name?.startsWith(pointer + "/")) return field;
    return null;
  }
  function lay(form, problem) {
    clear(form);
    const left = [];
    let first = null;
    for (const fault of problem.errors ?? []) {
      const field = fault.pointer ? fieldAt(form, fault.pointer) : null;
      const place = field?.closest(".field")?.querySelector(".fault");
      if (!place) { left.push(said(fault)); continue; }
      place.textContent = place.textContent ? `${place.textContent} ${said(fault)}` : said(fault);
      place.hidden = false;
      field.closest("[data-wanted]")?.removeAttribute("hidden");
      field.setAttribute("aria-invalid", "true");
      first ??= field;
    }
    const top = form.querySelector(".faults");
    if (top && (left.length || !first)) {
      top.textContent = left.length ? left.join(" ") : said(problem);
      top.hidden = false;
    }
    (first ?? top)?.scrollIntoView({ block: "center" });
    first?.focus({ preventScroll: true });
  }

  // A fault is gone from a field as soon as somebody mends it.
  document.addEventListener("input", (event) => {
    const field = event.target;
    if (!field.hasAttribute?.("aria-invalid")) return;
    field.removeAttribute("aria-invalid");
    const place = field.closest(".field")?.querySelector(".fault");
    if (place) { place.hidden = true; place.textContent = ""; }
  });

  // What is typed is kept on the node until it is sent: it is there after a reload, and at another desk. Fields marked
  // data-private are never kept. What was typed on one version of a thing is not put into a later one.
  const KEEP_AFTER_MS = 1500;
  const keeping = new Map(); // form → timer
  const page = `${performance.timeOrigin}-${Math.random()}`.slice(0, 40);
  let turn = 0; // of two that are under way at once, the node goes by the later
  const nameOf = (form) => form.dataset.draft + (form.elements.version ? `@${form.elements.version.value}` : "");
  const isTicked = (field) => field.type === "checkbox" || field.type === "radio";
  const isUntouched = (field) => field.options
    ? [...field.options].every((option) => option.selected === option.defaultSelected || !field.querySelector("option[selected]"))
    : field.value === field.defaultValue;

  function typedInto(form) {
    const typed = {};
    for (const field of form.elements) {
      if (!field.name || field.type === "hidden" || field.type === "password" || field.type === "file" || "private" in field.dataset) continue;
      const values = (typed[field.name] ??= []);
      if (!isTicked(field) || field.checked) values.push(field.value);
    }
    return typed;
  }
  function keep(form, typed = typedInto(form)) {
    clearTimeout(keeping.get(form));
    keeping.delete(form);
    const body = new FormData();
    body.set("/name", nameOf(form));
    body.set("/page", page);
    body.set("/turn", ++turn);
    body.set("/typed@json", JSON.stringify(typed));
    return fetch("/unfinished", { method: "POST", body, keepalive: body.get("/typed@json").length < 60000, headers: { "HX-Request": "true", "X-CSRF-Token": csrf } }).catch(() => null);
  }
  function forget(form) {
    sessionStorage.setItem("sent", nameOf(form)); // the next page may ask before the node has forgotten it
    return keep(form, {});
  }
  function putBack(form, typed) {
    form.dispatchEvent(new CustomEvent("draft:found", { bubbles: true, detail: typed }));
    let isChanged = false;
    for (const field of form.elements) {
      const values = typed[field.name];
      if (!values || field.type === "hidden") continue;
      const before = isTicked(field) ? field.checked : field.value;
      if (isTicked(field)) field.checked = values.includes(field.value);
      else if (isUntouched(field)) field.value = values.shift() ?? field.value;
      if (before === (isTicked(field) ? field.checked : field.value)) continue;
      isChanged = true;
      for (const kind of ["input", "change"]) field.dispatchEvent(new Event(kind, { bubbles: true }));
    }
    if (isChanged) announce(form);
  }
  function announce(form) {
    const note = document.createElement("p"), afresh = document.createElement("button");
    note.className = "restored";
    note.textContent = words.restored;
    afresh.type = "button";
    afresh.className = "button small";
    afresh.textContent = words.afresh;
    afresh.addEventListener("click", () => forget(form).then(() => window.location.reload()));
    note.append(" ", afresh);
    form.prepend(note);
  }
  async function restore(form) {
    const name = nameOf(form);
    if (sessionStorage.getItem("sent") === name) { sessionStorage.removeItem("sent"); return; }
    const answer = await fetch(`/unfinished?name=${encodeURIComponent(name)}`, { headers: { "HX-Request": "true" } }).catch(() => null);
    if (answer?.status === 200) putBack(form, await answer.json());
  }
  document.addEventListener("input", (event) => {
    const form = event.target.closest?.("form[data-draft]");
    if (!form) return;
    clearTimeout(keeping.get(form));
    keeping.set(form, setTimeout(() => keep(form), KEEP_AFTER_MS));
  });
  window.addEventListener("pagehide", () => { for (const form of [...keeping.keys()]) keep(form); });
  document.addEventListener("draft:kept", (event) => forget(event.target));
  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.detail.elt; // what leads to another page is done; `data-ends` names the form it was typed into
    const typed = form.matches?.("form[data-draft]") ? form : document.getElementById(form.dataset?.ends ?? "");
    if (typed && event.detail.xhr.getResponseHeader("HX-Redirect")) forget(typed);
  });
  for (const form of document.querySelectorAll("form[data-draft]")) restore(form);

  // On a phone, where they do not all fit: the tab and the subject one is at are in sight.
  for (const here of document.querySelectorAll(".tabs [aria-current], .subjects [aria-current]")) {
    const row = here.closest(".tabs, ul");
    row.scrollLeft += here.getBoundingClientRect().left - row.getBoundingClientRect().left - (row.clientWidth - here.clientWidth) / 2;
  }

  // Spans of time stay true while a page is open, by the node's clock: that of a desk may be wrong.
  const ahead = Number(document.body.dataset.now ?? Date.now() / 1000) - Date.now() / 1000;
  function span(seconds) {
    const minutes = Math.floor(Math.abs(seconds) / 60);
    const parts = [[Math.floor(minutes / 1440), words.days], [Math.floor(minutes / 60) % 24, words.hours], [minutes % 60, words.minutes]]
      .filter(([count]) => count).slice(0, 2).map(([count, unit]) => count + unit);
    return parts.join(words.joint) || `0${words.minutes}`;
  }
  function countdown(seconds) {
    if (Math.abs(seconds) >= 3600) return span(seconds);
    const rest = Math.abs(Math.trunc(seconds));
    return `${seconds < 0 ? "−" : ""}${String(Math.floor(rest / 60)).padStart(2, "0")}:${String(rest % 60).padStart(2, "0")}`;
  }
  function tick() {
    const now = Date.now() / 1000 + ahead;
    for (const time of document.querySelectorAll("time[data-until]")) {
      const left = Number(time.dataset.until) - now;
      time.textContent = time.closest(".strip") ? countdown(time.closest("[data-late]") ? Math.max(-left, 0) : left) : span(left);
    }
    for (const time of document.querySelectorAll("time[data-since]")) time.textContent = span(now - Number(time.dataset.since));
    for (const clock of document.querySelectorAll("[data-clock]")) {
      clock.textContent = new Intl.DateTimeFormat(chinese ? "zh-CN" : "en-GB", { timeZone: "Asia/Shanghai", month: "2-digit", day: "2-digit", weekday: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false }).format(new Date(Date.now() + ahead * 1000));
    }
  }
  tick();
  setInterval(tick, 1000);

  // The stream: one for all tabs of this browser, held by whichever has the lock. Every tab hears what it says.
  const address = document.body.dataset.live;
  if (!address) return;
  const channel = new BroadcastChannel("ecolink-live");
  const stand = {}; // all that the stream of this tab told
  let heardAt = Date.now();
  let seen = JSON.parse(document.body.dataset.seen);
  const isHeard = () => Date.now() - heardAt < 15000;

  function hear(kind, told) {
    heardAt = Date.now();
    if (kind === "ended") { window.location.assign("/sign-in?to=" + encodeURIComponent(window.location.pathname + window.location.search) + "&ended=yes"); return; }
    if (kind !== "stand") return;
    if (told.strip !== undefined) show(told.strip);
    for (const badge of document.querySelectorAll("[data-count]")) {
      if (!told.counts) break;
      const count = badge.dataset.count.split(" ").reduce((sum, name) => sum + (told.counts[name] ?? 0), 0);
      badge.textContent = count;
      if (badge.classList.contains("badge")) badge.hidden = !count;
    }
    if (told.marks) renew(told.marks);
  }
  // What stands on the page was read when the marks were as `seen`; a topic whose mark differs is asked for anew.
  function renew(marks) {
    const before = seen;
    seen = marks;
    for (const topic of new Set([...Object.keys(before), ...Object.keys(marks)])) {
      if (before[topic] !== marks[topic]) document.body.dispatchEvent(new CustomEvent(`live:${topic}`));
    }
  }
  function show(strip) {
    const place = document.getElementById("strip");
    const before = Number(place.querySelector("[data-sounds]")?.dataset.sounds ?? 0);
    place.innerHTML = strip;
    tick();
    if (Number(place.querySelector("[data-sounds]")?.dataset.sounds ?? 0) > before) sound();
  }
  function sound() {
    document.title = `● ${document.title.replace(/^● /, "")}`;
    try {
      const audio = new AudioContext();
      for (const [at, pitch] of [[0, 880], [0.25, 660], [0.5, 880], [0.75, 660]]) {
        const tone = audio.createOscillator(), volume = audio.createGain();
        tone.frequency.value = pitch;
        volume.gain.setValueAtTime(0.15, audio.currentTime + at);
        volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + at + 0.22);
        tone.connect(volume).connect(audio.destination);
        tone.start(audio.currentTime + at);
        tone.stop(audio.currentTime + at + 0.24);
      }
    } catch { /* a browser that lets no page sound before it was touched still shows the strip */ }
  }
  channel.addEventListener("message", (event) => {
    if (event.data.kind !== "asked") hear(event.data.kind, event.data.told);
    else if (stand.marks && isHeard()) channel.postMessage({ kind: "stand", told: stand });
  });

  function follow() {
    return new Promise(() => listen()); // the lock is held as long as this tab lives
  }
  function listen() {
    const source = new EventSource(address);
    for (const kind of ["stand", "beat", "ended"]) {
      source.addEventListener(kind, (event) => {
        if (kind === "ended") source.close();
        pass(kind, event.data ? JSON.parse(event.data) : {});
      });
    }
    // A browser comes back by itself to a stream that broke off, but not to one that was refused.
    source.addEventListener("error", () => { if (source.readyState === EventSource.CLOSED) ask(); });
  }
  function pass(kind, told) {
    if (kind === "stand") Object.assign(stand, told);
    hear(kind, told);
    channel.postMessage({ kind, told });
  }
  async function ask() {
    const enough = new AbortController();
    const answer = await fetch(address, { headers: { "HX-Request": "true", "X-Unasked": "yes" }, signal: enough.signal }).catch(() => null);
    enough.abort();
    if (answer?.headers.has("HX-Redirect")) pass("ended", {});
    else setTimeout(listen, 5000);
  }
  if (navigator.locks) navigator.locks.request(`ecolink-live-${csrf}`, follow);
  else follow();
  channel.postMessage({ kind: "asked" }); // a tab that is opened later hears how things stand

  setInterval(() => {
    for (const sign of document.querySelectorAll(".stale")) sign.hidden = isHeard();
  }, 2000);
})();
