// The labelling page. Text is set as text, never as HTML; nothing is loaded from elsewhere.

const GUARD_MS = 120; // a key this soon after a new picture was meant for the one before
const AHEAD = 12; // crops loaded before they are asked for
const TILES = 32; // faces a page of the grid
const LOOK_MS = 32; // a face; a page of the grid that is confirmed sooner is asked about again
const MANY = 9; // classes; more scroll beside the face, and typing finds one
const TIMEOUT_MS = 10_000;
const LONGEST_SECONDS = 60; // a longer look was a break, and says nothing of the pace

const $ = (id) => document.getElementById(id);
const task = await load();
const SILENT = `The server does not answer. Is 'faceloop ${task.command}' still running?`;
const tab = crypto.randomUUID().slice(0, 8);
const images = new Map(); // face -> its picture, loaded or loading
const exceptions = new Set(); // faces that the grid left out: they are asked one by one
const history = task.history; // what undo takes back, the last last
const notes = new Map(history.map((one) => [one.faces[0], one.note])); // face -> what is typed of it
let waiting = task.faces; // unanswered faces, the next first
let paces = history.slice(-50).map((one) => [one.faces.length, one.seconds]);
let unsaved = []; // actions that the server has not acknowledged
let saving = false;
let inGrid = false;
let proposed = null; // the label of the grid's page
let tiles = []; // faces of the grid's page
let shownAt = Infinity; // when the picture could be seen
let actions = 0;
let hasKeys = localStorage.getItem("keys") !== "off"; // of one character; the others stay

async function load() {
  const reply = await fetch("task");
  if (reply.ok) return reply.json();
  document.body.textContent = await reply.text();
  throw new Error("no task");
}

function make(name, properties, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

// Answering. `at` is when the key or button was pressed.

const isEarly = (at) => waiting.length > 0 && !(at - shownAt >= GUARD_MS);
const secondsOf = (at, faces) => Math.round((at - shownAt) / faces / 10) / 100;

function answer(label, at) {
  if (isEarly(at) || !waiting.length) return;
  if (inGrid) return task.proposed || propose(label);
  const face = waiting.shift();
  const note = (notes.get(face) ?? "").trim();
  record("page", [{ face_id: face, label: label.label, seconds: secondsOf(at, 1), note }]);
  $("last").replaceChildren(picture(face), `${label.title}, just before`);
  show(label.title);
}

function skip(at) {
  if (isEarly(at) || !waiting.length || inGrid) return;
  const face = waiting.shift();
  waiting.push(face);
  history.push({ faces: [face] });
  $("last").replaceChildren(picture(face), "skipped, comes back");
  show("Skipped");
}

function undo(at) {
  if (isEarly(at) || !history.length) return;
  const before = history.pop();
  if (before.action) send({ action: `${tab}-${++actions}`, undoes: before.action });
  waiting = before.faces.concat(waiting.filter((face) => !before.faces.includes(face)));
  before.faces.forEach((face) => exceptions.delete(face));
  $("last").replaceChildren("taken back");
  show("Taken back");
}

function record(mode, answers) {
  const one = { action: `${tab}-${++actions}`, faces: answers.map((each) => each.face_id) };
  one.seconds = answers.reduce((sum, each) => sum + each.seconds, 0);
  if (task.proposed) mode = "grid"; // whoever has seen the label did not vote blind
  history.push(one);
  paces = [...paces.slice(-49), [answers.length, one.seconds]];
  send({ action: one.action, mode, answers });
}

// Saving, behind the person's back

function send(action) {
  unsaved.push(action);
  tellSaved();
  if (!saving) save();
}

async function save() {
  saving = true;
  let trouble = "";
  while (unsaved.length && !trouble) {
    const sent = unsaved.slice(0, 500);
    trouble = await post(sent);
    if (!trouble) unsaved.splice(0, sent.length);
    tellSaved();
  }
  saving = false;
  if (trouble) fail(trouble);
  else $("failure").close();
}

async function post(sent) {
  const headers = { "Content-Type": "application/json", "X-Faceloop": "1" };
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const body = JSON.stringify(sent);
  try {
    const reply = await fetch("votes", { method: "POST", headers, signal, body });
    return reply.ok ? "" : (await reply.text()) || `The server answered ${reply.status}.`;
  } catch {
    return SILENT;
  }
}

function fail(reason) {
  const many = unsaved.length === 1 ? "1 answer is" : `${unsaved.length} answers are`;
  $("reason").textContent = `${unsaved.length ? `${many} not saved` : "A picture is missing"}. ${reason}`;
  if (!$("failure").open) $("failure").showModal();
}

function retry() {
  if (unsaved.length) return saving || save();
  $("failure").close();
  images.clear();
  show("Again");
}

function tellSaved() {
  $("saved").textContent = unsaved.length ? `${unsaved.length} unsaved` : "all saved";
  $("saved").classList.toggle("waiting", unsaved.length > 0);
}

// Showing

function show(said) {
  inGrid ||= Boolean(task.proposed);
  tiles = inGrid ? gridFaces(TILES) : [];
  inGrid = tiles.length > 0;
  $("one").hidden = inGrid || !waiting.length;
  $("many").hidden = !inGrid;
  $("done").hidden = waiting.length > 0;
  $("grid").setAttribute("aria-pressed", inGrid);
  $("skip").disabled = $("source").disabled = $("remarks").disabled = inGrid || !waiting.length;
  $("grid").disabled = !waiting.length;
  $("undo").disabled = !history.length;
  showSource(false);
  tellProgress(said);
  shownAt = Infinity;
  $("main").ariaBusy = "true";
  if (inGrid) layTiles();
  else if (task.sides && waiting.length) laySides(task.sides[waiting[0]]);
  $("note").value = notes.get(waiting[0]) ?? "";
  $("remark").hidden = !task.sides && !$("note").value;
  find("");
  if (!inGrid) $("picture").replaceChildren(...waiting.slice(0, 1).map(picture));
  appear(inGrid ? tiles : waiting.slice(0, 1));
  const near = inGrid ? gridFaces(2 * TILES) : waiting.slice(0, AHEAD);
  near.forEach(picture);
  for (const face of images.keys()) if (!near.includes(face)) images.delete(face);
}

async function appear(faces) {
  const isThere = () => faces[0] === (inGrid ? tiles : waiting)[0];
  try {
    await Promise.all(faces.map((face) => picture(face).decode()));
    if (!isThere()) return;
    shownAt = performance.now();
    $("main").ariaBusy = "false";
  } catch {
    if (isThere()) fail(SILENT);
  }
}

function picture(face) {
  const properties = { src: `crops/${face}.jpg`, alt: "Face to label", draggable: false };
  if (!images.has(face)) images.set(face, make("img", properties));
  return images.get(face);
}

function tellProgress(said) {
  const spell = (number) => Math.round(number).toLocaleString("en");
  const faces = paces.reduce((sum, [n]) => sum + n, 0);
  const seconds = paces.reduce((sum, [n, s]) => sum + Math.min(s, n * LONGEST_SECONDS), 0) || 1;
  const pace = `${spell((faces / seconds) * 3600)} an hour`;
  const left = `${spell(Math.ceil((waiting.length * seconds) / faces / 60))} min left`;
  $("progress").value = task.total - waiting.length;
  $("count").textContent = `${spell($("progress").value)} of ${spell(task.total)}`;
  $("pace").textContent = faces >= 5 && waiting.length ? `${pace} · ${left}` : "";
  $("spoken").textContent = `${said}. ${waiting.length} left.`;
}

// The source, over the page: nothing behind it takes a key

function showSource(is) {
  if (!is || inGrid || !waiting.length) return $("context").close();
  if ($("context").open) return;
  const alt = "The photo or frame, with a box around the face";
  const image = make("img", { src: `sources/${waiting[0]}.jpg`, alt });
  image.onerror = () => image.replaceWith("The source is not here, or damaged: try 'dvc pull'.");
  $("zoom").value = 1;
  $("brightness").value = 100;
  $("photo").replaceChildren(image);
  look();
  $("context").showModal();
}

function look() {
  const photo = $("photo");
  for (const id of ["zoom", "brightness"]) photo.style.setProperty(`--${id}`, $(id).value);
  photo.scrollTo((photo.scrollWidth - photo.clientWidth) / 2, (photo.scrollHeight - photo.clientHeight) / 2);
}

const steps = { "+": ["zoom", 1], "=": ["zoom", 1], "-": ["zoom", -1] };
Object.assign(steps, { ArrowUp: ["brightness", 1], ArrowDown: ["brightness", -1] });

function lookCloser(event) {
  const [id, step] = (!event.target.matches("input") && steps[event.key]) || [];
  if (id || (event.key === " " && !event.target.matches("button"))) event.preventDefault();
  if (!id) return;
  $(id).stepUp(step);
  look();
}

// Finding a class by typing a part of it

function find(text) {
  const sought = text.trim().toLowerCase();
  const buttons = [...$("labels").querySelectorAll("button")];
  for (const button of buttons) {
    const found = button.lastChild.textContent.toLowerCase().includes(sought);
    button.hidden = !found;
    button.classList.remove("hit");
  }
  const first = sought && buttons.find((button) => !button.hidden);
  if (first) first.classList.add("hit");
  if (!sought) $("find").value = "";
  return first;
}

function seek(event) {
  if (event.key === "Escape") find("");
  else if (event.key !== "Enter") return;
  const found = event.key === "Enter" && find($("find").value);
  event.preventDefault();
  $("find").blur();
  if (found) answer(task.labels.find((label) => label.label === found.value), event.timeStamp);
}

// Settling a conflict: what people said first, in no order that means anything

function laySides(said) {
  const buttons = [...$("labels").querySelectorAll("button")];
  const sides = said.map((label) => buttons.find((button) => button.value === label));
  const others = buttons.filter((button) => !sides.includes(button));
  buttons.forEach((button) => button.classList.toggle("said", sides.includes(button)));
  $("labels").replaceChildren(...sides, make("i", { className: "break" }), ...others);
}

// The grid: one label for a page of faces that look alike, all but the marked ones

const isMarked = (face, place) => $("tiles").children[place].ariaPressed === "true";

function gridFaces(count) {
  const open = new Set(waiting);
  const left = task.grid.filter((face) => open.has(face) && !exceptions.has(face));
  const isAlike = (face) => !task.proposed || task.proposed[face] === task.proposed[left[0]];
  return left.filter(isAlike).slice(0, count);
}

function layTiles() {
  const tile = (face, place) => {
    const properties = { type: "button", ariaPressed: "false", ariaLabel: `Face ${place + 1} differs` };
    const button = make("button", properties, picture(face));
    button.onclick = () => {
      button.ariaPressed = button.ariaPressed === "true" ? "false" : "true";
      propose(proposed);
    };
    return button;
  };
  $("tiles").replaceChildren(...tiles.map(tile));
  const given = task.proposed?.[tiles[0]]; // in a check: the label that people gave these
  propose(given ? task.labels.find((label) => label.label === given) : proposed);
}

function propose(label) {
  proposed = label;
  for (const button of $("classes").children) button.ariaPressed = String(button.value === label?.label);
  $("commit").disabled = !label;
  const out = tiles.filter(isMarked).length;
  const rest = `${tiles.length - out} ${tiles.length - out === 1 ? "is" : "are"} ${label?.title}`;
  $("question").textContent = label ? `Mark what is not ${label.title}.` : "What are most of these?";
  $("verdict").textContent = !label ? "choose a label" : out ? `${rest}, ${out} for later` : rest;
}

function commit(at) {
  if (isEarly(at) || !inGrid || !proposed) return;
  if (at - shownAt < LOOK_MS * tiles.length) return askBack(at);
  const out = tiles.filter(isMarked);
  const taken = tiles.filter((face) => !out.includes(face));
  const seconds = secondsOf(at, tiles.length);
  waiting = out.concat(waiting.filter((face) => !tiles.includes(face)));
  out.forEach((face) => exceptions.add(face));
  const answers = taken.map((face) => ({ face_id: face, label: proposed.label, seconds }));
  if (taken.length) record("grid", answers);
  show(`${taken.length} ${proposed.title}`);
}

function askBack(at) {
  const faces = `${tiles.length} faces in ${((at - shownAt) / 1000).toFixed(1)} s`;
  $("verdict").textContent = `${faces}? Look again, then confirm`;
  $("spoken").textContent = $("verdict").textContent;
}

function toggleGrid() {
  if (task.proposed) return;
  inGrid = !inGrid && Boolean(task.grid);
  exceptions.clear();
  $("last").replaceChildren();
  show(inGrid ? "Grid" : "One by one");
}

// Keys, buttons, start

$("search").hidden = task.labels.length - 2 <= MANY + Boolean(task.sides);

function remark() {
  if (inGrid || !waiting.length) return;
  $("remark").hidden = false;
  $("note").focus();
}

function tellKeys() {
  localStorage.setItem("keys", hasKeys ? "on" : "off");
  document.body.classList.toggle("keyless", !hasKeys);
  $("shortcuts").setAttribute("aria-pressed", hasKeys);
  $("shortcuts").textContent = hasKeys ? "keys on" : "keys off";
}

const tools = { undo, skip, commit, retry, grid: toggleGrid, help: () => $("guidelines").showModal() };
const keys = new Map([["s", skip], ["g", toggleGrid], ["?", tools.help], ["Backspace", undo]]);
keys.set("Enter", commit).set("/", remark);
if (!$("search").hidden) keys.set(".", () => $("find").focus());
for (const label of task.labels) keys.set(label.key, (at) => answer(label, at));
keys.delete(""); // of labels beyond the keys
for (const [id, tool] of Object.entries(tools)) $(id).onclick = (event) => tool(event.timeStamp);
$("remarks").onclick = remark;
$("shortcuts").onclick = () => tellKeys((hasKeys = !hasKeys));
$("note").oninput = () => notes.set(waiting[0], $("note").value);
$("find").oninput = () => find($("find").value);
$("find").onkeydown = seek;
$("zoom").oninput = $("brightness").oninput = look;
$("context").onkeydown = lookCloser;
$("source").onclick = () => showSource(true);
$("photo").onclick = () => showSource(false);

function keyOf(event) {
  const typed = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const [, digit, letter] = /^(?:(?:Digit|Numpad)([0-9])|Key([A-Z]))$/.exec(event.code) ?? [];
  if (keys.has(typed)) return typed;
  if (digit) return digit; // whatever shift or num lock say
  // Where a key types no Latin letter, or an input method takes it, its place counts.
  const isForeign = typed > "\x7f" || ["Process", "Unidentified", "Dead"].includes(typed);
  const sign = { Slash: event.shiftKey ? "?" : "/", Period: "." }[event.code];
  return isForeign ? (letter?.toLowerCase() ?? sign ?? typed) : typed;
}

document.addEventListener("keydown", (event) => {
  if (event.target === $("note")) return ["Enter", "Escape"].includes(event.key) && event.target.blur();
  if (event.target.matches("input")) return;
  const own = event.target.closest("#tiles") ? [" "] : [" ", "Enter"]; // keys of a focused button
  const onButton = event.target.matches("button:focus-visible") && own.includes(event.key);
  if (event.ctrlKey || event.metaKey || event.altKey || onButton) return;
  const key = keyOf(event);
  if (document.querySelector("dialog[open]")) return;
  if (!hasKeys && key.length === 1) return key !== " " && !$("search").hidden && $("find").focus();
  if (key !== " " && !keys.has(key)) return;
  event.preventDefault();
  if (event.repeat) return;
  if (key === " ") showSource(true);
  else keys.get(key)(event.timeStamp);
});
document.addEventListener("keyup", (event) => event.key === " " && hasKeys && showSource(false));
// A button that was clicked must not take the next key: the keys are the page's.
document.addEventListener("click", (event) => {
  if (event.detail && !event.target.closest("input, label, dialog")) document.activeElement.blur();
});
window.addEventListener("blur", () => showSource(false));
window.addEventListener("beforeunload", (event) => unsaved.length && event.preventDefault());
$("failure").addEventListener("cancel", (event) => event.preventDefault());

function labelButton(label) {
  const printed = label.key ? [make("kbd", {}, label.key)] : [];
  const button = make("button", { type: "button", value: label.label }, ...printed, label.title);
  button.onclick = (event) => answer(label, event.timeStamp);
  if (label.key) button.setAttribute("aria-keyshortcuts", label.key);
  return button;
}

function block([name, ...texts]) {
  return make(name, {}, ...(name === "ul" ? texts.map((text) => make("li", {}, text)) : texts));
}

document.title = `${task.title} · ${task.annotator}`;
$("round").textContent = task.title;
$("annotator").textContent = task.annotator;
$("submit").textContent = `faceloop submit --as ${task.annotator}`;
$("progress").max = task.total;
$("grid").hidden = !task.grid || Boolean(task.proposed);
$("classes").hidden = Boolean(task.proposed);
$("disagree").hidden = !task.sides;
$("one").classList.toggle("beside", !$("search").hidden);
$("text").append(...task.guidelines.map(block));
for (const id of ["labels", "classes"]) $(id).append(...task.labels.map(labelButton));
$("labels").children[task.labels.length - 2].before(make("i", { className: "break" }));
tellKeys();
tellSaved();
show("Ready");
