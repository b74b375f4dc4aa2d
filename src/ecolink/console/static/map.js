// Maps: our own lines, no tiles unless the bureau has a server of its own. All that is on a map stands beside it in words:
// matters are read from the list, and what is drawn is written into the field where it can be typed as well.
"use strict";

(() => {
  const chinese = document.documentElement.lang.startsWith("zh");
  const words = chinese
    ? { near: "放大", far: "缩小", border: "省界", sketch: "示意图，不得用于导航或划界" }
    : { near: "Zoom in", far: "Zoom out", border: "Provincial border", sketch: "Schematic, not for navigation" };
  const named = (thing) => (chinese ? thing.name_zh : thing.name_en) ?? "";
  const short = (name) => name.replace(/公安局$/, "").replace(/ County.*$| She Autonomous.*$/, "");
  const grounds = new Map();

  function groundOf(address) {
    if (!grounds.has(address)) grounds.set(address, fetch(address).then((answer) => answer.json()));
    return grounds.get(address);
  }

  function begin(place, ground) {
    const map = L.map(place, { zoomControl: false, attributionControl: false, scrollWheelZoom: place.classList.contains("large"), zoomSnap: 0.25, maxZoom: 17 });
    map.setView([27.55, 119.3], 9); // Leaflet places nothing before it knows where it looks
    L.control.zoom({ zoomInTitle: words.near, zoomOutTitle: words.far }).addTo(map);
    const credit = [ground.sketch ? words.sketch : "", ground.tiles?.attribution ?? ""].filter(Boolean).join(" · ");
    if (credit) L.control.attribution({ prefix: false }).addAttribution(escaped(credit)).addTo(map);
    if (ground.tiles) L.tileLayer(ground.tiles.url, { maxZoom: 17 }).addTo(map);
    place.classList.toggle("tiled", Boolean(ground.tiles));
    const outlines = L.geoJSON(ground.outlines, {
      interactive: false,
      style: (feature) => ({ className: `county province-${String(feature.properties?.region_code ?? "").slice(0, 2)}` }),
    }).addTo(map);
    L.geoJSON(ground.border, { interactive: false, style: { className: "border" } }).addTo(map);
    for (const seat of ground.seats) {
      L.circleMarker(seat.at, { radius: seat.ours ? 6 : 4, className: seat.ours ? "seat ours" : "seat", interactive: false })
        .bindTooltip(escaped(short(named(seat))), { permanent: true, direction: "top", className: seat.ours ? "seat-name ours" : "seat-name", offset: [0, -4] })
        .addTo(map);
    }
    if (outlines.getBounds().isValid()) map.fitBounds(outlines.getBounds(), { padding: [12, 12] });
    return map;
  }

  // Names come from a file that anybody may have written, and Leaflet takes HTML.
  function escaped(text) {
    const span = document.createElement("span");
    span.textContent = text;
    return span.innerHTML;
  }

  function layerOf(shape, tone, name, path) {
    const layer = L.geoJSON(shape, {
      style: { className: `matter ${tone}` },
      pointToLayer: (_, at) => L.marker(at, { title: name, keyboard: Boolean(path), interactive: Boolean(path), icon: L.divIcon({ className: `pin ${tone}`, iconSize: [22, 22] }) }),
    });
    if (path) {
      layer.on("click", () => window.location.assign(path));
      layer.on("keypress", (event) => { if (event.originalEvent.key === "Enter") window.location.assign(path); });
    }
    if (path && name) layer.bindTooltip(escaped(name));
    return layer;
  }

  // One shape, that of the page's own matter.
  function showOne(map, place) {
    const layer = layerOf(JSON.parse(place.dataset.shape), place.dataset.tone, "", "").addTo(map);
    const point = layer.getBounds().getCenter();
    if (layer.getBounds().getNorthEast().equals(layer.getBounds().getSouthWest())) map.setView(point, 10.5);
    else map.fitBounds(layer.getBounds().pad(1.5));
  }

  // Every matter of the list beside the map, and again whenever the list was brought up to date.
  function showList(map, list) {
    const shown = L.layerGroup().addTo(map);
    const layers = new Map();
    const draw = () => {
      shown.clearLayers();
      layers.clear();
      for (const item of list.querySelectorAll("[data-shape]")) {
        const name = item.querySelector("strong")?.textContent ?? "";
        const layer = layerOf(JSON.parse(item.dataset.shape), item.dataset.tone, name, item.dataset.path);
        layers.set(item.dataset.matter, layer.addTo(shown));
      }
    };
    draw();
    list.addEventListener("htmx:afterSwap", draw);
    list.addEventListener("click", (event) => {
      const layer = layers.get(event.target.closest("[data-show]")?.dataset.show);
      if (!layer) return;
      map.getContainer().scrollIntoView({ block: "nearest" });
      map.fitBounds(layer.getBounds().pad(2), { maxZoom: 12 });
      layer.openTooltip?.();
    });
  }

  // Drawing fills the field, one point in each line, and the field draws: whichever a person likes better.
  function drawInto(map, place) {
    const box = place.closest("[data-draws]");
    const field = document.getElementById(box.dataset.draws);
    const drawn = L.layerGroup().addTo(map);
    const lines = () => field.value.split("\n").map((line) => line.trim()).filter(Boolean);
    const points = () => lines().map((line) => line.split(/[,，\s]+/).map(Number)).filter((pair) => pair.length === 2 && pair.every(Number.isFinite)).map(([longitude, latitude]) => [latitude, longitude]);
    const write = (left) => {
      field.value = left.join("\n");
      field.dispatchEvent(new Event("input", { bubbles: true }));
    };
    const draw = () => {
      drawn.clearLayers();
      const corners = points();
      if (corners.length > 2) L.polygon(corners, { className: "matter drawn" }).addTo(drawn);
      else if (corners.length === 2) L.polyline(corners, { className: "matter drawn" }).addTo(drawn);
      for (const corner of corners) L.circleMarker(corner, { radius: 5, className: "corner", interactive: false }).addTo(drawn);
    };
    map.on("click", (event) => write([...lines(), `${event.latlng.lng.toFixed(5)}, ${event.latlng.lat.toFixed(5)}`]));
    box.querySelector("[data-undo]").addEventListener("click", () => write(lines().slice(0, -1)));
    box.querySelector("[data-clear]").addEventListener("click", () => write([]));
    field.addEventListener("input", draw);
    draw();
  }

  for (const place of document.querySelectorAll("[data-map]")) {
    groundOf(place.dataset.ground).then((ground) => {
      const map = begin(place, ground);
      if (place.dataset.shape) showOne(map, place);
      if (place.dataset.matters) showList(map, document.getElementById(place.dataset.matters));
      if ("draw" in place.dataset) drawInto(map, place);
      place.dataset.ready = "";
    });
  }
})();
