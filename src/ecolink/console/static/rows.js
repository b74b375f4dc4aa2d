// Rows of a form that are added and taken away, such as persons; and files, each of which becomes a row once it is here.
"use strict";

(() => {
  const csrf = document.querySelector("meta[name=csrf-token]")?.content ?? "";

  // A row's fields are called /persons/0/name …: the numbers follow the order on the page, without holes, for what
  // the node finds wrong is told by them.
  function renumber(block) {
    const prefix = block.dataset.several;
    const id = `f${prefix.replaceAll("/", "-")}-`;
    block.querySelectorAll("[data-list] > [data-row]").forEach((row, number) => {
      for (const field of row.querySelectorAll("*")) {
        for (const name of ["name", "id", "for", "aria-describedby"]) {
          const value = field.getAttribute(name);
          if (!value) continue;
          const start = name === "name" ? `${prefix}/` : id;
          if (value.startsWith(start)) field.setAttribute(name, start + value.slice(start.length).replace(/^(\d+|__n__)/, number));
        }
      }
    });
  }
  function add(block) {
    const row = block.querySelector("template").content.firstElementChild.cloneNode(true);
    block.querySelector("[data-list]").append(row);
    renumber(block);
    for (const field of row.querySelectorAll("[data-counts]")) field.value = next(block, field.dataset.counts);
    return row;
  }
  function next(block, letter) { // P1, P2 …: never a name that the texts may use already
    const used = [...block.querySelectorAll("[data-counts]")].map((field) => Number(field.value.slice(letter.length)) || 0);
    return letter + (Math.max(0, ...used) + 1);
  }
  function changed(place) { place.dispatchEvent(new Event("input", { bubbles: true })); }

  document.addEventListener("click", (event) => {
    const adds = event.target.closest("[data-add]"), away = event.target.closest("[data-away]");
    const block = (adds ?? away)?.closest("[data-several]");
    if (!block) return;
    if (adds) {
      add(block).querySelector("input:not([type=hidden]), select, textarea")?.focus();
    } else {
      away.closest("[data-row]").remove();
      renumber(block);
      (block.querySelector("[data-add]") ?? block.querySelector("[data-upload]"))?.focus();
    }
    changed(block);
  });

  // Files go up one after another; a row names each that arrived by its digest.
  function bring(file, input, line) {
    return new Promise((resolve) => {
      const bar = line.appendChild(document.createElement("progress"));
      const request = new XMLHttpRequest();
      bar.setAttribute("aria-label", file.name);
      bar.max = 1;
      request.open("POST", `${input.dataset.upload}?name=${encodeURIComponent(file.name)}`);
      request.setRequestHeader("X-CSRF-Token", csrf);
      request.setRequestHeader("HX-Request", "true");
      request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
      request.upload.addEventListener("progress", (event) => { if (event.lengthComputable) bar.value = event.loaded / event.total; });
      request.addEventListener("loadend", () => {
        bar.remove();
        let answer = {};
        try { answer = JSON.parse(request.responseText); } catch { /* the line was lost */ }
        resolve(request.status === 201 ? answer : { fault: (document.documentElement.lang.startsWith("zh") ? answer.detail_zh : answer.detail_en) ?? "" });
      });
      request.send(file);
    });
  }
  document.addEventListener("change", async (event) => {
    const input = event.target.closest("[data-upload]");
    if (!input) return;
    const block = input.closest("[data-several]");
    const lines = block.querySelector(".uploads");
    const files = [...input.files];
    input.value = "";
    for (const file of files) {
      const line = lines.appendChild(document.createElement("li"));
      line.textContent = file.name;
      const answer = await bring(file, input, line);
      if (answer.digest) {
        const row = add(block);
        row.querySelector("[data-digest]").value = answer.digest;
        const title = row.querySelector("input:not([type=hidden])"), name = row.querySelector("[data-name]");
        if (title) title.value = file.name.replace(/\.[^.]+$/, "").slice(0, 300);
        if (name) name.textContent = file.name;
        line.remove();
        changed(block);
      } else {
        line.textContent = `${input.dataset.lost} ${file.name} ${answer.fault}`;
        line.classList.add("fault");
      }
    }
  });

  // Before what was typed is put back, there must be as many rows as there were.
  document.addEventListener("draft:found", (event) => {
    const kept = Object.keys(event.detail);
    for (const block of event.target.querySelectorAll("[data-several]")) {
      const start = `${block.dataset.several}/`;
      const count = Math.max(-1, ...kept.filter((name) => name.startsWith(start)).map((name) => parseInt(name.slice(start.length), 10)));
      while (!block.querySelector("[data-upload]") && block.querySelectorAll("[data-list] > [data-row]").length <= count) add(block);
    }
  });
})();
