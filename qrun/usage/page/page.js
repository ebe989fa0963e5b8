"use strict";
(() => {
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const charts = {};

  // ---- the timeline: what is on a canvas takes its colours here, from the page's own
  function paint(view) {
    const doc = view.model.document;
    const ink = css("--ink"), quiet = css("--quiet"), line = css("--line");
    for (const model of doc.all_models) {
      if (model.tags && model.tags[0] === "part") {
        const colour = css("--" + model.tags[1]);
        model.glyph.setv({fill_color: colour, line_color: css("--paper")});
      }
      if (model.axis_label_text_color !== undefined) {
        model.setv({axis_label_text_color: ink, major_label_text_color: ink, axis_line_color: quiet,
          major_tick_line_color: quiet, minor_tick_line_color: quiet});
      }
      if (model.grid_line_color !== undefined) model.setv({grid_line_color: line});
    }
  }
  async function draw(script) {
    const target = script.dataset.target;
    const views = await Bokeh.embed.embed_item(JSON.parse(script.textContent), target);
    const view = Array.isArray(views) ? views[0] : [...views][0];
    const range = view.model.x_range;
    charts[target] = {view, range, first: [range.start, range.end], all: view.model.tags.slice(0, 2)};
    paint(view);
  }
  function move(chart, what) {
    const {range} = chart, width = range.end - range.start, middle = (range.start + range.end) / 2;
    const to = {
      in: [middle - width / 4, middle + width / 4],
      out: [middle - width, middle + width],
      left: [range.start - width / 4, range.end - width / 4],
      right: [range.start + width / 4, range.end + width / 4],
      all: chart.all,
    }[what];
    range.setv({start: to[0], end: to[1]});
  }
  for (const button of document.querySelectorAll("[data-do]")) {
    button.addEventListener("click", () => move(charts[button.dataset.chart], button.dataset.do));
  }
  const drawn = Promise.all([...document.querySelectorAll(".chart-data")].map(draw));
  drawn.then(() => { document.documentElement.dataset.drawn = "yes"; });
  const repaint = () => Object.values(charts).forEach((chart) => paint(chart.view));
  for (const query of ["(prefers-color-scheme: dark)", "print"]) {
    matchMedia(query).addEventListener("change", repaint);
  }
  window.qrunCharts = charts;

  // ---- the table of jobs: sorts and filters
  const value = (row, column) => {
    const text = row.cells[column].textContent;
    const number = text === "" || text === "–" ? NaN : Number(text.replace(/,/g, ""));
    return Number.isNaN(number) ? text : number;
  };
  function compare(a, b) {
    const missing = (x) => x === "–" || x === "";
    if (missing(a) || missing(b)) return missing(a) - missing(b);
    if (typeof a === typeof b) return a < b ? -1 : a > b ? 1 : 0;
    return typeof a === "number" ? -1 : 1;
  }
  function sort(table, header) {
    const down = header.getAttribute("aria-sort") === "ascending";
    const column = header.cellIndex, body = table.tBodies[0];
    for (const other of header.parentElement.cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = [...body.rows].map((row) => [value(row, column), row]);
    rows.sort((a, b) => (down ? -1 : 1) * compare(a[0], b[0]));
    body.append(...rows.map((pair) => pair[1]));
  }
  function filter(id) {
    const of = (what) => document.querySelector(`[data-table="${id}"][data-filter="${what}"]`).value;
    const words = of("text").toLowerCase().split(/\s+/).filter(Boolean), state = of("state");
    let shown = 0;
    const rows = document.getElementById(id).tBodies[0].rows;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      const fits = (!state || row.cells[2].textContent === state) && words.every((word) => text.includes(word));
      row.hidden = !fits;
      shown += fits;
    }
    document.querySelector(`output[data-table="${id}"]`).textContent =
      shown === rows.length ? `${shown} jobs` : `${shown} of ${rows.length} jobs`;
  }
  for (const table of document.querySelectorAll("table.jobs")) {
    for (const header of table.tHead.rows[0].cells) {
      header.firstElementChild.addEventListener("click", () => sort(table, header));
    }
  }
  for (const control of document.querySelectorAll("[data-filter]")) {
    control.addEventListener("input", () => filter(control.dataset.table));
  }
})();
