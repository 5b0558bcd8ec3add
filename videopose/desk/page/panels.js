// The lists beside the frame: doubtful moments, people, keypoints.

import { element, keyOf } from "./desk.js";
import { make } from "./dialogs.js";
import { bindings } from "./keys.js";
import { colourOf } from "./view.js";

/** @typedef {import("./desk.js").Desk} Desk */

const STATES = ["absent", "hidden-point", ""];

/** @param {number} seconds */
function clock(seconds) {
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${(seconds - 60 * minutes).toFixed(2).padStart(5, "0")}`;
}

/** @param {HTMLElement} list @param {HTMLElement[]} items keeping the scrolled place */
function fill(list, items) {
  const box = /** @type {HTMLElement} */ (list.parentElement);
  const place = box.scrollTop;
  const at = document.activeElement && list.contains(document.activeElement)
    ? [...list.querySelectorAll("button")].indexOf(/** @type {any} */ (document.activeElement)) : -1;
  list.replaceChildren(...items);
  box.scrollTop = place;
  if (at >= 0) list.querySelectorAll("button")[at]?.focus();
}

/** @param {any} content @param {boolean} isCurrent @param {() => void} click */
function item(content, isCurrent, click) {
  const line = make("li"), button = make("button");
  button.append(...content);
  if (isCurrent) button.setAttribute("aria-current", "true");
  button.onclick = click;
  line.append(button);
  return line;
}

/** @param {number} id */
function swatch(id) {
  const mark = make("span", "", "swatch");
  mark.style.background = colourOf(id);
  return mark;
}

let queued = "";

/** @param {Desk} desk */
function drawQueue(desk) {
  const current = desk.doubt ? keyOf(desk.doubt) : "";
  const signature = `${current}|${desk.edits.seq}|${desk.doubts.length}`;
  if (signature === queued) return;
  queued = signature;
  const items = desk.doubts.slice(0, 120).map((doubt, place) => {
    const key = keyOf(doubt);
    const head = make("span");
    head.append(make("b", doubt.title), ` · ${doubt.frame}`);
    const parts = [head, make("small", doubt.text)];
    if (key === current && doubt.fix) parts.push(make("small", `Y: ${describe(doubt.fix)} · K: it is right`));
    return item(parts, key === current, () => desk.showDoubt(place));
  });
  if (!items.length) items.push(make("li", "Nothing doubtful is open."));
  fill(element("queue"), items);
  element("count").textContent = desk.open ? `${desk.open} open` : "";
  element("queue").querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
}

/** @param {Record<string, any>} fix */
function describe(fix) {
  if (fix.op === "swap") return `swap ${fix.a} and ${fix.b} from ${fix.first} on`;
  if (fix.op === "merge") return `${fix.other} is ${fix.keep}`;
  if (fix.op === "delete") return `remove ${fix.track_id}`;
  return "put the keypoint where it is expected";
}

/** @param {Desk} desk */
function drawPeople(desk) {
  const items = desk.listed().map((person, place) => {
    const key = place < 9 ? [make("kbd", String(place + 1))] : [];
    const text = ` ${person.id}  ${person.score.toFixed(2)}${person.ok ? " ✓" : ""}${person.e.length ? " edited" : ""}`;
    return item([swatch(person.id), text, ...key], person.id === desk.selected, () => desk.choose(person.id));
  });
  if (!items.length) items.push(make("li", desk.people.of(desk.shown) ? "Nobody." : "Nobody was looked for here."));
  fill(element("persons"), items);
}

/** @param {Desk} desk */
function drawKeypoints(desk) {
  const person = desk.person();
  element("whom").textContent = desk.selected < 0 ? "Nobody chosen"
    : `Person ${desk.selected}${desk.other >= 0 ? `, and ${desk.other}` : ""}${person ? "" : ", not here"}`;
  const items = !person ? [] : desk.state.keypoints.map((/** @type {string} */ name, /** @type {number} */ part) => {
    const text = make("span", name.replaceAll("_", " "), person.v[part] >= 0 ? STATES[person.v[part]] : "");
    const score = ` ${person.e.includes(part) ? "■" : person.k[3 * part + 2].toFixed(2)}`;
    return item([text, score], part === desk.keypoint, () => desk.choose(person.id, part));
  });
  fill(element("keypoints"), items);
}

/** @param {Desk} desk */
export function drawPanels(desk) {
  const time = desk.times[desk.shown];
  element("where").textContent = desk.shown < 0 ? "" : `frame ${desk.shown} of ${desk.state.frames - 1} · ${clock(time)} · ${Math.round(desk.view.scale * 100)} %`;
  element("undo").disabled = !desk.stacks.undo;
  element("redo").disabled = !desk.stacks.redo;
  element("undo").title = desk.stacks.undo ? `Undo ${desk.stacks.undo}` : "";
  const notes = [];
  if (desk.span) notes.push(`span ${desk.span[0]}–${desk.span[1]}`);
  if (desk.remembered >= 0) notes.push(`merge into ${desk.remembered}`);
  if (desk.view.isHidden) notes.push("people hidden");
  element("mode").hidden = !notes.length;
  element("mode").textContent = notes.join(" · ");
  const help = bindings().find((each) => each.command === "help");
  element("line").textContent = desk.doubt ? `${desk.doubt.title}: ${desk.doubt.text}` : `N: where to look next · ${help ? help.keys[0] : "?"}: all keys`;
  drawQueue(desk);
  drawPeople(desk);
  drawKeypoints(desk);
}
