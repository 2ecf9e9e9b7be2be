// Tables that sort and filter, and data that the page holds itself and a click saves.
(function () {
  "use strict";

  // A number as the report writes it, with a typographic minus; of "[4, 6]" and "5 of 8" the first one.
  function numberIn(text) {
    const found = /^\[?([+−-]?\d[\d.]*(?:e[+−-]?\d+)?)/.exec(text.replace(/\u202f/g, ""));
    return found ? Number(found[1].replace(/−/g, "-")) : null;
  }

  function isGap(text) { return text === "" || text === "–" || /^\[?none/.test(text); }

  // Gaps come last, whichever way the rest is sorted.
  function compare(one, two, direction, numeric) {
    if (isGap(one) || isGap(two)) return Number(isGap(one)) - Number(isGap(two));
    if (numeric) return direction * (numberIn(one) - numberIn(two));
    return direction * one.localeCompare(two, "en", { numeric: true });
  }

  function sortBy(table, heads, place) {
    const body = table.tBodies[0];
    const direction = heads[place].getAttribute("aria-sort") === "ascending" ? -1 : 1;
    const text = function (row) { return row.cells[place].textContent.trim(); };
    const rows = Array.from(body.rows);
    const numeric = rows.every(function (row) { return isGap(text(row)) || numberIn(text(row)) !== null; });
    rows.sort(function (one, two) { return compare(text(one), text(two), direction, numeric); });
    rows.forEach(function (row) { body.append(row); });
    heads.forEach(function (head) { head.removeAttribute("aria-sort"); });
    heads[place].setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
  }

  function makeSortable(table) {
    const heads = Array.from(table.tHead.rows[0].cells);
    heads.forEach(function (head, place) {
      const made = document.createElement("button");
      made.type = "button";
      made.title = "sort by this column";
      made.append(...head.childNodes);
      head.append(made);
      made.addEventListener("click", function () { sortBy(table, heads, place); });
    });
  }

  // Every word typed must stand somewhere in the row.
  function filter(rows, typed, said) {
    const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach(function (row) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every(function (word) { return text.includes(word); });
      shown += row.hidden ? 0 : 1;
    });
    said.textContent = words.length ? shown + " of " + rows.length + " rows" : rows.length + " rows";
  }

  function makeFilterable(table) {
    const rows = Array.from(table.tBodies[0].rows);
    if (rows.length < 4) return;
    const typed = document.createElement("input");
    const said = document.createElement("span");
    typed.type = "search";
    typed.placeholder = "filter rows";
    typed.setAttribute("aria-label", "filter the rows of this table");
    said.className = "quiet";
    said.setAttribute("aria-live", "polite");
    typed.addEventListener("input", function () { filter(rows, typed.value, said); });
    filter(rows, "", said);
    const line = document.createElement("p");
    line.className = "filter";
    line.append(typed, said);
    table.parentElement.before(line);
  }

  function bytes(link) {
    const data = JSON.parse(document.getElementById(link.dataset.from).textContent)[link.dataset.kind];
    if (link.dataset.kind === "csv") return new Blob([data], { type: "text/csv;charset=utf-8" });
    const raw = Uint8Array.from(atob(data), function (character) { return character.charCodeAt(0); });
    return new Blob([raw], { type: "application/vnd.apache.parquet" });
  }

  function save(link) {
    const address = URL.createObjectURL(bytes(link));
    const made = document.createElement("a");
    made.href = address;
    made.download = link.download;
    made.click();
    setTimeout(function () { URL.revokeObjectURL(address); }, 60000);
  }

  document.querySelectorAll("table.data").forEach(function (table) { makeSortable(table); makeFilterable(table); });
  document.querySelectorAll("a.save[data-from]").forEach(function (link) {
    link.addEventListener("click", function (event) { event.preventDefault(); save(link); });
  });
})();
