// Asks twice a second how things are and shows it: source, speed, signs in view, what is in force.

import { ask, byId, fillList, make, pause, percent, setText, signImage, signRow, whenVisible } from "/dom.js";
import { refreshHistory, showKept } from "/history.js";
import { startPicture } from "/live.js";
import { startUpload } from "/upload.js";

const EVERY_MS = 500;
const LIMITS = { 20: 0, 30: 1, 50: 2, 60: 3, 70: 4, 80: 5, 100: 7, 120: 8 }; // km/h → class
const [NO_OVERTAKING, NO_OVERTAKING_TRUCKS, PRIORITY, GIVE_WAY, END_OF_ALL] = [9, 10, 12, 13, 32];
const WORDS = {
  connecting: "Connecting",
  stalled: "No new picture",
  reconnecting: "Reconnecting",
  failed: "Failed",
  ended: "Ended",
};

function showSource(source) {
  const isPath = !source.name.includes("://");
  setText(byId("source"), isPath ? source.name.split(/[\\/]/).pop() : source.name);
  byId("source").title = source.name;
  const online = source.live ? "Live" : "Playing";
  const since = source.state === "online" ? "" : ` for ${Math.round(source.for_s)} s`;
  const word = source.state === "online" ? online : WORDS[source.state];
  const pill = byId("state");
  pill.dataset.state = source.state;
  setText(pill, source.state === "stalled" ? word + since : word);
  pill.title = source.detail;
  byId("screen").dataset.state = source.state;
  for (const name of ["dropped", "reconnects"]) {
    byId(`${name}-box`).hidden = !source[name];
    setText(byId(name), String(source[name]));
  }
}

const number = (value, digits) => (value === null ? "–" : value.toFixed(digits));

function showLine(line) {
  setText(byId("fps"), number(line.fps, 1));
  setText(byId("latency"), number(line.latency_ms, 0));
  setText(byId("models"), line.models);
  byId("age-box").hidden = line.age_ms === null;
  if (line.age_ms !== null) setText(byId("age"), number(line.age_ms, 0));
}

function roadFacts(road) {
  if (!road) return [];
  const facts = [];
  const add = (classId, words, stale = false) => facts.push({ classId, words, stale });
  if (road.limit !== null) {
    const words = `${road.limit} km/h` + (road.stale ? ", read a while ago" : "");
    add(LIMITS[road.limit] ?? null, words, road.stale);
  }
  if (road.no_overtaking) add(NO_OVERTAKING, "No overtaking");
  if (road.no_overtaking_trucks) add(NO_OVERTAKING_TRUCKS, "No overtaking by trucks");
  if (road.priority === true) add(PRIORITY, "Priority road");
  if (road.priority === false) add(GIVE_WAY, "Give way");
  if (road.free) add(END_OF_ALL, "All restrictions ended");
  return facts;
}

function showRoad(road) {
  const facts = roadFacts(road);
  fillList(byId("road"), facts, (fact) => JSON.stringify(fact), (fact) =>
    make("li", { className: fact.stale ? "stale" : "" },
      fact.classId === null ? null : signImage(fact.classId, 56),
      make("span", { textContent: fact.words })));
  byId("road-none").hidden = facts.length > 0;
}

function showSigns(signs) {
  const now = byId("now");
  fillList(now, signs, (sign) => `${sign.track} ${sign.class_id}`, signRow);
  signs.forEach((sign, place) => {
    setText(now.children[place].querySelector(".sure"), percent(sign.probability));
  });
  byId("now-none").hidden = signs.length > 0;
  const names = signs.map((sign) => sign.name).join(", ") || "no sign in view";
  byId("picture").alt = `The live picture: ${names}`;
}

function complain(words) {
  byId("banner").hidden = !words;
  setText(byId("banner"), words);
}

async function main() {
  let newest = null;
  startPicture();
  startUpload();
  for (;;) {
    await whenVisible();
    try {
      const answer = await ask("/api/state");
      if (!answer.ok) throw new Error((await answer.json()).error);
      const state = await answer.json();
      showSource(state.source);
      showLine(state.line);
      showRoad(state.road);
      showSigns(state.signs);
      showKept(state.history.kept);
      complain("");
      if (state.history.newest !== newest) {
        newest = state.history.newest;
        refreshHistory();
      }
    } catch (error) {
      const lost = error instanceof TypeError;
      complain(lost ? "The program does not answer. Trying again …" : error.message);
      byId("state").dataset.state = "failed";
      setText(byId("state"), lost ? "Not connected" : "Failed");
    }
    await pause(EVERY_MS);
  }
}

main();
