// A picture of the user's: sent as it is, shown here with what was read in it.

import { ask, byId, make, signRow } from "/dom.js";

const drop = byId("drop");
const file = byId("file");
const answer = byId("answer");
const verdict = byId("verdict");
let shownUrl = null;
let latest = 0; // the picture that is shown; whatever comes about a former one is left out

function show(picture) {
  if (shownUrl) URL.revokeObjectURL(shownUrl);
  shownUrl = URL.createObjectURL(picture);
  byId("shown").replaceChildren(make("img", { src: shownUrl, alt: "Your picture" }));
  byId("read").replaceChildren();
  verdict.textContent = "Reading …";
  answer.hidden = false;
  answer.dataset.state = "reading";
}

function box(sign, size) {
  const [x1, y1, x2, y2] = sign.box;
  const element = make("div", { className: "box", title: sign.name });
  element.dataset.category = sign.category;
  element.style.left = `${(100 * x1) / size.width}%`;
  element.style.top = `${(100 * y1) / size.height}%`;
  element.style.width = `${(100 * (x2 - x1)) / size.width}%`;
  element.style.height = `${(100 * (y2 - y1)) / size.height}%`;
  return element;
}

function words({ signs, whole, took_ms: took }) {
  if (signs.length === 0) return "No sign found in this picture.";
  if (whole) return `Read as one cropped sign, in ${Math.round(took)} ms.`;
  return `${signs.length} sign${signs.length > 1 ? "s" : ""} found, in ${Math.round(took)} ms.`;
}

async function read(picture) {
  const mine = ++latest;
  show(picture);
  let state = "failed";
  try {
    const sent = await ask("/api/read", {
      method: "POST",
      headers: { "Content-Type": "application/octet-stream" },
      body: picture,
    });
    const told = await sent.json();
    if (mine !== latest) return;
    if (sent.ok) {
      if (!told.whole) byId("shown").append(...told.signs.map((sign) => box(sign, told)));
      byId("read").replaceChildren(...told.signs.map(signRow));
      verdict.textContent = words(told);
      state = "read";
    } else {
      verdict.textContent = told.error;
    }
  } catch {
    if (mine !== latest) return;
    verdict.textContent = "The picture could not be sent.";
  }
  answer.dataset.state = state;
}

function take(files) {
  const picture = [...(files ?? [])].find((each) => each.type.startsWith("image/")) ?? files?.[0];
  if (picture) read(picture);
}

export function startUpload() {
  file.addEventListener("change", () => {
    take(file.files);
    file.value = ""; // the same picture may come again
  });
  // The whole page catches a picture, so that one that misses the zone does not replace the page.
  let over = 0;
  const mark = (change) => {
    over = Math.max(0, over + change);
    drop.classList.toggle("over", over > 0);
  };
  addEventListener("dragenter", (event) => { event.preventDefault(); mark(1); });
  addEventListener("dragleave", () => mark(-1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    mark(-over);
    take(event.dataTransfer?.files);
  });
  addEventListener("paste", (event) => take(event.clipboardData?.files));
}
