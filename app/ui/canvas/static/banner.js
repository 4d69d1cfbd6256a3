// What must not be overlooked: the server is away, or somebody else changed the same box.

import { button, h } from "./dom.js";
import { putMine } from "./editing.js";
import { trouble } from "./queue.js";
import { reach } from "./reach.js";

/** Over the image while changes cannot be saved. */
export function troubleBanner(queue) {
  const text = h("span", {});
  const again = button("Try now", { title: "Try to reach the server now", onClick: () => queue.retryNow() });
  const element = h("div", { class: "sdpt-banner", role: "alert", hidden: true, "data-testid": "canvas-banner" }, text, again);
  const update = () => {
    const sentence = trouble(queue);
    if (text.textContent !== (sentence ?? "")) text.textContent = sentence ?? "";
    element.hidden = sentence === null;
  };
  queue.addEventListener("status", update);
  reach.addEventListener("change", update);
  update();
  return element;
}

/** Over the image while a change of this person was refused: which version should stand? */
export function conflictBanner(session, conflicts) {
  const element = h("div", { class: "sdpt-banner is-question", role: "alert", hidden: true, "data-testid": "canvas-conflict" });
  const update = () => {
    const [entry, ...more] = session.imageId === null ? [] : conflicts.forImage(session.imageId);
    element.hidden = !entry;
    element.replaceChildren();
    if (!entry) return;
    const settle = async (isMine) => {
      if (isMine) {
        // Until the stored version is here, the refused one is still shown, and putting it in its place would send nothing.
        if (!(await session.reload())) return session.say("What is stored is not here yet. Answer again in a moment.", "bad");
        if (session.imageId !== entry.image_id) return;
        putMine(session, entry);
      }
      conflicts.settle(entry.id);
    };
    const rest = more.length ? ` (${more.length} more on this image)` : "";
    element.append(
      h("span", {}, `${question(session, entry)}${rest}`),
      button(mineText(session, entry), { title: "Put my change in its place", "data-testid": "conflict-mine", onClick: () => settle(true) }),
      button("Keep what is stored", { title: "Drop my change", "data-testid": "conflict-theirs", onClick: () => settle(false) }),
    );
  };
  for (const event of ["image", "boxes", "classes"]) session.addEventListener(event, update);
  conflicts.addEventListener("change", update);
  return element;
}

function question(session, { op, message }) {
  if (op.kind === "note") return `The comment was changed elsewhere meanwhile. Yours: “${op.text}”.`;
  const name = op.mine ? session.category(op.mine.category_id).name : null;
  if (op.op === "delete") return "A box that you deleted was changed elsewhere meanwhile; it was kept.";
  if (!session.state.boxes.has(op.uid)) return `Your ${name} was not saved: ${message}`;
  return `This ${name} was changed elsewhere too; the other version is shown.`;
}

function mineText(session, { op }) {
  if (op.op === "delete") return "Delete it all the same";
  const isGone = op.mine && !session.categoryById.has(op.mine.category_id);
  return isGone ? `Save it as ${session.category(session.currentClass).name}` : "Use mine";
}
