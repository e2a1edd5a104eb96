// The part of the page that its reader moves: controls, numbers and pictures.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const model = Engine.read(Uint8Array.from(atob(data.model), (letter) => letter.charCodeAt(0)));
  const columns = data.columns, mean = columns.map(({ start }) => start ?? NaN), row = [...mean];
  const MOST = 14, OUTPUTS = 6, KINDS = ["one", "two", "three", "four", "five", "six"];
  const at = (id) => document.getElementById(id);
  const names = data.outputs.length ? data.outputs : Array.from({ length: model.outputs }, (_, o) => `output ${o}`);
  let along = 0, running = 0;

  // -- words and elements: text is always text, never markup

  function node(tag, attributes = {}, ...inside) {
    const svg = ["svg", "path", "line", "rect", "circle", "text", "title"].includes(tag);
    const found = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) found.setAttribute(name, value);
    found.append(...inside);
    return found;
  }

  function number(value) {
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-4 || size >= 1e9)) return value.toExponential(3).replace("-", "−");
    const digits = size === 0 ? 0 : Math.max(0, 3 - Math.floor(Math.log10(size)));
    return value.toFixed(digits).replace("-", "−");
  }
  const signed = (value) => (value > 0 ? "+" : "") + number(value);
  // rounded away from what they enclose
  const under = (value) => outward(value, (q) => Math.floor(q - 1e-9)), over = (value) => outward(value, (q) => Math.ceil(q + 1e-9));
  function outward(value, round) {
    if (value === 0) return "0";
    const unit = 10 ** (Math.floor(Math.log10(Math.abs(value))) - 3);
    return number(round(value / unit) * unit);
  }
  const short = (name) => (name.length > 19 ? `${name.slice(0, 18)}…` : name);

  // -- controls

  function control(column, j) {
    const box = node("div", { class: "control" }), id = `c${j}`;
    const label = node("label", { for: id }, node("span", {}, column.name));
    box.append(label);
    const set = (value) => { row[j] = value; along = j; update(); };
    if (column.levels) box.append(levels(column, j, id, set));
    else box.append(slider(column, j, id, set));
    box.append(node("p", { class: "small" }, column.proven));
    return box;
  }

  function levels(column, j, id, set) {
    const select = node("select", { id });
    column.levels.forEach((level, code) => select.append(node("option", { value: code }, level)));
    if (column.missing) select.append(node("option", { value: "NaN" }, "missing"));
    if (column.unseen) select.append(node("option", { value: -1 }, "a level never seen"));
    select.addEventListener("input", () => set(Number(select.value)));
    shown.push(() => { select.value = String(row[j]); });
    return select;
  }

  function slider(column, j, id, set) {
    const pair = node("div", { class: "row" });
    const line = node("input", { type: "range", step: "any", min: column.low, max: column.high, "aria-label": column.name });
    const exact = node("input", { type: "number", step: "any", id });
    let last = Number.isNaN(row[j]) ? (column.low + column.high) / 2 : row[j];
    line.addEventListener("input", () => set((last = line.valueAsNumber)));
    exact.addEventListener("input", () => { if (Number.isFinite(exact.valueAsNumber)) set((last = exact.valueAsNumber)); });
    pair.append(line, exact);
    let none;
    if (column.missing) {
      none = node("input", { type: "checkbox", id: `${id}m` });
      none.addEventListener("input", () => set(none.checked ? NaN : last));
      pair.append(node("label", { class: "none", for: `${id}m` }, none, " missing"));
    }
    shown.push(() => {
      const absent = Number.isNaN(row[j]);
      if (none) none.checked = absent;
      for (const each of [line, exact]) each.disabled = absent;
      if (absent) return;
      line.value = row[j];
      if (exact.valueAsNumber !== row[j]) exact.value = document.activeElement === exact ? row[j] : Number(row[j].toPrecision(6));
    });
    return pair;
  }

  const shown = [];
  function controls() {
    const form = at("controls");
    form.addEventListener("submit", (event) => event.preventDefault());
    columns.forEach((column, j) => form.append(control(column, j)));
    const back = node("button", { type: "button" }, "Back to the mean row");
    back.addEventListener("click", () => { mean.forEach((value, j) => { row[j] = value; }); update(); });
    form.append(back);
    columns.forEach(({ name }, j) => at("along").append(node("option", { value: j }, name)));
    at("along").addEventListener("input", () => { along = Number(at("along").value); update(); });
  }

  // -- pictures

  const WIDE = 480, TALL = 230, LEFT = 62, RIGHT = 14, TOP = 10, BOTTOM = 26;
  function ticks(low, high) {
    const rough = (high - low) / 5, unit = 10 ** Math.floor(Math.log10(rough));
    const step = unit * [1, 2, 5, 10].find((each) => each * unit >= rough), found = [];
    for (let n = Math.ceil(low / step - 1e-9); n * step <= high + 1e-9 * step; n++) found.push(n * step);
    return found;
  }
  const tick = (value) => String(Number(value.toPrecision(6))).replace("-", "−");

  function axes(said, [a, b], [c, d]) {
    const root = node("svg", { viewBox: `0 0 ${WIDE} ${TALL}`, role: "img" }, node("title", {}, said));
    const room = 0.05 * (d - c || Math.abs(d) || 1), [low, high] = [c - room, d + room];
    const x = (value) => LEFT + ((value - a) / (b - a)) * (WIDE - LEFT - RIGHT);
    const y = (value) => TALL - BOTTOM - ((value - low) / (high - low)) * (TALL - TOP - BOTTOM);
    ticks(a, b).forEach((value) => root.append(
      node("line", { class: "grid", x1: x(value), x2: x(value), y1: TOP, y2: TALL - BOTTOM }),
      node("text", { x: x(value), y: TALL - BOTTOM + 16, "text-anchor": "middle" }, tick(value))));
    ticks(low, high).forEach((value) => root.append(
      node("line", { class: "grid", x1: LEFT, x2: WIDE - RIGHT, y1: y(value), y2: y(value) }),
      node("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, tick(value))));
    return { root, x, y };
  }

  function bars(said, list) {
    const tall = 24, zero = list.some(({ value }) => value < 0) ? 315 : 150, room = WIDE - zero - 65;
    const most = Math.max(...list.map(({ value }) => Math.abs(value)), 1e-300), unit = room / most;
    const root = node("svg", { viewBox: `0 0 ${WIDE} ${tall * list.length + 2}`, role: "img" }, node("title", {}, said));
    list.forEach(({ name, value }, n) => {
      const size = unit * Math.abs(value), side = value < 0 ? -1 : 1;
      root.append(
        node("text", { x: 142, y: tall * n + 16, "text-anchor": "end", class: "name" }, short(name)),
        node("rect", { class: `bar ${value < 0 ? "two" : "one"}`, x: value < 0 ? zero - size : zero, y: tall * n + 3, width: size, height: 17 }),
        node("text", { x: zero + side * (size + 5), y: tall * n + 16, "text-anchor": value < 0 ? "end" : "start" }, signed(value)));
    });
    return root;
  }

  // what is drawn along a column: predictions, or scores where a prediction depends on all of them
  const drawn = (z) => (model.link === "softmax" ? z : Engine.linked(model, z));

  function curve(now) {
    const column = columns[along], start = row[along];
    if (column.levels) return levelCurve(column, now);
    const span = [Math.min(column.low, Number.isNaN(start) ? Infinity : start), Math.max(column.high, Number.isNaN(start) ? -Infinity : start)];
    const even = Engine.grid(model, along, span[0], span[1], 61);
    const known = !Number.isNaN(start), all = known ? [...new Set([...even, start])].sort((a, b) => a - b) : even;
    const values = all.map((x) => drawn(Engine.decision(model, replaced(x))));
    const low = all.map(() => null), high = all.map(() => null), here = all.indexOf(start);
    if (known) {
      low[here] = high[here] = now;
      for (let n = here + 1; n < all.length; n++) walk(n - 1, n, all, low, high);
      for (let n = here - 1; n >= 0; n--) walk(n, n + 1, all, low, high);
    }
    const flat = values.flat(), size = Math.max(...flat) - Math.min(...flat) || Math.abs(flat[0]) || 1;
    const [least, most] = { logistic: [0, 1], log: [0, Infinity] }[model.link] ?? [-Infinity, Infinity];
    const { root, x, y } = axes(`Along ${column.name}`, span,
      [Math.max(least, Math.min(...flat) - 0.25 * size), Math.min(most, Math.max(...flat) + 0.25 * size)]);
    for (let o = 0; o < Math.min(model.outputs, OUTPUTS); o++) {
      const line = (list) => list.map(([a, b]) => `${x(a).toFixed(1)} ${Math.min(Math.max(y(b), TOP), TALL - BOTTOM).toFixed(1)}`).join("L");
      if (known) {
        const upper = all.map((each, n) => [each, drawn(high[n])[o]]), lower = all.map((each, n) => [each, drawn(low[n])[o]]);
        root.append(node("path", { class: `area ${KINDS[o]}`, d: `M${line(upper)}L${line(lower.reverse())}Z` }));
      }
      root.append(node("path", { class: `line ${KINDS[o]}`, d: `M${line(all.map((each, n) => [each, values[n][o]]))}` }));
      if (known) root.append(node("circle", { class: `point ${KINDS[o]}`, cx: x(start), cy: y(drawn(now)[o]), r: 4.5 }));
    }
    at("slopes").textContent = known ? slopesHere(all, here) : "The cell is missing; the line shows what it could be.";
    return root;
  }

  const replaced = (cell) => row.map((own, j) => (j === along ? cell : own));

  // carry the proven ends across one interval, from the side where they are known
  function walk(n, m, all, low, high) {
    const ends = Engine.slopes(model, row, along, all[n], all[m]), step = all[m] - all[n];
    if (low[n] && !low[m]) {
      low[m] = low[n].map((each, o) => each + ends[o][0] * step);
      high[m] = high[n].map((each, o) => each + ends[o][1] * step);
    } else {
      low[n] = low[m].map((each, o) => each - ends[o][1] * step);
      high[n] = high[m].map((each, o) => each - ends[o][0] * step);
    }
  }

  function slopesHere(all, here) {
    const n = Math.min(here, all.length - 2), ends = Engine.slopes(model, row, along, all[n], all[n + 1]);
    const told = ends.slice(0, OUTPUTS).map(([low, high], o) =>
      `${model.outputs > 1 ? `${names[o]}: ` : ""}${under(low)} to ${over(high)}`).join("; ");
    const what = model.same ? "prediction" : "decision";
    at("slopes").dataset.values = JSON.stringify({ from: all[n], to: all[n + 1], ends });
    return `Proven: here the ${what} changes by ${told} per unit of ${columns[along].name}, whatever the other columns are. ` +
      "Area: what the column alone can do from here.";
  }

  function levelCurve(column, now) {
    const codes = [...column.levels.map((_, code) => code), ...(column.missing ? [NaN] : [])].slice(0, 20);
    const output = best(Engine.linked(model, now)), list = codes.map((code) => ({
      name: Number.isNaN(code) ? "missing" : column.levels[code], value: Engine.decision(model, replaced(code))[output] - now[output] }));
    const ends = codes.map((code) => Engine.change(model, along, row[along], code)[output]);
    const low = Math.min(...ends.map((each) => each[0])), high = Math.max(...ends.map((each) => each[1]));
    at("slopes").textContent = `Change of the ${model.same ? "prediction" : "decision"} with another level. ` +
      `Proven: ${under(low)} to ${over(high)}, whatever the other columns are.`;
    return bars(`Levels of ${column.name}`, list);
  }

  function spectrum(found) {
    const all = found.flatMap((own) => own.flatMap(({ values }) => values)), lines = found.flatMap((own, m) =>
      own.map((each, o) => ({ ...each, name: `${m + 1}`, kind: KINDS[o % KINDS.length] }))).slice(0, 24);
    const span = [Math.min(...all), Math.max(...all)], wide = span[1] - span[0] || 1, step = 18;
    const x = (value) => 34 + ((value - span[0]) / wide) * (WIDE - 48);
    const root = node("svg", { viewBox: `0 0 ${WIDE} ${step * lines.length + 24}`, role: "img" }, node("title", {}, "Eigenvalues"));
    lines.forEach(({ values, weights, name, kind }, n) => {
      const y = step * n + 10;
      root.append(node("line", { class: "grid", x1: 30, x2: WIDE - 8, y1: y, y2: y }), node("text", { x: 22, y: y + 4, "text-anchor": "end" }, name));
      values.forEach((value, j) => root.append(node("circle",
        { class: `eigen ${kind}${Math.abs(weights[j]) > 1e-9 ? " taken" : ""}`, cx: x(value), cy: y, r: 5 })));
    });
    ticks(...(span[0] < span[1] ? span : [span[0] - 1, span[0] + 1])).forEach((value) => root.append(
      node("text", { x: x(value), y: step * lines.length + 20, "text-anchor": "middle" }, tick(value))));
    return root;
  }

  // -- numbers

  const best = (p) => (p.length > 1 && model.link === "softmax" ? p.indexOf(Math.max(...p)) : 0);

  function numbers({ decision, prediction, spectrum }) {
    const said = [];
    const what = data.positive && model.link === "logistic" ? `probability of ${data.positive}` : "prediction";
    prediction.forEach((value, o) => said.push([model.outputs > 1 ? names[o] : what, value, model.outputs > 1 ? KINDS[o] : ""]));
    if (model.link !== "identity" && model.outputs === 1) said.push([model.link === "log" ? "logarithm" : "log-odds", decision[0]]);
    at("prediction").replaceChildren(...said.map(([name, value, kind = ""]) =>
      node("div", {}, node("output", { "data-value": value }, number(value)), node("span", { class: kind }, name))));
    at("prediction").dataset.values = JSON.stringify(decision);
    at("spectrum").dataset.values = JSON.stringify(spectrum);
  }

  function contributions(prediction) {
    const own = ++running, target = at("contributions"), differ = row.filter((cell, j) => !Object.is(cell, mean[j])).length;
    delete target.dataset.values;
    if (differ === 0) return void target.replaceChildren("This is the mean row. Move a column to see what it adds.");
    if (differ > MOST) return void target.replaceChildren(`${differ} columns differ from the mean row; up to ${MOST} are split here.`);
    const work = Engine.shapley(model, [...row], mean);
    const go = () => {
      if (own !== running) return;
      const until = performance.now() + 12;
      for (let step = work.next(); ; step = work.next()) {
        if (step.done) return finish(step.value);
        if (performance.now() > until) return void setTimeout(go);
      }
    };
    const finish = (found) => {
      const output = best(prediction), middle = (j) => model.link === "softmax"
        ? found.reduce((all, each) => all + each[j], 0) / found.length : 0;
      const list = columns.map(({ name }, j) => ({ name, value: found[output][j] - middle(j) }))
        .filter(({ value }) => value !== 0).sort((a, b) => Math.abs(b.value) - Math.abs(a.value)).slice(0, 12);
      target.dataset.values = JSON.stringify(found.map((each) => [...each]));
      const total = found[output].reduce((all, each, j) => all + each - middle(j), 0);
      const units = { identity: "", logistic: " in log-odds", log: " in the logarithm", softmax: ` in the score of ${names[output]} beside the mean score` };
      const kept = model.bounds.flat().some(Number.isFinite) ? ", before predictions are kept between their bounds" : "";
      target.replaceChildren(node("p", { class: "small" }, `Together ${signed(total)}${units[model.link]}${kept}.`), bars("Contributions", list));
    };
    go();
  }

  function update() {
    shown.forEach((show) => show());
    at("along").value = along;
    try {
      const found = Engine.evaluate(model, row);
      if (!found.decision.every(Number.isFinite)) throw new Error("The matrices overflow; choose smaller numbers.");
      at("fault").textContent = "";
      numbers(found);
      at("curve").replaceChildren(curve(found.decision));
      at("spectrum").replaceChildren(spectrum(found.spectrum));
      contributions(found.prediction);
    } catch (fault) {
      at("fault").textContent = fault.message;
    }
  }

  controls();
  update();
})();
