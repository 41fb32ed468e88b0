// The instructor's page. What comes from learners is put into the page as text, never as markup.
"use strict";

const $ = (id) => document.getElementById(id);

/** An element with a text, and attributes. */
function make(name, text, attributes = {}) {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

let course = [];      // labs, with their steps
let steps = [];       // every step of the course: {lab, step, number, key}
let rows = new Map(); // place -> what the board told last
let order = [];
let summary = { steps: [], errnos: [], pace: null, paused: null };
let chosen = null;    // key of a step; none: where most are
let looked = null;    // place of a learner
let stream = null;

const key = (lab, step) => `${lab}:${step}`;
const took = (milliseconds) => (milliseconds < 60000 ? "under a minute" : some(minutes(milliseconds), "minute", "minutes"));
const minutes = (milliseconds) => Math.floor(milliseconds / 60000);
const plain = (markdown) => markdown.replaceAll("`", "");
/** Puts a text with `code` in it into an element: as text, whatever it is. */
function put(element, markdown) {
  if (element.dataset.markdown === markdown) return element;
  element.dataset.markdown = markdown;
  element.replaceChildren(...markdown.split("`").map((piece, at) => (at % 2 ? make("code", piece) : piece)));
  return element;
}
const some = (count, one, many) => `${count} ${count === 1 ? one : many}`;

// --- coming in ---------------------------------------------------------------------------------------------------

async function post(path, body) {
  return fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

/** Shows the token once; from then on a cookie that no script can read does. */
async function login(token) {
  const answer = await post("/api/instructor/login", { token });
  if (answer.ok) return true;
  $("refused").textContent = (await answer.json()).error;
  return false;
}

async function enter() {
  const token = location.hash.slice(1);
  // It must not stay in the address: that is seen on a projector, and kept in the history.
  if (token) history.replaceState(null, "", location.pathname);
  if (/^[0-9a-f]{64}$/.test(token)) await login(token);
  await open();
}

async function open() {
  let answer;
  try {
    answer = await fetch("/api/instructor/room");
  } catch {
    setTimeout(open, 2000);
    return;
  }
  if (!answer.ok) {
    $("room").hidden = true;
    $("door").hidden = false;
    $("token").focus();
    return;
  }
  const room = await answer.json();
  $("door").hidden = true;
  $("room").hidden = false;
  course = room.course;
  steps = course.flatMap((lab) => lab.steps.map((step, at) => (
    { lab, step, number: at + 1, key: key(lab.id, step.id) })));
  // The address in the bar is the one that works from where the instructor is; the room's is the same unless that is
  // the board's own machine.
  document.querySelector("#join code").textContent = `rlab join ${location.host} ${room.code} --name NAME`;
  head();
  follow();
}

$("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (await login($("token").value.trim())) await open();
});

// --- what the board tells ----------------------------------------------------------------------------------------

function follow() {
  stream?.close();
  stream = new EventSource("/api/instructor/stream");
  stream.onmessage = (event) => take(JSON.parse(event.data));
  stream.onerror = () => {
    $("state").textContent = "The board does not answer. Trying again…";
    if (stream.readyState === EventSource.CLOSED) setTimeout(open, 2000);
  };
}

function take(told) {
  if (told.whole) rows = new Map();
  for (const row of told.rows) rows.set(row.place, row);
  order = told.order;
  summary = told.summary;
  $("state").textContent = told.trouble ? `Nothing is kept at the moment: ${told.trouble}.` : "";
  document.body.dataset.told = String(told.now);
  draw(told.rows.map((row) => row.place), told.whole);
  if (told.whole) show();
}

/** Where the page is one column, what was chosen is told below the table. */
const see = (element) => { if (!element.hidden) element.scrollIntoView({ block: "nearest" }); };

/** Brings the step where most are into sight, and offers it; from then on it is the reader who moves. */
function show() {
  $("where").value = current() ?? "";
  const [name, here] = [$("steps").firstElementChild, $("steps").querySelector("[aria-pressed=true]")?.parentElement];
  if (here) $("scroll").scrollLeft = here.offsetLeft - name.offsetWidth - 3 * here.offsetWidth;
}

// --- drawing -----------------------------------------------------------------------------------------------------

/** The head of the table, and the list of steps: once. */
function head() {
  $("labs").replaceChildren(make("td"));
  $("steps").replaceChildren(make("th", "Name", { scope: "col" }));
  $("where").replaceChildren();
  for (const lab of course) {
    $("labs").append(make("th", lab.title, { scope: "colgroup", colspan: lab.steps.length, title: lab.title }));
    const group = make("optgroup", undefined, { label: lab.title });
    lab.steps.forEach((step, at) => {
      const heading = make("th", undefined, { scope: "col" });
      const name = `${lab.title}, step ${at + 1}: ${step.title}`;
      const button = make("button", String(at + 1), {
        type: "button", title: name, "aria-label": name, "aria-pressed": "false", "data-key": key(lab.id, step.id),
      });
      button.addEventListener("click", () => {
        chosen = button.dataset.key;
        $("where").value = chosen;
        drawStep();
        drawProgress();
        see($("step"));
      });
      heading.append(button);
      $("steps").append(heading);
      group.append(make("option", `${at + 1} ${step.title}`, { value: key(lab.id, step.id) }));
    });
    $("where").append(group);
  }
}

function draw(changed, whole) {
  const body = $("rows");
  if (whole) body.replaceChildren();
  for (const place of changed) drawRow(place);
  // Only what stands in another place is moved, so that the focus and the reader's place stay.
  let next = body.firstElementChild;
  for (const place of order) {
    const row = $(`row-${place}`);
    if (!row) continue;
    if (row === next) next = next.nextElementSibling;
    else move(body, row, next);
  }
  $("nobody").hidden = rows.size > 0;
  $("scroll").hidden = rows.size === 0;
  drawCounts();
  drawStep();
  drawErrnos();
  drawProgress();
  drawLearner();
}

/** Puts a row elsewhere; the focus in it stays. */
function move(body, row, next) {
  const focused = row.contains(document.activeElement) ? document.activeElement : null;
  body.insertBefore(row, next);
  focused?.focus({ preventScroll: true });
}

function reasons(row) {
  return row.stuck.map((stuck) => {
    if (stuck.why === "long") return `${stuck.minutes} min here`;
    if (stuck.why === "check") return `check ${stuck.check + 1} failed ${stuck.times} times`;
    return "has seen every hint";
  });
}

function drawRow(place) {
  const row = rows.get(place);
  let line = $(`row-${place}`);
  if (!line) {
    line = make("tr", undefined, { id: `row-${place}` });
    const name = make("th", undefined, { scope: "row" });
    const button = make("button", row.name, { type: "button", "aria-pressed": "false" });
    button.addEventListener("click", () => {
      looked = looked === place ? null : place;
      $("again-told").textContent = "";
      drawLearner();
      see($("learner"));
    });
    name.append(button, make("span", "", { class: "why" }));
    line.append(name);
    for (let at = 0; at < steps.length; at += 1) line.append(make("td"));
    $("rows").append(line);
  }
  const away = row.left || !row.there;
  line.className = [row.stuck.length ? "stuck" : "", row.hand ? "asks" : "", away ? "away" : ""].join(" ").trim();
  const why = [row.hand ? "? asks" : "", ...reasons(row)].filter(Boolean);
  // The column may be out of sight: who needs help is found by the row alone.
  const at = row.here ? steps.find((step) => step.key === key(row.here.lab, row.here.step)) : null;
  if (why.length && at && !row.left) why.push(`at ${at.lab.id}, ${at.number}`);
  if (row.left) why.push("left");
  else if (!row.there && row.events) why.push("not connected");
  line.querySelector(".why").textContent = why.length ? ` ${why.join(", ")}` : "";
  const cells = new Map(row.steps.map((cell) => [key(cell.lab, cell.step), cell]));
  steps.forEach((step, at) => {
    const cell = cells.get(step.key);
    const here = row.here && key(row.here.lab, row.here.step) === step.key;
    const [text, kind, told] = sign(cell, here, row.stuck.length > 0);
    const td = line.children[at + 1];
    if (td.textContent === text && td.className === kind) return;
    td.className = kind;
    td.replaceChildren(make("span", text, { role: "img", "aria-label": told || "not yet" }));
    if (!text) td.replaceChildren();
  });
}

/** The sign of a cell, its class, and how it is read aloud. */
function sign(cell, here, stuck) {
  if (!cell) return ["", "", ""];
  const spent = took(cell.spent);
  if (cell.passed) return [here ? "✓●" : "✓", "done", `done in ${spent}${here ? ", there now" : ""}`];
  if (here) return [`${stuck ? "!" : "●"}${minutes(cell.spent) || ""}`, "here", `there for ${spent}${stuck ? ", stuck" : ""}`];
  return ["○", "", `was there for ${spent}, not done`];
}

function list(parent, items) {
  const texts = items.map((item) => item.textContent).join("\n");
  if (parent.dataset.texts === texts) return;
  parent.dataset.texts = texts;
  parent.replaceChildren(...items);
}

function drawCounts() {
  const all = [...rows.values()];
  const stuck = all.filter((row) => row.stuck.length).length;
  const hands = all.filter((row) => row.hand && !row.left).length;
  const there = all.filter((row) => row.there && !row.left).length;
  list($("counts"), [
    make("li", some(all.length, "learner", "learners")), make("li", `${there} connected`),
    make("li", `${stuck} stuck`), make("li", some(hands, "hand up", "hands up")),
  ]);
  const pace = summary.pace;
  let told = "";
  if (pace) {
    const behind = pace.behind > 0 ? `${pace.behind} min behind the plan` : "with the plan";
    told = `${minutes(pace.elapsed)} min: ${pace.planned} of ${steps.length} steps planned by now, half the room has done `
      + `${pace.done}: ${behind}`;
  }
  if ($("pace").textContent !== told) $("pace").textContent = told;
  document.body.classList.toggle("paused", summary.paused !== null);
  $("pause").textContent = summary.paused === null ? "Pause" : "Go on";
}

/** The step that is looked at: the chosen one, or the one where most are. */
function current() {
  if (chosen) return chosen;
  const busiest = [...summary.steps].sort((a, b) => b.here - a.here)[0];
  return busiest ? key(busiest.lab, busiest.step) : null;
}

function drawStep() {
  const shown = current();
  for (const button of $("steps").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.dataset.key === shown));
  }
  const at = steps.findIndex((step) => step.key === shown);
  if (at < 0) return;
  const { lab, step, number } = steps[at];
  const told = summary.steps[at];
  $("step-title").textContent = `${lab.title}, step ${number}: ${step.title}`;
  const planned = Math.max(1, Math.round(told.planned / 60000));
  const median = told.median === null ? "" : `, half of them in ${took(told.median)}`;
  $("numbers").textContent = `${told.here} there, ${told.passed} of ${told.came} done${median}; `
    + `planned ${some(planned, "minute", "minutes")}`;
  put($("notes"), step.notes ?? "None.");
  $("question").hidden = !step.ask;
  if (step.ask) {
    put($("ask"), step.ask.ask);
    list($("answers"), answers(step.ask, told));
  }
}

/** How often each answer was given. On the projector nobody is told which one is right. */
function answers(question, told) {
  const given = new Map(told.predicted);
  const all = told.predicted.reduce((sum, [, count]) => sum + count, 0);
  const choices = question.choices.length
    ? question.choices.map((text, at) => [at + 1, `${at + 1} ${text}`])
    : told.predicted.map(([answer]) => [answer, String(answer)]);
  return choices.map(([answer, text]) => {
    const count = given.get(answer) ?? 0;
    const right = question.answer === answer && !document.body.classList.contains("projector");
    const item = make("li");
    const label = `${text}: ${count}`;
    item.append(put(make("span", undefined, right ? { class: "right" } : {}), right ? `${label} (right)` : label));
    if (all > 0) item.append(make("meter", undefined, { min: 0, max: all, value: count, "aria-label": plain(label) }));
    return item;
  });
}

function drawErrnos() {
  const items = summary.errnos.map((refused) => make("li",
    `${refused.call}: ${refused.errno}, ${some(refused.times, "time", "times")}, ${some(refused.learners, "learner", "learners")}`));
  list($("errnos").querySelector("ul"), items.length ? items : [make("li", "Nothing so far.")]);
}

function drawProgress() {
  const people = Math.max(1, rows.size);
  const lab = steps.find((step) => step.key === current())?.lab;
  const shown = steps.map((step, at) => [step, summary.steps[at]]).filter(([step, told]) => step.lab === lab && told);
  $("progress-title").textContent = lab ? `${lab.title}: done` : "Done";
  list($("progress").querySelector("ul"), shown.map(([step, told]) => {
    const label = `${step.number} ${step.step.title}: ${told.passed} of ${rows.size}`;
    const item = make("li", label);
    item.append(make("meter", undefined, { min: 0, max: people, value: told.passed, "aria-label": label }));
    return item;
  }));
}

function drawLearner() {
  for (const button of $("rows").querySelectorAll("th button")) {
    button.setAttribute("aria-pressed", String(button.closest("tr").id === `row-${looked}`));
  }
  const row = rows.get(looked);
  $("learner").hidden = !row;
  if (!row) return;
  $("learner-title").textContent = row.name;
  const items = [];
  if (row.here) {
    const place = steps.find((step) => step.key === key(row.here.lab, row.here.step));
    const cell = row.steps.find((step) => step.lab === row.here.lab && step.step === row.here.step);
    items.push(make("li", `At ${place.lab.title}, step ${place.number}: ${place.step.title}`));
    items.push(make("li", `${some(cell.tries, "line", "lines")} tried, ${some(cell.hint, "hint", "hints")} seen`));
    for (const failing of cell.failing) {
      items.push(put(make("li"), `does not hold: ${place.step.checks[failing] ?? `check ${failing + 1}`}`));
    }
  }
  for (const why of reasons(row)) items.push(make("li", why));
  for (const refused of row.errnos) items.push(make("li", `${refused.call}: ${refused.errno}, ${some(refused.times, "time", "times")}`));
  list($("learner").querySelector("ul"), items);
}

/** A code of the learner's own, for whoever has lost the machine that they joined on. */
$("again").addEventListener("click", async () => {
  const row = rows.get(looked);
  const told = $("again-told");
  try {
    const answer = await post("/api/instructor/again", { learner: row.learner });
    const { code, until, error } = await answer.json();
    if (!answer.ok) { told.textContent = `Not possible: ${error}.`; return; }
    // The line is for a shell, and a name can be anything.
    const name = /^[A-Za-z0-9_.-]+$/.test(row.name) ? row.name : `'${row.name.replaceAll("'", "'\\''")}'`;
    const left = some(Math.round((until - Number(document.body.dataset.told)) / 60000), "minute", "minutes");
    told.replaceChildren("They type there, within ", left, ": ", make("code", `rlab join ${location.host} ${code} --name ${name}`));
  } catch {
    told.textContent = "Not possible: the board does not answer.";
  }
});

// --- what everyone is told ---------------------------------------------------------------------------------------

async function tell(what) {
  try {
    const answer = await post("/api/instructor/orders", what);
    if (answer.ok) return true;
    const { error, hint } = await answer.json();
    $("state").textContent = `Not sent: ${error} (${hint}).`;
  } catch {
    $("state").textContent = "Not sent: the board does not answer.";
  }
  return false;
}

$("pause").addEventListener("click", () => tell({ kind: summary.paused === null ? "pause" : "resume" }));
$("goto").addEventListener("submit", (event) => {
  event.preventDefault();
  const [lab, step] = $("where").value.split(":");
  tell({ kind: "goto", lab, step });
});
$("message").addEventListener("submit", async (event) => {
  event.preventDefault();
  if ($("text").value.trim() && await tell({ kind: "message", text: $("text").value })) $("text").value = "";
});

function project(on) {
  document.body.classList.toggle("projector", on);
  $("projector").setAttribute("aria-pressed", String(on));
  drawStep();
}
$("projector").addEventListener("click", () => project(!document.body.classList.contains("projector")));

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input, select, textarea")) return;
  if ($("room").hidden) return;
  if (event.key === "p") $("pause").click();
  else if (event.key === "v") $("projector").click();
  else if (event.key === "m") { event.preventDefault(); $("text").focus(); }
});

enter();
