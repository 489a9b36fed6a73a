// Metric curves: one SVG a metric, a legend that switches arms, a read-out for every generation.

const CHART = { width: 400, height: 236, left: 50, right: 12, top: 10, bottom: 34 };

/** Fill `host` with the charts of `data` (see visualize/report/curves.py). */
function mountCharts(host, data) {
  const hidden = new Set();
  let share = data.shares.at(-1) ?? null;
  const legend = make("div", { class: "legend", role: "group", "aria-label": "Arms shown" });
  const body = make("div");
  const visible = (series) =>
    !hidden.has(series.arm) && (series.percent === null || String(series.percent) === String(share));
  const draw = () => {
    legend.replaceChildren(...data.arms.map((arm) => legendButton(arm, hidden, share, draw)));
    legend.append(...data.references.map(referenceKey));
    body.replaceChildren(...data.groups.map((group) => chartGroup(group, data, visible)));
  };
  if (data.shares.length > 1) {
    host.append(
      make("p", { class: "field" }, make("span", {}, data.shareLabel),
        choiceButtons(data.shareLabel, data.shares.map((s) => [s, `${s} %`]), share,
          (value) => { share = value; draw(); })),
    );
  }
  host.append(legend);
  if (data.note) host.append(make("p", { class: "note" }, data.note));
  host.append(body);
  draw();
}

function legendButton(arm, hidden, share, redraw) {
  const toggle = () => {
    if (!hidden.delete(arm.key)) hidden.add(arm.key);
    redraw();
    // The buttons are made anew: give the focus back to the one that was pressed.
    document.querySelector(`[data-arm="${CSS.escape(arm.key)}"]`)?.focus();
  };
  const swatch = makeSvg("svg", { width: 30, height: 14, viewBox: "0 0 30 14", "aria-hidden": "true" },
    makeSvg("line", { x1: 1, x2: 29, y1: 7, y2: 7, stroke: arm.color, "stroke-width": 2.5 }),
    marker(arm.marker, 15, 7, 4.5, arm.color));
  const label = arm.label.replace("{share}", share);
  return make("button",
    { type: "button", "aria-pressed": String(!hidden.has(arm.key)), "data-arm": arm.key, onclick: toggle },
    swatch, label);
}

function referenceKey(reference) {
  const swatch = makeSvg("svg", { width: 30, height: 14, viewBox: "0 0 30 14", "aria-hidden": "true" },
    makeSvg("line", { x1: 1, x2: 29, y1: 7, y2: 7, class: `reference ${reference.kind}` }));
  return make("span", { class: "key" }, swatch, reference.label);
}

function chartGroup(group, data, visible) {
  const charts = group.charts.map((chart) => chartFigure(chart, data, visible));
  const grid = make("div", { class: "charts" }, charts);
  if (!group.folded) return make("section", {}, make("h3", {}, group.title), grid);
  return make("details", {}, make("summary", {}, `${group.title} (${charts.length})`), grid);
}

function chartFigure(chart, data, visible) {
  const series = chart.series.filter(visible);
  const heading = make("figcaption", {}, make("strong", {}, chart.title),
    chart.better ? make("span", { class: "better" }, chart.better) : null);
  const figure = make("figure", { class: "chart" }, heading);
  if (!series.some((line) => line.x.length)) {
    figure.append(make("p", { class: "empty" }, chart.series.length ? "no arm is shown" : "not measured"));
    return figure;
  }
  const readout = make("div", { class: "readout" });
  const plot = new Plot(chart, series, data);
  plot.onChoose = (x) => readout.replaceChildren(...plot.read(x));
  plot.choose(plot.lastCommon());
  figure.append(plot.svg, readout);
  return figure;
}

/** One pair of axes. */
class Plot {
  constructor(chart, series, data) {
    this.chart = chart;
    this.series = series;
    this.arms = new Map(data.arms.map((arm) => [arm.key, arm]));
    this.places = [...new Set(series.flatMap((line) => line.x))].sort((a, b) => a - b);
    this.xs = [chart.xFrom ?? this.places[0], Math.max(this.places.at(-1), this.places[0] + 1e-9)];
    if (this.xs[0] === this.xs[1]) this.xs[1] += 1;
    this.ys = this.heights();
    this.onChoose = () => {};
    this.svg = this.draw();
  }

  heights() {
    const values = this.chart.references.map((reference) => reference.value);
    for (const line of this.series) {
      values.push(...line.y, ...line.low, ...line.high, ...line.raw.map((point) => point[1]));
    }
    let low = Math.min(...values), high = Math.max(...values);
    const margin = high > low ? 0.08 * (high - low) : 0.1 * Math.abs(high) || 1;
    const allPositive = low >= 0;
    low = this.chart.fromZero && allPositive ? 0 : low - margin;
    if (allPositive) low = Math.max(low, 0);
    high = Math.min(high + margin, this.chart.yMax ?? Infinity);
    return [low, high];
  }

  x(value) {
    const inside = CHART.width - CHART.left - CHART.right - 12;
    return CHART.left + 6 + ((value - this.xs[0]) / (this.xs[1] - this.xs[0])) * inside;
  }

  y(value) {
    const inside = CHART.height - CHART.top - CHART.bottom;
    const shown = clamp(value, this.ys[0], this.ys[1]);
    return CHART.top + inside * (1 - (shown - this.ys[0]) / (this.ys[1] - this.ys[0]));
  }

  draw() {
    const { width, height } = CHART;
    const svg = makeSvg("svg", {
      viewBox: `0 0 ${width} ${height}`, class: "plot", tabindex: 0, role: "img",
      "aria-label": `${this.chart.title} over ${this.chart.xLabel}. Arrow keys read values.`,
      onpointermove: (event) => this.choose(this.nearest(event)),
      onpointerdown: (event) => this.choose(this.nearest(event)),
      onkeydown: (event) => this.onKey(event),
    });
    this.axes(svg);
    for (const line of this.series) this.interval(svg, line);
    for (const reference of this.chart.references) {
      const y = this.y(reference.value);
      svg.append(makeSvg("line", {
        x1: CHART.left, x2: width - CHART.right, y1: y, y2: y, class: `reference ${reference.kind}`,
      }));
    }
    for (const line of this.series) this.curve(svg, line);
    this.cross = makeSvg("line", { y1: CHART.top, y2: height - CHART.bottom, class: "cross" });
    svg.append(this.cross);
    return svg;
  }

  axes(svg) {
    const { width, height, left, right, top, bottom } = CHART;
    for (const value of ticks(this.ys[0], this.ys[1], 5)) {
      const y = this.y(value);
      svg.append(makeSvg("line", { x1: left, x2: width - right, y1: y, y2: y, class: "grid" }),
        makeSvg("text", { x: left - 6, y: y + 4, "text-anchor": "end" }, tickText(value)));
    }
    const whole = this.places.every(Number.isInteger);
    for (const value of ticks(this.xs[0], this.xs[1], 6).filter((v) => !whole || Number.isInteger(v))) {
      svg.append(makeSvg("text", { x: this.x(value), y: height - bottom + 16, "text-anchor": "middle" },
        tickText(value)));
    }
    svg.append(
      makeSvg("line", { x1: left, x2: width - right, y1: height - bottom, y2: height - bottom, class: "axis" }),
      makeSvg("line", { x1: left, x2: left, y1: top, y2: height - bottom, class: "axis" }),
      makeSvg("text", { x: (left + width - right) / 2, y: height - 3, "text-anchor": "middle", class: "label" },
        this.chart.xLabel));
  }

  interval(svg, line) {
    if (!line.low.some((low, i) => line.high[i] > low)) return;
    const color = this.arms.get(line.arm).color;
    if (line.kind === "points" || line.x.length === 1) {
      line.x.forEach((x, i) => svg.append(makeSvg("line", {
        x1: this.x(x), x2: this.x(x), y1: this.y(line.low[i]), y2: this.y(line.high[i]), stroke: color,
        "stroke-width": 1.5,
      })));
      return;
    }
    const there = line.x.map((x, i) => `${this.x(x).toFixed(1)},${this.y(line.high[i]).toFixed(1)}`);
    const back = line.x.map((x, i) => `${this.x(x).toFixed(1)},${this.y(line.low[i]).toFixed(1)}`).reverse();
    svg.append(makeSvg("polygon", { points: [...there, ...back].join(" "), fill: color, class: "band" }));
  }

  curve(svg, line) {
    const arm = this.arms.get(line.arm);
    if (line.kind !== "points") {
      const points = line.x.map((x, i) => `${this.x(x).toFixed(1)},${this.y(line.trend[i]).toFixed(1)}`);
      svg.append(makeSvg("polyline", {
        points: points.join(" "), stroke: arm.color, class: "curve",
        "stroke-dasharray": line.kind === "dashed" ? "5 4" : null,
      }));
    }
    const many = line.raw.length > 60;
    for (const [x, y] of many ? [] : line.raw) {
      const faint = line.raw.length > 11 || line.raw.length > line.x.length;
      svg.append(marker(arm.marker, this.x(x), this.y(y), faint ? 2.6 : 4, arm.color, faint ? 0.5 : 1));
    }
  }

  nearest(event) {
    const box = this.svg.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * CHART.width;
    return this.places.reduce((best, x) =>
      Math.abs(this.x(x) - at) < Math.abs(this.x(best) - at) ? x : best);
  }

  /** The last place at which every curve has a value, or else the last of all. */
  lastCommon() {
    const common = this.places.filter((x) => this.series.every((line) => line.x.includes(x)));
    return common.at(-1) ?? this.places.at(-1);
  }

  onKey(event) {
    const at = this.places.indexOf(this.chosen);
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    this.choose(this.places[clamp(at + step, 0, this.places.length - 1)]);
  }

  choose(place) {
    this.chosen = place;
    this.cross.setAttribute("x1", this.x(place));
    this.cross.setAttribute("x2", this.x(place));
    this.onChoose(place);
  }

  /** The values at one place of the x axis, as elements. */
  read(place) {
    const out = [make("span", { class: "at" }, `${this.chart.xLabel} ${tickText(place)}`)];
    for (const line of this.series) {
      const i = line.x.indexOf(place);
      if (i < 0 || line.kind === "dashed" || line.silent) continue;
      const arm = this.arms.get(line.arm);
      const range = line.high[i] > line.low[i]
        ? ` [${formatNumber(line.low[i])} to ${formatNumber(line.high[i])}]` : "";
      out.push(make("span", {},
        makeSvg("svg", { width: 11, height: 11, viewBox: "0 0 11 11", "aria-hidden": "true" },
          marker(arm.marker, 5.5, 5.5, 4.5, arm.color)),
        make("span", { class: "hidden" }, `${arm.short}: `),
        make("b", {}, formatNumber(line.y[i])), range));
    }
    for (const reference of this.chart.references) {
      if (reference.kind === "real") {
        out.push(make("span", {}, `${reference.label} `, make("b", {}, formatNumber(reference.value))));
      }
    }
    return out;
  }
}

/** A filled marker, named as in matplotlib. */
function marker(kind, x, y, r, color, opacity = 1) {
  const around = (corners) => corners.map(([a, b]) => `${x + r * a},${y + r * b}`).join(" ");
  const shapes = {
    s: [[-0.85, -0.85], [0.85, -0.85], [0.85, 0.85], [-0.85, 0.85]],
    "^": [[0, -1.1], [1.05, 0.8], [-1.05, 0.8]],
    v: [[0, 1.1], [1.05, -0.8], [-1.05, -0.8]],
    D: [[0, -1.15], [1.15, 0], [0, 1.15], [-1.15, 0]],
    P: [[-0.35, -1], [0.35, -1], [0.35, -0.35], [1, -0.35], [1, 0.35], [0.35, 0.35], [0.35, 1],
      [-0.35, 1], [-0.35, 0.35], [-1, 0.35], [-1, -0.35], [-0.35, -0.35]],
  };
  const look = { fill: color, "fill-opacity": opacity };
  if (!(kind in shapes)) return makeSvg("circle", { cx: x, cy: y, r, ...look });
  return makeSvg("polygon", { points: around(shapes[kind]), ...look });
}

/** About `count` round numbers between `low` and `high`. */
function ticks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999);
  const out = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) out.push(i * step);
  return out;
}

function tickText(value) {
  return String(Number(value.toPrecision(6))).replace("-", "−");
}
