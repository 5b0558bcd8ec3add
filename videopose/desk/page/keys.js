// The one table of keys. What a key does, the overlay that explains it and what can be rebound all come from here.

/** @typedef {{command: string, keys: string[], title: string, group: string}} Binding */

/** @type {Binding[]} */
export const TABLE = [
  { group: "Time", command: "next", keys: ["ArrowRight", "f"], title: "next frame" },
  { group: "Time", command: "previous", keys: ["ArrowLeft", "d"], title: "previous frame" },
  { group: "Time", command: "next10", keys: ["Ctrl+ArrowRight"], title: "10 frames on" },
  { group: "Time", command: "previous10", keys: ["Ctrl+ArrowLeft"], title: "10 frames back" },
  { group: "Time", command: "next100", keys: ["Ctrl+Shift+ArrowRight"], title: "100 frames on" },
  { group: "Time", command: "previous100", keys: ["Ctrl+Shift+ArrowLeft"], title: "100 frames back" },
  { group: "Time", command: "first", keys: ["Home"], title: "first frame" },
  { group: "Time", command: "last", keys: ["End"], title: "last frame" },
  { group: "Time", command: "play", keys: ["Space"], title: "play at true speed, stop" },
  { group: "Time", command: "goto", keys: ["Ctrl+j", "j"], title: "go to a frame (120) or time (4.8s)" },
  { group: "Where to look", command: "doubt", keys: ["n"], title: "next doubtful moment" },
  { group: "Where to look", command: "doubtBack", keys: ["Shift+N"], title: "doubtful moment before" },
  { group: "Where to look", command: "fix", keys: ["y"], title: "do what is suggested for it" },
  { group: "Where to look", command: "accept", keys: ["k"], title: "accept: the moment, else the span or frame" },
  { group: "Where to look", command: "acceptTrack", keys: ["Shift+K"], title: "accept the person everywhere" },
  { group: "Where to look", command: "relink", keys: ["l"], title: "link again with what was learned" },
  { group: "Ids", command: "choose", keys: ["1 … 9"], title: "choose the person of that line" },
  { group: "Ids", command: "assign", keys: ["Shift+1 … 9"], title: "call the chosen person so from here on" },
  { group: "Ids", command: "cycle", keys: ["c"], title: "choose the next person of the frame" },
  { group: "Ids", command: "swap", keys: ["x"], title: "swap the two chosen from here to the end" },
  { group: "Ids", command: "swapSpan", keys: ["Shift+X"], title: "swap them over the marked span" },
  { group: "Ids", command: "split", keys: ["Shift+S"], title: "from here on it is somebody else" },
  { group: "Ids", command: "mergeFrom", keys: ["m"], title: "remember this person for a merge" },
  { group: "Ids", command: "merge", keys: ["Shift+M"], title: "merge the chosen person into the remembered one" },
  { group: "Ids", command: "rename", keys: ["e"], title: "call the person otherwise everywhere" },
  { group: "Ids", command: "delete", keys: ["Delete", "Backspace"], title: "remove the person here, or over the span" },
  { group: "Ids", command: "deleteTrack", keys: ["Shift+Delete"], title: "remove the person everywhere" },
  { group: "Poses", command: "keypoint", keys: ["."], title: "choose the next keypoint" },
  { group: "Poses", command: "keypointBack", keys: [","], title: "choose the keypoint before" },
  { group: "Poses", command: "right", keys: ["Shift+ArrowRight"], title: "move the keypoint by a pixel (Alt: a tenth)" },
  { group: "Poses", command: "left", keys: ["Shift+ArrowLeft"], title: "… to the left" },
  { group: "Poses", command: "up", keys: ["Shift+ArrowUp"], title: "… up" },
  { group: "Poses", command: "down", keys: ["Shift+ArrowDown"], title: "… down" },
  { group: "Poses", command: "visibility", keys: ["v"], title: "seen, hidden, absent (keypoint or all)" },
  { group: "Poses", command: "copy", keys: ["p"], title: "copy the person's previous pose" },
  { group: "Poses", command: "add", keys: ["a"], title: "add a person: like the chosen one, else a template" },
  { group: "Poses", command: "spanStart", keys: ["["], title: "the span begins here" },
  { group: "Poses", command: "spanEnd", keys: ["]"], title: "the span ends here" },
  { group: "Poses", command: "interpolate", keys: ["i"], title: "straight lines over the span" },
  { group: "Poses", command: "propagate", keys: ["g"], title: "follow the image over the span" },
  { group: "View", command: "hide", keys: ["h"], title: "hide people, show them" },
  { group: "View", command: "zoomIn", keys: ["+", "="], title: "nearer (or wheel at the pointer)" },
  { group: "View", command: "zoomOut", keys: ["-"], title: "farther" },
  { group: "View", command: "reset", keys: ["r"], title: "show all of the frame" },
  { group: "View", command: "timelineIn", keys: ["Alt++", "Alt+="], title: "timeline nearer" },
  { group: "View", command: "timelineOut", keys: ["Alt+-"], title: "timeline farther" },
  { group: "View", command: "theme", keys: ["t"], title: "light, dark, high contrast" },
  { group: "Work", command: "undo", keys: ["Ctrl+z"], title: "undo" },
  { group: "Work", command: "redo", keys: ["Ctrl+Shift+Z", "Ctrl+y"], title: "redo" },
  { group: "Work", command: "export", keys: ["Ctrl+s"], title: "save a copy in another format" },
  { group: "Work", command: "labels", keys: ["Ctrl+o"], title: "bring labels in, or compare with them" },
  { group: "Work", command: "summary", keys: ["s"], title: "how far the work is" },
  { group: "Work", command: "cancel", keys: ["Escape"], title: "forget span, memory and moment" },
  { group: "Work", command: "help", keys: ["?"], title: "this table" },
];

const STORED = "videopose-desk-keys";

/** How a key press is called in the table. @param {KeyboardEvent} event */
export function nameOf(event) {
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
  const isLetter = /^[a-z]$/i.test(event.key);
  let key = event.key === " " ? "Space" : event.key;
  if (digit && event.shiftKey) key = digit[1];
  const isSign = key.length === 1 && !isLetter && !(digit && event.shiftKey);
  if (isLetter) key = event.shiftKey ? key.toUpperCase() : key.toLowerCase();
  const parts = [];
  if (event.ctrlKey || event.metaKey) parts.push("Ctrl");
  if (event.altKey) parts.push("Alt");
  if (event.shiftKey && !isSign) parts.push("Shift");
  return [...parts, key].join("+");
}

/** @returns {Record<string, string[]>} what the user has rebound, by command */
function rebound() {
  try {
    const stored = JSON.parse(localStorage.getItem(STORED) || "{}");
    return stored && typeof stored === "object" ? stored : {};
  } catch {
    return {};
  }
}

/** The table as it holds now. @returns {Binding[]} */
export function bindings() {
  const own = rebound();
  return TABLE.map((each) => {
    const keys = own[each.command];
    return Array.isArray(keys) ? { ...each, keys: keys.map(String) } : each;
  });
}

/** @param {string} command @param {string} key */
export function rebind(command, key) {
  const own = rebound();
  for (const each of bindings()) {
    if (each.command !== command && each.keys.includes(key)) own[each.command] = each.keys.filter((other) => other !== key);
  }
  own[command] = [key];
  localStorage.setItem(STORED, JSON.stringify(own));
}

export function forgetRebound() {
  localStorage.removeItem(STORED);
}

/** The command of a key press; digits bring their number. @param {KeyboardEvent} event
 *  @returns {{command: string, number: number}|null} */
export function commandOf(event) {
  const name = nameOf(event);
  const digit = /^(Shift\+)?([1-9])$/.exec(name);
  if (digit) return { command: digit[1] ? "assign" : "choose", number: Number(digit[2]) };
  const found = bindings().find((each) => each.keys.includes(name));
  if (found) return { command: found.command, number: 0 };
  const fine = /^Alt\+(Shift\+Arrow\w+)$/.exec(name);
  const move = fine && bindings().find((each) => each.keys.includes(fine[1]));
  return move ? { command: move.command, number: -1 } : null;
}
