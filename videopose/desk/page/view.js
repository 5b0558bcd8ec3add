// The two canvases: the image below, the people above. Whole numbers of the image's pixels are their centres.

/** @typedef {import("./api.js").Person} Person */
/** @typedef {{person: number, keypoint: number, x: number, y: number}} Hit */

const FAINT = 0.15;
const GOLDEN = 0.618034;
const REACH = 11;

/** A colour per id, far from those of its neighbours. @param {number} id @param {number} [light] */
export function colourOf(id, light = 0) {
  if (id < 0) return "#c8c8c8";
  const hue = ((0.07 + (id - 1) * GOLDEN) % 1 + 1) % 1;
  const dark = hue > 0.55 && hue < 0.85 ? 14 : 0; // blue and violet look dark on a screen
  return `hsl(${Math.round(hue * 360)} 90% ${57 + dark + light * (dark ? 0.7 : 1)}%)`;
}

export class View {
  /**
   * @param {HTMLCanvasElement} image @param {HTMLCanvasElement} overlay
   * @param {{edges: number[][], keypoints: string[], width: number, height: number}} state
   */
  constructor(image, overlay, state) {
    this.image = image;
    this.overlay = overlay;
    this.state = state;
    this.scale = 1;
    this.x = 0;
    this.y = 0;
    this.isFitted = true;
    /** @type {ImageBitmap|null} */
    this.bitmap = null;
    /** @type {Person[]} */
    this.people = [];
    this.selected = -1;
    this.other = -1;
    this.keypoint = -1;
    this.isHidden = false;
    this.ratio = window.devicePixelRatio || 1;
  }

  resize() {
    this.ratio = window.devicePixelRatio || 1;
    for (const canvas of [this.image, this.overlay]) {
      canvas.width = Math.max(1, Math.round(canvas.clientWidth * this.ratio));
      canvas.height = Math.max(1, Math.round(canvas.clientHeight * this.ratio));
    }
    if (this.isFitted) this.fit();
    else this.draw();
  }

  fit() {
    const { width, height } = this.state;
    this.isFitted = true;
    this.scale = Math.min(this.overlay.clientWidth / width, this.overlay.clientHeight / height) || 1;
    this.x = (this.overlay.clientWidth - width * this.scale) / 2;
    this.y = (this.overlay.clientHeight - height * this.scale) / 2;
    this.draw();
  }

  /** @param {number} factor @param {number} px @param {number} py a place on the screen that stays */
  zoom(factor, px, py) {
    const scale = Math.min(64, Math.max(0.05, this.scale * factor));
    this.x = px - (px - this.x) * scale / this.scale;
    this.y = py - (py - this.y) * scale / this.scale;
    this.scale = scale;
    this.isFitted = false;
    this.draw();
  }

  /** @param {number} dx @param {number} dy */
  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.isFitted = false;
    this.draw();
  }

  /** Bring a place of the image to the middle. @param {number} x @param {number} y */
  centre(x, y) {
    const [px, py] = this.toScreen(x, y);
    const w = this.overlay.clientWidth, h = this.overlay.clientHeight;
    if (px < 0 || py < 0 || px > w || py > h) this.pan(w / 2 - px, h / 2 - py);
  }

  /** @param {number} x @param {number} y @returns {[number, number]} */
  toScreen(x, y) {
    return [this.x + (x + 0.5) * this.scale, this.y + (y + 0.5) * this.scale];
  }

  /** @param {number} px @param {number} py @returns {[number, number]} */
  toImage(px, py) {
    return [(px - this.x) / this.scale - 0.5, (py - this.y) / this.scale - 0.5];
  }

  draw() {
    const pen = /** @type {CanvasRenderingContext2D} */ (this.image.getContext("2d"));
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, this.image.width, this.image.height);
    if (this.bitmap) {
      pen.imageSmoothingEnabled = this.scale * this.ratio < 3;
      pen.imageSmoothingQuality = "high";
      const { width, height } = this.state;
      pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
      pen.drawImage(this.bitmap, this.x, this.y, width * this.scale, height * this.scale);
    }
    this.drawPeople();
  }

  drawPeople() {
    const pen = /** @type {CanvasRenderingContext2D} */ (this.overlay.getContext("2d"));
    pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    pen.clearRect(0, 0, this.overlay.clientWidth, this.overlay.clientHeight);
    if (this.isHidden) return;
    const ordered = [...this.people].sort((a, b) => Number(a.id === this.selected) - Number(b.id === this.selected));
    for (const person of ordered) this.#drawPerson(pen, person);
    for (const person of ordered) this.#drawLabel(pen, person);
  }

  /** @param {Person} person @param {number} part */
  isThere(person, part) {
    return person.v[part] !== 0 && person.k[3 * part + 2] >= (person.id === this.selected ? 0.001 : FAINT);
  }

  /** @param {CanvasRenderingContext2D} pen @param {Person} person */
  #drawPerson(pen, person) {
    const isChosen = person.id === this.selected;
    const colour = colourOf(person.id);
    pen.lineCap = "round";
    for (const rim of [true, false]) {
      for (const [a, b] of this.state.edges) {
        if (!this.isThere(person, a) || !this.isThere(person, b)) continue;
        const score = Math.min(person.k[3 * a + 2], person.k[3 * b + 2]);
        const isLeft = this.state.keypoints[a].startsWith("left_") && this.state.keypoints[b].startsWith("left_");
        pen.globalAlpha = Math.min(1, 0.35 + score) * (rim ? 0.5 : 1);
        pen.strokeStyle = rim ? "#0b0c0e" : isLeft ? colourOf(person.id, 18) : colour;
        pen.lineWidth = (isChosen ? 3.2 : 2) + (rim ? 2 : 0);
        pen.beginPath();
        pen.moveTo(...this.toScreen(person.k[3 * a], person.k[3 * a + 1]));
        pen.lineTo(...this.toScreen(person.k[3 * b], person.k[3 * b + 1]));
        pen.stroke();
      }
    }
    pen.globalAlpha = 1;
    this.state.keypoints.forEach((_, part) => this.#drawKeypoint(pen, person, part, isChosen));
  }

  /** @param {CanvasRenderingContext2D} pen @param {Person} person @param {number} part @param {boolean} isChosen */
  #drawKeypoint(pen, person, part, isChosen) {
    if (!this.isThere(person, part)) return;
    const [x, y] = this.toScreen(person.k[3 * part], person.k[3 * part + 1]);
    const isHere = isChosen && part === this.keypoint;
    const radius = isHere ? 7 : isChosen ? 4.5 : 3;
    pen.beginPath();
    if (person.e.includes(part)) pen.rect(x - radius, y - radius, 2 * radius, 2 * radius);
    else pen.arc(x, y, radius, 0, 7);
    pen.globalAlpha = Math.min(1, 0.4 + person.k[3 * part + 2]);
    pen.fillStyle = person.v[part] === 1 ? "#0000" : isHere ? "#ffffff" : colourOf(person.id, 14);
    pen.fill();
    pen.globalAlpha = 1;
    pen.lineWidth = isHere ? 2.5 : 1.2;
    pen.strokeStyle = isHere ? "#000000" : isChosen ? "#ffffff" : "#0b0c0e";
    if (person.v[part] === 1) {
      pen.setLineDash([3, 2]);
      pen.strokeStyle = "#ffffff";
    }
    pen.stroke();
    pen.setLineDash([]);
    if (isHere) {
      pen.beginPath();
      pen.arc(x, y, radius + 4, 0, 7);
      pen.strokeStyle = "#ffffff";
      pen.stroke();
    }
  }

  /** @param {CanvasRenderingContext2D} pen @param {Person} person */
  #drawLabel(pen, person) {
    let top = Infinity, x = 0;
    this.state.keypoints.forEach((_, part) => {
      if (this.isThere(person, part) && person.k[3 * part + 1] < top) [x, top] = [person.k[3 * part], person.k[3 * part + 1]];
    });
    if (!Number.isFinite(top)) return;
    const [px, py] = this.toScreen(x, top);
    const text = person.id < 0 ? "?" : `${person.id}${person.ok ? " ✓" : ""}`;
    pen.font = "600 14px system-ui, sans-serif";
    const width = pen.measureText(text).width + 10;
    const left = Math.min(Math.max(px - width / 2, 0), Math.max(0, this.overlay.clientWidth - width));
    const up = Math.max(2, py - 34);
    pen.fillStyle = colourOf(person.id);
    pen.fillRect(left, up, width, 20);
    if (person.id === this.selected || person.id === this.other) {
      pen.strokeStyle = "#ffffff";
      pen.lineWidth = person.id === this.selected ? 3 : 1.5;
      pen.strokeRect(left, up, width, 20);
    }
    pen.fillStyle = "#0b0c0e";
    pen.fillText(text, left + 5, up + 15);
  }

  /** The keypoint nearest to a place on the screen, the chosen person's first. @param {number} px @param {number} py
   *  @returns {Hit|null} */
  hit(px, py) {
    /** @type {Hit|null} */
    let best = null;
    let least = REACH;
    for (const person of this.people) {
      this.state.keypoints.forEach((_, part) => {
        if (!this.isThere(person, part)) return;
        const [x, y] = this.toScreen(person.k[3 * part], person.k[3 * part + 1]);
        const away = Math.hypot(x - px, y - py) - (person.id === this.selected ? 5 : 0);
        if (away < least) {
          least = away;
          best = { person: person.id, keypoint: part, x: person.k[3 * part], y: person.k[3 * part + 1] };
        }
      });
    }
    return best;
  }

  /** The limb of the chosen person nearest to a place. @param {number} px @param {number} py @returns {number[]|null} */
  limb(px, py) {
    const person = this.people.find((each) => each.id === this.selected);
    if (!person) return null;
    let best = null, least = REACH;
    for (const [a, b] of this.state.edges) {
      if (!this.isThere(person, a) || !this.isThere(person, b)) continue;
      const [ax, ay] = this.toScreen(person.k[3 * a], person.k[3 * a + 1]);
      const [bx, by] = this.toScreen(person.k[3 * b], person.k[3 * b + 1]);
      const along = Math.hypot(bx - ax, by - ay) || 1;
      const share = Math.min(1, Math.max(0, ((px - ax) * (bx - ax) + (py - ay) * (by - ay)) / along ** 2));
      const away = Math.hypot(ax + share * (bx - ax) - px, ay + share * (by - ay) - py);
      if (away < least) [best, least] = [[a, b], away];
    }
    return best;
  }

  /** Whose box a place is in: the smallest of them. @param {number} px @param {number} py @returns {number} */
  personAt(px, py) {
    const [x, y] = this.toImage(px, py);
    let best = -1, least = Infinity;
    for (const person of this.people) {
      const xs = [], ys = [];
      for (let part = 0; part < this.state.keypoints.length; part += 1) {
        if (this.isThere(person, part)) { xs.push(person.k[3 * part]); ys.push(person.k[3 * part + 1]); }
      }
      const [x1, x2, y1, y2] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
      const area = (x2 - x1) * (y2 - y1);
      if (x >= x1 - 3 && x <= x2 + 3 && y >= y1 - 3 && y <= y2 + 3 && area < least) [best, least] = [person.id, area];
    }
    return best;
  }
}
