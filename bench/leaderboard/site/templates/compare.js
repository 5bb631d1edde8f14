// Two methods side by side. Each method's numbers are in a script, since a page that was opened as a file cannot fetch.
(() => {
  "use strict";
  const form = document.getElementById("compare");
  if (!form) return;
  const shared = JSON.parse(document.getElementById("compare-shared").textContent);
  const status = document.getElementById("compare-status"), out = document.getElementById("compared");
  const byName = new Map(shared.methods.map((method) => [method.name, method]));
  const numbers = new Map(), loading = new Map();
  window.benchCompare = (file, data) => numbers.set(file, data);

  function load({ file, name }) {
    if (!loading.has(file)) {
      loading.set(file, new Promise((done, failed) => {
        const script = document.createElement("script");
        script.src = `${shared.folder}/${file}.js`;
        script.addEventListener("load", done);
        script.addEventListener("error", () => { loading.delete(file); failed(new Error(`The numbers of ${name} could not be loaded.`)); });
        document.head.append(script);
      }));
    }
    return loading.get(file).then(() => numbers.get(file));
  }

  function element(tag, properties, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  }

  const signed = (value) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(3);
  const p = (value) => value === null ? "—" : value === 0 ? "< 0.001" : value.toFixed(3);
  const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

  function table(label, heads, rows) {
    const head = element("tr", {}, ...heads.map((text) => element("th", { scope: "col" }, text)));
    const body = rows.map(([name, ...cells]) =>
      element("tr", {}, element("th", { scope: "row" }, ...[name].flat()), ...cells.map((cell) => element("td", {}, ...[cell].flat()))));
    const region = element("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: label },
      element("table", { className: "plain matrix" }, element("thead", {}, head), element("tbody", {}, ...body)));
    return region;
  }

  function value([value, low, high, marks]) {
    const parts = [element("strong", {}, value.toFixed(3) + marks)];
    if (low !== null && high !== null) parts.push(" ", element("span", { className: "key whole" }, `[${low.toFixed(3)}, ${high.toFixed(3)}]`));
    return parts;
  }

  const setting = (cell) => [cell.mode, cell.labels === "none" ? "no labels" : `${cell.labels} labels`, cell.leads === "all" ? "all leads" : `leads ${cell.leads}`].join(", ");

  // Difference, its interval, p value, p value corrected over the column, significance; the reason where there is no test.
  function tested(first, second, files, k) {
    const [a, b] = files, test = first.tests[b]?.[k] ?? second.tests[a]?.[k];
    if (test) return { test: first.tests[b]?.[k] ? test : [-test[0], -test[2], -test[1], ...test.slice(3)] };
    return { why: first.untested[b]?.[k] ?? second.untested[a]?.[k] ?? shared.cells[k].why };
  }

  function compare(names, first, second) {
    const [a, b] = names, files = names.map((name) => byName.get(name).file);
    const both = Object.keys(first.cells).map(Number).filter((k) => k in second.cells);
    const only = (one, other) => Object.keys(one.cells).filter((k) => !(k in other.cells)).length;
    const reasons = [], better = [0, 0];
    let tests = 0;
    const footnote = (why) => {
      if (!reasons.includes(why)) reasons.push(why);
      return element("sup", {}, String(reasons.indexOf(why) + 1));
    };
    const sections = [];
    for (const kind of new Set(both.map((k) => shared.cells[k].kind))) {
      const rows = both.filter((k) => shared.cells[k].kind === kind).map((k) => {
        const cell = shared.cells[k], own = first.cells[k], other = second.cells[k];
        const { test, why } = tested(first, second, files, k);
        const task = cell.linked ? element("a", { href: `tasks/${cell.task}.html` }, cell.task) : cell.task;
        const name = [task, element("br"), element("span", { className: "key" }, `${setting(cell)}: ${cell.metric}`)];
        const start = [name, value(own), value(other)];
        if (!test) return [...start, signed(own[5] - other[5]), ["not tested", footnote(why)], "—"];
        const [difference, low, high, raw, corrected, significant] = test;
        tests += 1;
        if (significant) better[(difference > 0) === cell.lower ? 1 : 0] += 1;
        return [...start, [element("strong", {}, signed(difference)), " ", element("span", { className: "key whole" }, `[${signed(low)}, ${signed(high)}]`)], p(raw), p(corrected)];
      });
      sections.push(element("section", {}, element("h2", {}, kind),
        table(kind, ["Cell", a, b, "Difference", "p", "p, corrected"], rows)));
    }
    const summary = both.length
      ? `${plural(both.length, "cell")} of both, ${tests} tested: ${a} is significantly better in ${better[0]}, ${b} in ${better[1]}.`
      : "The two share no cell.";
    const others = [[a, only(first, second)], [b, only(second, first)]].filter(([, count]) => count)
      .map(([name, count]) => ` ${name} has ${plural(count, "further cell")}.`).join("");
    const pages = names.map((name) => byName.get(name).page);
    const links = pages.flatMap((page, i) => page ? [" ", element("a", { href: `methods/${page}.html` }, `Page of ${names[i]}.`)] : []);
    const notes = element("ul", { className: "notes" },
      element("li", {}, `Difference: ${a} minus ${b}, with its 95 % interval. The tests are those of boards: ${[...new Set(both.map((k) => shared.cells[k].test).filter(Boolean))].join(", ") || "none was made"}.`),
      element("li", {}, "p: of this pair alone. Corrected: over all pairs of the column (Holm); below 0.05 the difference is significant on a board."));
    const untested = reasons.map((why, i) => element("p", { className: "key" }, `${i + 1} Not tested: ${shared.reasons[why]}.`));
    out.replaceChildren(element("p", {}, summary + others, ...links), ...sections, ...(both.length ? [...untested, notes] : []),
      ...classes(names, first, second, both), ...parts(names, first, second));
  }

  function classes([a, b], first, second, both) {
    const shown = both.filter((k) => shared.cells[k].classes.length);
    if (!shown.length) return [];
    const details = shown.map((k) => {
      const cell = shared.cells[k], number = (v) => v === null ? "—" : v.toFixed(3);
      const rows = cell.classes.map((name, i) => {
        const [own, other] = [first.cells[k][4][i], second.cells[k][4][i]];
        return [name, number(own), number(other), own === null || other === null ? "—" : signed(own - other)];
      });
      const title = `${cell.task}, ${setting(cell)}: ${cell.metric.replace("macro ", "")}`;
      return element("details", {}, element("summary", {}, title), table(title, ["Class", a, b, "Difference"], rows));
    });
    return [element("section", {}, element("h2", {}, "Classes"), element("p", { className: "key" }, "Differences of single classes are not tested here."), ...details)];
  }

  function parts([a, b], first, second) {
    const sections = new Map();
    shared.parts.forEach((part, k) => {
      if (!(k in first.parts) || !(k in second.parts)) return;
      if (!sections.has(part.page)) {
        sections.set(part.page, element("section", {}, element("h2", {}, part.of),
          element("p", { className: "key" }, "From ", element("a", { href: `${part.page}.html` }, "the page of all methods"), ", which explains the numbers.")));
      }
      const cell = shared.cells[part.cell], title = `${cell.task}, ${setting(cell)}: ${part.title}`;
      const lines = (text = "—") => text.split("\n").flatMap((line, i) => i ? [element("br"), element("span", { className: "key" }, line)] : [element("strong", {}, line)]);
      const rows = part.heads.map((head, i) => [head, lines(first.parts[k][i]), lines(second.parts[k][i])]);
      sections.get(part.page).append(element("details", {}, element("summary", {}, title), table(title, ["Group or condition", a, b], rows)));
    });
    return [...sections.values()];
  }

  async function show() {
    const names = ["a", "b"].map((name) => form.elements[name].value);
    out.replaceChildren();
    status.textContent = names.every(Boolean) ? names[0] === names[1] ? "Choose two different methods." : "" : "Choose two methods.";
    if (status.textContent) return;
    try {
      const [first, second] = await Promise.all(names.map((name) => load(byName.get(name))));
      if (names.every((name, i) => name === form.elements["ab"[i]].value)) compare(names, first, second);
    } catch (error) {
      status.textContent = error.message;
    }
  }

  function read() {
    const asked = new URLSearchParams(location.hash.slice(1));
    // a method that was run in several ways has several names, of which its page knows none
    const known = (name) => byName.has(name) ? name : shared.methods.find((method) => name && method.page === name)?.name;
    const unknown = ["a", "b"].map((name) => asked.get(name)).filter((name) => name && !known(name));
    for (const name of ["a", "b"]) form.elements[name].value = known(asked.get(name)) ?? "";
    show();
    if (unknown.length) status.textContent = `No results of ${unknown.join(" and ")}. ${status.textContent}`;
  }

  function address() {
    const chosen = ["a", "b"].map((name) => [name, form.elements[name].value]).filter(([, value]) => value);
    history.replaceState(null, "", `#${new URLSearchParams(chosen)}`);
    show();
  }

  form.addEventListener("change", address);
  form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("swap").addEventListener("click", () => {
    const { a, b } = form.elements;
    [a.value, b.value] = [b.value, a.value];
    address();
  });
  window.addEventListener("hashchange", read);
  form.hidden = false;
  read();
})();
