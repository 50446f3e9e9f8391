// Numbers to colours: palettes, ranges, isotherms, histograms.

export const UNITS = {
  celsius: { name: "°C", digits: 2 },
  counts: { name: "counts", digits: 1 },
  display: { name: "grey levels", digits: 1 },
};
const SUSPECT = 4; // units of noise, as in thermend.restoration.verification

export function shown(value, unit) {
  return Number.isFinite(value) ? `${value.toFixed(UNITS[unit].digits)} ${UNITS[unit].name}` : "no data";
}

/** 256 colours "rrggbb" to ABGR numbers, as canvas pixels are. */
export function table(colours) {
  return Uint32Array.from(colours, (hex) => {
    const rgb = parseInt(hex, 16);
    return (0xff000000 | ((rgb & 255) << 16) | (rgb & 0xff00) | (rgb >> 16)) >>> 0;
  });
}

/** The value that a share of the finite numbers lies below; of large pictures by a sample. */
export function percentiles(values, shares) {
  const step = Math.max(1, Math.floor(values.length / 200000));
  const some = [];
  for (let i = 0; i < values.length; i += step) if (Number.isFinite(values[i])) some.push(values[i]);
  if (!some.length) return shares.map(() => 0);
  const sorted = Float32Array.from(some).sort();
  return shares.map((share) => sorted[Math.min(sorted.length - 1, Math.round(share * (sorted.length - 1)))]);
}

/** Fill a canvas with a picture's colours. `isotherm` is {kind, low, high, colour: "#rrggbb"} or nothing. */
export function paint(canvas, picture, colours, range, isotherm) {
  const { width, height, values } = picture;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const out = new Uint32Array(image.data.buffer);
  const [low, high] = range;
  const gain = 255 / (high - low || 1);
  const [mark] = isotherm ? table([isotherm.colour.slice(1)]) : [];
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (!Number.isFinite(value)) continue; // stays transparent
    const level = (value - low) * gain;
    out[i] = colours[level <= 0 ? 0 : level >= 255 ? 255 : Math.round(level)];
    if (isotherm && within(value, isotherm)) out[i] = mark;
  }
  context.putImageData(image, 0, 0);
}

function within(value, { kind, low, high }) {
  if (kind === "above") return value >= low;
  if (kind === "below") return value <= high;
  return value >= low && value <= high;
}

/** Fill a canvas with red where a result departs from what was measured, the stronger the further. */
export function paintDepartures(canvas, picture) {
  const { width, height, values } = picture;
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let i = 0; i < values.length; i++) {
    const over = values[i] / SUSPECT;
    image.data[4 * i] = 255;
    image.data[4 * i + 2] = 80;
    image.data[4 * i + 3] = over < 0.5 ? 0 : Math.min(200, 110 * over);
  }
  context.putImageData(image, 0, 0);
}

/** Share of the finite numbers in each of so many bins. */
export function histogram(values, low, high, count) {
  const bins = new Float64Array(count);
  const gain = count / (high - low || 1);
  let total = 0;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    bins[Math.min(count - 1, Math.max(0, Math.floor((value - low) * gain)))]++;
    total++;
  }
  return bins.map((n) => n / (total || 1));
}

/** Draw the histograms of result (filled) and input (line), and the palette beneath them. */
export function drawHistogram(canvas, after, before, colours, share) {
  const context = canvas.getContext("2d");
  const { width, height } = canvas;
  context.clearRect(0, 0, width, height);
  const style = getComputedStyle(canvas);
  const tallest = Math.max(...after, ...(before || [0])) || 1;
  const foot = height - 16;
  const y = (n) => foot - Math.sqrt(n / tallest) * (foot - 4); // so that a few hot pixels are seen too
  context.fillStyle = style.getPropertyValue("--quiet");
  after.forEach((n, i) => n && context.fillRect((i * width) / after.length, y(n), width / after.length + 0.5, foot - y(n)));
  if (before) {
    context.strokeStyle = style.getPropertyValue("--accent");
    context.lineWidth = 2;
    context.beginPath();
    before.forEach((n, i) => context.lineTo(((i + 0.5) * width) / before.length, y(n)));
    context.stroke();
  }
  for (let x = 0; x < width; x++) {
    const level = Math.round(Math.min(1, Math.max(0, (x / width - share[0]) / (share[1] - share[0] || 1))) * 255);
    const abgr = colours[level];
    context.fillStyle = `rgb(${abgr & 255} ${(abgr >> 8) & 255} ${(abgr >> 16) & 255})`;
    context.fillRect(x, height - 14, 1, 14);
  }
}
