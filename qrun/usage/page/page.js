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

  // ---- the tables of jobs: sort and filter all, show the first of them
  const MOST = 500;
  class Jobs {
    constructor(table) {
      this.table = table;
      this.all = [...table.querySelectorAll("tbody tr")].map((row) => {
        const cells = [...row.cells].map((cell) => cell.textContent);
        return {row, cells, values: cells.map(Jobs.value), text: cells.join(" ").toLowerCase()};
      });
      this.fitting = this.all;
      this.most = MOST;
      const of = (what) => document.querySelector(`[data-table="${table.id}"][data-filter="${what}"]`);
      this.words = of("text");
      this.state = of("state");
      this.told = document.querySelector(`output[data-table="${table.id}"]`);
      this.more = document.querySelector(`button[data-table="${table.id}"]`);
      for (const control of [this.words, this.state]) control.addEventListener("input", () => this.filter());
      for (const header of table.tHead.rows[0].cells) {
        header.firstElementChild.addEventListener("click", () => this.sort(header));
      }
      this.more.addEventListener("click", () => { this.most += MOST; this.show(); });
      this.show();
    }
    static value(text) {
      if (text === "" || text === "–") return null;
      const number = Number(text);
      return Number.isNaN(number) ? text : number;
    }
    static compare(a, b) {
      if (typeof a === typeof b) return a < b ? -1 : a > b ? 1 : 0;
      return typeof a === "number" ? -1 : 1;
    }
    sort(header) {
      const way = header.getAttribute("aria-sort") === "ascending" ? -1 : 1, column = header.cellIndex;
      for (const other of header.parentElement.cells) other.removeAttribute("aria-sort");
      header.setAttribute("aria-sort", way < 0 ? "descending" : "ascending");
      this.all.sort((one, other) => {
        const a = one.values[column], b = other.values[column];
        // What is not known comes last, whichever way.
        return a === null || b === null ? (a === null) - (b === null) : way * Jobs.compare(a, b);
      });
      this.filter();
    }
    filter() {
      const words = this.words.value.toLowerCase().split(/\s+/).filter(Boolean), state = this.state.value;
      this.fitting = this.all.filter((job) =>
        (!state || job.cells[2] === state) && words.every((word) => job.text.includes(word)));
      this.most = MOST;
      this.show();
    }
    show() {
      const shown = this.fitting.slice(0, this.most), rest = this.fitting.length - shown.length;
      const [first, ...others] = this.table.tBodies;
      first.replaceChildren(...shown.map((job) => job.row));
      others.forEach((body) => body.remove());
      this.more.hidden = rest === 0;
      const all = this.all.length, fitting = this.fitting.length;
      this.told.textContent = (fitting === all ? `${all} jobs` : `${fitting} of ${all} jobs`)
        + (rest ? `, the first ${shown.length} shown` : "");
    }
  }
  for (const table of document.querySelectorAll("table.jobs")) new Jobs(table);
})();
