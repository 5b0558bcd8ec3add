// Questions and tables over the page; Escape leaves each.

import { post } from "./api.js";
import { bindings, forgetRebound, nameOf, rebind } from "./keys.js";

/** @typedef {import("./desk.js").Desk} Desk */

/** @param {string} tag @param {string} [text] @param {string} [kind] @returns {any} */
export function make(tag, text = "", kind = "") {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

/** @param {string} title @param {HTMLElement[]} parts @returns {Promise<string|null>} what the dialog was closed with */
function show(title, parts) {
  const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("dialog"));
  dialog.replaceChildren(make("h2", title), ...parts);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => {
    dialog.onclose = () => {
      document.getElementById("overlay")?.focus();
      done(dialog.returnValue === "" ? null : dialog.returnValue);
    };
  });
}

/** @param {string} value */
function close(value) {
  /** @type {HTMLDialogElement} */ (document.getElementById("dialog")).close(value);
}

/** @param {string} title @param {string} text @param {string} value @returns {Promise<string|null>} */
export function ask(title, text, value) {
  const label = make("label", `${text} `);
  const input = make("input");
  input.value = value;
  input.onkeydown = (/** @type {KeyboardEvent} */ event) => { if (event.key === "Enter") close(input.value); };
  label.append(input);
  const answer = show(title, [label]);
  input.select();
  return answer;
}

/** @param {string} title @param {string} text @param {string[]} answers the first is that of Enter
 *  @param {string[]} [lines] @returns {Promise<string|null>} */
export function choose(title, text, answers, lines = []) {
  const list = make("ul");
  for (const line of lines) list.append(make("li", line));
  const row = make("div", "", "buttons");
  answers.forEach((answer, place) => {
    const button = make("button", answer, place ? "" : "first");
    button.onclick = () => close(answer);
    row.append(button);
  });
  const shown = show(title, [make("p", text), list, row]);
  row.children[0].focus();
  return shown;
}

/** The table of keys; a click on a key waits for another one. */
export function showHelp() {
  const columns = make("div", "", "columns");
  /** @type {Map<string, HTMLTableElement>} */
  const tables = new Map();
  for (const each of bindings()) {
    if (!tables.has(each.group)) {
      const group = make("div", "", "group");
      const table = make("table");
      group.append(make("h3", each.group), table);
      tables.set(each.group, table);
      columns.append(group);
    }
    const row = /** @type {HTMLTableElement} */ (tables.get(each.group)).insertRow();
    row.insertCell().textContent = each.title;
    const button = make("button");
    button.setAttribute("aria-label", `Change the key of: ${each.title}`);
    each.keys.forEach((key) => button.append(make("kbd", key), " "));
    button.onclick = () => {
      button.replaceChildren(make("kbd", "press a key …"));
      button.onkeydown = (/** @type {KeyboardEvent} */ event) => {
        event.preventDefault();
        event.stopPropagation();
        if (["Control", "Shift", "Alt", "Meta"].includes(event.key)) return;
        if (event.key !== "Escape") rebind(each.command, nameOf(event));
        close("again");
      };
    };
    if (/^[0-9S].*…/.test(each.keys[0] || "")) button.disabled = true;
    row.insertCell().append(button);
  }
  const mouse = make("p", "Mouse: wheel zooms at the pointer · drag moves a keypoint · Alt-drag a limb · Shift-drag a whole person · "
    + "drag beside people moves the view · a click on the timeline goes there.");
  const row = make("div", "", "buttons");
  const reset = make("button", "All keys as they were");
  reset.onclick = () => { forgetRebound(); close("again"); };
  const done = make("button", "Close", "first");
  done.onclick = () => close("");
  row.append(reset, done);
  const shown = show("Keys", [columns, mouse, row]);
  /** @type {HTMLElement} */ (document.getElementById("dialog")).scrollTop = 0;
  done.focus({ preventScroll: true });
  shown.then((answer) => { if (answer === "again") showHelp(); });
}

/** @param {{name: string, title: string, suffix: string}[]} formats @param {Promise<any>} saved */
export async function showExport(formats, saved) {
  await Promise.resolve(saved).catch(() => {});
  const label = make("label", "Format ");
  const select = make("select");
  select.append(new Option("A page to look at (.html)", "report"));
  for (const each of formats) select.append(new Option(`${each.title} (${each.name}, ${each.suffix})`, each.name));
  select.value = "videopose";
  label.append(select);
  const row = make("div", "", "buttons");
  const cancel = make("button", "Cancel");
  cancel.onclick = () => close("");
  const save = make("button", "Save", "first");
  save.onclick = () => close(select.value);
  row.append(cancel, save);
  const shown = show("Save a copy", [make("p", "Corrections are saved at once, without this. A copy holds the result with all of them."), label, row]);
  select.focus();
  const format = await shown;
  if (!format) return;
  const answer = await fetch(format === "report" ? "/api/report" : `/api/export/${format}`, { credentials: "same-origin" });
  if (!answer.ok) {
    await choose("Save a copy", (await answer.json()).error, ["Close"]);
    return;
  }
  const link = make("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = /filename="(.*?)"/.exec(answer.headers.get("content-disposition") || "")?.[1] || "labels";
  link.click();
  URL.revokeObjectURL(link.href);
  const notes = answer.headers.get("x-notes");
  if (notes) await choose("Saved", "What this format has no place for:", ["Close"], notes.split("; "));
}

/** @param {Desk} desk @param {(text: string) => void} toast */
export async function showLabels(desk, toast) {
  const input = make("input");
  input.type = "file";
  input.accept = ".json,.xml,.txt,.csv";
  const what = make("select");
  what.append(new Option("take them as corrections", "labels"), new Option("compare the result with them", "score"));
  const row = make("div", "", "buttons");
  const go = make("button", "Go", "first");
  go.onclick = () => close(what.value);
  row.append(go);
  const text = "CVAT (XML or COCO), COCO, PoseTrack, MOT or a result; people are recognised by their id and place.";
  const shown = show("Labels", [make("p", text), input, make("p"), what, row]);
  input.focus();
  const answer = await shown;
  const file = input.files && input.files[0];
  if (!answer || !file) return;
  const body = { name: file.name, text: await file.text() };
  try {
    if (answer === "labels") {
      const facts = await desk.edits.send("/api/labels", body);
      toast(`${facts.said} taken. Undo takes all of them back.`);
    } else {
      const facts = await post("/api/score", { ...body, seq: desk.edits.seq });
      const lines = Object.entries(facts).map(([name, value]) => `${name}: ${value}`);
      await choose("Compared with these labels", `${facts.frames} frames`, ["Close"], lines);
    }
  } catch (error) {
    toast(error instanceof Error ? error.message : String(error));
  }
}

/** @param {Desk} desk */
export async function showSummary(desk) {
  const answer = await fetch("/api/state", { credentials: "same-origin" });
  const state = await answer.json();
  const poses = desk.tracks.reduce((sum, track) => sum + track.count, 0);
  const length = (/** @type {number[][]} */ runs) => runs.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  const accepted = desk.tracks.reduce((sum, track) => sum + length(track.accepted), 0);
  const edited = desk.tracks.reduce((sum, track) => sum + length(track.edited), 0);
  await choose("How far the work is", "", ["Close"], [
    `${desk.open} doubtful moments are open`,
    `${desk.tracks.length} people in ${poses} poses; ${accepted} accepted, ${edited} edited`,
    `${state.presses_a_minute} key presses for a minute of video so far`,
    `${state.seq} lines in ${state.log}`,
  ]);
}
