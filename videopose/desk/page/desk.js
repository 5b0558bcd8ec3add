// The state of the page, and how it changes: the shown frame, who is chosen, the queue. No drawing, no keys.

import { Edits, get } from "./api.js";
import { Images, People } from "./frames.js";
import { Timeline } from "./timeline.js";
import { View } from "./view.js";

/** @typedef {import("./api.js").Person} Person */
/** @typedef {import("./api.js").Doubt} Doubt */
/** @typedef {import("./api.js").Track} Track */

/** @param {string} id @returns {any} */
export const element = (id) => document.getElementById(id);

export class Desk {
  /** @param {Record<string, any>} state @param {Float64Array} times */
  constructor(state, times) {
    this.state = state;
    this.times = times;
    this.frame = 0;
    this.shown = -1;
    this.step = 1;
    this.selected = -1;
    this.other = -1;
    this.keypoint = -1;
    this.remembered = -1;
    /** @type {number[]|null} */
    this.span = null;
    /** @type {Doubt[]} */
    this.doubts = [];
    this.open = 0;
    /** @type {Doubt|null} */
    this.doubt = null;
    this.doubtPlace = -1;
    /** @type {Track[]} */
    this.tracks = [];
    this.isPlaying = false;
    this.people = new People(state.frames);
    this.images = new Images(state.nonce, state.frames);
    this.view = new View(element("image"), element("overlay"), /** @type {any} */ (state));
    this.timeline = new Timeline(element("timeline"), element("curve"), state.frames);
    this.timeline.gaps = state.gaps;
    this.edits = new Edits((facts) => this.changed(facts), (text, isWaiting) => {
      element("saved").textContent = text;
      element("saved").classList.toggle("waiting", isWaiting);
    });
    this.edits.seq = state.seq;
    this.stacks = { undo: state.undo, redo: state.redo };
    /** @type {() => void} */
    this.drawn = () => {};
    /** @type {Promise<any>} */
    this.refreshing = Promise.resolve();
    /** @type {Promise<any>} what the keys have asked for */
    this.busy = Promise.resolve();
  }

  /** Show a frame as soon as it is here; a later wish overtakes it. @param {number} frame */
  async go(frame) {
    const wanted = Math.min(this.state.frames - 1, Math.max(0, Math.round(frame)));
    this.step = wanted < this.frame ? -1 : 1;
    this.frame = wanted;
    this.#setWidth();
    const [image] = await Promise.all([this.images.fetch(wanted), this.people.fetch(wanted)]);
    if (this.frame !== wanted) return;
    this.shown = wanted;
    this.view.bitmap = image.bitmap;
    const gap = this.state.gaps.find((/** @type {any} */ each) => wanted >= each.first && wanted <= each.last);
    const reason = image.reason || (gap && gap.reason);
    element("notice").hidden = Boolean(image.bitmap) && !gap;
    element("notice").textContent = reason ? `Frame ${wanted} cannot be shown: ${reason}` : "";
    this.showPeople();
    this.images.lookAhead(wanted, this.step);
    const next = wanted + 24 * this.step;
    if (next >= 0 && next < this.state.frames) this.people.fetch(next).catch(() => {});
  }

  #setWidth() {
    const nearer = this.view.isFitted ? 1 : this.view.scale * this.state.width / (this.view.overlay.clientWidth || 1);
    const wanted = this.view.overlay.clientWidth * this.view.ratio * Math.max(1, nearer);
    this.images.width = Math.ceil(Math.min(this.state.width, wanted));
  }

  /** Draw what is known of the shown frame. */
  showPeople() {
    this.view.people = this.people.of(this.shown) || [];
    Object.assign(this.view, { selected: this.selected, other: this.other, keypoint: this.keypoint });
    this.view.draw();
    Object.assign(this.timeline, { frame: this.shown, selected: this.selected, span: this.span });
    this.timeline.follow();
    this.timeline.draw();
    this.drawn();
  }

  /** @returns {Person|undefined} the chosen person in the shown frame */
  person() {
    return (this.people.of(this.shown) || []).find((each) => each.id === this.selected);
  }

  /** People of the shown frame in the order in which digits choose them. @returns {Person[]} */
  listed() {
    return [...(this.people.of(this.shown) || [])].filter((each) => each.id >= 0).sort((a, b) => a.id - b.id);
  }

  /** @param {number} id @param {number} [keypoint] */
  choose(id, keypoint = -1) {
    if (id !== this.selected && this.selected >= 0) this.other = this.selected;
    if (this.other === id) this.other = -1;
    this.selected = id;
    this.keypoint = keypoint;
    this.loadCurve();
    this.showPeople();
  }

  async loadCurve() {
    const [id, keypoint] = [this.selected, this.keypoint];
    if (id < 0) return;
    const part = keypoint >= 0 ? `&keypoint=${keypoint}` : "";
    const curve = await get(`/api/curve?id=${id}${part}`).catch(() => null);
    if (id !== this.selected || keypoint !== this.keypoint) return;
    const name = keypoint >= 0 ? this.state.keypoints[keypoint] : "body";
    this.timeline.curve = curve && { ...curve, title: `${name} of ${id}` };
    this.timeline.draw();
  }

  /** Something was edited, here or in another tab. @param {Record<string, any>} facts */
  async changed(facts) {
    if ("undo" in facts) this.stacks = { undo: facts.undo, redo: facts.redo };
    this.people.forget(facts.changed);
    await this.people.fetch(this.shown);
    this.showPeople();
    this.refreshing = this.refresh();
  }

  /** Load what goes with the state: timeline, curve, queue. */
  async refresh() {
    this.tracks = (await get("/api/tracks")).tracks;
    this.timeline.tracks = this.tracks;
    this.timeline.draw();
    const queue = await get("/api/queue");
    this.doubts = queue.items;
    this.open = queue.open;
    this.state.next_id = Math.max(this.state.next_id, ...this.tracks.map((/** @type {Track} */ each) => each.id + 1));
    if (this.doubt) {
      const key = keyOf(this.doubt);
      const place = this.doubts.findIndex((each) => keyOf(each) === key);
      if (place >= 0) this.doubtPlace = place;
      else [this.doubt, this.doubtPlace] = [null, this.doubtPlace - 1];
    }
    this.timeline.doubts = this.doubts;
    await this.loadCurve();
    this.showPeople();
  }

  /** Go to the next doubtful moment, or the one before. @param {number} step */
  async nextDoubt(step) {
    await this.refreshing;
    if (!this.doubts.length) return false;
    const count = this.doubts.length;
    await this.showDoubt(((this.doubtPlace + step) % count + count) % count);
    return true;
  }

  /** @param {number} place in the queue */
  async showDoubt(place) {
    const doubt = this.doubts[place];
    [this.doubt, this.doubtPlace] = [doubt, place];
    [this.selected, this.other, this.keypoint] = [doubt.ids[0], doubt.ids.length > 1 ? doubt.ids[1] : -1, doubt.keypoint];
    await this.go(doubt.frame);
    this.loadCurve();
    const person = this.person();
    if (person && this.view.scale > 0) {
      const part = Math.max(0, doubt.keypoint);
      this.view.centre(person.k[3 * part], person.k[3 * part + 1]);
    }
    this.showPeople();
  }
}

/** @param {Doubt} doubt */
export function keyOf(doubt) {
  return `${doubt.kind} ${doubt.frame} ${doubt.ids.join(",")} ${doubt.keypoint}`;
}
