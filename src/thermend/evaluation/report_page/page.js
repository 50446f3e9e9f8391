"use strict";
const find = (id) => document.getElementById(id);
const { measures, summary, images } = JSON.parse(find("data").textContent);
const shown = JSON.parse(find("shown").textContent);

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

// A number as a format specification of Python's asks, ".2f" or ".1%".
function written(value, style) {
  if (value === undefined || value === null) return "";
  const digits = Number(style.slice(1, -1));
  return style.endsWith("%") ? `${(100 * value).toFixed(digits)}%` : value.toFixed(digits);
}

// A table whose columns are sorted by their heads: {title, of(row), text, best(row)}.
function table(place, columns, rows, { most = Infinity, grouped = false } = {}) {
  let by = null;
  let down = false;
  const head = element("tr");
  const body = element("tbody");
  columns.forEach((column) => {
    const cell = element("th", { scope: "col", className: column.text ? "text" : "" },
      element("button", { type: "button", textContent: column.title, onclick: () => {
        down = by === column ? !down : !column.text && column.better !== -1;
        by = column;
        [...head.children].forEach((each) => each.removeAttribute("aria-sort"));
        cell.setAttribute("aria-sort", down ? "descending" : "ascending");
        draw();
      } }));
    head.append(cell);
  });
  function draw() {
    let ordered = rows;
    if (by) {
      const last = (value) => value === undefined || value === null;
      ordered = [...rows].sort((a, b) => {
        const [x, y] = [by.of(a), by.of(b)];
        if (last(x) || last(y)) return last(x) - last(y);
        return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1);
      });
    }
    let before = null;
    body.replaceChildren(...ordered.slice(0, most).map((row) => {
      const first = grouped && !by && row.condition !== before;
      before = row.condition;
      return element("tr", { className: (first ? "first " : "") + (row.method === "input" ? "given" : "") },
        ...columns.map((column) => element("td", {
          className: (column.text ? "text" : "") + (column.best && column.best(row) ? " best" : ""),
          textContent: column.text ? column.of(row) : written(column.of(row), column.style),
        })));
    }));
  }
  place.replaceChildren(element("thead", {}, head), body);
  draw();
}

const numbers = (of, best) => measures.map(({ name, title, style, better }) => ({
  title, style, better, of: (row) => of(row)[name], best: best && ((row) => row.best.includes(name)),
}));
table(find("summary"), [
  { title: "condition", text: true, of: (row) => row.condition },
  { title: "method", text: true, of: (row) => row.method },
  { title: "images", style: ".0f", of: (row) => row.images },
  ...numbers((row) => row.values, true),
  { title: "s an image", style: ".2f", better: -1, of: (row) => row.seconds },
], summary, { grouped: true });

const MOST = 2000;
function byImage() {
  const [condition, method, name] = ["condition", "method", "name"].map((id) => find(id).value);
  const wanted = images.filter((row) => (!condition || row.condition === condition) && (!method || row.method === method)
    && row.image.toLowerCase().includes(name.toLowerCase()));
  table(find("images"), [
    { title: "condition", text: true, of: (row) => row.condition },
    { title: "set", text: true, of: (row) => row.set },
    { title: "image", text: true, of: (row) => row.image },
    { title: "method", text: true, of: (row) => row.method },
    ...measures.slice(0, 3).map(({ name: key, title, style }) => ({ title: `${title} before`, style, of: (row) => row.before[key] })),
    ...numbers((row) => row.values),
    { title: "s", style: ".2f", better: -1, of: (row) => row.seconds },
  ], wanted, { most: MOST });
  find("more").textContent = wanted.length > MOST ? `${wanted.length - MOST} more; narrow them down.` : "";
}
for (const id of ["condition", "method"]) {
  [...new Set(images.map((row) => row[id]))].forEach((value) => find(id).append(element("option", { value, textContent: value })));
  find(id).onchange = byImage;
}
find("name").oninput = byImage;
byImage();

// Two versions of an image, one over the other up to a line.
const stage = find("stage");
const choices = ["which", "left", "right", "error", "gain", "lens", "cut"].map(find);
const [which, left, right, error, gain, lens, cut] = choices;

function layer(picture, version, width, height) {
  const image = (name) => Object.assign(new Image(width, height), { src: picture.versions[name], alt: `${picture.image}: ${name}`, draggable: false });
  if (!error.checked || version === "clean" || !picture.versions.clean) return element("div", {}, image(version));
  const both = element("div", { className: "difference" }, image("clean"), image(version));
  const heated = element("div", {}, both);
  heated.style.filter = `brightness(${gain.value}) url(#heat)`;
  return heated;
}

let size = [0, 0];
function draw() {
  const picture = shown[Number(which.value)];
  const probe = new Image();
  probe.onload = () => {
    size = [probe.naturalWidth, probe.naturalHeight];
    stage.style.width = `${size[0]}px`;
    stage.style.height = `${size[1]}px`;
    find("under").replaceChildren(layer(picture, right.value, ...size));
    find("over").replaceChildren(layer(picture, left.value, ...size));
    divide();
  };
  probe.src = Object.values(picture.versions)[0];
  find("gain-of").hidden = !error.checked;
  const told = (version) => {
    const row = images.find((each) => each.condition === picture.condition && each.set === picture.set
      && each.image === picture.image && (version === "input" || each.method === version));
    if (!row || version === "clean") return version;
    const values = version === "input" ? row.before : row.values;
    return `${version} (${measures.slice(0, 3).filter(({ name }) => name in values).map(({ name, title, style }) => `${title} ${written(values[name], style)}`).join(", ")})`;
  };
  find("caption").textContent = `${picture.condition}: ${picture.image}. Left ${told(left.value)}; right ${told(right.value)}`;
}
function divide() {
  const at = (cut.value / 1000) * size[0];
  find("over").style.clipPath = `inset(0 ${size[0] - at}px 0 0)`;
  find("line").style.left = `${at}px`;
}
function versions() {
  const names = Object.keys(shown[Number(which.value)].versions);
  [left, right].forEach((select, side) => {
    const kept = select.value;
    select.replaceChildren(...names.map((name) => element("option", { value: name, textContent: name })));
    const usual = side ? names.find((name) => name !== "clean" && name !== "input") : "input";
    select.value = names.includes(kept) ? kept : usual || names[0];
  });
  draw();
}
// The lens shows what lies under the pointer, of the side that the pointer is on.
function look(event) {
  const box = stage.getBoundingClientRect();
  const [x, y] = [event.clientX - box.left, event.clientY - box.top];
  const times = Number(lens.value);
  const glass = find("glass");
  glass.hidden = !times || x < 0 || y < 0 || x > size[0] || y > size[1];
  if (glass.hidden) return;
  const seen = [find("over"), find("under")].map((side) => side.cloneNode(true));
  const half = 110;
  seen.forEach((side, n) => {
    side.removeAttribute("id");
    side.className = "side";
    side.style.clipPath = "none";
    side.style.transformOrigin = "0 0";
    side.style.width = `${size[0]}px`;
    side.style.height = `${size[1]}px`;
    side.style.transform = `translate(${half - x * times}px, ${half - y * times}px) scale(${times})`;
    if (n === 0) side.style.clipPath = find("over").style.clipPath;
  });
  glass.replaceChildren(seen[1], seen[0]);
  glass.style.left = `${x - half}px`;
  glass.style.top = `${y - half}px`;
}
if (shown.length) {
  find("viewer").hidden = false;
  which.append(...shown.map((picture, n) => element("option", { value: n, textContent: `${picture.condition}: ${picture.set} ${picture.image}` })));
  which.onchange = versions;
  [left, right, error, gain].forEach((each) => { each.oninput = draw; });
  cut.oninput = divide;
  lens.onchange = () => { find("glass").hidden = true; };
  stage.onpointermove = (event) => {
    const box = stage.getBoundingClientRect();
    if (event.buttons || event.pointerType === "mouse") cut.value = 1000 * (event.clientX - box.left) / size[0];
    divide();
    look(event);
  };
  stage.onpointerleave = () => { find("glass").hidden = true; };
  versions();
} else {
  find("no-pictures").hidden = false;
}
