// Small ways to make and to fill elements. Nothing here or elsewhere turns text into markup.

export const byId = (id) => document.getElementById(id);

export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export const percent = (probability) => `${Math.floor(probability * 100)} %`;

// The drawing of a class; its name stands beside it, so that it needs no words of its own.
export function signImage(classId, size) {
  const src = classId < 0 ? "/unknown.svg" : `/signs/${classId}.webp`;
  return make("img", { src, alt: "", width: size, height: size, className: "icon" });
}

export function signRow(sign) {
  return make(
    "li",
    {},
    signImage(sign.class_id, 40),
    make("span", { className: "name", textContent: sign.name }),
    make("span", { className: "sure", textContent: percent(sign.probability) }),
  );
}

// A list whose entries stay the same elements as long as their keys do. One that keeps its place
// among the others is not taken out for a moment: a press of it would be lost.
export function fillList(list, entries, keyOf, makeEntry) {
  const old = new Map([...list.children].map((child) => [child.dataset.key, child]));
  const fresh = entries.map((entry) => {
    const key = keyOf(entry);
    const kept = old.get(key);
    if (kept) return kept;
    const element = makeEntry(entry);
    element.dataset.key = key;
    return element;
  });
  const wanted = new Set(fresh);
  for (const child of [...list.children]) if (!wanted.has(child)) child.remove();
  fresh.forEach((element, place) => {
    if (list.children[place] !== element) list.insertBefore(element, list.children[place] ?? null);
  });
}

// A request of the page; one who has lost the token's cookie is shown the form.
export async function ask(path, options = {}) {
  const answer = await fetch(path, { cache: "no-store", ...options });
  if (answer.status === 401) location.reload();
  return answer;
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export function whenVisible() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    document.addEventListener("visibilitychange", resolve, { once: true });
  }).then(whenVisible);
}
