// Sheets of samples over the generations, one arm beside the other.

/** Fill `host` with the sheets of `data` (see visualize/report/mnist.py). */
function mountImages(host, data) {
  const generations = [...new Set(data.arms.flatMap((arm) => arm.sheets.map((sheet) => sheet.generation)))].sort((a, b) => a - b);
  let share = data.shares.at(-1) ?? null;
  const grid = make("div", { class: "sheets" });
  const range = make("input", { type: "range", min: 0, max: generations.length - 1, step: 1, value: generations.length - 1, "aria-label": "Generation", oninput: () => draw() });
  const output = make("output", { class: "time" });
  // Start at the newest generation that every arm has.
  const common = generations.filter((generation) =>
    data.arms.every((arm) => arm.sheets.some((sheet) => sheet.generation === generation)));
  if (common.length) range.value = generations.indexOf(common.at(-1));
  const draw = () => {
    const generation = generations[Number(range.value)];
    output.textContent = `generation ${generation}`;
    range.setAttribute("aria-valuetext", output.textContent);
    const arms = data.arms.filter((arm) => arm.percent === null || String(arm.percent) === String(share));
    grid.replaceChildren(...arms.map((arm) => sheetFigure(arm, generation)));
  };
  if (data.shares.length > 1) {
    host.append(make("p", { class: "field" }, make("span", {}, data.shareLabel),
      choiceButtons(data.shareLabel, data.shares.map((s) => [s, `${s} %`]), share, (value) => { share = value; draw(); })));
  }
  host.append(make("div", { class: "row transport" }, range, output), grid);
  draw();
}

function sheetFigure(arm, generation) {
  const sheet = arm.sheets.find((other) => other.generation === generation);
  return make("figure", {}, make("figcaption", {}, arm.label),
    sheet ? make("img", { src: sheet.source, alt: `Samples of generation ${generation}, ${arm.label}` })
      : make("p", { class: "empty" }, `no sheet of generation ${generation}`));
}
