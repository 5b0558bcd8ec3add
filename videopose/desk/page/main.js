// Begins: waits until the result is there, builds the desk, and hands it keys and mouse.

import { ACTIONS, toast } from "./actions.js";
import { get } from "./api.js";
import { Desk, element } from "./desk.js";
import { commandOf } from "./keys.js";
import { drawPanels } from "./panels.js";
import { listen } from "./pointer.js";

const theme = localStorage.getItem("videopose-desk-theme");
document.documentElement.dataset.theme = theme && ["light", "dark", "contrast"].includes(theme) ? theme
  : matchMedia("(prefers-contrast: more)").matches ? "contrast"
  : matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
history.replaceState(null, "", "/"); // the token opens the page once, and does not belong into bookmarks

/** @returns {Promise<Record<string, any>>} */
async function whenReady() {
  for (;;) {
    const state = await get("/api/state");
    element("clip").textContent = state.clip;
    document.title = `${state.clip} – videopose desk`;
    const notice = element("notice");
    notice.hidden = state.phase === "ready";
    if (state.phase === "ready") return state;
    const share = state.total ? ` ${Math.floor(100 * state.done / state.total)} % (${state.done} of ${state.total} frames)` : "";
    notice.textContent = state.phase === "failed" ? `This did not work: ${state.error}`
      : state.phase === "running" ? `Looking for everybody …${share}` : "Reading the result …";
    await new Promise((done) => setTimeout(done, state.phase === "failed" ? 5000 : 400));
  }
}

const MOVES = new Set(["next", "previous", "next10", "previous10", "next100", "previous100", "first", "last", "goto",
  "doubt", "doubtBack"]);
/** @type {Promise<any>} */
let arriving = Promise.resolve();

/** A command means the frame that was asked for before it, also where that is not shown yet.
 *  @param {Desk} desk @param {string} command @param {number} [number] */
async function run(desk, command, number = 0) {
  try {
    if (!MOVES.has(command)) await arriving;
    const doing = ACTIONS[command](desk, number);
    if (MOVES.has(command)) arriving = Promise.resolve(doing).catch(() => {});
    await doing;
    drawPanels(desk);
  } catch (error) {
    toast(error instanceof Error ? error.message : String(error));
  }
}

async function begin() {
  const state = await whenReady();
  const times = new Float64Array(await (await fetch("/api/times", { credentials: "same-origin" })).arrayBuffer());
  const desk = new Desk(state, times);
  desk.drawn = () => drawPanels(desk);
  Object.assign(window, { desk }); // for whoever looks from the console
  new ResizeObserver(() => { desk.view.resize(); desk.timeline.draw(); }).observe(element("stage"));
  desk.view.resize();
  listen(desk);
  document.addEventListener("keydown", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (element("dialog").open || ["INPUT", "SELECT", "TEXTAREA"].includes(target.tagName)) return;
    if (target.tagName === "BUTTON" && [" ", "Enter"].includes(event.key)) return;
    const found = commandOf(event);
    if (!found) return;
    event.preventDefault();
    desk.edits.presses += 1;
    run(desk, found.command, found.number);
  });
  for (const button of document.querySelectorAll("button[data-command]")) {
    button.addEventListener("click", () => {
      element("overlay").focus();
      run(desk, /** @type {string} */ (/** @type {HTMLElement} */ (button).dataset.command));
    });
  }
  element("overlay").focus();
  desk.refreshing = desk.refresh();
  await desk.go(0);
  document.body.dataset.ready = "true";
  setInterval(() => { if (!document.hidden) desk.edits.poll().catch(() => element("saved").textContent = "no answer from the desk"); }, 1500);
}

begin().catch((error) => {
  element("notice").hidden = false;
  element("notice").textContent = `This did not work: ${error.message}`;
});
