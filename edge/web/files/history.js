// The history: newest signs first, by page and by class.

import { ask, byId, fillList, make, percent, setText, signImage } from "/dom.js";

const MOST_CARDS = 600;
const AGAIN_MS = 2000; // until what could not be asked is asked again
const OPEN_S = 120; // a sign without an end for longer is of a run that was cut off
const list = byId("signs");
const classes = byId("classes");
const cards = new Map(); // sign number → its element
let wanted = null; // the only class to show
let oldest = null;
let offered = false; // whether "more" says what is true of signs before the oldest
let spoken = null; // the highest number that was said aloud

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const calendar = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

function when(sign) {
  if (sign.wall === null) return "";
  const time = new Date(sign.wall * 1000);
  const today = time.toDateString() === new Date().toDateString();
  return (today ? clock : calendar).format(time);
}

function fillCard(card, sign) {
  const isRecent = sign.wall !== null && Math.abs(Date.now() / 1000 - sign.wall) < OPEN_S;
  const seen = sign.ended ? `seen for ${sign.seen_s.toFixed(1)} s` : isRecent ? "in view" : "";
  const word = JSON.stringify([sign.class_id, sign.probability, seen, sign.crop]);
  if (card.dataset.word === word) return;
  card.dataset.word = word;
  const crop = sign.crop
    ? make("img", {
        className: "crop", src: `${sign.crop}?${sign.ended ? 1 : 0}`, loading: "lazy",
        alt: `The sign as it was seen: ${sign.name}`, width: 72, height: 72,
      })
    : make("span", { className: "crop" });
  card.replaceChildren(
    crop,
    make("div", { className: "what" },
      make("p", { className: "name" }, signImage(sign.class_id, 22), sign.name),
      make("p", { className: "fine", title: sign.source }, [when(sign), seen].filter(Boolean).join(" · ")),
    ),
    make("span", { className: "sure", textContent: percent(sign.probability) }),
  );
}

function put(signs, atEnd) {
  const fresh = [];
  for (const sign of signs) {
    let card = cards.get(sign.number);
    if (!card) {
      card = make("li", { className: "card" });
      cards.set(sign.number, card);
      fresh.push(card);
    }
    fillCard(card, sign);
  }
  if (atEnd) list.append(...fresh);
  else list.prepend(...fresh);
  while (cards.size > MOST_CARDS && !atEnd) {
    const [number] = [...cards.keys()].sort((a, b) => a - b);
    cards.get(number).remove();
    cards.delete(number);
    byId("more").hidden = false;
  }
  oldest = cards.size > 0 ? Math.min(...cards.keys()) : null;
  byId("history-none").hidden = cards.size > 0;
}

function clear() {
  cards.clear();
  oldest = null;
  offered = false;
  list.replaceChildren();
}

async function get(before) {
  const query = new URLSearchParams();
  if (before !== null) query.set("before", before);
  if (wanted !== null) query.set("class", wanted);
  const answer = await ask(`/api/signs?${query}`);
  if (!answer.ok) throw new Error((await answer.json()).error);
  return (await answer.json()).signs;
}

function say(signs) {
  const newest = Math.max(0, ...signs.map((sign) => sign.number));
  if (spoken !== null && newest > spoken) {
    byId("said").textContent = signs.filter((s) => s.number > spoken).map((s) => s.name).join(", ");
  }
  spoken = Math.max(spoken ?? 0, newest);
}

async function getCounts() {
  const answer = await ask("/api/counts");
  if (!answer.ok) throw new Error((await answer.json()).error);
  return (await answer.json()).classes;
}

const chipKey = (entry) => String(entry.class_id);

function makeChip(entry) {
  const inside = entry.class_id === null ? make("b", { textContent: "All" }) : signImage(entry.class_id, 24);
  const chip = make("button", { type: "button", className: "chip", title: entry.name }, inside,
    make("span", { className: "count" }));
  chip.addEventListener("click", () => choose(entry.class_id));
  return chip;
}

// A chip keeps its place once it is shown, and those of new classes come behind: what is pressed
// does not move while the counts do.
function fillClasses(counts) {
  const all = counts.reduce((sum, each) => sum + each.count, 0);
  const entries = all ? [{ class_id: null, name: "All signs", count: all }, ...counts] : [];
  const shown = new Map([...classes.children].map((chip, place) => [chip.dataset.key, place]));
  const place = (entry) => shown.get(chipKey(entry)) ?? shown.size;
  entries.sort((one, other) => place(one) - place(other));
  fillList(classes, entries, chipKey, makeChip);
  for (const [index, entry] of entries.entries()) {
    const chip = classes.children[index];
    setText(chip.querySelector(".count"), String(entry.count));
    chip.setAttribute("aria-label", `${entry.name}: ${entry.count}`);
  }
  press();
}

function press() {
  for (const chip of classes.children) {
    chip.setAttribute("aria-pressed", String(chip.dataset.key === String(wanted)));
  }
}

function choose(id) {
  wanted = id;
  press();
  clear();
  return refreshHistory();
}

let turn = Promise.resolve(); // one after the other, so that no card is made twice

// Does something in its turn, and tells whether it could. It asks `current` after each wait: whoever
// has chosen another class in the meantime wants no answer about the former one.
function inTurn(work) {
  turn = turn.then(() => {
    const asked = wanted;
    return work(() => wanted === asked);
  }).then(() => true, () => false);
  return turn;
}

// Asks whether there is anything to offer.
async function offerMore(current) {
  const isAll = oldest === null || (await get(oldest)).length === 0;
  if (!current()) return;
  byId("more").hidden = isAll;
  offered = true;
}

let again = null;

// Shows what is new. What could not be asked is asked again.
export async function refreshHistory() {
  clearTimeout(again);
  const done = await inTurn(async (current) => {
    const counting = getCounts().catch(() => null); // without them the signs are shown all the same
    const signs = await get(null);
    if (!current()) return;
    // Where none of them is known, more may have come in between than would ever be asked for.
    if (!signs.some((sign) => cards.has(sign.number))) clear();
    if (wanted === null) say(signs);
    put(signs, false);
    const counts = await counting;
    if (counts) fillClasses(counts);
    if (!offered) await offerMore(current);
  });
  if (!done) again = setTimeout(refreshHistory, AGAIN_MS);
}

byId("more").addEventListener("click", () => inTurn(async (current) => {
  const signs = await get(oldest);
  if (!current()) return;
  put(signs, true);
  offered = false; // if it cannot be asked now, the next refresh asks
  await offerMore(current);
}));

export function showKept(kept) {
  setText(byId("kept"), kept ? "" : "of this run; --store FILE.sqlite keeps it");
}
