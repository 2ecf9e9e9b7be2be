// Draws every figure of the page in the reader's colour scheme, and again when that changes.
(function () {
  "use strict";
  const theme = JSON.parse(document.getElementById("theme").textContent);
  const scheme = window.matchMedia("(prefers-color-scheme: dark)");
  const narrow = window.matchMedia("(max-width: 640px)");

  function twin(colour) {
    const inside = /^rgba\((\d+,\d+,\d+),([\d.]+)\)$/.exec(colour);
    if (inside) return "rgba(" + (theme.twins[inside[1]] || inside[1]) + "," + inside[2] + ")";
    return theme.twins[colour.toUpperCase()] || colour;
  }

  // Only what stands under a key ending in "color" is a colour; a sentence may look like one.
  function recoloured(value, key) {
    if (Array.isArray(value)) return value.map(function (item) { return recoloured(item, key); });
    if (value && typeof value === "object") {
      const copy = {};
      Object.keys(value).forEach(function (inner) { copy[inner] = recoloured(value[inner], inner); });
      return copy;
    }
    return typeof value === "string" && /color$/.test(key) ? twin(value) : value;
  }

  function options(name) {
    return {
      responsive: true,
      displaylogo: false,
      displayModeBar: narrow.matches ? false : "hover",
      modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
      toImageButtonOptions: { filename: name, format: "svg" },
    };
  }

  // Plotly does not wrap: in a narrow window the lines under the title are broken at their separators.
  function wrapSubtitle(layout, width) {
    const subtitle = layout.title && layout.title.subtitle;
    if (!subtitle || !subtitle.text || !layout.margin) return;
    const room = Math.floor((width - (layout.margin.l || 0) - 8) / 6.6);
    const before = subtitle.text.split("<br>");
    const lines = [];
    before.forEach(function (line) {
      let current = "";
      line.split(/(?<=[;·]) /).forEach(function (part) {
        const joined = current ? current + " " + part : part;
        if (current && joined.replace(/<[^>]*>/g, "").length > room) {
          lines.push(current);
          current = part;
        } else current = joined;
      });
      lines.push(current);
    });
    subtitle.text = lines.join("<br>");
    layout.margin.t += 17 * (lines.length - before.length);
  }

  // A second legend lies in one line below the first; where it needs more lines, the figure grows.
  function fitLegends(figure, plot) {
    const layout = figure.layout;
    const entries = figure.data.filter(function (trace) { return trace.legend === "legend2"; }).length;
    if (!entries || !layout.height) return;
    const inOneLine = Math.max(1, Math.floor((plot.clientWidth - layout.margin.l - layout.margin.r) / 84));
    const lines = Math.ceil(entries / inOneLine);
    layout.height += 20 * (lines - 1);
    layout.margin.b += 20 * (lines - 1);
    layout.legend.y = (20 * lines) / layout.height;
    plot.style.height = layout.height + "px";
  }

  function draw(plot) {
    let figure = JSON.parse(document.getElementById(plot.dataset.figure).textContent);
    if (scheme.matches) figure = recoloured(figure, "");
    figure.layout.template = scheme.matches ? theme.dark : theme.light;
    wrapSubtitle(figure.layout, plot.clientWidth);
    fitLegends(figure, plot);
    return window.Plotly.react(plot, figure.data, figure.layout, options(plot.id.replace(/^figure-/, "")));
  }

  function button(text, title, act) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.title = title;
    made.addEventListener("click", act);
    return made;
  }

  // Pictures as they stand on the page, in the reader's colours; drawn here, so nothing has to be installed.
  function addPictures(plot) {
    const place = plot.parentElement.querySelector(".saves");
    const name = plot.id.replace(/^figure-/, "");
    if (!place) return;
    ["svg", "png"].forEach(function (format) {
      place.append(button(format, "save the picture as " + format.toUpperCase(), function () {
        const size = { width: plot.clientWidth, height: plot.clientHeight, scale: format === "png" ? 2 : 1 };
        window.Plotly.downloadImage(plot, Object.assign({ format: format, filename: name }, size));
      }));
    });
  }

  const plots = Array.from(document.querySelectorAll(".plot"));
  // One after the other, with a breath between them: a page with many figures can be read while it draws.
  function drawAll() {
    return plots.reduce(function (before, plot) {
      return before.then(function () { return draw(plot); }).then(function () { return new Promise(function (done) { setTimeout(done, 0); }); });
    }, Promise.resolve());
  }

  if (!window.Plotly) {
    plots.forEach(function (plot) {
      plot.classList.add("notice");
      plot.textContent = "plotly.min.js is missing: it belongs into the folder of index.html.";
    });
    return;
  }
  plots.forEach(addPictures);
  drawAll().then(function () { document.documentElement.dataset.drawn = String(plots.length); });
  scheme.addEventListener("change", drawAll);
  narrow.addEventListener("change", drawAll);
  // Figures keep their height on paper; a changed width needs a new layout.
  window.addEventListener("beforeprint", function () { plots.forEach(function (plot) { window.Plotly.Plots.resize(plot); }); });
})();
