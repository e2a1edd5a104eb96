// The arithmetic of a model in the browser: docs/model-file.md, and docs/math.md sections 2, 2b and 6.
"use strict";
const Engine = (() => {
  const EPS = Number.EPSILON, TIE = 8, ROUNDING = 8, SQRT_HALF = Math.sqrt(0.5);
  const sum = (values) => values.reduce((a, b) => a + b, 0);
  const range = (count, f) => Array.from({ length: count }, (_, n) => f(n));
  const clip = (t, low, high) => (t < low ? low : t < high ? t : high);
  const mod = (a, b) => { const r = a % b; return r !== 0 && r < 0 ? r + b : r; };

  // -- the file

  function read(bytes) {
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
    const model = JSON.parse(JSON.parse(header.__metadata__.eigcore).model);
    const { columns, names, projections = [] } = model.encoding;
    const parts = [...columns, ...projections.map((each) => each.column)].map((column) => ({
      column, terms: terms(column) }));
    let first = 0;
    for (const part of parts) { part.first = first; first += part.terms.length; }
    const mixed = projections.map((each) => ({ ...each, columns: each.names.map((n) => names.indexOf(n)) }));
    const members = model.members.map(({ spec, weight }, m) => {
      const [from, to] = header[`member.${m}`].data_offsets;
      return member(spec, weight, new Float64Array(bytes.slice(8 + length + from, 8 + length + to).buffer));
    });
    const { scale, offset, clip: ends } = model.target, { link } = model;
    const pairs = range(members[0].outputs, (o) => Array.isArray(ends?.[0]) ? ends[o] : ends ?? [null, null]);
    const bounds = pairs.map(([low, high]) => [low ?? -Infinity, high ?? Infinity]), same = link === "identity" && !ends;
    return { columns, parts, mixed, members, terms: first, link, bounds, same, scale, offset, outputs: members[0].outputs };
  }

  function member(spec, weight, params) {
    const { dim, structure, outputs, features } = spec;
    const band = { dense: dim - 1, tridiagonal: Math.min(1, dim - 1), diagonal: 0 }[structure]
      ?? Number(structure.slice("banded:".length));
    const places = [];
    for (let i = 0; i < dim; i++) for (let j = Math.max(0, i - band); j <= i; j++) places.push([i, j]);
    const k = { middle: dim >> 1, convex: dim - 1, concave: 0 }[spec.index] ?? mod(spec.index, dim);
    return { spec, weight, params, dim, outputs, features, places, size: places.length, k };
  }

  // -- terms

  function terms(column) {
    const fill = column.missing ? 0 : NaN, found = [];
    const ramp = (origin, width, low, high) => found.push({ form: "ramp", origin, width, low, high, fill });
    if (column.kind === "linear") {
      const { center, scale, limits = [-Infinity, Infinity] } = column;
      ramp(center, scale, (limits[0] - center) / scale, (limits[limits.length - 1] - center) / scale);
    } else if (column.kind === "piecewise_linear") {
      const knots = column.knots, end = knots.length - 1, linear = column.tails === "linear";
      if (linear) ramp(knots[0], knots[1] - knots[0], -Infinity, 0);
      for (let b = 0; b < end; b++) ramp(knots[b], knots[b + 1] - knots[b], 0, 1);
      if (linear) ramp(knots[end], knots[end] - knots[end - 1], 0, Infinity);
    } else if (column.kind === "categories") {
      column.levels.forEach((_, code) => found.push({ form: "level", origin: code, fill }));
    } else {
      const wide = circle(column), count = wide.length;
      column.knots.forEach((origin, b) => found.push(
        { form: "hat", origin, width: wide[b], left: wide[(b + count - 1) % count], period: column.period, fill }));
    }
    if (column.missing) found.push({ form: "ramp", origin: 0, width: 1, low: 0, high: 0, fill: 1 });
    return found;
  }

  const circle = ({ knots, period }) => range(knots.length, (b) => (knots[b + 1] ?? knots[0] + period) - knots[b]);

  function term(each, t) {
    if (Number.isNaN(t)) return each.fill;
    if (!Number.isFinite(t)) return NaN;
    if (each.form === "level") return t === each.origin ? 1 : 0;
    if (each.form === "ramp") return clip((t - each.origin) / each.width, each.low, each.high);
    const s = mod(t - each.origin, each.period), rising = 1 - (each.period - s) / each.left;
    return s < each.width ? 1 - s / each.width : rising < 0 ? 0 : rising;
  }

  function extended(model, row) {
    const sums = model.mixed.map(({ columns, weights, centers }) =>
      sum(columns.map((j, n) => (row[j] - centers[n]) * weights[n])));
    return [...row, ...sums];
  }

  const encoded = (model, row) =>
    extended(model, row).flatMap((t, p) => model.parts[p].terms.map((each) => term(each, t)));

  // -- matrices and eigenvalues

  // Σ factors[i] · A_i, packed; factors: pairs [number of the matrix, factor]
  function packed(member, output, factors) {
    const { size, params, features } = member, p = new Float64Array(size);
    for (const [number, factor] of factors) {
      const from = (output * (features + 1) + number) * size;
      if (factor !== 0) for (let e = 0; e < size; e++) p[e] += factor * params[from + e];
    }
    return p;
  }

  function square(member, p) {
    const A = range(member.dim, () => new Float64Array(member.dim));
    member.places.forEach(([i, j], e) => { A[i][j] = A[j][i] = i === j ? p[e] : p[e] * SQRT_HALF; });
    return A;
  }

  // eigenvalues in ascending order, by Jacobi's method (Golub & Van Loan 2013, section 8.5)
  function eigenvalues(A) {
    const d = A.length;
    for (let sweep = 0, off = 1; off > 0 && sweep < 60; sweep++) {
      off = 0;
      for (let p = 0; p < d; p++) for (let q = p + 1; q < d; q++) {
        const size = Math.abs(A[p][q]);
        if (size <= 1e-2 * EPS * Math.min(Math.abs(A[p][p]), Math.abs(A[q][q])) || size < 1e-300) {
          A[p][q] = A[q][p] = 0;
          continue;
        }
        off += size;
        rotate(A, p, q);
      }
    }
    return range(d, (i) => A[i][i]).sort((a, b) => a - b);
  }

  function rotate(A, p, q) {
    const d = A.length, P = A[p], Q = A[q], theta = (Q[q] - P[p]) / (2 * P[q]);
    const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(1 + theta * theta));
    const c = 1 / Math.sqrt(1 + t * t), s = t * c, shift = t * P[q];
    P[p] -= shift;
    Q[q] += shift;
    P[q] = Q[p] = 0;
    for (let i = 0; i < d; i++) {
      if (i === p || i === q) continue;
      const x = P[i], y = Q[i];
      P[i] = A[i][p] = c * x - s * y;
      Q[i] = A[i][q] = s * x + c * y;
    }
  }

  // -- functionals

  const linear = { kth: (d, k) => (j) => +(j === k), top_sum: (d, k, r) => (j) => +(j >= d - r),
    bottom_sum: (d, k, r) => (j) => +(j < r) };
  const constants = ({ spec, dim, k }) =>
    spec.functional === "weighted" ? spec.weights : range(dim, linear[spec.functional](dim, k, spec.r));

  // the maximiser of ⟨q, λ⟩ − (α/2)|q|² with 0 ≤ q ≤ 1 and Σ q = r
  function maximiser(lam, k, alpha, r) {
    const u = lam.map((each) => clip(each - lam[k], -alpha, alpha) / alpha);
    const total = (shift) => sum(u.map((each) => clip(each + shift, 0, 1)));
    const nu = [...u.map((each) => -each), ...u.map((each) => 1 - each)];
    const low = Math.max(...nu.filter((each) => total(each) <= r)), high = Math.min(...nu.filter((each) => total(each) >= r));
    const rise = total(high) - total(low);
    const root = low + (high - low) * (rise > 0 ? clip((r - total(low)) / rise, 0, 1) : 0);
    return u.map((each) => clip(each + root, 0, 1));
  }

  function value(member, lam) {
    const { spec, dim, k } = member, top = lam[dim - 1];
    if (spec.functional === "softmax")
      return spec.t * Math.log(sum(lam.map((each) => Math.exp(Math.max(-800, (each - top) / spec.t))))) + top;
    if (spec.functional === "smooth") {
      const half = spec.alpha / 2, q = maximiser(lam, k, spec.alpha, dim - k), p = maximiser(lam, k, spec.alpha, dim - k - 1);
      return sum(lam.map((each, j) => (q[j] - p[j]) * (each - half * (q[j] + p[j])))) + half;
    }
    if (spec.functional === "kth") return lam[k];
    return sum(constants(member).map((w, j) => w * lam[j]));
  }

  // ∂φ/∂λ; equal eigenvalues share the mean of their weights
  function weights(member, lam) {
    const { spec, dim, k } = member, name = spec.functional, top = lam[dim - 1];
    if (name === "softmax") {
      const e = lam.map((each) => Math.exp(Math.max(-800, (each - top) / spec.t)));
      return e.map((each) => each / sum(e));
    }
    if (name === "smooth") {
      const q = maximiser(lam, k, spec.alpha, dim - k), p = maximiser(lam, k, spec.alpha, dim - k - 1);
      return q.map((each, j) => each - p[j]);
    }
    const w = constants(member), near = TIE * dim * EPS * Math.max(Math.abs(lam[0]), Math.abs(top));
    const pivot = { kth: k, top_sum: dim - spec.r, bottom_sum: spec.r - 1 }[name];
    let run = 0;
    const group = lam.map((each, j) => name === "weighted" ? (run += j > 0 && each - lam[j - 1] > near)
      : Math.abs(each - lam[pivot]) <= near ? -1 : j);
    return group.map((own) => {
      const same = w.filter((_, j) => group[j] === own);
      return sum(same) / same.length;
    });
  }

  // -- predictions

  function solved(model, row) {
    const factors = [[0, 1], ...encoded(model, row).map((factor, i) => [i + 1, factor])];
    return model.members.map((own) => range(own.outputs, (o) => eigenvalues(square(own, packed(own, o, factors)))));
  }

  const combined = (model, found) => range(model.outputs, (o) =>
    model.offset + model.scale * sum(model.members.map((own, m) => own.weight * value(own, found[m][o]))));
  const decision = (model, row) => combined(model, solved(model, row));

  const logistic = (t) => (t < 0 ? Math.exp(t) / (1 + Math.exp(t)) : 1 / (1 + Math.exp(-t)));
  const inverses = { identity: (t) => t, log: Math.exp, logistic };

  function linked({ link, bounds }, z) {
    if (link !== "softmax") return z.map((t, o) => clip(inverses[link](t), ...bounds[o]));
    const powers = z.map((t) => Math.exp(t - Math.max(...z)));
    return powers.map((each) => each / sum(powers));
  }

  // decision and prediction of each output, and each member's eigenvalues with their weights
  function evaluate(model, row) {
    const found = solved(model, row), z = combined(model, found);
    const spectrum = found.map((own, m) => own.map((values) => ({ values, weights: weights(model.members[m], values) })));
    return { decision: z, prediction: linked(model, z), spectrum };
  }

  // -- certified slopes

  // pieces of part p: edges, and slopes as [number of the matrix, factor] pairs
  function pieces({ column, terms: own, first }) {
    const matrix = (b, factor) => [first + b + 1, factor];
    if (column.kind === "periodic") {
      const wide = circle(column), count = wide.length;
      return { edges: [...column.knots, column.knots[0] + column.period],
        slopes: range(count, (b) => [matrix((b + 1) % count, 1 / wide[b]), matrix(b, -1 / wide[b])]) };
    }
    const ramps = own.length - column.missing, slopes = range(ramps, (b) => [matrix(b, 1 / own[b].width)]);
    if (column.kind === "linear" && !column.limits) return { edges: [-Infinity, Infinity], slopes };
    const inner = column.kind === "linear" ? column.limits : column.knots;
    const closed = column.kind === "linear" || column.tails === "clamped";
    return { edges: [-Infinity, ...inner, Infinity], slopes: closed ? [[], ...slopes, []] : slopes };
  }

  // ends of ⟨G, S⟩ over all G that the functional can have (von Neumann's trace inequality)
  function ends(member, S) {
    const { dim, spec } = member, values = eigenvalues(S);
    const smooth = ["softmax", "smooth"].includes(spec.functional);
    const w = smooth ? range(dim, (j) => +(j === dim - 1)) : [...constants(member)].sort((a, b) => a - b);
    const norm = Math.max(...values.map(Math.abs)) * sum(w.map(Math.abs)), margin = ROUNDING * (dim + 2) * EPS * norm;
    return [sum(values.map((v, j) => v * w[dim - 1 - j])) - margin, sum(values.map((v, j) => v * w[j])) + margin];
  }

  // proven ends [low, high] of each output for a change of the matrix
  const limits = (model, factors) => range(model.outputs, (o) => model.members.reduce(([a, b], own) => {
    const [low, high] = ends(own, square(own, packed(own, o, factors))), unit = own.weight * model.scale;
    return [a + unit * low, b + unit * high];
  }, [0, 0]));

  function bands(model, p) {
    const part = model.parts[p];
    if (!part.bands) {
      const { edges, slopes } = pieces(part);
      part.bands = { edges, ends: slopes.map((each) => limits(model, each)) };
    }
    return part.bands;
  }

  // proven ends of the slope of column j between two numbers without a knot between them
  function slopes(model, row, j, from, to) {
    const { column } = model.parts[j], own = bands(model, j), circular = column.kind === "periodic";
    const middle = from + (to - from) / 2, t = circular ? own.edges[0] + mod(middle - own.edges[0], column.period) : middle;
    const piece = own.edges.findLastIndex((edge) => edge <= t);
    let found = own.ends[Math.min(Math.max(piece, 0), own.ends.length - 1)];
    model.mixed.forEach(({ columns, weights: w }, n) => {
      if (!columns.includes(j)) return;
      const weight = w[columns.indexOf(j)], p = model.columns.length + n, { edges, ends: all } = bands(model, p);
      const z = [from, to].map((cell) => extended(model, row.map((each, i) => (i === j ? cell : each)))[p]);
      if (Number.isNaN(z[0])) return;
      const slip = z.map((each) => 8 * w.length * EPS * Math.abs(each));
      const low = Math.min(z[0] - slip[0], z[1] - slip[1]), high = Math.max(z[0] + slip[0], z[1] + slip[1]);
      const touched = all.filter((_, b) => high >= edges[b] && low <= edges[b + 1]);
      found = found.map(([a, b], o) => {
        const two = [Math.min(...touched.map((each) => each[o][0])), Math.max(...touched.map((each) => each[o][1]))];
        const pair = two.map((each) => each * weight);
        return [a + Math.min(...pair), b + Math.max(...pair)];
      });
    });
    return found;
  }

  // proven ends of the change of each output from one level to another; NaN: missing, −1: never seen
  function change(model, j, from, to) {
    const { first, terms: own } = model.parts[j];
    return limits(model, own.map((each, b) => [first + b + 1, term(each, to) - term(each, from)]));
  }

  // points of a curve: even ones, and the knots between them
  function grid(model, j, low, high, count) {
    const { column } = model.parts[j], even = range(count, (n) => low + ((high - low) * n) / (count - 1));
    let { edges } = bands(model, j);
    if (column.kind === "periodic") edges = range(Math.ceil((high - low) / column.period) + 2, (turn) => turn - 1)
      .flatMap((turn) => column.knots.map((knot) => knot + turn * column.period));
    const all = [...even, ...edges.filter((edge) => edge > low && edge < high)].sort((a, b) => a - b);
    return all.filter((x, n) => n === 0 || x > all[n - 1]);
  }

  // -- contributions

  // Shapley values of row beside base; yields after each coalition, returns [outputs][columns]
  function* shapley(model, row, base) {
    const players = row.map((_, j) => j).filter((j) => !Object.is(row[j], base[j]) && row[j] !== base[j]);
    const count = players.length, worth = [];
    for (let set = 0; set < 2 ** count; set++) {
      const mixed = [...base];
      players.forEach((j, n) => { if ((set >> n) & 1) mixed[j] = row[j]; });
      worth.push(decision(model, mixed));
      yield set;
    }
    const share = [1 / Math.max(count, 1)]; // |T|! (p − |T| − 1)! / p!
    for (let size = 1; size < count; size++) share.push((share[size - 1] * size) / (count - size));
    const sizes = worth.map((_, set) => sum(players.map((_, n) => (set >> n) & 1)));
    const found = range(model.outputs, () => new Float64Array(row.length));
    players.forEach((j, n) => worth.forEach((own, set) => {
      if (!((set >> n) & 1)) found.forEach((each, o) => { each[j] += share[sizes[set]] * (worth[set | (1 << n)][o] - own[o]); });
    }));
    return found;
  }

  return { read, evaluate, decision, linked, slopes, change, grid, shapley };
})();
