// Spots, boxes and lines: where they lie (in pixels of the input) and what is measured there.

/** A picture's value at a pixel of the input; a result may have 2 or 4 times as many. */
export function valueAt(picture, x, y, factor) {
  const px = Math.floor((x + 0.5) * factor);
  const py = Math.floor((y + 0.5) * factor);
  if (px < 0 || py < 0 || px >= picture.width || py >= picture.height) return NaN;
  return picture.values[py * picture.width + px];
}

/** The values that a mark covers, in a picture with `factor` times as many pixels as the input. */
export function valuesOf(mark, picture, factor) {
  if (mark.kind === "spot") return [valueAt(picture, mark.x0, mark.y0, factor)];
  if (mark.kind === "line") return alongLine(mark, picture, factor);
  const [left, right] = [Math.min(mark.x0, mark.x1), Math.max(mark.x0, mark.x1) + 1];
  const [top, bottom] = [Math.min(mark.y0, mark.y1), Math.max(mark.y0, mark.y1) + 1];
  const found = [];
  for (let y = Math.max(0, top * factor); y < Math.min(picture.height, bottom * factor); y++)
    for (let x = Math.max(0, left * factor); x < Math.min(picture.width, right * factor); x++) found.push(picture.values[y * picture.width + x]);
  return found;
}

/** One value for each pixel of the input that a line crosses, from its first point to its second. */
function alongLine({ x0, y0, x1, y1 }, picture, factor) {
  const steps = Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0), 1);
  return Array.from({ length: steps + 1 }, (_, i) => valueAt(picture, Math.round(x0 + ((x1 - x0) * i) / steps), Math.round(y0 + ((y1 - y0) * i) / steps), factor));
}

/** Minimum, maximum and mean of what is finite. */
export function statistics(values) {
  let [low, high, sum, count] = [Infinity, -Infinity, 0, 0];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
    sum += value;
    count++;
  }
  return count ? { low, high, mean: sum / count } : { low: NaN, high: NaN, mean: NaN };
}

/** Draw the profiles before and after, each on its own range where their units differ. */
export function drawProfile(canvas, before, after, sameUnit) {
  const context = canvas.getContext("2d");
  const { width, height } = canvas;
  context.clearRect(0, 0, width, height);
  const style = getComputedStyle(canvas);
  const common = statistics(sameUnit ? [...before, ...after] : after);
  const curves = [
    [before, style.getPropertyValue("--quiet"), sameUnit ? common : statistics(before)],
    [after, style.getPropertyValue("--accent"), common],
  ];
  for (const [values, colour, { low, high }] of curves) {
    context.strokeStyle = colour;
    context.lineWidth = 2.5;
    context.beginPath();
    values.forEach((value, i) => {
      if (Number.isFinite(value)) context.lineTo((i / Math.max(1, values.length - 1)) * width, height - 8 - ((value - low) / (high - low || 1)) * (height - 16));
    });
    context.stroke();
  }
}
