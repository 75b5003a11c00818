// Says what a bar stands for while it is pointed at. Without it the same is in the title of each bar.
(() => {
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  document.body.append(tip);
  const show = (event) => {
    const bar = event.target.closest && event.target.closest(".chart .bar");
    tip.hidden = !bar;
    if (!bar) return;
    tip.textContent = bar.dataset.label;
    const box = bar.getBoundingClientRect();
    tip.style.left = Math.min(box.left, innerWidth - tip.offsetWidth - 8) + "px";
    tip.style.top = Math.max(8, box.top - 28) + "px";
  };
  document.addEventListener("pointerover", show);
  document.addEventListener("focusin", show);
})();
