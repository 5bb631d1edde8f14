// Sorting, searching and filtering by DataTables (from itables), charts by Plotly, and the theme. Without scripts the
// pages are plain tables.
(() => {
  "use strict";
  const root = document.documentElement;

  async function tables() {
    if (!window.benchTables) return;
    const { jQuery } = await import(window.benchTables);
    for (const table of document.querySelectorAll("table.display")) {
      const board = table.classList.contains("board");
      const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
      const options = {
        paging: !board && table.tBodies[0].rows.length > 100,
        pageLength: 100,
        lengthChange: false,
        order: [],
        autoWidth: false,
        titleRow: table.tHead.rows.length - 1,
        info: table.tBodies[0].rows.length > 12,
        searching: table.tBodies[0].rows.length > 5,
        language: { search: table.dataset.searchLabel, zeroRecords: "No row fits." },
        layout: { topStart: "search", topEnd: null, bottomStart: "info", bottomEnd: "paging" },
        columnDefs: heads.map((head, k) => ({
          targets: k,
          orderSequence: board && k > 1 && head.dataset.ascending !== "1" ? ["desc", "asc", ""] : ["asc", "desc", ""],
        })),
      };
      const view = jQuery(table).DataTable(options);
      // DataTables listens to Enter alone, and a button is pressed by the space bar too
      table.tHead.addEventListener("keydown", (event) => {
        if (event.key === " " && event.target.getAttribute("role") === "button") { event.preventDefault(); event.target.click(); }
      });
      const form = document.querySelector(`form[data-for="${table.id}"]`);
      if (board && form) filters(form, table, view, heads);
    }
    root.dataset.tables = "ready";
  }

  function filters(form, table, view, heads) {
    const of = (name) => form.querySelector(`[data-filter="${name}"]`);
    const [group, columns, found] = [of("group"), of("columns"), of("found")];
    view.search.fixed("bench", (text, data, index) => {
      const row = view.row(index).node();
      if (found?.checked && row.dataset.found !== "1") return false;
      return !group?.value || row.querySelector(".rowgroup").textContent === group.value;
    });
    form.addEventListener("change", () => {
      heads.forEach((head, k) => {
        if (k > 1) view.column(k).visible(!columns?.value || head.dataset.group === columns.value, false);
      });
      view.draw();
    });
    form.addEventListener("submit", (event) => event.preventDefault());
  }

  function themed() {
    const read = (name) => getComputedStyle(root).getPropertyValue(name).trim();
    const axis = { gridcolor: read("--line"), zerolinecolor: read("--line"), linecolor: read("--line"), automargin: true };
    return { axis, font: { color: read("--ink"), family: "system-ui, sans-serif", size: 12 } };
  }

  const colours = ["#3b82c4", "#d97a2b", "#3f9b63", "#c0504d", "#8e6cc0", "#99745e", "#cf75b3", "#8a8f98", "#a8a432", "#2fa5b5"];

  function draw() {
    if (!window.Plotly) return;
    const { axis, font } = themed();
    for (const figure of document.querySelectorAll("figure.chart")) {
      const { data, layout } = JSON.parse(figure.querySelector("script").textContent);
      // what belongs together (two risk groups of a method) has one colour; past ten colours, lines are dashed and dotted
      const groups = [...new Set(data.map((trace) => trace.legendgroup ?? trace.name))];
      for (const trace of data) {
        const k = groups.indexOf(trace.legendgroup ?? trace.name);
        trace.line = { dash: ["solid", "dash", "dot"][Math.floor(k / colours.length) % 3], ...trace.line, color: colours[k % colours.length] };
      }
      const narrow = figure.clientWidth < 520 || data.some((trace) => trace.name.length > 40);
      // a legend cuts what is wider than the chart
      if (narrow) for (const trace of data) trace.name = trace.name.replace(/(.{24,38}) /g, "$1<br>");
      window.Plotly.react(figure.querySelector(".plot"), data, {
        ...layout,
        xaxis: { ...layout.xaxis, ...axis },
        yaxis: { ...layout.yaxis, ...axis },
        font,
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        margin: { l: 50, r: 10, t: 10, b: 40 },
        height: narrow ? 420 + 16 * data.length : 400,
        showlegend: true,
        legend: narrow ? { orientation: "h", y: -0.2, font: { size: 10 } } : { font: { size: 11 } },
      }, { responsive: true, displaylogo: false, displayModeBar: false });
    }
  }

  // The first page: one situation at a time, and only the encoders that pass the filters. Without scripts all are shown.
  function encoders() {
    const form = document.getElementById("encoder-filters");
    if (!form) return;
    const asked = (name) => form.querySelector(`[data-by="${name}"]`);
    function show() {
      for (const section of document.querySelectorAll("section.situation")) {
        section.hidden = section.id !== asked("situation").value;
        const rows = [...section.querySelectorAll("tbody tr")];
        for (const row of rows) {
          const known = row.dataset;
          const most = asked("parameters").value, least = asked("speed").value;
          row.hidden = (most && !(known.parameters && Number(known.parameters) <= Number(most)))
            || (least && !(known.speed && Number(known.speed) >= Number(least)))
            || (asked("licence")?.value && known.licence !== asked("licence").value)
            || (asked("proof").value && known.proof !== asked("proof").value)
            || (asked("clean").checked && known.clean !== "1");
        }
        const shown = rows.filter((row) => !row.hidden).length;
        section.querySelector("[data-count]").textContent = shown === rows.length ? "" : `${shown} of ${rows.length} encoders`;
      }
    }
    form.addEventListener("change", show);
    form.querySelector("[data-reset]").addEventListener("click", () => { form.reset(); show(); });
    form.addEventListener("submit", (event) => event.preventDefault());
    show();
  }

  function search() {
    const form = document.getElementById("find");
    if (!form) return;
    const input = document.getElementById("search"), status = document.getElementById("none-found");
    const options = [...document.getElementById("names").options];
    const go = (exact) => {
      const text = input.value.trim().toLowerCase();
      const value = (option) => option.value.toLowerCase(), name = (option) => value(option).replace(/^(method|task|dataset) /, "");
      const looser = [(o) => name(o) === text, (o) => name(o).startsWith(text), (o) => value(o).includes(text)];
      const tests = [(o) => value(o) === text, ...(exact || !text ? [] : looser)];
      const found = tests.map((test) => options.find(test)).find(Boolean);
      if (found) location.href = found.dataset.link;
      status.textContent = found || exact || !text ? "" : "Nothing has this name.";
    };
    form.addEventListener("submit", (event) => { event.preventDefault(); go(false); });
    input.addEventListener("change", () => go(true));
  }

  encoders();
  search();
  document.getElementById("theme").addEventListener("click", () => {
    const dark = root.classList.toggle("dark");
    try { localStorage.setItem("bench-theme", dark ? "dark" : "light"); } catch { /* nothing is remembered */ }
    draw();
  });

  // Scripts are at the end of the body or deferred: the document is there. Charts wait until the tables can be used.
  tables().then(() => requestAnimationFrame(draw));
})();
