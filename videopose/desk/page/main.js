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

const MOVES = new Set(["next", "previous", "next10", "previous10", "next100", "previous100", "first", "last"]);
const FREE = new Set([...MOVES, "play", "hide", "zoomIn", "zoomOut", "reset", "timelineIn", "timelineOut", "theme"]);
/** @type {Promise<any>} */
let arriving = Promise.resolve();
let waiting = 0;

/** @param {Desk} desk @param {string} command @param {number} number */
async function act(desk, command, number) {
  try {
    await ACTIONS[command](desk, number);
    drawPanels(desk);
  } catch (error) {
    toast(error instanceof Error ? error.message : String(error));
  }
}

/** Commands are done in the order in which keys were pressed, each on the frame that was asked for before it, however
 *  fast they are pressed; only the way through time may overtake itself.
 *  @param {Desk} desk @param {string} command @param {number} [number] */
function run(desk, command, number = 0) {
  if (FREE.has(command) && !waiting) {
    const doing = act(desk, command, number);
    if (MOVES.has(command)) arriving = doing;
    return;
  }
  waiting += 1;
  desk.busy = desk.busy.then(() => arriving).then(() => {
    const doing = act(desk, command, number);
    return command === "play" ? null : doing;
  }).finally(() => { waiting -= 1; });
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
  await desk.go(0);
  desk.refreshing = desk.refresh();
  document.body.dataset.ready = "true";
  setInterval(() => { if (!document.hidden) desk.edits.poll().catch(() => element("saved").textContent = "no answer from the desk"); }, 1500);
}

begin().catch((error) => {
  element("notice").hidden = false;
  element("notice").textContent = `This did not work: ${error.message}`;
});
