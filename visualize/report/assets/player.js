// The 3-D player: choose a motion, play, scrub, orbit, and compare it before and after correction.

const MODES = [["before", "Before"], ["after", "After"], ["side", "Side by side"], ["overlay", "Overlay"]];
const HEAD_M = 0.15; // flesh around the joints
const SPEEDS = [["0.25", "¼ speed"], ["0.5", "½ speed"], ["1", "real time"], ["2", "2 × speed"]];

class Player {
  constructor(host, data) {
    this.data = data;
    this.host = host;
    this.camera = new OrbitCamera();
    this.mode = "side";
    this.speed = 1;
    this.frame = 0;
    this.playing = false;
    this.build();
    this.chooseGroup(this.startGroup());
    new ResizeObserver(() => this.draw()).observe(this.stage);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  /** Corrected motions tell most: start at the newest generation that has them. */
  startGroup() {
    const corrected = this.data.groups.filter((group) => group.motions.some((motion) => motion.after));
    return corrected.at(-1) ?? this.data.groups.at(-1);
  }

  build() {
    const [armField, arm] = dropDown("Arm", [], (name) =>
      this.chooseGroup(this.nearestGroup(name, this.group.generation)));
    const [generationField, generation] = dropDown("Generation", [], (value) =>
      this.chooseGroup(this.nearestGroup(this.group.arm, Number(value))));
    const [motionField, motion] = dropDown("Motion", [], (value) => this.chooseMotion(Number(value)));
    motionField.classList.add("wide");
    Object.assign(this, { arm, generation, motion });
    arm.setOptions([...new Set(this.data.groups.map((group) => group.arm))].map((name) => [name, name]));
    this.count = make("p", { class: "note" });
    this.caption = make("p", { class: "caption", "aria-live": "polite" });
    this.modes = choiceButtons("What is shown", MODES, this.mode, (mode) => { this.mode = mode; this.layout(); });
    this.stage = make("div", { class: "stage" });
    this.range = make("input", {
      type: "range", min: 0, value: 0, step: 1, "aria-label": "Frame",
      oninput: () => { this.pause(); this.seek(Number(this.range.value)); },
    });
    this.playButton = make("button", { type: "button", class: "play", onclick: () => this.toggle() });
    this.time = make("output", { class: "time" });
    const [speedField, speed] = dropDown("Speed", SPEEDS, (value) => { this.speed = Number(value); });
    speed.value = "1";
    this.timeline = make("canvas", { class: "timeline", role: "img", onpointerdown: (event) => this.scrub(event), onpointermove: (event) => event.buttons && this.scrub(event) });
    this.physics = make("div", { class: "scroll" });
    this.root = make("div", { class: "player", tabindex: 0, role: "group", "aria-label": "Motion player. Space plays, arrow keys step, shift and arrow keys orbit, plus and minus zoom.", onkeydown: (event) => this.onKey(event) },
      make("div", { class: "row" }, armField, generationField, motionField, this.stepButtons()),
      this.count, this.caption,
      make("div", { class: "row" }, this.modes, this.viewButtons()),
      this.stage,
      make("div", { class: "row transport" }, this.playButton, this.range, this.time, speedField),
      this.timeline, this.legend(), this.physics);
    this.host.append(this.root);
    this.pause();
  }

  stepButtons() {
    const step = (by) => () => {
      const count = this.group.motions.length;
      this.chooseMotion((Number(this.motion.value) + by + count) % count);
    };
    return make("div", { class: "choices" },
      make("button", { type: "button", "aria-label": "Previous motion", onclick: step(-1) }, "‹"),
      make("button", { type: "button", "aria-label": "Next motion", onclick: step(1) }, "›"));
  }

  viewButtons() {
    const group = make("div", { class: "choices", role: "group", "aria-label": "Camera" });
    for (const name of ["front", "oblique", "side", "top"]) {
      group.append(make("button", { type: "button", "data-view": name, onclick: () => { this.camera.view(name); this.draw(); } }, name));
    }
    for (const [text, label, factor] of [["−", "Zoom out", 1.2], ["+", "Zoom in", 1 / 1.2]]) {
      group.append(make("button", { type: "button", "aria-label": label, onclick: () => { this.camera.zoom(factor); this.draw(); } }, text));
    }
    return group;
  }

  legend() {
    const { colours } = this.data.body;
    const entries = [["left limbs", colours.left, ""], ["right limbs", colours.right, ""], ["toe planted", colours.planted, "ring"], ["toe slides", colours.sliding, "ring"], ["below the floor", colours.below, ""], ["floats", colours.floating, "ring"]];
    return make("p", { class: "legend" }, entries.map(([text, colour, kind]) =>
      make("span", { class: "key" },
        makeSvg("svg", { width: 14, height: 14, viewBox: "0 0 14 14", "aria-hidden": "true" },
          makeSvg("circle", kind ? { cx: 7, cy: 7, r: 4.5, fill: "none", stroke: colour, "stroke-width": 2.6 } : { cx: 7, cy: 7, r: 5.5, fill: colour })),
        text)), make("span", { class: "note" }, this.data.rule));
  }

  nearestGroup(arm, generation) {
    const mine = this.data.groups.filter((group) => group.arm === arm);
    return mine.reduce((best, group) =>
      Math.abs(group.generation - generation) < Math.abs(best.generation - generation) ? group : best);
  }

  chooseGroup(group) {
    const id = this.chosen?.id;
    this.group = group;
    const mine = this.data.groups.filter((other) => other.arm === group.arm);
    this.arm.value = group.arm;
    this.generation.setOptions(mine.map((other) => [other.generation, other.generation]));
    this.generation.value = group.generation;
    this.motion.setOptions(group.motions.map((motion, i) => [i, `${motion.id}: ${motion.caption} (${motion.why})`]));
    this.count.textContent = group.note;
    // The same clip across generations and arms, where it is there.
    const same = group.motions.findIndex((motion) => motion.id === id);
    this.chooseMotion(Math.max(same, 0));
  }

  chooseMotion(index) {
    this.motion.value = index;
    this.chosen = this.group.motions[index];
    this.before = decodeMotion(this.chosen.before);
    this.after = this.chosen.after ? decodeMotion(this.chosen.after) : null;
    const place = ` ${this.chosen.id}, ${this.group.arm}, generation ${this.group.generation}. ${this.chosen.note}`;
    this.caption.replaceChildren(make("q", {}, this.chosen.caption), make("span", { class: "note" }, place));
    this.showPhysics();
    const motions = [this.before, this.after].filter(Boolean);
    this.path = followPath(motions, this.frames());
    this.camera.fit(reachOf(motions, this.path) + HEAD_M);
    this.frame = Math.min(this.frame, this.frames() - 1);
    this.range.max = this.frames() - 1;
    for (const button of this.modes.children) button.disabled = !this.after && button.value !== "before";
    this.layout();
  }

  frames() {
    return Math.max(this.before.frames, this.after?.frames ?? 0);
  }

  shown() {
    const before = { motion: this.before, title: "as sampled", tint: this.data.body.colours.before };
    const after = { motion: this.after, title: "after correction", tint: this.data.body.colours.after };
    if (!this.after || this.mode === "before") return [[before]];
    if (this.mode === "after") return [[after]];
    return this.mode === "side" ? [[before], [after]] : [[before, after]];
  }

  layout() {
    this.modes.press(this.after ? this.mode : "before");
    this.panels = this.shown().map((figures) => {
      const canvas = make("canvas", { role: "img", "aria-label": `${figures.map(({ title }) => title).join(" and ")}: ${this.chosen.caption}` });
      orbitBy(canvas, this);
      return { canvas, figures };
    });
    const overlay = this.panels[0].figures.length > 1;
    this.stage.replaceChildren(...this.panels.map(({ canvas, figures }) =>
      make("figure", {}, make("figcaption", {}, figures.map(({ title, tint }, i) => [
        i ? ", " : null,
        overlay ? makeSvg("svg", { width: 12, height: 12, "aria-hidden": "true" }, makeSvg("circle", { cx: 6, cy: 6, r: 5, fill: tint })) : null,
        overlay ? ` ${title}` : title,
      ])), canvas)));
    this.stage.dataset.panels = this.panels.length;
    this.draw();
  }

  draw() {
    const target = this.path[this.frame];
    const theme = themeColours(this.root);
    for (const panel of this.panels) this.drawPanel(panel, target, theme);
    const { dataset } = this.root;
    dataset.frame = this.frame;
    dataset.azimuth = this.camera.azimuth.toFixed(1);
    dataset.elevation = this.camera.elevation.toFixed(1);
    dataset.distance = this.camera.distance.toFixed(2);
    this.range.value = this.frame;
    this.range.setAttribute("aria-valuetext", `frame ${this.frame + 1} of ${this.frames()}`);
    const seconds = (frame) => (frame / this.data.fps).toFixed(2);
    this.time.textContent = `${seconds(this.frame)} / ${seconds(this.frames() - 1)} s`;
    drawTimeline(this.timeline, this.after ? [["before", this.before], ["after", this.after]] : [["before", this.before]], this.frame, this.frames(), this.data.body, theme);
  }

  drawPanel({ canvas, figures }, target, theme) {
    const [ctx, width, height] = sized(canvas);
    if (!width) return;
    const lens = this.camera.lens(target, width, height);
    drawFloor(ctx, lens, target, width, height, theme);
    const bodies = figures.map(({ motion, tint }) => {
      const frame = Math.min(this.frame, motion.frames - 1);
      const pose = motion.pose(frame);
      return { pose, cue: motion.cues[frame], capsules: capsulesOf(pose, this.data.body), tint, frame, ended: this.frame >= motion.frames };
    });
    for (const { capsules } of bodies) drawShadow(ctx, lens, capsules, theme);
    for (const { pose, cue } of bodies) drawContacts(ctx, lens, pose, cue, this.data.body);
    for (const [i, { capsules, tint, pose, cue }] of bodies.entries()) {
      // In an overlay the sample is a ghost behind its correction.
      if (bodies.length > 1 && i === 0) ghost(ctx, canvas, (layer) => drawBody(layer, lens, capsules, this.data.body, theme, tint));
      else drawBody(ctx, lens, capsules, this.data.body, theme, bodies.length > 1 ? tint : null);
      drawCues(ctx, lens, pose, cue, this.data.body);
    }
    if (bodies.length === 1) this.stamp(ctx, bodies[0], width, height, theme);
  }

  /** Height of the lowest joint, at the lower right. */
  stamp(ctx, { pose, ended }, width, height, theme) {
    let lowest = Infinity;
    for (let i = 1; i < pose.length; i += 3) lowest = Math.min(lowest, pose[i]);
    const cm = (100 * lowest).toFixed(1).replace("-", "−");
    ctx.font = "13px system-ui, sans-serif";
    ctx.textAlign = "right";
    ctx.fillStyle = theme.ink;
    ctx.fillText(ended ? "ended" : `lowest joint ${lowest >= 0 ? "+" : ""}${cm} cm`, width - 8, height - 9);
  }

  showPhysics() {
    const { before, after } = this.chosen;
    const head = ["", "as sampled", ...(after ? ["after correction", "change"] : [])];
    const rows = this.data.physics.map(({ key, label }) => {
      const [a, b] = [before.physics[key], after?.physics[key]];
      const sign = b - a > 0 ? "+" : "";
      return make("tr", {}, make("th", { scope: "row" }, label), make("td", {}, formatNumber(a)),
        after ? [make("td", {}, formatNumber(b)), make("td", {}, sign + formatNumber(b - a))] : null);
    });
    this.physics.replaceChildren(make("table", {},
      make("caption", {}, "Physical plausibility of this motion (lower is more plausible; a jump floats by definition)"),
      make("thead", {}, make("tr", {}, head.map((text) => make("th", { scope: "col" }, text)))),
      make("tbody", {}, rows)));
  }

  seek(frame) {
    this.frame = clamp(frame, 0, this.frames() - 1);
    this.draw();
  }

  scrub(event) {
    const box = this.timeline.getBoundingClientRect();
    const at = (event.clientX - box.left - TIMELINE.left) / (box.width - TIMELINE.left);
    this.pause();
    this.seek(Math.floor(at * this.frames()));
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  pause() {
    this.playing = false;
    this.playButton.textContent = "▶ Play";
  }

  play() {
    this.playing = true;
    this.playButton.textContent = "❚❚ Pause";
    let last = null, due = 0;
    const tick = (now) => {
      if (!this.playing) return;
      due += last === null ? 0 : ((now - last) / 1000) * this.data.fps * this.speed;
      last = now;
      const steps = Math.floor(due);
      due -= steps;
      if (steps) {
        this.frame = (this.frame + steps) % this.frames();
        this.draw();
      }
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }

  onKey(event) {
    // Controls keep the keys that mean something to them.
    const typing = event.target.closest("select, input");
    const button = event.target.closest("button");
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " " && !typing && !button) this.toggle();
    else if (arrows && event.shiftKey) { this.camera.turn(8 * arrows[0], 5 * arrows[1]); this.draw(); }
    else if (arrows && arrows[0] && !typing) { this.pause(); this.seek(this.frame + arrows[0]); }
    else if (event.key === "Home" && !typing) { this.pause(); this.seek(0); }
    else if (event.key === "End" && !typing) { this.pause(); this.seek(this.frames() - 1); }
    else if ((event.key === "+" || event.key === "-") && !typing) { this.camera.zoom(event.key === "+" ? 1 / 1.2 : 1.2); this.draw(); }
    else return;
    event.preventDefault();
  }
}
