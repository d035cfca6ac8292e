// Elements from data. Text only ever becomes text: nothing here or elsewhere parses markup.

/** @typedef {string | number | Node | null | undefined | false | Child[]} Child */

/**
 * Make an element.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string | number | boolean | null | undefined | ((event: any) => void)>} [attributes]
 *   Attributes; functions are listeners, true sets an empty attribute, null and false leave it out.
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, String(value));
  }
  add(made, children);
  return made;
}

/**
 * Append children, nested lists included.
 * @param {Element} parent
 * @param {Child[]} children
 */
function add(parent, children) {
  for (const child of children) {
    if (Array.isArray(child)) add(parent, child);
    else if (child !== null && child !== undefined && child !== false)
      parent.append(child instanceof Node ? child : String(child));
  }
}

/**
 * Replace what an element holds.
 * @param {Element} parent
 * @param {...Child} children
 */
export function fill(parent, ...children) {
  parent.replaceChildren();
  add(parent, children);
}

/**
 * A labelled choice.
 * @param {string} label
 * @param {{value: string, label: string, group?: string}[]} options
 * @param {string} value
 * @param {(value: string) => void} chosen
 */
export function choice(label, options, value, chosen) {
  const select = el("select", {
    change: () => chosen(select.value),
  });
  /** @type {Map<string, HTMLOptGroupElement>} */
  const groups = new Map();
  for (const option of options) {
    const made = el("option", { value: option.value, selected: option.value === value }, option.label);
    if (!option.group) select.append(made);
    else {
      let group = groups.get(option.group);
      if (!group) {
        group = el("optgroup", { label: option.group });
        groups.set(option.group, group);
        select.append(group);
      }
      group.append(made);
    }
  }
  return el("label", { class: "field" }, el("span", {}, label), select);
}

/**
 * A canvas that fits its box, sharp on any screen.
 * @param {HTMLCanvasElement} canvas
 * @param {number} width in CSS pixels
 * @param {number} height in CSS pixels
 * @returns {CanvasRenderingContext2D}
 */
export function sized(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const wide = Math.round(width * ratio);
  const high = Math.round(height * ratio);
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

/**
 * Call back when an element's width changes, and once now.
 * @param {Element} element
 * @param {(width: number) => void} changed
 */
export function onWidth(element, changed) {
  let last = -1;
  const observer = new ResizeObserver((entries) => {
    const width = Math.floor(entries[0].contentRect.width);
    if (width > 0 && width !== last) {
      last = width;
      changed(width);
    }
  });
  observer.observe(element);
}
