// The live picture: one after the other, each asked for when the last has been shown, so that a
// slow line shows fewer pictures, never old ones. A page in the background asks for none.

import { ask, byId, pause, whenVisible } from "/dom.js";

const RETRY_MS = 1000;
const screen = byId("screen");
const button = byId("pause");
let paused = false;
let resume = () => {};

function show(blob) {
  const picture = byId("picture");
  const last = picture.src;
  picture.src = URL.createObjectURL(blob);
  picture.hidden = false;
  button.hidden = false;
  byId("wait").hidden = true;
  return picture.decode().catch(() => {}).then(() => last && URL.revokeObjectURL(last));
}

async function watch() {
  let after = -1;
  for (;;) {
    await whenVisible();
    if (paused) await new Promise((resolve) => { resume = resolve; });
    try {
      const answer = await ask(`/live.jpg?after=${after}`);
      if (answer.status === 200) {
        const blob = await answer.blob();
        if (paused) continue;
        after = answer.headers.get("X-Picture");
        screen.dataset.picture = after;
        await show(blob);
      } else {
        await pause(RETRY_MS);
      }
    } catch {
      await pause(RETRY_MS);
    }
  }
}

button.addEventListener("click", () => {
  paused = !paused;
  button.setAttribute("aria-pressed", String(paused));
  byId("pause-word").textContent = paused ? "Go on with the picture" : "Pause the picture";
  screen.classList.toggle("paused", paused);
  if (!paused) resume();
});

export function startPicture() {
  watch();
}
