// The plugin's keys. FiftyOne's operators have none of their own, but the App runs a plugin's script.
// Shift keeps them apart from the App's keys; in Annotate, and while a person writes, they stay quiet.
(() => {
  const PLUGIN = "@sdpt-app/review";
  const VERBS = {
    A: "accept",
    R: "reject",
    C: "change_class",
    B: "send_back",
    D: "mark_done",
  };
  const ANNOTATING = "[data-cy=lighter-sample-renderer-canvas]";
  const WRITING = "input, textarea, select, [contenteditable=true], [role=dialog]";

  function decide(verb) {
    const uri = `${PLUGIN}/${verb}`;
    const { executeOperator } = window.__foo__;
    if (verb === "change_class") {
      executeOperator("@voxel51/operators/prompt_user_for_operation", { operator_uri: uri });
    } else {
      executeOperator(uri, {});
    }
  }

  window.addEventListener("keydown", (event) => {
    const isOther = event.ctrlKey || event.altKey || event.metaKey || event.repeat;
    const verb = VERBS[event.key];
    if (!verb || !event.shiftKey || isOther) return;
    if (event.target.closest?.(WRITING) || document.querySelector(ANNOTATING)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    decide(verb);
  }, true);
})();
