// Small helpers. Text from data only ever becomes a text node, never HTML.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes ("on..." are listeners, null is left out) and children. */
function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** As `make`, for SVG. */
function makeSvg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

/** The JSON that the page carries under this name. */
function readData(name) {
  return JSON.parse(document.getElementById(`data-${name}`).textContent);
}

/** Three significant digits, with a typographic minus. */
function formatNumber(value) {
  if (value === null || value === undefined) return "–";
  const text = Math.abs(value) < 1000 ? String(Number(value.toPrecision(3))) : value.toFixed(0);
  return text.replace("-", "−");
}

/** A row of buttons of which one is pressed; `choose(value)` is called on a change. */
function choiceButtons(label, options, chosen, choose) {
  const group = make("div", { role: "group", "aria-label": label, class: "choices" });
  const press = (value) => {
    for (const button of group.children) {
      button.setAttribute("aria-pressed", String(button.value === String(value)));
    }
  };
  for (const [value, text] of options) {
    group.append(
      make("button", { type: "button", value, onclick: () => { press(value); choose(value); } }, text),
    );
  }
  press(chosen);
  group.press = press;
  return group;
}

/** A labelled drop-down. `options` are [value, text]. */
function dropDown(label, options, choose) {
  const select = make("select", { onchange: () => choose(select.value) });
  select.setOptions = (list) =>
    select.replaceChildren(...list.map(([value, text]) => make("option", { value }, text)));
  select.setOptions(options);
  return [make("label", { class: "field" }, make("span", {}, label), select), select];
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
