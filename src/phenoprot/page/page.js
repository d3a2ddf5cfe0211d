"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { colours, dashes, shapes } = data.palette;
  const byId = (id) => document.getElementById(id);
  const make = (name, attributes = {}, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };

  // Theme: the reader's, until the button says otherwise.
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const setTheme = (name) => {
    root.dataset.theme = name;
    byId("theme").textContent = name === "dark" ? "Light" : "Dark";
  };
  setTheme(dark.matches ? "dark" : "light");
  dark.addEventListener("change", (event) => setTheme(event.matches ? "dark" : "light"));
  byId("theme").addEventListener("click", () =>
    setTheme(root.dataset.theme === "dark" ? "light" : "dark"));

  // Figures
  const ink = "currentColor";
  const font = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
  const config = {
    background: null,
    padding: { left: 4, right: 16, top: 6, bottom: 4 },
    font,
    axis: {
      labelColor: ink, titleColor: ink, domainColor: ink, tickColor: ink, gridColor: ink,
      gridOpacity: 0.12, domainOpacity: 0.5, tickOpacity: 0.5, titleFontWeight: 500,
      titleFontSize: 12, labelFontSize: 11, labelFlush: false, labelOverlap: true,
    },
    legend: {
      labelColor: ink, titleColor: ink, titleFontWeight: 500, labelFontSize: 11,
      symbolStrokeWidth: 2, symbolOpacity: 1, rowPadding: 3,
    },
    view: { stroke: null },
  };

  const lines = (columns) => {
    const names = Object.keys(columns);
    const n = names.length ? columns[names[0]].length : 0;
    return Array.from({ length: n }, (_, i) =>
      Object.fromEntries(names.map((name) => [name, columns[name][i]])));
  };

  // A row looks the same in every figure: it keeps the colour, dash and shape it had first, unless
  // another of the figure has these.
  const homes = new Map();
  const looksOf = (names) => {
    const looks = new Map();
    const taken = new Set();
    const give = (name, look) => { looks.set(name, look); taken.add(look); };
    for (const name of names) {
      const home = homes.get(name);
      if (home !== undefined && !taken.has(home)) give(name, home);
    }
    for (const name of names.filter((one) => !looks.has(one))) {
      give(name, colours.findIndex((_, look) => !taken.has(look)));
      if (!homes.has(name)) homes.set(name, looks.get(name));
    }
    return names.map((name) => looks.get(name));
  };

  // A copy of a specification, with the names of the lines or groups, their looks, and titles of axes.
  const adapted = (spec, domains = {}, titles = {}, looks = {}) => {
    const copy = structuredClone(spec);
    const walk = (node) => {
      if (node === null || typeof node !== "object") return;
      if (node.field in domains && node.scale && node.scale.range) {
        node.scale.domain = domains[node.field];
        const order = looks[node.field] ?? node.scale.domain.map((_, place) => place);
        const all = node.scale.range;
        node.scale.range = order.map((look) => all[look % all.length]);
      }
      if (node.field in titles && "title" in node) node.title = titles[node.field];
      Object.values(node).forEach(walk);
    };
    walk(copy);
    return copy;
  };

  const NARROW = 480;  // px: a phone
  const draw = (place, spec, sets) => {
    const columns = place.clientWidth < NARROW ? 1 : 2;
    const own = { ...config, legend: { ...config.legend, columns } };
    const whole = { ...spec, datasets: { ...spec.datasets, ...sets }, config: own };
    // A scale of colours is read by its legend: no theme may change it.
    place.classList.toggle("scale", JSON.stringify(spec).includes('"type":"rect"'));
    const options = { actions: false, renderer: "svg", tooltip: { theme: "page" } };
    return vegaEmbed(place, whole, options);
  };

  const drawn = new Set();
  const drawFigure = (figure) => {
    const known = data.figures[figure.dataset.figure];
    drawn.add(figure);
    const place = figure.querySelector(".drawing");
    let rows = (known.lines ??= lines(known.columns));
    if (!known.pick) return draw(place, known.spec, { table: rows });
    rows = rows.filter((row) => known.picked.includes(row[known.pick]));
    const looks = { [known.pick]: looksOf(known.picked) };
    const spec = adapted(known.spec, { [known.pick]: known.picked }, {}, looks);
    return draw(place, spec, { table: rows });
  };

  // Which rows a figure draws: at most six at a time.
  const offerRows = (figure) => {
    const known = data.figures[figure.dataset.figure];
    const box = figure.querySelector(".pick div");
    const names = [...new Set(known.columns[known.pick])];
    const summary = figure.querySelector(".pick summary");
    const update = () => {
      summary.textContent = `Rows: ${known.picked.length} of ${names.length}`;
      for (const input of box.querySelectorAll("input"))
        input.disabled = !input.checked && known.picked.length >= data.most;
    };
    for (const name of names) {
      const input = make("input", { type: "checkbox" });
      input.checked = known.picked.includes(name);
      input.addEventListener("change", () => {
        known.picked = names.filter((other) =>
          other === name ? input.checked : known.picked.includes(other));
        update();
        drawFigure(figure);
      });
      box.append(make("label", {}, input, name));
    }
    update();
  };

  const figures = [...document.querySelectorAll("figure[data-figure]")];
  figures.filter((one) => data.figures[one.dataset.figure].pick).forEach(offerRows);
  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries)
      if (isIntersecting) {
        near.unobserve(target);
        if (!drawn.has(target)) drawFigure(target);
      }
  }, { rootMargin: "600px" });
  figures.forEach((figure) => near.observe(figure));

  // The others when the browser has nothing else to do: paper has no scrolling.
  const whenIdle = window.requestIdleCallback ?? ((call) => setTimeout(call, 50));
  const drawRest = async () => {
    const next = figures.find((figure) => !drawn.has(figure));
    if (!next) { root.dataset.drawn = "all"; return; }
    await drawFigure(next);
    whenIdle(drawRest);
  };
  window.addEventListener("load", () => whenIdle(drawRest));

  // Data as files
  const cell = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const save = (name, columns) => {
    const names = Object.keys(columns);
    const body = lines(columns).map((row) => names.map((key) => cell(row[key])).join(","));
    const text = [names.map(cell).join(","), ...body, ""].join("\n");
    const link = make("a", { download: name });
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  for (const button of document.querySelectorAll("button[data-file]"))
    button.addEventListener("click", () => {
      const figure = button.closest("figure");
      save(button.dataset.file, data.figures[figure.dataset.figure].columns);
    });

  // Explorer
  if (!data.explorer) return;
  const { tables, details, specs } = data.explorer;
  const PAGE = 25;
  const state = { part: Object.keys(tables)[0], sort: "score", down: true, page: 0, open: null };
  const unsigned = (text) => (Number(text) === 0 ? text.replace("-", "") : text);
  const three = (value) =>
    (value === null || value === undefined ? "-" : unsigned(value.toFixed(3)));
  const short = (value) => {
    if (value === null || value === undefined) return "-";
    const tiny = value !== 0 && Math.abs(value) < 1e-3;
    return tiny ? value.toExponential(1) : String(Number(value.toPrecision(3)));
  };

  const fill = (select, names, chosen) => {
    select.replaceChildren(...names.map((name) => make("option", { value: name }, name)));
    if (names.includes(chosen)) select.value = chosen;
  };

  const table = () => tables[state.part];
  const shareOf = (score, ceiling, chance) =>
    score === null || ceiling === null || ceiling === undefined || ceiling <= chance
      ? null : (score - chance) / (ceiling - chance);

  const openPart = () => {
    const known = table();
    fill(byId("row"), known.rows, details.row);
    fill(byId("other"), ["none", ...known.rows], known.rows[1] ?? "none");
    state.page = 0;
    state.sort = "score";
    state.down = true;
    state.open = null;
    byId("detail").hidden = true;
    show();
  };

  const countsOf = (own) => table().counts[own.counts];

  const records = () => {
    const known = table();
    const own = known.scores[byId("row").value];
    const beside = known.scores[byId("other").value];
    const counts = countsOf(own);
    const { target, ceiling, reliability } = known.columns;
    const at = (column, i) => (column ? column[i] : null);
    return target.map((name, i) => {
      const score = at(own.score, i);
      const second = beside ? at(beside.score, i) : null;
      return {
        name, score, low: at(own.low, i), high: at(own.high, i), q: at(own.q, i),
        share: shareOf(score, at(ceiling, i), known.chance), ceiling: at(ceiling, i),
        positives: at(counts?.n_positives, i), negatives: at(counts?.n_negatives, i),
        reliability: at(reliability, i), other: second,
        gain: score === null || second === null ? null : score - second,
      };
    });
  };

  const headings = () => {
    const known = table();
    const own = known.scores[byId("row").value];
    const beside = byId("other").value;
    const has = (name) => known.columns[name]?.some((value) => value !== null);
    return [
      ["name", known.noun],
      ["score", own.low ? `${known.score} (95 %)` : known.score],
      ...(own.q ? [["q", "q"]] : []),
      ...(has("ceiling") ? [["share", "of ceiling"], ["ceiling", "ceiling"]] : []),
      ...(countsOf(own) ? [["positives", "positives"], ["negatives", "negatives"]] : []),
      ...(has("reliability") ? [["reliability", "reliability"]] : []),
      ...(beside === "none" ? [] : [["other", beside], ["gain", "difference"]]),
    ];
  };

  const reach = (one, chance) => {
    const low = chance === 0.5 ? 0.2 : -1;
    const x = (value) => (130 * Math.min(Math.max((value - low) / (1 - low), 0), 1)).toFixed(1);
    const svg = (name, attributes) => {
      const element = document.createElementNS("http://www.w3.org/2000/svg", name);
      for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
      return element;
    };
    const box = svg("svg", { viewBox: "0 0 130 12", "aria-hidden": "true" });
    box.append(svg("line", { class: "axis", x1: 0, x2: 130, y1: 6, y2: 6 }));
    box.append(svg("line", { class: "chance", x1: x(chance), x2: x(chance), y1: 0, y2: 12 }));
    if (one.low !== null)
      box.append(svg("line", { class: "reach", x1: x(one.low), x2: x(one.high), y1: 6, y2: 6 }));
    box.append(svg("line", { class: "mark", x1: x(one.score), x2: x(one.score), y1: 1, y2: 11 }));
    return box;
  };

  const cellOf = (key, one) => {
    if (key === "score") {
      const ends = one.low === null ? "" : ` (${one.low.toFixed(2)} to ${one.high.toFixed(2)})`;
      const parts = [three(one.score) + ends];
      if (one.score !== null) parts.push(reach(one, table().chance));
      return parts;
    }
    if (key === "share") return [one.share === null ? "-" : `${Math.round(100 * one.share)} %`];
    if (key === "gain") return [(Number(three(one.gain)) > 0 ? "+" : "") + three(one.gain)];
    if (key === "q") return [one.q === null ? "-" : one.q.toPrecision(2)];
    if (key === "positives" || key === "negatives") return [String(one[key] ?? "-")];
    return [three(one[key])];
  };

  const matching = () => {
    const wanted = byId("search").value.trim().toLowerCase();
    const found = records().filter((one) => one.name.toLowerCase().includes(wanted));
    const key = state.sort;
    const sign = state.down ? -1 : 1;
    return found.sort((a, b) => {
      if (key === "name") return sign * a.name.localeCompare(b.name, "en", { numeric: true });
      if (a[key] === null || b[key] === null) return (a[key] === null) - (b[key] === null);
      return sign * (a[key] - b[key]);
    });
  };

  const show = () => {
    const columns = headings();
    if (!columns.some(([key]) => key === state.sort)) state.sort = "score";
    const head = make("tr");
    for (const [key, title] of columns) {
      const sorted = key === state.sort;
      const arrow = sorted ? (state.down ? " ▾" : " ▴") : "";
      const button = make("button", { type: "button", "data-sort": key }, title + arrow);
      button.addEventListener("click", () => {
        state.down = sorted ? !state.down : key !== "name" && key !== "q";
        state.sort = key;
        state.page = 0;
        show();
        byId("targets-table").querySelector(`[data-sort="${key}"]`).focus();
      });
      const order = sorted ? (state.down ? "descending" : "ascending") : "none";
      head.append(make("th", { scope: "col", "aria-sort": order }, button));
    }
    const found = matching();
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    state.page = Math.min(state.page, pages - 1);
    const shown = found.slice(state.page * PAGE, (state.page + 1) * PAGE);
    const body = shown.map((one) => {
      const row = make("tr", { "aria-selected": String(one.name === state.open) });
      for (const [key] of columns) {
        if (key === "name") {
          const button = make("button", { type: "button" }, one.name);
          button.addEventListener("click", () => openDetail(one.name));
          row.append(make("td", {}, button));
        } else row.append(make("td", {}, ...cellOf(key, one)));
      }
      return row;
    });
    byId("targets-table").querySelector("thead").replaceChildren(head);
    byId("targets-table").querySelector("tbody").replaceChildren(...body);
    const from = state.page * PAGE;
    byId("where").textContent = found.length
      ? `${from + 1} to ${from + shown.length} of ${found.length}` : "none";
    byId("back").disabled = state.page === 0;
    byId("on").disabled = state.page >= pages - 1;
  };

  // What opens on a click
  const figureIn = (box, title, note, kind, rows, place = make("div", { class: "drawing" })) => {
    const csv = make("button", { type: "button", class: "csv", "aria-label": `CSV: ${title}` }, "CSV");
    csv.addEventListener("click", () => {
      const names = Object.keys(rows[0] ?? {});
      const columns = Object.fromEntries(names.map((key) => [key, rows.map((row) => row[key])]));
      save(`${data.screen}-${kind}-${state.part}-${state.open}.csv`.replaceAll("/", "-"), columns);
    });
    const below = make("p", { class: "note" }, note ? `${note} ` : "", csv);
    box.append(make("figure", {}, make("figcaption", {}, title), place, below));
    return place;
  };

  const axisTitles = (part) => {
    if (part === "regression") return { x: "predicted level, out of fold", y: "measured level" };
    const x = `score of ${details.row}, out of fold`;
    return { x, y: part === "targets" ? "annotated (1) or not (0)" : details.effect };
  };

  const showPredicted = (box, name) => {
    const one = details.predicted[state.part]?.[name];
    if (!one) return;
    const groups = details.groups[state.part];
    const rows = one.x.map((x, i) => ({
      x, y: one.y[i], group: groups[one.g[i]], compound: details.compounds[one.c[i]],
    }));
    const some = one.n > rows.length ? ` ${rows.length} of ${one.n} are drawn.` : "";
    const note = `A point: a treatment, predicted by the mean of the repeats.${some}`;
    const there = groups.filter((group) => rows.some((row) => row.group === group));
    const place = figureIn(box, "Predicted against measured", note, "predicted", rows);
    const spec = adapted(specs.predicted, { group: there }, axisTitles(state.part));
    if (there.length > colours.length) {  // more doses than colours: from dark to light
      const { domain } = spec.encoding.color.scale;
      spec.encoding.color.scale = { domain, scheme: { name: "viridis", extent: [0.2, 0.85] } };
    }
    draw(place, spec, { table: rows });
  };

  const showCurves = (box, name) => {
    const known = details.curves.of?.[name];
    if (!known) return;
    const compounds = known.map((one) => one.compound);
    const { from, to } = details.curves.span;
    const points = [], fits = [];
    for (const one of known) {
      const row = one.compound;
      one.dose.forEach((dose, i) => points.push({ row, dose, ratio: one.ratio[i] }));
      const n = one.line.length;
      one.line.forEach((ratio, i) =>
        fits.push({ row, dose: from * (to / from) ** (i / (n - 1)), ratio }));
    }
    const all = [
      ...points.map((row) => ({ ...row, what: "measured" })),
      ...fits.map((row) => ({ ...row, what: "fitted" })),
    ];
    const title = "Strongest compounds: measured ratios and fitted curves";
    const place = figureIn(box, title, "Dashed line: the controls.", "curves", all);
    draw(place, adapted(specs.curves, { row: compounds }), { points, lines: fits });
  };

  const showStrongest = (box, name) => {
    const known = details.strongest[name];
    if (!known) return;
    const names = Object.keys(known);
    const rows = lines(known);
    const head = make("tr", {}, ...names.map((key) => make("th", { scope: "col" }, key)));
    const body = rows.map((row) => make("tr", {}, ...names.map((key) =>
      make("td", {}, typeof row[key] === "number" ? short(row[key]) : row[key] ?? "-"))));
    const inner = make("table", {}, make("thead", {}, head), make("tbody", {}, ...body));
    const place = make("div", { class: "wide", tabindex: "0", role: "region" }, inner);
    place.setAttribute("aria-label", "Strongest compounds");
    figureIn(box, "Strongest compounds", details.explained, "strongest", rows, place);
  };

  const showCarriers = (box, name) => {
    const known = details.carriers[state.part]?.[name];
    if (!known) return;
    const spec = structuredClone(specs.carriers);
    spec.height = 18 * known.group.length;
    const title = "Features that carry it, by compartment and stain";
    const rows = lines(known);
    const note = "Whiskers: 2 standard errors. Groups that tell the same stand in for one another.";
    // Vega writes ends of whiskers into what it draws: the file has rows of its own.
    draw(figureIn(box, title, note, "features", rows), spec, { table: lines(known) });
  };

  const openDetail = (name) => {
    state.open = name;
    show();
    const box = byId("detail");
    const close = make("button", { type: "button", "aria-label": "Close" }, "Close");
    close.addEventListener("click", () => {
      box.hidden = true;
      state.open = null;
      show();
      const buttons = [...byId("targets-table").querySelectorAll("tbody button")];
      (buttons.find((one) => one.textContent === name) ?? byId("search")).focus();
    });
    const grid = make("div", { class: "figures" });
    const title = make("h3", { tabindex: "-1" }, `${name} (${table().short})`, close);
    box.replaceChildren(title, grid);
    box.hidden = false;
    showCurves(grid, name);
    showPredicted(grid, name);
    showCarriers(grid, name);
    showStrongest(grid, name);
    if (!grid.children.length)
      grid.append(make("p", {}, "Details are kept of the best alone."));
    box.scrollIntoView({ block: "nearest" });
    title.focus({ preventScroll: true });
  };

  const parts = byId("part");
  parts.replaceChildren(...Object.entries(tables).map(([key, one]) =>
    make("option", { value: key }, one.short)));
  parts.addEventListener("change", () => { state.part = parts.value; openPart(); });
  for (const id of ["row", "other"]) byId(id).addEventListener("change", show);
  byId("search").addEventListener("input", () => { state.page = 0; show(); });
  byId("back").addEventListener("click", () => { state.page -= 1; show(); });
  byId("on").addEventListener("click", () => { state.page += 1; show(); });
  byId("targets-csv").addEventListener("click", () => {
    const found = matching();
    const row = byId("row").value;
    const beside = byId("other").value;
    const titles = {
      name: "target", score: `${row}: ${table().score}`, low: `${row}: low`, high: `${row}: high`,
      q: `${row}: q`, share: `${row}: of ceiling`, ceiling: "ceiling",
      positives: `${row}: positives`, negatives: `${row}: negatives`, reliability: "reliability",
      ...(beside === "none" ? {} : {
        other: `${beside}: ${table().score}`, gain: `${row} minus ${beside}`,
      }),
    };
    const columns = Object.fromEntries(Object.entries(titles).map(([key, title]) =>
      [title, found.map((one) => one[key])]));
    const name = `${data.screen}-targets-${state.part}-${row}.csv`;
    save(name.replaceAll("/", "-"), columns);
  });
  openPart();
})();
