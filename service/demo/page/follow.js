"use strict";
// Adds each new step as it is told. Without this script the page is whole, and the link "Refresh" does the same.
(() => {
  const events = new EventSource("/demo/steps?after=" + document.currentScript.dataset.after);
  const now = document.getElementById("now");
  document.getElementById("refresh").hidden = true;
  events.onmessage = ({ data }) => {
    const { parts, say } = JSON.parse(data);
    const atEnd = innerHeight + scrollY >= document.documentElement.scrollHeight - 80;
    for (const [id, html] of Object.entries(parts)) document.getElementById(id).insertAdjacentHTML("beforeend", html);
    now.textContent = say;
    if (parts.ending) events.close();
    else if (atEnd && scrollY > 0) scrollTo(0, document.documentElement.scrollHeight);
  };
})();
