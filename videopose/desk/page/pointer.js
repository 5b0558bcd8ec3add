// The mouse: choose, drag a keypoint, a limb or a person, move and zoom the view, go along the timeline.

import { edit } from "./actions.js";

/** @typedef {import("./desk.js").Desk} Desk */

/** @param {PointerEvent|WheelEvent|MouseEvent} event @returns {[number, number]} */
function place(event) {
  const box = /** @type {HTMLElement} */ (event.currentTarget).getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

/** Which keypoints a drag takes along; none = the view itself. @param {Desk} desk @param {PointerEvent} event */
function grabbed(desk, event) {
  const [px, py] = place(event);
  const count = desk.state.keypoints.length;
  if (event.button !== 0 || desk.view.isHidden) return [];
  if (event.altKey) return desk.view.limb(px, py) || [];
  const hit = desk.view.hit(px, py);
  const id = hit ? hit.person : desk.view.personAt(px, py);
  if (id < 0) return [];
  if (event.shiftKey) {
    desk.choose(id);
    return Array.from({ length: count }, (_, part) => part).filter((part) => {
      const person = desk.person();
      return person && desk.view.isThere(person, part);
    });
  }
  desk.choose(id, hit ? hit.keypoint : -1);
  return hit ? [hit.keypoint] : [];
}

/** @param {Desk} desk */
export function listen(desk) {
  const { overlay } = desk.view;
  overlay.addEventListener("pointerdown", (event) => {
    overlay.focus();
    overlay.setPointerCapture(event.pointerId);
    const parts = grabbed(desk, event);
    const person = desk.person();
    const [fromX, fromY] = place(event);
    const before = person && parts.length ? [...person.k] : null;
    const frame = desk.shown;
    let last = [fromX, fromY];
    let isMoved = false;
    /** @param {PointerEvent} move */
    const onMove = (move) => {
      const [px, py] = place(move);
      if (!isMoved && Math.hypot(px - fromX, py - fromY) < 1) return;
      isMoved = true;
      if (person && before) {
        const dx = (px - fromX) / desk.view.scale, dy = (py - fromY) / desk.view.scale;
        for (const part of parts) [person.k[3 * part], person.k[3 * part + 1]] = [before[3 * part] + dx, before[3 * part + 1] + dy];
        desk.view.drawPeople();
      } else {
        desk.view.pan(px - last[0], py - last[1]);
      }
      last = [px, py];
    };
    const onUp = () => {
      overlay.removeEventListener("pointermove", onMove);
      overlay.removeEventListener("pointerup", onUp);
      overlay.removeEventListener("pointercancel", onUp);
      if (!isMoved || !person || !before) return;
      /** @type {Record<string, number[]>} */
      const keypoints = {};
      for (const part of parts) keypoints[part] = [person.k[3 * part], person.k[3 * part + 1]].map((value) => Math.round(value * 100) / 100);
      edit(desk, "move", { track_id: person.id, first: frame, keypoints });
    };
    overlay.addEventListener("pointermove", onMove);
    overlay.addEventListener("pointerup", onUp);
    overlay.addEventListener("pointercancel", onUp);
  });
  overlay.addEventListener("wheel", (event) => {
    event.preventDefault();
    const [px, py] = place(event);
    desk.view.zoom(Math.exp(-event.deltaY * 0.0015), px, py);
    desk.go(desk.frame);
  }, { passive: false });
  overlay.addEventListener("contextmenu", (event) => event.preventDefault());
  listenTimeline(desk);
}

/** @param {Desk} desk */
function listenTimeline(desk) {
  const { canvas, curveCanvas } = desk.timeline;
  for (const each of [canvas, curveCanvas]) {
    each.addEventListener("pointerdown", (event) => {
      each.setPointerCapture(event.pointerId);
      const [x, y] = place(event);
      const id = each === canvas ? desk.timeline.idAt(y) : -1;
      if (id >= 0) desk.choose(id);
      desk.go(desk.timeline.frameAt(x));
      /** @param {PointerEvent} move */
      const onMove = (move) => desk.go(desk.timeline.frameAt(place(move)[0]));
      const onUp = () => {
        each.removeEventListener("pointermove", onMove);
        each.removeEventListener("pointerup", onUp);
      };
      each.addEventListener("pointermove", onMove);
      each.addEventListener("pointerup", onUp);
    });
    each.addEventListener("wheel", (event) => {
      event.preventDefault();
      if (event.shiftKey && each === canvas) {
        desk.timeline.scroll += event.deltaY || event.deltaX;
        desk.timeline.draw();
      } else {
        desk.timeline.zoom(Math.exp(event.deltaY * 0.0015), desk.timeline.frameAt(place(event)[0]));
      }
    }, { passive: false });
  }
}
