// Tells the kernel how wide the cell is, whether JupyterLab is dark, and when a figure has appeared. Plotly draws a live figure
// before it has a place on the page, so without its width and without the height of its title: it must be drawn again then.
export default {
  render({ model, el }) {
    const known = new WeakSet();
    el.style.height = "0";

    function tell(name, value) {
      if (model.get(name) === value) return;
      model.set(name, value);
      model.save_changes();
    }

    function look() {
      const box = el.closest(".widget-vbox");
      if (!box) return;
      const plots = [...box.querySelectorAll(".js-plotly-plot")];
      const fresh = plots.filter((plot) => plot.querySelector(".gtitle") && !known.has(plot));
      fresh.forEach((plot) => known.add(plot));
      if (fresh.length) tell("appeared", model.get("appeared") + 1);
    }

    const appearing = new MutationObserver(look);
    const widths = new ResizeObserver(() => {
      const box = el.closest(".widget-vbox");
      if (!box || !el.clientWidth) return;
      tell("width", el.clientWidth);
      appearing.observe(box, { childList: true, subtree: true });
      look();
    });
    const themes = new MutationObserver(() => tell("dark", document.body.dataset.jpThemeLight === "false"));
    themes.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
    tell("dark", document.body.dataset.jpThemeLight === "false");
    widths.observe(el);
    return () => [appearing, widths, themes].forEach((observer) => observer.disconnect());
  },
};
