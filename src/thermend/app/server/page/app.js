// The page: what is chosen, which file is open, and how its pictures, numbers and words are shown.

import * as api from "/page/api.js";
import { UNITS, drawHistogram, histogram, paint, paintDepartures, percentiles, shown, table } from "/page/colours.js";
import { filesOf } from "/page/files.js";
import { drawProfile, statistics, valueAt, valuesOf } from "/page/measure.js";
import { parseNpy } from "/page/npy.js";
import { ENDED, Queue } from "/page/queue.js";
import { View } from "/page/view.js";

const find = (id) => document.getElementById(id);
const BINS = 128;
const KEPT = 24; // frames and pictures whose pixels stay in memory
const FRAMES_A_SECOND = 9;
const ARCHIVED = 250; // results in one ZIP file: their names have to fit into a line of a proxy's

let colours = {}; // palettes by name
let suffixes = [];
let open = null; // the item that is shown
let picture = null; // {before, after, departure, units, factor, range, extent, layers}
let unit = null; // of the result that was shown last
let showing = 0; // grows with every picture asked for, so that a late answer is not shown
const cache = new Map();

// Files -------------------------------------------------------------------------------------------------------------------

const rows = new Map();
const queue = new Queue((item) => {
  if (item) updateRow(item);
  else listFiles();
  summarise();
  if (item && item === open) void showItem(item);
  else if (item && !open && (item.job?.views || item.state === "failed")) void showItem(item);
});

function chosen() {
  const fields = { pixels: "true", trust: find("trust").checked ? "true" : "" };
  for (const name of ["mode", "contrast", "method", "scale", "unit"]) fields[name] = find(name).value;
  return fields;
}

function take(files) {
  if (files.length) queue.add(files, chosen());
}

function listFiles() {
  const list = find("queue");
  const present = new Set(queue.items);
  for (const [item, row] of rows) {
    if (present.has(item)) continue;
    if (row.element.contains(document.activeElement)) (row.element.nextElementSibling ?? find("choose-files").parentElement).querySelector("button").focus();
    row.element.remove();
    rows.delete(item);
  }
  for (const item of queue.items) {
    if (rows.has(item)) continue;
    const row = rowOf(item);
    rows.set(item, row);
    list.append(row.element);
    updateRow(item);
  }
  find("all").hidden = !queue.items.length;
}

function rowOf(item) {
  const element = document.createElement("li");
  const button = (text, title, pressed) => {
    const made = document.createElement("button");
    Object.assign(made, { type: "button", textContent: text, title });
    made.addEventListener("click", pressed);
    return made;
  };
  const opener = button(item.name, item.name, () => void showItem(item));
  opener.className = "open";
  const end = button("✕", "", () => {
    if (!ENDED.includes(item.state)) return queue.cancel(item);
    if (open === item) close();
    queue.remove(item);
  });
  const state = document.createElement("span");
  const bar = document.createElement("progress");
  bar.max = 1;
  element.append(opener, end, state, bar);
  return { element, opener, end, state, bar };
}

function updateRow(item) {
  const row = rows.get(item);
  if (!row) return;
  const frames = item.job?.frames;
  const words = {
    waiting: "waits here",
    "waiting for room": "waits for room on the server",
    uploading: "is sent",
    queued: item.job?.ahead ? `${item.job.ahead} before it` : "waits",
    running: frames ? `frame ${frames[0]}${frames[1] ? ` of ${frames[1]}` : ""}` : "is mended",
    done: "done",
    failed: item.error,
    cancelled: "cancelled",
  };
  row.state.textContent = words[item.state] ?? item.state;
  row.state.className = `state ${item.state}`;
  const ended = ENDED.includes(item.state);
  row.end.setAttribute("aria-label", `${ended ? "Remove" : "Cancel"} ${item.name}`);
  row.bar.hidden = ended || item.state === "waiting";
  if (item.state === "uploading" || (item.state === "running" && item.share)) row.bar.value = item.share;
  else row.bar.removeAttribute("value");
  row.bar.setAttribute("aria-label", `${item.name}: ${row.state.textContent}`);
  row.opener.setAttribute("aria-current", item === open);
}

function summarise() {
  const count = (state) => queue.items.filter((item) => item.state === state).length;
  const [total, done, failed] = [queue.items.length, count("done"), count("failed")];
  const text = total ? `${done} of ${total} done${failed ? `, ${failed} failed` : ""}` : "Drop thermal files anywhere on this page.";
  if (find("summary").textContent !== text) find("summary").textContent = text; // told once
  const ids = queue.items.filter((item) => item.state === "done").map((item) => item.id);
  const all = find("download-all");
  all.hidden = !ids.length;
  if (ids.length) all.href = api.archiveAddress(ids.slice(-ARCHIVED));
  all.textContent = ids.length > ARCHIVED ? `Download the last ${ARCHIVED} (ZIP)` : "Download all (ZIP)";
  find("cancel-all").hidden = queue.items.every((item) => ENDED.includes(item.state));
}

// The open file -----------------------------------------------------------------------------------------------------------

function close() {
  play(false);
  open = picture = null;
  view.show(null);
  find("name").textContent = "\u00a0";
  for (const id of ["words", "steps"]) find(id).replaceChildren();
  find("empty").hidden = false;
  for (const id of ["download", "film", "error"]) find(id).hidden = true;
  measure();
}

async function showItem(item) {
  const before = open;
  open = item;
  if (before !== item) play(false);
  if (before && before !== item) {
    updateRow(before);
    picture = null;
    view.marks = [];
    view.show(null);
    measure();
    readOut(null);
  }
  updateRow(item);
  tell(item);
  const frames = item.job?.views?.frames ?? [];
  const isRecording = Boolean(item.job?.frames);
  find("film").hidden = !isRecording;
  if (!frames.length) return void (find("empty").hidden = item.state !== "failed" && item.state !== "cancelled" ? false : true);
  const slider = find("frame");
  const last = Number(slider.max);
  slider.max = frames.length - 1;
  if (before !== item) slider.value = 0;
  if (before === item && picture && picture.id === item.id && (last === frames.length - 1 || isRecording)) return;
  await showFrame();
}

function tell(item) {
  find("name").textContent = item.name;
  find("error").hidden = !item.error;
  find("error").textContent = item.error ?? "";
  find("words").replaceChildren(...(item.job?.words ?? []).map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  const steps = item.job?.steps ?? [];
  const notes = [];
  if (item.state === "done") notes.push(steps.length ? steps.join(", then ") : "nothing had to be done");
  if (item.job?.suspect > 0) notes.push(`${Math.round(100 * item.job.suspect)} % of the result is not supported by what was measured`);
  if (item.job?.left?.length) notes.push(`left behind: ${item.job.left.join(", ")}`);
  find("steps").textContent = notes.join("; ");
  const download = find("download");
  download.hidden = !item.job?.result;
  if (item.job?.result) {
    download.href = api.resultAddress(item.id);
    download.download = item.job.result.name;
  }
  find("again").disabled = false;
}

async function pixelsOf(id, side, frame) {
  const key = `${id} ${side} ${frame}`;
  let found = cache.get(key);
  cache.delete(key);
  if (!found) found = parseNpy(await api.pixels(id, side, frame));
  cache.set(key, found); // the last one is the newest
  while (cache.size > KEPT) cache.delete(cache.keys().next().value);
  return found;
}

async function showFrame() {
  const item = open;
  const turn = ++showing;
  const { frames, before: was, after: is, departure } = item.job.views;
  const number = frames[Math.min(Number(find("frame").value), frames.length - 1)];
  find("frame-number").textContent = item.job.frames ? `${number + 1}` : "";
  let before, after, departures;
  try {
    [before, after, departures] = await Promise.all([
      pixelsOf(item.id, "before", number),
      pixelsOf(item.id, "after", number),
      departure ? pixelsOf(item.id, "departure", number).catch(() => null) : null,
    ]);
  } catch (error) {
    if (error.status === 404 && item.state === "done" && !item.job.frames) queue.lost(item);
    else if (turn === showing && open === item && error.status !== 404) {
      find("error").hidden = false;
      find("error").textContent = error.message;
    }
    return;
  }
  if (turn !== showing || open !== item) return;
  const canvas = () => document.createElement("canvas");
  const kept = picture?.id === item.id ? picture : null;
  picture = {
    id: item.id,
    before,
    after,
    units: [was.unit, is.unit],
    factor: after.width / before.width,
    range: kept?.range,
    manual: kept?.manual ?? false,
    layers: kept?.layers ?? { before: canvas(), after: canvas(), departures: departures ? canvas() : null },
  };
  Object.assign(picture.layers, { width: before.width, height: before.height });
  if (departures) paintDepartures(picture.layers.departures, departures);
  find("overlay").disabled = !departures;
  find("empty").hidden = true;
  if (!kept) autoRange();
  if (is.unit !== unit) {
    unit = is.unit; // levels of another unit mean nothing here
    for (const id of ["isotherm", "isotherm-low", "isotherm-high"]) find(id).value = "";
  }
  limits();
  colour();
  view.show({ ...picture.layers });
  measure();
}

// Colours -----------------------------------------------------------------------------------------------------------------

function autoRange() {
  picture.manual = false;
  picture.range = picture.units[1] === "display" ? [0, 255] : percentiles(picture.after.values, [0.005, 0.995]);
}

/** What the histogram spans: a little more than the numbers do. */
function limits() {
  const ends = statistics(picture.after.values);
  const [low, high] = picture.units[1] === "display" ? [0, 255] : [ends.low, ends.high].map((end) => (Number.isFinite(end) ? end : 0));
  const room = picture.units[1] === "display" ? 0 : 0.02 * (high - low || 1);
  picture.extent = [low - room, high + room];
}

function colour() {
  if (!picture) return;
  const { before, after, units, range, layers, extent } = picture;
  const palette = colours[find("palette").value];
  const same = units[0] === units[1];
  const kind = find("isotherm").value;
  const isotherm = kind && { kind, low: Number(find("isotherm-low").value), high: Number(find("isotherm-high").value), colour: find("isotherm-colour").value };
  paint(layers.before, before, palette, same ? range : percentiles(before.values, [0.005, 0.995]), same && isotherm);
  paint(layers.after, after, palette, range, isotherm);
  const share = range.map((value) => (value - extent[0]) / (extent[1] - extent[0] || 1));
  const bins = (values) => histogram(values, extent[0], extent[1], BINS);
  drawHistogram(find("bins"), bins(after.values), same ? bins(before.values) : null, palette, share);
  const digits = UNITS[units[1]].digits;
  ["low", "high"].forEach((end, i) => {
    find(end).value = Math.round(1000 * share[i]);
    find(end).setAttribute("aria-valuetext", shown(range[i], units[1]));
    if (document.activeElement !== find(`${end}-number`)) find(`${end}-number`).value = range[i].toFixed(digits);
  });
  find("range-unit").textContent = UNITS[units[1]].name;
  find("isotherm-low").parentElement.hidden = !["above", "between"].includes(kind);
  find("isotherm-high").parentElement.hidden = !["below", "between"].includes(kind);
  find("isotherm-colour").hidden = !kind;
  view.draw();
}

function setRange(end, value) {
  if (!picture || !Number.isFinite(value)) return;
  picture.range = end === "low" ? [Math.min(value, picture.range[1]), picture.range[1]] : [picture.range[0], Math.max(value, picture.range[0])];
  picture.manual = true;
  colour();
}

for (const end of ["low", "high"]) {
  find(end).addEventListener("input", (event) => {
    if (picture) setRange(end, picture.extent[0] + (Number(event.target.value) / 1000) * (picture.extent[1] - picture.extent[0]));
  });
  find(`${end}-number`).addEventListener("input", (event) => setRange(end, parseFloat(event.target.value)));
}
find("range-auto").addEventListener("click", () => {
  if (!picture) return;
  autoRange();
  colour();
});
for (const id of ["palette", "isotherm-low", "isotherm-high", "isotherm-colour"]) find(id).addEventListener("input", colour);
find("isotherm").addEventListener("input", () => {
  if (picture) {
    const [low, high] = percentiles(picture.after.values, [0.9, 0.98]);
    const digits = UNITS[picture.units[1]].digits;
    if (!find("isotherm-low").value) find("isotherm-low").value = low.toFixed(digits);
    if (!find("isotherm-high").value) find("isotherm-high").value = high.toFixed(digits);
  }
  colour();
});

// Measuring ---------------------------------------------------------------------------------------------------------------

const view = new View(find("stage"), find("picture"), find("divider"), {
  cursor: (pixel, byKey) => readOut(pixel, byKey),
  mark: () => measure(),
});

function readOut(pixel, byKey = false) {
  const output = find("readout");
  output.setAttribute("aria-live", byKey ? "polite" : "off"); // a moving mouse would never let a screen reader finish
  if (!pixel || !picture) {
    output.textContent = "\u00a0";
    return;
  }
  const before = valueAt(picture.before, pixel.x, pixel.y, 1);
  const after = valueAt(picture.after, pixel.x, pixel.y, picture.factor);
  Object.assign(output.dataset, { x: pixel.x, y: pixel.y, before, after });
  output.textContent = `x ${pixel.x}, y ${pixel.y}: before ${shown(before, picture.units[0])}, after ${shown(after, picture.units[1])}`;
}

function measure() {
  const body = find("measured").tBodies[0];
  body.replaceChildren();
  const profile = find("profile");
  profile.hidden = true;
  find("measured").hidden = !picture || !view.marks.length;
  if (!picture) return;
  ["before", "after"].forEach((side, i) => (find(`unit-${side}`).textContent = `${side}, ${UNITS[picture.units[i]].name}`));
  view.marks.forEach((mark, number) => {
    const values = [valuesOf(mark, picture.before, 1), valuesOf(mark, picture.after, picture.factor)];
    const row = body.insertRow();
    const place = mark.kind === "spot" ? `${mark.x0}, ${mark.y0}` : `${mark.x0}, ${mark.y0} – ${mark.x1}, ${mark.y1}`;
    row.insertCell().textContent = `${number + 1} ${mark.kind} (${place})`;
    values.forEach((found, side) => {
      const { low, high, mean } = statistics(found);
      const number = (value) => (Number.isFinite(value) ? value.toFixed(UNITS[picture.units[side]].digits) : "no data");
      const lines = mark.kind === "spot" ? [number(mean)] : [`min ${number(low)}`, `max ${number(high)}`, `mean ${number(mean)}`];
      const cell = row.insertCell();
      lines.forEach((line, i) => cell.append(...(i ? [document.createElement("br")] : []), line));
    });
    const remove = Object.assign(document.createElement("button"), { type: "button", textContent: "✕" });
    remove.setAttribute("aria-label", `Remove ${mark.kind} ${number + 1}`);
    remove.addEventListener("click", () => {
      view.marks.splice(number, 1);
      view.draw();
      measure();
    });
    row.insertCell().append(remove);
    if (mark.kind === "line") {
      profile.hidden = false;
      drawProfile(profile, values[0], values[1], picture.units[0] === picture.units[1]);
    }
  });
}

// Controls ----------------------------------------------------------------------------------------------------------------

const tools = [...document.querySelectorAll("[data-tool]")];
function useTool(button) {
  view.tool = button.dataset.tool;
  for (const other of tools) {
    other.setAttribute("aria-checked", other === button);
    other.tabIndex = other === button ? 0 : -1; // one stop for Tab; arrows move within
  }
}
tools.forEach((button, number) => {
  button.addEventListener("click", () => useTool(button));
  button.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const next = tools[(number + by + tools.length) % tools.length];
    next.focus();
    useTool(next);
  });
});
useTool(tools[0]);
find("zoom-in").addEventListener("click", () => view.zoomBy(1.5));
find("zoom-out").addEventListener("click", () => view.zoomBy(1 / 1.5));
find("zoom-fit").addEventListener("click", () => view.fit());
find("zoom-one").addEventListener("click", () => view.oneToOne());
find("overlay").addEventListener("input", (event) => {
  view.overlay = event.target.checked;
  view.draw();
});
find("frame").addEventListener("input", () => open?.job && void showFrame());
let playing = null;
let pending = false; // a frame is on its way: a slow line shows fewer, and not none
function play(on) {
  clearInterval(playing);
  playing = on ? setInterval(nextFrame, 1000 / FRAMES_A_SECOND) : null;
  find("play").setAttribute("aria-pressed", on);
}
async function nextFrame() {
  if (pending || !open?.job?.views?.frames?.length) return;
  const slider = find("frame");
  slider.value = Number(slider.value) >= Number(slider.max) ? 0 : Number(slider.value) + 1;
  pending = true;
  await showFrame();
  pending = false;
}
find("play").addEventListener("click", () => play(!playing));
find("again").addEventListener("click", () => open && void showItem(queue.add([open.file], chosen())[0]));
find("cancel-all").addEventListener("click", () => queue.items.forEach((item) => queue.cancel(item)));
find("clear").addEventListener("click", () => {
  close();
  for (const item of [...queue.items]) queue.remove(item);
});

// Where files come from ---------------------------------------------------------------------------------------------------

const known = (file) => suffixes.some((suffix) => file.name.toLowerCase().endsWith(suffix));
for (const [button, input] of [["choose-files", "files"], ["choose-folder", "folder"]]) {
  find(button).addEventListener("click", () => find(input).click());
  find(input).addEventListener("change", (event) => {
    const files = [...event.target.files];
    take(input === "folder" ? files.filter(known) : files);
    event.target.value = "";
  });
}
let depth = 0; // of elements that a drag is over
document.addEventListener("dragenter", () => document.body.classList.toggle("over", ++depth > 0));
document.addEventListener("dragleave", () => document.body.classList.toggle("over", --depth > 0));
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", async (event) => {
  event.preventDefault();
  depth = 0;
  document.body.classList.remove("over");
  take(await filesOf(event.dataTransfer, known));
});

// Beginning ---------------------------------------------------------------------------------------------------------------

async function begin() {
  const state = await api.session();
  find("login").hidden = state.admitted;
  find("main").hidden = !state.admitted;
  if (!state.admitted) return find("token").focus();
  const [palettes, methods, formats] = await Promise.all([api.palettes(), api.methods(), api.formats()]);
  suffixes = [...formats.images, ...formats.recordings];
  for (const [name, list] of Object.entries(palettes)) {
    colours[name] = table(list);
    find("palette").append(new Option(name, name));
  }
  find("palette").value = "iron";
  const names = methods.map((method) => (method.variant ? `${method.name}/${method.variant}` : method.name));
  find("method").replaceChildren(...names.map((name, i) => Object.assign(new Option(name, name), { title: methods[i].title })));
  find("method").value = "auto";
  view.resized();
}

find("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await api.logIn(find("token").value);
    find("token").value = "";
    find("login-problem").textContent = "";
    await begin();
  } catch (error) {
    find("login-problem").textContent = error.message;
  }
});

begin().catch((error) => (find("summary").textContent = error.message));
