// Light or dark as the browser wants it, unless the switch said otherwise; and a word when nobody answers any more.
(() => {
  const root = document.documentElement;
  const kept = localStorage.getItem("theme");
  if (kept === "light" || kept === "dark") root.dataset.theme = kept;
  document.addEventListener("click", (event) => {
    if (!event.target.closest("#theme")) return;
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.theme);
  });
  let seen = "";
  let heard = Date.now();
  setInterval(() => {
    const fresh = document.getElementById("fresh");
    if (!fresh) return;
    if (fresh.dataset.at !== seen) {
      seen = fresh.dataset.at;
      heard = Date.now();
    }
    root.classList.toggle("stale", Date.now() - heard > 20000);
  }, 1000);
})();
