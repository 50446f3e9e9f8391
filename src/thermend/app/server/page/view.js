// The stage: before and after on one canvas, a divider between them, zoom and pan of both at once, marks on top.
// Coordinates are pixels of the input; a result with more pixels lies on the same rectangle.

const MOST_ZOOM = 64;

export class View {
  /** `told` has: cursor(x, y), mark(mark), moved(share). */
  constructor(stage, canvas, divider, told) {
    Object.assign(this, { stage, canvas, divider, told });
    this.layers = null; // {width, height, before, after, departures}: canvases, and the size of the input
    this.marks = [];
    this.tool = "compare";
    this.share = 0.5; // of the stage's width, where the divider stands
    this.zoom = 1;
    this.origin = { x: 0, y: 0 };
    this.cursor = null; // set by the keyboard
    this.pointers = new Map();
    this.draft = null;
    this.overlay = false;
    new ResizeObserver(() => this.resized()).observe(stage);
    canvas.addEventListener("pointerdown", (event) => this.pressed(event));
    canvas.addEventListener("pointermove", (event) => this.dragged(event));
    for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, (event) => this.released(event));
    canvas.addEventListener("wheel", (event) => this.wheeled(event), { passive: false });
    canvas.addEventListener("keydown", (event) => this.typed(event));
    divider.addEventListener("pointerdown", (event) => divider.setPointerCapture(event.pointerId));
    divider.addEventListener("pointermove", (event) => {
      if (divider.hasPointerCapture(event.pointerId)) this.divide(this.placeOf(event).x / this.width);
      this.read(this.placeOf(event)); // what lies beneath it is read too
    });
    divider.addEventListener("keydown", (event) => this.dividerTyped(event));
    this.resized();
  }

  get width() { return this.stage.clientWidth; }
  get height() { return this.stage.clientHeight; }

  show(layers) {
    const known = this.layers && layers && this.layers.width === layers.width && this.layers.height === layers.height;
    this.layers = layers;
    if (!known) {
      this.draft = null;
      this.marks = [];
      this.cursor = null;
      this.fit();
    }
    this.draw();
  }

  resized() {
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.max(1, Math.round(this.width * ratio));
    this.canvas.height = Math.max(1, Math.round(this.height * ratio));
    if (!this.moved) this.fit();
    this.divide(this.share);
  }

  /** The whole picture, as large as it goes. */
  fit() {
    if (!this.layers) return;
    this.zoom = Math.min(this.width / this.layers.width, this.height / this.layers.height) || 1;
    this.centre();
    this.moved = false;
    this.draw();
  }

  /** One pixel of the input to one of the screen's. */
  oneToOne() {
    if (this.layers) this.zoomTo(1 / (window.devicePixelRatio || 1), this.width / 2, this.height / 2);
  }

  centre() {
    this.origin = { x: (this.width - this.layers.width * this.zoom) / 2, y: (this.height - this.layers.height * this.zoom) / 2 };
  }

  zoomTo(zoom, x, y) {
    if (!this.layers) return;
    const smallest = Math.min(this.width / this.layers.width, this.height / this.layers.height, 1) / 2;
    zoom = Math.min(MOST_ZOOM, Math.max(smallest, zoom));
    const change = zoom / this.zoom;
    this.origin = { x: x - (x - this.origin.x) * change, y: y - (y - this.origin.y) * change };
    this.zoom = zoom;
    this.moved = true;
    this.keepInside();
    this.draw();
  }

  zoomBy(factor) { this.zoomTo(this.zoom * factor, this.width / 2, this.height / 2); }

  /** At least a strip of the picture stays on the stage. */
  keepInside() {
    const strip = 40;
    const { width, height } = this.layers;
    this.origin.x = Math.min(this.width - strip, Math.max(strip - width * this.zoom, this.origin.x));
    this.origin.y = Math.min(this.height - strip, Math.max(strip - height * this.zoom, this.origin.y));
  }

  divide(share) {
    this.share = Math.min(1, Math.max(0, share));
    this.divider.style.left = `${this.share * 100}%`;
    this.divider.setAttribute("aria-valuenow", Math.round(this.share * 100));
    this.divider.setAttribute("aria-valuetext", `${Math.round(this.share * 100)} % before, ${Math.round(100 - this.share * 100)} % after`);
    this.draw();
  }

  dividerTyped(event) {
    const step = event.shiftKey ? 0.1 : 0.01;
    const to = { ArrowLeft: this.share - step, ArrowDown: this.share - step, ArrowRight: this.share + step, ArrowUp: this.share + step, Home: 0, End: 1, PageDown: this.share - 0.1, PageUp: this.share + 0.1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.divide(to);
  }

  placeOf(event) {
    const box = this.stage.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  pixelAt({ x, y }) {
    return { x: Math.floor((x - this.origin.x) / this.zoom), y: Math.floor((y - this.origin.y) / this.zoom) };
  }

  inside({ x, y }) {
    return this.layers && x >= 0 && y >= 0 && x < this.layers.width && y < this.layers.height;
  }

  pressed(event) {
    if (!this.layers) return;
    this.canvas.setPointerCapture(event.pointerId);
    const place = this.placeOf(event);
    this.pointers.set(event.pointerId, place);
    if (this.pointers.size === 2) this.draft = null; // two fingers zoom
    const pixel = this.pixelAt(place);
    if (this.pointers.size === 1 && event.button === 0) {
      if (this.tool === "compare") this.divide(place.x / this.width);
      else if (this.tool !== "move" && this.inside(pixel)) this.begin(pixel);
    }
  }

  dragged(event) {
    if (!this.layers) return;
    const place = this.placeOf(event);
    const pixel = this.pixelAt(place);
    this.read(place);
    const earlier = this.pointers.get(event.pointerId);
    if (!earlier) return this.draw();
    this.pointers.set(event.pointerId, place);
    if (this.pointers.size === 2) return this.pinched(event.pointerId, earlier, place);
    if (this.draft) this.extend(pixel);
    else if (this.tool === "compare" && event.buttons === 1) this.divide(place.x / this.width);
    else this.pan(place.x - earlier.x, place.y - earlier.y);
  }

  read(place) {
    const pixel = this.pixelAt(place);
    this.cursor = null;
    if (this.layers) this.told.cursor(this.inside(pixel) ? pixel : null);
  }

  pan(right, down) {
    this.origin.x += right;
    this.origin.y += down;
    this.moved = true;
    this.keepInside();
    this.draw();
  }

  pinched(moved, earlier, place) {
    const [, other] = [...this.pointers].find(([id]) => id !== moved);
    const distance = (a, b) => Math.hypot(a.x - b.x, a.y - b.y) || 1;
    this.pan((place.x - earlier.x) / 2, (place.y - earlier.y) / 2);
    this.zoomTo((this.zoom * distance(place, other)) / distance(earlier, other), (place.x + other.x) / 2, (place.y + other.y) / 2);
  }

  released(event) {
    this.pointers.delete(event.pointerId);
    if (this.draft && this.draft.kind !== "spot") this.finish();
  }

  wheeled(event) {
    event.preventDefault();
    const { x, y } = this.placeOf(event);
    this.zoomTo(this.zoom * Math.exp(-event.deltaY / 400), x, y);
  }

  typed(event) {
    if (!this.layers) return;
    const step = event.shiftKey ? 10 : 1;
    const move = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (move) {
      const at = this.cursor ?? { x: Math.floor(this.layers.width / 2), y: Math.floor(this.layers.height / 2) };
      const to = (value, by, size) => Math.min(size - 1, Math.max(0, value + (this.cursor ? by : 0)));
      this.cursor = { x: to(at.x, move[0], this.layers.width), y: to(at.y, move[1], this.layers.height) };
      this.told.cursor(this.cursor, true);
      if (this.draft) this.extend(this.cursor);
    } else if (event.key === "Enter" && this.cursor && !["compare", "move"].includes(this.tool)) {
      if (this.draft) this.finish();
      else this.begin(this.cursor);
    } else if (event.key === "Escape") this.draft = null;
    else if (event.key === "+" || event.key === "=") this.zoomBy(1.25);
    else if (event.key === "-") this.zoomBy(0.8);
    else if (event.key === "0") this.fit();
    else return;
    event.preventDefault();
    this.draw();
  }

  begin({ x, y }) {
    this.draft = { kind: this.tool, x0: x, y0: y, x1: x, y1: y };
    if (this.tool === "spot") this.finish();
    this.draw();
  }

  extend({ x, y }) {
    this.draft.x1 = Math.min(this.layers.width - 1, Math.max(0, x));
    this.draft.y1 = Math.min(this.layers.height - 1, Math.max(0, y));
    this.draw();
  }

  finish() {
    const mark = this.draft;
    this.draft = null;
    if (mark.kind !== "spot" && mark.x0 === mark.x1 && mark.y0 === mark.y1) return this.draw();
    this.marks.push(mark);
    this.told.mark(mark);
    this.draw();
  }

  draw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = null;
      this.drawNow();
    });
  }

  drawNow() {
    const context = this.canvas.getContext("2d");
    const ratio = window.devicePixelRatio || 1;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    if (!this.layers) return;
    const { width, height, before, after, departures } = this.layers;
    const edge = this.share * this.width;
    context.imageSmoothingEnabled = this.zoom * ratio < 1.5; // larger pixels are seen as squares
    context.imageSmoothingQuality = "high";
    const layer = (canvas, left, right) => {
      if (!canvas || right <= left) return;
      context.save();
      context.beginPath();
      context.rect(left, 0, right - left, this.height);
      context.clip();
      context.drawImage(canvas, this.origin.x, this.origin.y, width * this.zoom, height * this.zoom);
      context.restore();
    };
    layer(before, 0, after ? edge : this.width);
    layer(after, edge, this.width);
    if (this.overlay) layer(departures, edge, this.width);
    this.drawMarks(context);
  }

  drawMarks(context) {
    const at = (x, y) => [this.origin.x + (x + 0.5) * this.zoom, this.origin.y + (y + 0.5) * this.zoom];
    context.font = "12px system-ui, sans-serif";
    const marks = this.draft ? [...this.marks, this.draft] : this.marks;
    const outlined = (draw) => {
      for (const [style, thickness] of [["#000", 4], ["#fff", 1.5]]) {
        Object.assign(context, { strokeStyle: style, lineWidth: thickness });
        context.beginPath();
        draw();
        context.stroke();
      }
    };
    marks.forEach((mark, number) => {
      const [x0, y0] = at(mark.x0, mark.y0);
      const [x1, y1] = at(mark.x1, mark.y1);
      outlined(() => {
        if (mark.kind === "spot") {
          context.moveTo(x0 - 8, y0); context.lineTo(x0 + 8, y0);
          context.moveTo(x0, y0 - 8); context.lineTo(x0, y0 + 8);
        } else if (mark.kind === "line") {
          context.moveTo(x0, y0); context.lineTo(x1, y1);
        } else {
          const half = this.zoom / 2;
          context.rect(Math.min(x0, x1) - half, Math.min(y0, y1) - half, Math.abs(x1 - x0) + this.zoom, Math.abs(y1 - y0) + this.zoom);
        }
      });
      context.lineWidth = 3;
      context.strokeStyle = "#000";
      context.strokeText(number + 1, x0 + 6, y0 - 6);
      context.fillStyle = "#fff";
      context.fillText(number + 1, x0 + 6, y0 - 6);
    });
    if (this.cursor) {
      const [x, y] = at(this.cursor.x, this.cursor.y);
      outlined(() => {
        context.arc(x, y, 9, 0, 2 * Math.PI);
        context.moveTo(x - 14, y); context.lineTo(x + 14, y);
        context.moveTo(x, y - 14); context.lineTo(x, y + 14);
      });
    }
  }
}
