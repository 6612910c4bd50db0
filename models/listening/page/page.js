"use strict";
// The page: what is shown, and what buttons and keys do.

const test = JSON.parse(document.getElementById("test").textContent);
const notes = new Notes(test.test);
const at = (id) => document.getElementById(id);
const WORDS = ["bad", "poor", "fair", "good", "excellent"];
const ASKS = {
  isolation: "All in all: how close does it come to the reference, the instrument alone and all of it?",
  artefacts: "How free is it of sounds that are neither in the reference nor in the mix, such as warbling, chirps or dullness?",
  bleed: "How free is it of the other instruments?",
};
const STEMS = { other: "everything but vocals, drums and bass" };
const KEYS = [
  ["Space", "play and pause"],
  ["1 to 9", "sounds A to I"],
  ["0, M", "reference, mix"],
  ["↑ ↓", "sound above, sound below"],
  ["← →", "rate it; with Shift in tens; Home and End to 0 and 100"],
  ["Enter", "leave a slider where it is and let it count"],
  ["I, A, B", "isolation, artefacts, bleed"],
  [", .", "one second back, on"],
  ["[ ]", "loop from here, to here"],
  ["\\ and L", "loop all of it; loop on and off"],
  ["N, P", "next and previous trial"],
  ["S", "save ratings"],
];

let trials = [];
let context = null;
let player = null;
let scale = test.scales[0];
let shown = 0; // counts what was shown, so that what loads too late is dropped

const letter = (i) => String.fromCharCode(65 + i);
const wanted = (trial) => trial.conditions.length * test.scales.length;
const stemOf = (trial) => STEMS[trial.stem] ?? trial.stem;

function element(name, properties = {}, ...children) {
  const { dataset, ...rest } = properties;
  const made = Object.assign(document.createElement(name), rest);
  Object.assign(made.dataset, dataset);
  made.append(...children);
  return made;
}

function say(text) {
  at("status").textContent = text;
}

// ---- which part of the page is there

function show(id) {
  for (const each of ["intro", "trial", "finish"]) at(each).hidden = each !== id;
  window.scrollTo(0, 0);
}

function list() {
  at("trials").replaceChildren(
    ...trials.map((trial, i) => {
      const made = notes.made(trial.code);
      const state = made === wanted(trial) ? "done" : made ? "begun" : "open";
      const button = element("button", {
        type: "button",
        className: state,
        title: `Trial ${i + 1}`,
        ariaLabel: `Trial ${i + 1}, ${state}`,
        onclick: () => open(i),
      });
      if (i === notes.trial && !at("trial").hidden) button.setAttribute("aria-current", "step");
      return element("li", {}, button);
    }),
  );
}

function intro() {
  const entry = ([name, text]) => element("div", {}, element("dt", {}, name), element("dd", {}, text));
  at("scales").replaceChildren(...test.scales.map((name) => entry([name, ASKS[name]])));
  at("keys").replaceChildren(...KEYS.map(([keys, text]) => entry([element("kbd", {}, keys), text])));
  at("name").value = notes.name;
  at("seed").value = notes.seed;
  at("seed").readOnly = notes.begun; // another number is another order
  at("anew").hidden = !notes.begun;
  at("begin").textContent = notes.begun ? "Go on" : "Begin";
  at("kept").textContent = notes.kept
    ? "What you do is kept in this browser; you may close the page and go on later."
    : "This browser keeps nothing: save your ratings before you close the page.";
  show("intro");
  list();
}

function begin(event) {
  event.preventDefault();
  notes.name = at("name").value.trim();
  notes.seed = Number(at("seed").value);
  notes.begun = true;
  notes.keep();
  trials = ordered(test.trials, notes.seed);
  open(Math.min(notes.trial, trials.length - 1));
}

function anew() {
  if (!window.confirm("Forget the ratings in this browser, and begin with another listener?")) return;
  notes.forget();
  trials = [];
  at("save").hidden = true;
  intro();
}

// ---- a trial

async function open(i) {
  if (i < 0) return;
  player?.pause();
  player = null;
  at("save").hidden = false;
  if (i >= trials.length) {
    finish();
    return;
  }
  const trial = trials[i];
  const mine = (shown += 1);
  notes.trial = i;
  notes.keep();
  at("trial-title").replaceChildren(
    `Trial ${i + 1} of ${trials.length} `,
    element("span", {}, stemOf(trial)),
  );
  at("order").textContent = `${notes.name ? `${notes.name}, ` : ""}listener number ${notes.seed}`;
  at("previous").disabled = i === 0;
  at("next").textContent = i === trials.length - 1 ? "To the end" : "Next";
  grid(trial);
  enable(false);
  show("trial");
  list();
  tell(trial);
  at("trial-title").focus({ preventScroll: true });
  say("Loading");
  try {
    const buffers = await soundsOf(trial);
    if (mine !== shown) return;
    // the rate of the sounds, so that nothing is resampled where the browser allows it
    if (context?.sampleRate !== trial.rate) {
      context?.close();
      context = new AudioContext({ sampleRate: trial.rate });
    }
    player = new Player(context, buffers, "reference", refresh);
    at("position").max = player.duration;
    enable(true);
    say("");
    refresh();
  } catch (error) {
    if (mine === shown) say(`${error.message}; keep the page and the folder sounds together.`);
  }
}

function enable(on) {
  for (const each of at("trial").querySelectorAll(".transport button, .transport input, .sound")) {
    each.disabled = !on;
  }
}

function grid(trial) {
  const head = test.scales.map((name) =>
    element("div", { className: "scale", dataset: { scale: name } },
      element("h3", { title: ASKS[name] }, name),
      element("p", { className: "ends" }, ...WORDS.map((word) => element("span", {}, word)))));
  const rows = trial.conditions.map((code, i) =>
    element("div", { className: "row", role: "group", ariaLabel: `Sound ${letter(i)}`, dataset: { row: code } },
      element("button", {
        type: "button",
        className: "sound",
        title: `${i + 1}`,
        ariaLabel: `Hear sound ${letter(i)}`,
        ariaPressed: "false",
        dataset: { sound: code },
        onclick: () => hear(code),
      }, letter(i)),
      ...test.scales.map((name) => slider(trial, code, i, name))));
  at("grid").replaceChildren(element("div", { className: "row head", ariaHidden: "true" }, element("span"), ...head), ...rows);
}

function slider(trial, code, i, name) {
  const input = element("input", {
    type: "range",
    min: 0,
    max: 100,
    step: 1,
    ariaLabel: `Sound ${letter(i)}, ${name}`,
    dataset: { sound: code, scale: name },
  });
  const output = element("output", {});
  const mark = () => {
    const value = notes.rating(trial.code, code, name);
    input.value = value ?? 50;
    input.classList.toggle("open", value === undefined);
    output.textContent = value ?? "–";
    const word = WORDS[Math.min(Math.floor(input.value / 20), WORDS.length - 1)];
    input.setAttribute("aria-valuetext", value === undefined ? "not rated" : `${value}, ${word}`);
  };
  input.count = () => {
    notes.rate(trial.code, code, name, Number(input.value));
    mark();
    tell(trial);
  };
  input.oninput = input.count;
  input.onfocus = () => {
    ({ scale } = input.dataset);
    if (player && player.heard !== code) hear(code);
  };
  mark();
  return element("label", { className: "cell", dataset: { name } }, input, output);
}

function tell(trial) {
  const left = wanted(trial) - notes.made(trial.code);
  at("left").textContent = left ? `${left} of ${wanted(trial)} sliders still to set` : "All set";
  list();
}

function finish() {
  const open_ = trials.filter((trial) => notes.made(trial.code) < wanted(trial)).length;
  at("finish-title").textContent = open_ ? "Nearly there" : "Thank you";
  at("done").textContent = open_
    ? `${open_} of ${trials.length} trials have sliders that are not set. The marks above lead to them; you may also leave them.`
    : "All trials are rated.";
  show("finish");
  list();
  at("finish-title").focus({ preventScroll: true });
}

// ---- playing

async function toggle() {
  if (!player) return;
  if (player.playing) {
    player.pause();
  } else {
    await context.resume();
    player?.play();
  }
  refresh();
}

function hear(name) {
  if (!player || !player.buffers.has(name)) return;
  player.choose(name);
  refresh();
}

function refresh() {
  if (!player) return;
  at("play").textContent = player.playing ? "Pause" : "Play";
  at("loop").setAttribute("aria-pressed", player.loop);
  for (const button of at("trial").querySelectorAll("button.sound")) {
    button.setAttribute("aria-pressed", button.dataset.sound === player.heard);
  }
  for (const row of at("grid").querySelectorAll("[data-row]")) {
    row.classList.toggle("heard", row.dataset.row === player.heard);
  }
  const percent = (t) => `${(100 * t) / player.duration}%`;
  at("part").style.left = percent(player.begin);
  at("part").style.width = percent(player.end - player.begin);
  clock();
}

function clock() {
  if (!player) return;
  at("position").value = player.position;
  at("clock").textContent = `${player.position.toFixed(1)} s`;
}

function section(from, to) {
  if (!player) return;
  const { position } = player;
  const looped = player.section(from ? position : player.begin, to ? position : player.end);
  say(looped ? "" : "A loop is at least half a second long.");
  refresh();
}

function whole() {
  player?.section(0, player.duration);
  say("");
  refresh();
}

function repeat() {
  player?.repeat(!player.loop);
  refresh();
}

function seek(seconds) {
  player?.seek(seconds);
  clock();
}

// ---- keys

/** Put the keyboard on a sound's slider, and hear it. */
function focus(code) {
  hear(code);
  at("grid").querySelector(`input[data-sound="${code}"][data-scale="${scale}"]`)?.focus();
}

function step(by) {
  const codes = trials[notes.trial].conditions;
  const i = codes.indexOf(player?.heard);
  focus(codes[i < 0 ? (by > 0 ? 0 : codes.length - 1) : Math.min(Math.max(i + by, 0), codes.length - 1)]);
}

function choose(name) {
  scale = name;
  const codes = trials[notes.trial].conditions;
  focus(codes.includes(player?.heard) ? player.heard : codes[0]);
}

function nudge(by) {
  const input = document.activeElement;
  if (!input?.count) return;
  input.value = Number(input.value) + by;
  input.count();
}

const ACTIONS = {
  " ": toggle,
  ArrowUp: () => step(-1),
  ArrowDown: () => step(1),
  Enter: () => document.activeElement.count?.(),
  0: () => hear("reference"),
  m: () => hear("mixture"),
  ",": () => seek(player.position - 1),
  ".": () => seek(player.position + 1),
  "[": () => section(true, false),
  "]": () => section(false, true),
  "\\": whole,
  l: repeat,
  n: () => open(notes.trial + 1),
  p: () => open(notes.trial - 1),
  s: save,
  ...Object.fromEntries(test.scales.map((name) => [name[0], () => choose(name)])),
};

function key(event) {
  const pressed = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target.matches("#who input")) return; // typing
  if (!at("finish").hidden) {
    if (pressed === "p") open(trials.length - 1);
    if (pressed === "s") save();
    return;
  }
  if (at("trial").hidden) return;
  const onButton = event.target.matches("button");
  if (onButton && pressed === "Enter") return; // presses it
  if (event.shiftKey && ["ArrowLeft", "ArrowRight"].includes(pressed) && event.target.count) {
    nudge(pressed === "ArrowLeft" ? -10 : 10);
  } else if (/^[1-9]$/.test(pressed)) {
    const code = trials[notes.trial].conditions[pressed - 1];
    if (code) focus(code);
  } else if (ACTIONS[pressed]) {
    ACTIONS[pressed]();
  } else {
    return;
  }
  event.preventDefault();
}

function save() {
  if (!notes.begun) return;
  const file = new Blob([notes.file()], { type: "application/json" });
  const link = element("a", {
    href: URL.createObjectURL(file),
    download: `ratings-${notes.test}-${notes.seed}.json`,
  });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  say(`Saved as ${link.download}, where your browser puts what it downloads.`);
}

at("who").onsubmit = begin;
at("anew").onclick = anew;
at("play").onclick = toggle;
at("loop").onclick = repeat;
at("from").onclick = () => section(true, false);
at("to").onclick = () => section(false, true);
at("all").onclick = whole;
at("position").oninput = () => seek(Number(at("position").value));
at("previous").onclick = () => open(notes.trial - 1);
at("next").onclick = () => open(notes.trial + 1);
at("save").onclick = save;
at("save-last").onclick = save;
for (const button of document.querySelectorAll(".transport .sound")) {
  button.onclick = () => hear(button.dataset.sound);
}
document.addEventListener("keydown", key);
setInterval(clock, 50);
at("save").hidden = !notes.begun;
if (notes.begun) trials = ordered(test.trials, notes.seed);
intro();
