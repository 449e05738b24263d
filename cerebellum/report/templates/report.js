"use strict";
(async () => {
  const started = performance.now();
  const element = (id) => document.getElementById(id);

  async function unpacked(id) {
    const holder = element(id);
    const bytes = Uint8Array.from(atob(holder.textContent), (c) => c.charCodeAt(0));
    holder.remove();
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  }

  function numbers(packed) {
    const kinds = { f4: Float32Array, u2: Uint16Array, u4: Uint32Array };
    const bytes = Uint8Array.from(atob(packed.bdata), (c) => c.charCodeAt(0));
    return new kinds[packed.dtype](bytes.buffer);
  }

  // --- tabs: click, arrow keys, address ------------------------------------------------------------------------------
  const tabs = [...document.querySelectorAll("[role=tab]")];
  const panel = (tab) => element(tab.getAttribute("aria-controls"));
  function open(tab, focus) {
    for (const other of tabs) {
      other.setAttribute("aria-selected", other === tab);
      other.tabIndex = other === tab ? 0 : -1;
      panel(other).classList.toggle("open", other === tab);
    }
    if (focus) tab.focus();
    tab.scrollIntoView({ block: "nearest", inline: "nearest" });
    requestAnimationFrame(() => setTimeout(() => draw(panel(tab)))); // the part is shown before its charts are drawn
  }
  for (const [number, tab] of tabs.entries()) {
    tab.addEventListener("click", () => { history.replaceState(null, "", "#" + tab.id.slice(4)); window.scrollTo(0, 0); open(tab); });
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) { event.preventDefault(); open(tabs[(number + step + tabs.length) % tabs.length], true); }
    });
  }

  // --- charts: drawn when their tab is opened ------------------------------------------------------------------------
  const canvas = document.createElement("canvas");
  const gl = Boolean(canvas.getContext("webgl2") || canvas.getContext("webgl"));
  document.documentElement.dataset.webgl = gl;
  const font = { family: "system-ui, Segoe UI, Helvetica Neue, Arial, sans-serif", size: 13, color: "#1d2327" };
  const config = { responsive: true, displaylogo: false, toImageButtonOptions: { format: "svg" } };
  const narrow = () => window.innerWidth < 600;
  const axis = { showline: true, linecolor: "#888", ticks: "outside", zeroline: false, gridcolor: "#eceff1" };

  // On a narrow page long titles and names are broken into lines.
  function lines(text) {
    if (!narrow() || text.length < 30) return text;
    if (text.includes(" / ")) return text.replace(" / ", "<br>/ ");
    const spaces = [...text.matchAll(/ /g)].map((found) => found.index);
    const middle = spaces.sort((a, b) => Math.abs(a - text.length / 2) - Math.abs(b - text.length / 2))[0];
    return middle ? `${text.slice(0, middle)}<br>${text.slice(middle + 1)}` : text;
  }
  const broken = (values) => values.map((value) => typeof value === "string" ? lines(value) : value);
  const fitted = (trace) => !narrow() ? trace : { ...trace,
    ...(Array.isArray(trace.y) ? { y: broken(trace.y) } : {}), ...(trace.name ? { name: lines(trace.name) } : {}) };

  function complete(layout) {
    const out = { font: narrow() ? { ...font, size: 12 } : font, paper_bgcolor: "#fff", plot_bgcolor: "#fff", dragmode: "zoom", hovermode: "closest", bargap: 0.25,
      margin: { l: 60, r: 15, t: layout.annotations ? 28 : 12, b: 50 },
      ...layout,
      legend: { ...layout.legend, ...(narrow() ? { orientation: "h", x: 0, y: layout.annotations ? 1.1 : 1.02, yanchor: "bottom" } : {}) } };
    for (const key of Object.keys(out)) {
      if (!/^[xy]axis\d*$/.test(key)) continue;
      const own = out[key];
      out[key] = { ...axis, automargin: narrow() && key[0] === "x", ...own }; // room for a title of two lines
      if (own.title) out[key].title = { standoff: 8, text: lines(own.title.text) };
      if (own.categoryarray) out[key].categoryarray = broken(own.categoryarray);
    }
    return out;
  }

  // A page without WebGL shows places from the side: two flat axes of the three.
  function flat(figure) {
    const { scene, ...layout } = figure.layout;
    const data = figure.data.map((trace) => trace.type !== "scatter3d" ? trace :
      { type: "scatter", mode: "markers", name: trace.name, x: trace.x, y: trace.z, marker: { ...trace.marker, opacity: 0.5 } });
    return { data, layout: scene ? { ...layout, xaxis: scene.xaxis, yaxis: { ...scene.zaxis, scaleanchor: "x" } } : layout };
  }

  let page;
  async function draw(section) {
    if (!page) return;
    for (const holder of section.querySelectorAll("[data-chart]:not([data-drawn])")) {
      holder.dataset.drawn = "yes";
      const figure = page.charts[holder.dataset.chart];
      const { data, layout } = gl ? figure : flat(figure);
      if (narrow()) holder.style.height = `${(data[0]?.y?.some?.((y) => String(y).includes(" / ")) ? 1.6 : 1.2) * holder.offsetHeight}px`;
      await Plotly.newPlot(holder, data.map(fitted), complete(layout), config);
    }
    const activity = section.querySelector("#activity:not([data-drawn])");
    if (activity) { activity.dataset.drawn = "yes"; await startActivity(); }
    for (const holder of section.querySelectorAll(".js-plotly-plot")) Plotly.Plots.resize(holder);
  }

  // --- raster and histograms -----------------------------------------------------------------------------------------
  const FEW = 2500; // spikes of a population drawn without WebGL
  const GAP = 0.12; // between populations, of a row's height
  const TICK = 1e-5; // s

  async function startActivity() {
    const activity = page.activity;
    activity.populations.forEach((population, number) => {
      const label = document.createElement("label");
      const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: true });
      const swatch = document.createElement("span");
      swatch.className = "swatch";
      swatch.style.background = population.colour;
      population.chosen = box;
      label.append(box, swatch, population.name);
      element("populations").append(label);
      box.addEventListener("change", drawActivity);
      if (population.time) {
        population.times = Float64Array.from(numbers(population.time), (t) => t * TICK);
        population.rows = numbers(population.row);
        population.shown = numbers(population.cell);
      }
    });
    const choose = (id, names) => names.forEach((name, n) => element(id).add(new Option(name, n)));
    choose("trial", ["whole run", ...activity.trials.map((trial) => trial.label)]);
    choose("block", activity.blocks.map((block) => `${block.name} (${block.trials} trial${block.trials > 1 ? "s" : ""})`));
    element("block").value = activity.blocks.length - 1;
    const first = activity.trials.findIndex((trial) => trial.block === activity.trials.at(-1).block);
    element("trial").value = activity.trials.length > 1 ? first + 1 : 0;
    element("trial").addEventListener("change", drawRaster);
    element("block").addEventListener("change", drawHistograms);
    if (!activity.populations.some((population) => population.times)) element("raster").closest("figure").remove();
    await drawActivity();
  }

  const chosen = (key) => page.activity.populations.filter((p) => p.chosen.checked && (!key || p[key]));
  const drawActivity = () => Promise.all([drawRaster(), drawHistograms()]);

  function range() {
    const trial = page.activity.trials[Number(element("trial").value) - 1];
    return trial ? trial.span : [0, page.activity.trials.reduce((last, t) => Math.max(last, t.span[1]), 0)];
  }

  function drawRaster() {
    const holder = element("raster");
    if (!holder) return null;
    const populations = chosen("times");
    let thinned = 0;
    const data = populations.map((population, place) => {
      const height = Math.max(1, population.shown.length);
      const step = gl ? 1 : Math.ceil(population.times.length / FEW);
      thinned += step > 1;
      const kept = [...population.times.keys()].filter((n) => n % step === 0);
      return {
        type: gl ? "scattergl" : "scatter", mode: "markers", name: population.name,
        x: kept.map((n) => population.times[n]),
        y: kept.map((n) => -place + (1 - GAP) * (population.rows[n] + 0.5) / height),
        customdata: kept.map((n) => population.shown[population.rows[n]]),
        marker: { symbol: "line-ns-open", size: Math.min(9, Math.max(3, 60 / height)), color: population.colour, line: { width: 1 } },
        hovertemplate: `${population.name}, cell %{customdata}: %{x:.4f} s<extra></extra>`,
      };
    });
    const cut = populations.filter((population) => population.cut).map((p) => `${p.name} up to ${p.cut.toFixed(1)} s`);
    element("thinned").textContent = (thinned ? ` Without WebGL at most ${FEW} spikes a population are drawn.` : "") +
      (cut.length ? ` Shown in part: ${cut.join(", ")}.` : "");
    const names = populations.map((p) => `${p.name.replace(" ", "<br>")}<br><i>${p.shown.length} of ${p.cells.toLocaleString("en")}</i>`);
    holder.style.height = `${90 + 74 * Math.max(1, populations.length)}px`;
    return Plotly.react(holder, data, complete({
      showlegend: false, margin: { l: 124, r: 15, t: 10, b: 50 },
      xaxis: { title: { text: "time (s)" }, range: range() },
      yaxis: { range: [-populations.length + 1 - GAP, 1], tickmode: "array", showgrid: false, ticks: "", fixedrange: true,
        tickvals: populations.map((_, place) => -place + (1 - GAP) / 2), ticktext: names },
    }), config);
  }

  function drawHistograms() {
    const block = page.activity.blocks[Number(element("block").value)];
    const populations = chosen().filter((p) => block.spikes[p.name] || block.rates[p.name]);
    const layout = { showlegend: false, margin: { l: 124, r: 15, t: 10, b: 50 }, annotations: [], shapes: [],
      xaxis: { title: { text: "time in trial (ms)" }, anchor: `y${populations.length}` } };
    const data = [];
    const share = 1 / Math.max(1, populations.length);
    const [from, to] = block.window.map((t) => t * 1e3);
    populations.forEach((population, place) => {
      const y = `y${place + 1}`;
      const key = place ? `yaxis${place + 1}` : "yaxis";
      const domain = [1 - (place + 1) * share + (place < populations.length - 1 ? 0.22 * share : 0), 1 - place * share];
      layout[key] = { domain, rangemode: "tozero", nticks: 4, fixedrange: true };
      layout.annotations.push({ text: `${population.name.replace(" ", "<br>")}<br>(Hz)`, xref: "paper", x: 0, xanchor: "right", xshift: -44,
        yref: "paper", yanchor: "middle", y: (domain[0] + domain[1]) / 2, showarrow: false, align: "right" });
      layout.shapes.push({ type: "rect", x0: from, x1: to, yref: `${y} domain`, y0: 0, y1: 1, fillcolor: "#000", opacity: 0.06,
        line: { width: 0 }, layer: "below" });
      const spikes = block.spikes[population.name];
      const rates = block.rates[population.name];
      const trace = (packed, style) => {
        const values = Array.from(numbers(packed));
        data.push({ type: "scatter", mode: "lines", yaxis: y, x: values.map((_, n) => (n + 0.5) * block.width * 1e3), y: values,
          hovertemplate: `${population.name}: %{y:.2f} Hz at %{x:.0f} ms<extra></extra>`, ...style });
      };
      if (spikes) trace(spikes, { line: { width: 0.8, color: population.colour, shape: "hvh" }, fill: "tozeroy" });
      if (rates) trace(rates, { line: { width: 1.4, color: spikes ? "#000" : population.colour } });
    });
    element("psth").style.height = `${80 + 92 * Math.max(1, populations.length)}px`;
    return Plotly.react(element("psth"), data, complete(layout), config);
  }

  // --- printing: every panel is on paper -----------------------------------------------------------------------------
  const onPaper = () => { for (const tab of tabs) draw(panel(tab)); };
  window.addEventListener("beforeprint", onPaper);

  // As a file of its own the library is read beside the page, and clicks are answered meanwhile.
  const library = document.createElement("script");
  const read = new Promise((done, failed) => { library.onload = done; library.onerror = failed; });
  library.src = URL.createObjectURL(new Blob([await unpacked("packed-plotly")], { type: "text/javascript" }));
  document.head.append(library);
  await read;
  page = JSON.parse(await unpacked("packed-numbers"));
  const wanted = element("tab-" + location.hash.slice(1));
  await open(tabs.includes(wanted) ? wanted : tabs[0]);
  document.documentElement.dataset.ready = Math.round(performance.now() - started);
})();
