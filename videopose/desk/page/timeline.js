// A row per id along time: where they are there, accepted and edited; doubtful moments above; the curve of a keypoint.

import { colourOf } from "./view.js";

/** @typedef {import("./api.js").Track} Track */
/** @typedef {import("./api.js").Doubt} Doubt */

const ROW = 18;
const LEFT = 68;
const TOP = 16;

/** @param {HTMLCanvasElement} canvas @returns {CanvasRenderingContext2D} */
function penOf(canvas) {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(canvas.clientWidth * ratio));
  canvas.height = Math.max(1, Math.round(canvas.clientHeight * ratio));
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  return pen;
}

/** @param {string} name */
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export class Timeline {
  /** @param {HTMLCanvasElement} canvas @param {HTMLCanvasElement} curve @param {number} count of frames */
  constructor(canvas, curve, count) {
    this.canvas = canvas;
    this.curveCanvas = curve;
    this.count = Math.max(1, count);
    this.first = 0;
    this.last = this.count - 1;
    this.scroll = 0;
    this.frame = 0;
    this.selected = -1;
    /** @type {number[]|null} */
    this.span = null;
    /** @type {Track[]} */
    this.tracks = [];
    /** @type {Doubt[]} */
    this.doubts = [];
    /** @type {{first: number, last: number}[]} */
    this.gaps = [];
    /** @type {{frames: number[], speed: number[], score: number[], title: string}|null} */
    this.curve = null;
  }

  /** @param {number} frame */
  x(frame) {
    const width = this.canvas.clientWidth - LEFT - 8;
    return LEFT + (frame - this.first + 0.5) / (this.last - this.first + 1) * width;
  }

  /** @param {number} x */
  frameAt(x) {
    const width = this.canvas.clientWidth - LEFT - 8;
    const frame = Math.floor(this.first + (x - LEFT) / width * (this.last - this.first + 1));
    return Math.min(this.count - 1, Math.max(0, frame));
  }

  /** @param {number} y @returns {number} an id, or -1 */
  idAt(y) {
    const track = this.tracks[Math.floor((y - TOP + this.scroll) / ROW)];
    return y < TOP || !track ? -1 : track.id;
  }

  /** @param {number} factor below 1: nearer @param {number} frame that stays */
  zoom(factor, frame) {
    const length = Math.min(this.count, Math.max(20, (this.last - this.first + 1) * factor));
    const share = (frame - this.first) / (this.last - this.first + 1);
    this.first = Math.max(0, Math.min(this.count - length, frame - share * length));
    this.last = this.first + length - 1;
    this.draw();
  }

  /** Keep the frame and the chosen person in sight. */
  follow() {
    const length = this.last - this.first + 1;
    if (this.frame < this.first || this.frame > this.last) {
      this.first = Math.max(0, Math.min(this.count - length, this.frame - length / 2));
      this.last = this.first + length - 1;
    }
    const row = this.tracks.findIndex((track) => track.id === this.selected);
    const room = this.canvas.clientHeight - TOP - 4;
    if (row >= 0) this.scroll = Math.min(row * ROW, Math.max(this.scroll, (row + 1) * ROW - room));
    this.scroll = Math.max(0, Math.min(this.scroll, this.tracks.length * ROW - room));
  }

  draw() {
    const pen = penOf(this.canvas);
    const [ink, faint, line, mark, chosen, panel] =
      ["--ink", "--faint", "--line", "--mark", "--chosen", "--panel"].map(colour);
    const height = this.canvas.clientHeight, right = this.canvas.clientWidth - 8;
    if (this.span) {
      pen.fillStyle = chosen;
      const from = this.x(this.span[0] - 0.5);
      pen.fillRect(from, 0, Math.max(2, this.x(this.span[1] + 0.5) - from), height);
    }
    pen.fillStyle = line;
    for (const gap of this.gaps) pen.fillRect(this.x(gap.first - 0.5), TOP, Math.max(2, this.x(gap.last + 0.5) - this.x(gap.first - 0.5)), height);
    pen.save();
    pen.beginPath();
    pen.rect(0, TOP, right + 8, height - TOP);
    pen.clip();
    this.tracks.forEach((track, row) => this.#drawTrack(pen, track, TOP + row * ROW - this.scroll, chosen, ink, faint, panel));
    pen.restore();
    pen.fillStyle = colour("--warn");
    for (const doubt of this.doubts) {
      const x = this.x(doubt.frame);
      if (x < LEFT || x > right) continue;
      pen.beginPath();
      pen.moveTo(x - 4, 3);
      pen.lineTo(x + 4, 3);
      pen.lineTo(x, 12);
      pen.fill();
    }
    pen.fillStyle = mark;
    const x = this.x(this.frame);
    if (x >= LEFT && x <= right) pen.fillRect(x - 1, 0, 2.5, height);
    this.drawCurve();
  }

  /**
   * @param {CanvasRenderingContext2D} pen @param {Track} track @param {number} y
   * @param {string} chosen @param {string} ink @param {string} faint @param {string} panel
   */
  #drawTrack(pen, track, y, chosen, ink, faint, panel) {
    if (y < TOP - ROW || y > this.canvas.clientHeight) return;
    if (track.id === this.selected) {
      pen.fillStyle = chosen;
      pen.fillRect(0, y, LEFT - 4, ROW);
    }
    pen.font = `${track.id === this.selected ? "700" : "500"} 12.5px system-ui, sans-serif`;
    pen.fillStyle = ink;
    pen.fillText(String(track.id), 8, y + 13);
    pen.font = "500 12.5px system-ui, sans-serif";
    pen.fillStyle = faint;
    pen.fillText(track.score.toFixed(2), 36, y + 13);
    pen.save();
    pen.beginPath();
    pen.rect(LEFT, y, this.canvas.clientWidth - LEFT - 8, ROW);
    pen.clip();
    /** @param {number[][]} runs @param {string} style @param {number} up @param {number} tall */
    const bars = (runs, style, up, tall) => {
      pen.fillStyle = style;
      for (const [first, last] of runs) {
        if (last < this.first || first > this.last) continue;
        const from = this.x(first - 0.5);
        pen.fillRect(from, y + up, Math.max(1.5, this.x(last + 0.5) - from), tall);
      }
    };
    bars(track.runs, colourOf(track.id), 3, 12);
    bars(track.accepted, panel, 10, 5);
    bars(track.accepted, colour("--good"), 11, 4);
    bars(track.edited, ink, 1, 3);
    pen.restore();
  }

  drawCurve() {
    const pen = penOf(this.curveCanvas);
    const height = this.curveCanvas.clientHeight, right = this.curveCanvas.clientWidth - 8;
    const faint = colour("--faint"), mark = colour("--mark");
    pen.font = "12px system-ui, sans-serif";
    pen.fillStyle = faint;
    if (!this.curve || !this.curve.frames.length) {
      pen.fillText("speed and score of the chosen person or keypoint", LEFT, height / 2 + 4);
      return;
    }
    const { frames, speed, score, title } = this.curve;
    const sorted = [...speed].sort((a, b) => a - b);
    const most = Math.max(1e-3, sorted[Math.floor(sorted.length * 0.98)] || 1e-3);
    /** @param {number[]} values @param {number} top @param {string} style */
    const line = (values, top, style) => {
      pen.strokeStyle = style;
      pen.lineWidth = 1.4;
      pen.beginPath();
      let before = -10;
      frames.forEach((frame, at) => {
        if (frame < this.first - 1 || frame > this.last + 1) return;
        const x = this.x(frame), y = height - 4 - Math.min(1.04, values[at] / top) * (height - 20);
        if (frame - before > 5) pen.moveTo(x, y);
        else pen.lineTo(x, y);
        before = frame;
      });
      pen.stroke();
    };
    line(score, 1, faint);
    line(speed, most, mark);
    pen.fillStyle = faint;
    pen.fillText("score", 8, 26);
    pen.fillStyle = mark;
    pen.fillText("speed", 8, 42);
    pen.fillStyle = colour("--ink");
    pen.fillText(`${title}, top ${most.toFixed(1)} sizes/s`, LEFT, 12);
    pen.fillStyle = mark;
    const x = this.x(this.frame);
    if (x >= LEFT && x <= right) pen.fillRect(x - 1, 0, 2.5, height);
  }
}
