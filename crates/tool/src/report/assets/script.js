"use strict";
// What the page does beyond being read: tables are searched and sorted, flame graphs and treemaps zoomed, by
// mouse and by keys. Without this script everything is there, and stands still.

function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// ---- tables: a field that searches, headings that sort ----

function valueOf(cell) {
  return cell.dataset.v === undefined ? cell.textContent : Number(cell.dataset.v);
}

function sortBy(table, column) {
  const heading = table.tHead.rows[0].cells[column];
  const numeric = heading.classList.contains("n");
  const was = heading.getAttribute("aria-sort");
  const descending = was ? was === "ascending" : numeric;
  for (const cell of table.tHead.rows[0].cells) cell.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows].map((row) => [valueOf(row.cells[column]), row]);
  rows.sort(([a], [b]) => (numeric ? Number(a) - Number(b) : String(a).localeCompare(String(b))));
  if (descending) rows.reverse();
  table.tBodies[0].append(...rows.map(([, row]) => row));
}

function search(table, words, told) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of table.tBodies[0].rows) {
    const name = row.cells[0].textContent.toLowerCase();
    row.hidden = !wanted.every((word) => name.includes(word));
    shown += !row.hidden;
  }
  told.textContent = wanted.length ? `${shown} of ${table.tBodies[0].rows.length} rows` : "";
}

function enrich(table) {
  [...table.tHead.rows[0].cells].forEach((cell, column) => {
    const button = make("button", { type: "button", textContent: cell.textContent });
    button.addEventListener("click", () => sortBy(table, column));
    cell.replaceChildren(button);
  });
  const told = make("output", {});
  const field = make("input", { type: "search", autocomplete: "off" });
  field.addEventListener("input", () => search(table, field.value, told));
  const label = make("label", {}, "Search ", field);
  table.parentElement.before(make("div", { className: "tools" }, label, told));
}

// ---- boxes: one tree of boxes, of which one is the zoomed one ----
//
// A picture gives, for each box, the one around it or above it, and shows the boxes anew when the zoom
// changes. One box at a time can have the focus; arrows go to what is above, below and beside.

function tools(boxes, reset) {
  const told = make("output", {});
  const button = make("button", { type: "button", textContent: "Show all", disabled: true });
  button.addEventListener("click", reset);
  boxes.before(make("div", { className: "tools" }, button, told));
  return { told, button };
}

function operate(boxes, all, show) {
  const children = new Map(all.map((box) => [box, []]));
  for (const box of all) if (box.above) children.get(box.above).push(box);
  let current = all[0];
  let zoomed = all[0];
  const bar = tools(boxes, () => zoom(all[0]));

  function focus(box) {
    if (!box) return;
    current.element.tabIndex = -1;
    current = box;
    box.element.tabIndex = 0;
    box.element.focus({ preventScroll: true });
    bar.told.textContent = box.element.title;
  }

  function zoom(box) {
    zoomed = box;
    bar.button.disabled = box === all[0];
    show(box, children);
    bar.told.textContent = box.element.title;
  }

  function beside(box, step) {
    const list = (box.above ? children.get(box.above) : []).filter((other) => !other.element.hidden);
    return list[list.indexOf(box) + step];
  }

  const keys = {
    ArrowUp: () => focus(current.above),
    ArrowDown: () => focus(children.get(current).find((box) => !box.element.hidden)),
    ArrowLeft: () => focus(beside(current, -1)),
    ArrowRight: () => focus(beside(current, 1)),
    Home: () => focus(zoomed),
    Enter: () => zoom(current === zoomed && current.above ? current.above : current),
    " ": () => keys.Enter(),
    Escape: () => zoom(all[0]),
  };
  for (const box of all) box.element.tabIndex = -1;
  all[0].element.tabIndex = 0;
  boxes.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
  const find = (event) => {
    const element = event.target.closest(".box");
    return element && all.find((box) => box.element === element);
  };
  boxes.addEventListener("click", (event) => {
    const box = find(event);
    if (!box) return;
    focus(box);
    zoom(box === zoomed && box.above ? box.above : box);
  });
  boxes.addEventListener("mousemove", (event) => {
    const box = find(event);
    if (box) bar.told.textContent = box.element.title;
  });
  show(zoomed, children);
}

function within(box, outer) {
  for (let at = box; at; at = at.above) if (at === outer) return true;
  return false;
}

// A flame graph: rows by depth; zooming stretches what is below a box over the whole width.
function flame(boxes) {
  const path = [];
  const all = [...boxes.children].map((element) => {
    const level = Number(element.getAttribute("aria-level"));
    const box = {
      element,
      above: path[level - 2],
      left: parseFloat(element.style.left),
      width: parseFloat(element.style.width),
    };
    path.length = level - 1;
    path.push(box);
    return box;
  });
  operate(boxes, all, (zoomed) => {
    for (const box of all) {
      const isAbove = within(zoomed, box);
      box.element.classList.toggle("above", isAbove && box !== zoomed);
      box.element.hidden = !isAbove && !within(box, zoomed);
      box.element.style.left = isAbove ? "0%" : `${((box.left - zoomed.left) * 100) / zoomed.width}%`;
      box.element.style.width = isAbove ? "100%" : `${(box.width * 100) / zoomed.width}%`;
    }
  });
}

// A treemap: boxes in boxes; zooming gives the whole room to a box and those around it. The same places as in
// treemap.rs, for the room that there really is.
function squarify(sizes, width, height) {
  const sum = sizes.reduce((a, b) => a + b, 0);
  const places = [];
  const scale = (width * height) / sum;
  let [x, y, w, h] = [0, 0, width, height];
  for (let at = 0; at < sizes.length; ) {
    const side = Math.min(w, h);
    let [end, row, worst] = [at, 0, Infinity];
    for (; end < sizes.length; end++) {
      const thick = (row + sizes[end] * scale) / side;
      const ratio = (size) => Math.max((size * scale) / thick / thick, thick / ((size * scale) / thick));
      const now = Math.max(ratio(sizes[at]), ratio(sizes[end]));
      if (end > at && now > worst) break;
      row += sizes[end] * scale;
      worst = now;
    }
    const thick = row / side;
    let along = 0;
    for (; at < end; at++) {
      const long = (sizes[at] * scale) / thick;
      places.push(w >= h ? [x, y + along, thick, long] : [x + along, y, long, thick]);
      along += long;
    }
    if (w >= h) [x, w] = [x + thick, w - thick];
    else [y, h] = [y + thick, h - thick];
  }
  return places;
}

function map(boxes) {
  const all = [...boxes.querySelectorAll(".box")].map((element) => ({
    element,
    room: element.lastElementChild,
    bytes: Number(element.dataset.b),
  }));
  const of = new Map(all.map((box) => [box.element, box]));
  for (const box of all) box.above = of.get(box.element.parentElement.closest(".box"));
  const place = (box, left, top, width, height) => {
    Object.assign(box.element.style, {
      left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px`,
    });
    box.size = [width - 6, height - 22];
    // Too small for a name, or for anything.
    box.element.hidden = width < 3 || height < 3;
    box.room.hidden = box.size[0] < 8 || box.size[1] < 8;
  };
  let shown;
  const show = (zoomed, children) => {
    shown = () => show(zoomed, children);
    for (const box of all) box.size = undefined;
    place(all[0], 0, 0, boxes.clientWidth, boxes.clientHeight);
    for (const box of all) {
      const below = children.get(box);
      if (!box.size || box.room.hidden || !below.length) continue;
      const [width, height] = box.size;
      const open = below.find((child) => within(zoomed, child));
      if (open) {
        // Not the open one, not even for a moment: it would lose the focus.
        for (const child of below) if (child !== open) child.element.hidden = true;
        place(open, 0, 0, width, height);
        continue;
      }
      const rest = box.bytes - below.reduce((sum, child) => sum + child.bytes, 0);
      const sizes = [...below.map((child) => child.bytes), rest].filter((size) => size > 0);
      const places = squarify(sizes, width, height);
      below.forEach((child, at) => place(child, ...(places[at] || [0, 0, 0, 0])));
    }
  };
  operate(boxes, all, show);
  window.addEventListener("resize", () => shown());
}

for (const table of document.querySelectorAll("table.rich")) enrich(table);
for (const boxes of document.querySelectorAll(".flame")) flame(boxes);
for (const boxes of document.querySelectorAll(".map")) map(boxes);

// On paper everything is open.
let opened = [];
window.addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  for (const details of opened) details.open = true;
});
window.addEventListener("afterprint", () => {
  for (const details of opened) details.open = false;
});
