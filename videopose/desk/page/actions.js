// What each command does. Every change goes through `Desk.edits`, as one operation of the log.

import { Refused, get, post } from "./api.js";
import { ask, choose, showExport, showHelp, showLabels, showSummary } from "./dialogs.js";

/** @typedef {import("./desk.js").Desk} Desk */

/** @param {string} text */
export function toast(text) {
  const line = document.createElement("p");
  line.textContent = text;
  const box = /** @type {HTMLElement} */ (document.getElementById("toasts"));
  box.append(line);
  while (box.children.length > 3) box.children[0].remove();
  setTimeout(() => line.remove(), 7000);
}

/** @param {Desk} desk @param {string} op @param {Record<string, any>} args @returns {Promise<any>} */
export async function edit(desk, op, args) {
  try {
    return await desk.edits.send("/api/edits", { op, args });
  } catch (error) {
    if (error instanceof Refused && error.facts.overlap && op === "merge") return mergeOverlapping(desk, args, error.facts.overlap);
    toast(error instanceof Error ? error.message : String(error));
    return null;
  }
}

/** Ask who is kept in each span in which both are there. @param {Desk} desk @param {Record<string, any>} args
 *  @param {number[][]} spans */
async function mergeOverlapping(desk, args, spans) {
  const wins = [];
  for (const [first, last] of spans) {
    await desk.go(first);
    const text = `Both ${args.keep} and ${args.other} are there in frames ${first}–${last}. Who is right there?`;
    const keep = await choose("Merge", text, [String(args.keep), String(args.other)]);
    if (keep === null) return null;
    wins.push({ first, last, keep: Number(keep) });
  }
  return edit(desk, "merge", { ...args, wins });
}

/** @param {Desk} desk */
function needPerson(desk) {
  if (desk.selected >= 0) return true;
  toast("Choose a person first: click one, or press its digit.");
  return false;
}

/** @param {Desk} desk */
function needPair(desk) {
  if (!needPerson(desk)) return false;
  if (desk.other < 0) {
    const others = desk.listed().filter((each) => each.id !== desk.selected);
    if (others.length === 1) desk.other = others[0].id;
  }
  if (desk.other >= 0) return true;
  toast("Choose two people: press the digit of one, then of the other.");
  return false;
}

/** @param {Desk} desk */
function needSpan(desk) {
  if (desk.span && desk.span[0] < desk.span[1]) return true;
  toast("Mark a span first: [ where it begins, ] where it ends.");
  return false;
}

/** The marked span, else the shown frame. @param {Desk} desk */
function here(desk) {
  return desk.span ? { first: desk.span[0], last: desk.span[1] } : { first: desk.shown, last: desk.shown };
}

/** Move the chosen keypoint. @param {Desk} desk @param {number} dx @param {number} dy in pixels */
async function nudge(desk, dx, dy) {
  const person = desk.person();
  if (!person || desk.keypoint < 0) return toast("Choose a keypoint first: click it, or press the full stop.");
  const part = desk.keypoint;
  const place = [person.k[3 * part] + dx, person.k[3 * part + 1] + dy].map((value) => Math.round(value * 100) / 100);
  [person.k[3 * part], person.k[3 * part + 1]] = place; // the next press adds to it, answered or not
  await edit(desk, "move", { track_id: desk.selected, first: desk.shown, keypoints: { [part]: place } });
}

/** @param {Desk} desk @param {number} step */
function nextKeypoint(desk, step) {
  if (!needPerson(desk)) return;
  const count = desk.state.keypoints.length;
  desk.choose(desk.selected, (desk.keypoint + step + count + (desk.keypoint < 0 && step < 0 ? 1 : 0)) % count);
}

/** @param {Desk} desk */
async function accept(desk) {
  const doubt = desk.doubt;
  if (doubt && doubt.frame === desk.shown) {
    for (const id of doubt.ids) {
      const there = desk.tracks.find((track) => track.id === id);
      const inside = there && there.runs.some(([first, last]) => first <= doubt.last && last >= doubt.frame);
      if (inside) await edit(desk, "accept", { track_id: id, first: doubt.frame, last: Math.max(doubt.frame, doubt.last) });
    }
  } else {
    await edit(desk, "accept", desk.selected >= 0 ? { track_id: desk.selected, ...here(desk) } : here(desk));
  }
}

/** @param {Desk} desk */
async function relink(desk) {
  const found = await post("/api/relink", { seq: desk.edits.seq }).catch((error) => toast(error.message));
  if (!found) return;
  if (!found.runs.length) {
    toast("Linking again changes nothing.");
    return;
  }
  const lines = found.runs.slice(0, 30).map((/** @type {any} */ run) => `${run.track_id} → ${run.new_id} in frames ${run.first}–${run.last}`);
  if (found.runs.length > 30) lines.push(`… and ${found.runs.length - 30} more`);
  const answer = await choose("Link again", `${found.poses} poses would be called otherwise:`, ["Take it", "Leave it"], lines);
  if (answer === "Take it") await edit(desk, "assign", { runs: found.runs });
}

/** @param {Desk} desk @param {number} number of the line chosen, from 1 */
async function assign(desk, number) {
  const target = desk.tracks.map((track) => track.id)[number - 1];
  if (!needPerson(desk) || target === undefined || target === desk.selected) return;
  const isThere = (desk.people.of(desk.shown) || []).some((each) => each.id === target);
  const isLater = desk.tracks.some((track) => track.id === target && track.runs.some(([, last]) => last >= desk.shown));
  const args = isThere || isLater ? { a: desk.selected, b: target, first: desk.shown }
    : { track_id: desk.selected, new_id: target, first: desk.shown };
  if (await edit(desk, isThere || isLater ? "swap" : "rename", args)) desk.choose(target);
}

/** @param {Desk} desk */
async function add(desk) {
  const id = desk.selected >= 0 && !desk.person() ? desk.selected : desk.state.next_id;
  let near = null;
  for (let away = 1; away <= 30 && desk.selected >= 0 && !near; away += 1) {
    for (const frame of [desk.shown - away, desk.shown + away]) {
      const people = frame >= 0 && frame < desk.state.frames ? await desk.people.fetch(frame) : [];
      if ((people || []).some((each) => each.id === desk.selected)) near ??= frame;
    }
  }
  const [x, y] = desk.view.toImage(desk.view.overlay.clientWidth / 2, desk.view.overlay.clientHeight / 2);
  const template = { x: Math.round(x), y: Math.round(y), height: Math.round(desk.state.height / 2) };
  const like = { source_frame: near, source_id: desk.selected };
  const args = { track_id: id, first: desk.shown, ...(near === null ? template : like) };
  if (await edit(desk, "add", args)) desk.choose(id);
}

/** @param {Desk} desk */
async function visibility(desk) {
  const person = desk.person();
  if (!person) return needPerson(desk);
  const parts = desk.keypoint >= 0 ? [desk.keypoint] : desk.state.keypoints.map((/** @type {string} */ _, /** @type {number} */ part) => part);
  const now = person.v[parts[0]];
  const value = now === 1 ? "absent" : now === 0 ? "seen" : "hidden";
  return edit(desk, "visibility", { track_id: desk.selected, keypoints: parts, value, ...here(desk) });
}

/** @param {Desk} desk */
async function merge(desk) {
  const keep = desk.remembered >= 0 ? desk.remembered : desk.other;
  if (!needPerson(desk)) return;
  if (keep < 0 || keep === desk.selected) {
    toast("Remember the other person first: choose it and press M.");
    return;
  }
  if (await edit(desk, "merge", { keep, other: desk.selected })) desk.choose(keep);
  desk.remembered = -1;
}

/** @param {Desk} desk */
async function goTo(desk) {
  const text = await ask("Go to", "a frame (120) or a time (4.8s, 1:02.5)", String(desk.shown));
  if (!text) return;
  const clock = /^(?:(\d+):)?(\d+(?:\.\d+)?)s?$/.exec(text.trim());
  if (!clock) return toast(`${text} is neither a frame nor a time.`);
  if (!clock[1] && !text.includes("s") && !text.includes(".")) return desk.go(Number(clock[2]));
  const seconds = 60 * Number(clock[1] || 0) + Number(clock[2]) + 1e-6;
  let low = 0;
  for (let high = desk.times.length; high - low > 1;) {
    const middle = (low + high) >> 1;
    if (desk.times[middle] <= seconds) low = middle;
    else high = middle;
  }
  return desk.go(low);
}

/** @param {Desk} desk */
async function play(desk) {
  desk.isPlaying = !desk.isPlaying;
  const begin = performance.now(), from = desk.times[desk.frame];
  while (desk.isPlaying && desk.frame < desk.state.frames - 1) {
    await new Promise(requestAnimationFrame);
    const due = from + (performance.now() - begin) / 1000;
    let next = desk.frame;
    while (next + 1 < desk.state.frames && desk.times[next + 1] <= due) next += 1;
    if (next !== desk.frame) await desk.go(next);
  }
  desk.isPlaying = false;
}

/** @param {Desk} desk */
function theme(desk) {
  const order = ["light", "dark", "contrast"];
  const root = document.documentElement;
  root.dataset.theme = order[(order.indexOf(root.dataset.theme || "light") + 1) % 3];
  localStorage.setItem("videopose-desk-theme", root.dataset.theme);
  desk.showPeople();
}

/** @param {Desk} desk */
async function fix(desk) {
  if (!desk.doubt || !desk.doubt.fix) return toast("Nothing is suggested for this moment.");
  const { op, ...args } = desk.doubt.fix;
  return edit(desk, op, args);
}

/** @param {Desk} desk @param {"interpolate"|"propagate"} op */
async function fill(desk, op) {
  if (!needPerson(desk) || !needSpan(desk)) return;
  const args = { track_id: desk.selected, ...here(desk) };
  if (op === "interpolate") return edit(desk, op, args);
  toast("Following the image …");
  try {
    await desk.edits.send("/api/propagate", args);
  } catch (error) {
    toast(error instanceof Error ? error.message : String(error));
  }
}

/** @type {Record<string, (desk: Desk, number: number) => any>} */
export const ACTIONS = {
  next: (desk) => desk.go(desk.frame + 1),
  previous: (desk) => desk.go(desk.frame - 1),
  next10: (desk) => desk.go(desk.frame + 10),
  previous10: (desk) => desk.go(desk.frame - 10),
  next100: (desk) => desk.go(desk.frame + 100),
  previous100: (desk) => desk.go(desk.frame - 100),
  first: (desk) => desk.go(0),
  last: (desk) => desk.go(desk.state.frames - 1),
  play,
  goto: goTo,
  doubt: async (desk) => { if (!await desk.nextDoubt(1)) toast("No doubtful moment is open."); },
  doubtBack: (desk) => desk.nextDoubt(-1),
  fix,
  accept,
  acceptTrack: (desk) => needPerson(desk) && edit(desk, "accept", { track_id: desk.selected }),
  relink,
  choose: (desk, number) => { const person = desk.listed()[number - 1]; if (person) desk.choose(person.id); },
  assign,
  cycle: (desk) => {
    const ids = desk.listed().map((each) => each.id);
    if (ids.length) desk.choose(ids[(ids.indexOf(desk.selected) + 1) % ids.length]);
  },
  swap: (desk) => needPair(desk) && edit(desk, "swap", { a: desk.selected, b: desk.other, first: desk.shown }),
  swapSpan: (desk) => needPair(desk) && needSpan(desk) && edit(desk, "swap", { a: desk.selected, b: desk.other, ...here(desk) }),
  split: (desk) => needPerson(desk) && edit(desk, "split", { track_id: desk.selected, new_id: desk.state.next_id, first: desk.shown }),
  mergeFrom: (desk) => { if (needPerson(desk)) { desk.remembered = desk.selected; desk.showPeople(); } },
  merge,
  rename: async (desk) => {
    if (!needPerson(desk)) return;
    const text = await ask("Call this person", "a number", String(desk.selected));
    const args = { track_id: desk.selected, new_id: Number(text) };
    if (text && await edit(desk, "rename", args)) desk.choose(Number(text));
  },
  delete: (desk) => needPerson(desk) && edit(desk, "delete", { track_id: desk.selected, ...here(desk) }),
  deleteTrack: (desk) => needPerson(desk) && edit(desk, "delete", { track_id: desk.selected }),
  keypoint: (desk) => nextKeypoint(desk, 1),
  keypointBack: (desk) => nextKeypoint(desk, -1),
  right: (desk, number) => nudge(desk, number < 0 ? 0.1 : 1, 0),
  left: (desk, number) => nudge(desk, number < 0 ? -0.1 : -1, 0),
  up: (desk, number) => nudge(desk, 0, number < 0 ? -0.1 : -1),
  down: (desk, number) => nudge(desk, 0, number < 0 ? 0.1 : 1),
  visibility,
  copy: (desk) => needPerson(desk) && edit(desk, "copy_previous", { track_id: desk.selected, first: desk.shown }),
  add,
  spanStart: (desk) => { desk.span = [desk.shown, Math.max(desk.shown, desk.span ? desk.span[1] : desk.shown)]; desk.showPeople(); },
  spanEnd: (desk) => { desk.span = [Math.min(desk.shown, desk.span ? desk.span[0] : desk.shown), desk.shown]; desk.showPeople(); },
  interpolate: (desk) => fill(desk, "interpolate"),
  propagate: (desk) => fill(desk, "propagate"),
  hide: (desk) => { desk.view.isHidden = !desk.view.isHidden; desk.showPeople(); },
  zoomIn: (desk) => zoom(desk, 1.5),
  zoomOut: (desk) => zoom(desk, 1 / 1.5),
  reset: (desk) => desk.view.fit(),
  timelineIn: (desk) => desk.timeline.zoom(0.6, desk.shown),
  timelineOut: (desk) => desk.timeline.zoom(1 / 0.6, desk.shown),
  theme,
  undo: (desk) => edit(desk, "undo", {}),
  redo: (desk) => edit(desk, "redo", {}),
  export: async (desk) => showExport((await get("/api/formats")).formats, desk.edits.last),
  labels: (desk) => showLabels(desk, toast),
  summary: (desk) => showSummary(desk),
  cancel: (desk) => {
    desk.span = null;
    desk.remembered = desk.other = desk.keypoint = -1;
    desk.doubt = null;
    desk.isPlaying = false;
    desk.showPeople();
  },
  help: () => showHelp(),
};

/** At the chosen keypoint, else in the middle. @param {Desk} desk @param {number} factor */
function zoom(desk, factor) {
  const person = desk.person();
  const { overlay } = desk.view;
  let place = [overlay.clientWidth / 2, overlay.clientHeight / 2];
  if (person && desk.keypoint >= 0) place = desk.view.toScreen(person.k[3 * desk.keypoint], person.k[3 * desk.keypoint + 1]);
  desk.view.zoom(factor, place[0], place[1]);
  desk.go(desk.frame);
}
