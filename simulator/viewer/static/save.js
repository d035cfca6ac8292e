// Charts as files of one's own: SVG as it is drawn, with title and legend, and the same as PNG.

import { el } from "./dom.js";
import { svg } from "./marks.js";

const ROW = 22;
const MARGIN = 14;
const TITLE = 30;
const FONT = "system-ui, sans-serif";

/** What a drawing has from the page's style sheet. */
const STYLES = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray"];

/**
 * Buttons that save the drawing in a box.
 * @param {string} title
 * @param {Element} box holds one `.legend` and one `.study svg`
 */
export function saveButtons(title, box) {
  const name =
    title
      .replace(/[^A-Za-z0-9]+/g, "-")
      .replace(/^-|-$/g, "")
      .slice(0, 60) || "chart";
  return el(
    "div",
    { class: "tools" },
    el("button", { click: () => saveSvg(name, pictureOf(title, box)) }, "Save as SVG"),
    el("button", { click: () => savePng(name, pictureOf(title, box)) }, "Save as PNG"),
  );
}

/**
 * A drawing that needs no style sheet.
 * @param {string} title
 * @param {Element} box
 */
function pictureOf(title, box) {
  const chart = /** @type {SVGSVGElement} */ (box.querySelector(".study svg"));
  const width = Number(chart.getAttribute("width"));
  const height = Number(chart.getAttribute("height"));
  const look = getComputedStyle(box);
  const names = svg("g", {});
  let x = MARGIN;
  let y = TITLE + ROW;
  for (const entry of box.querySelectorAll(".legend > span")) {
    const said = entry.textContent ?? "";
    const wide = entry.getBoundingClientRect().width + 20;
    if (x > MARGIN && x + wide > width) {
      x = MARGIN;
      y += ROW;
    }
    const shown = svg("g", { transform: `translate(${x} ${y - 12})` });
    const mark = entry.querySelector("svg");
    if (mark) shown.append(...copied(mark).childNodes);
    shown.append(text(said, 36, 12, look.color, "12.5px"));
    names.append(shown);
    x += wide;
  }
  const above = y + 12;
  const picture = svg("svg", {
    xmlns: "http://www.w3.org/2000/svg",
    width: width + 2 * MARGIN,
    height: above + height + MARGIN,
    "font-family": FONT,
  });
  const paper = svg("rect", { width: "100%", height: "100%" });
  paper.setAttribute("fill", getComputedStyle(box.closest(".panel") ?? box).backgroundColor);
  const drawn = svg("g", { transform: `translate(${MARGIN} ${above})` });
  drawn.append(...copied(chart).childNodes);
  picture.append(paper, text(title, MARGIN, TITLE - 6, look.color, "15px"), names, drawn);
  return picture;
}

/**
 * A copy of a drawing with its styles written into it.
 * @param {Element} drawn
 */
function copied(drawn) {
  const copy = /** @type {Element} */ (drawn.cloneNode(true));
  const there = [...drawn.querySelectorAll("*")];
  [...copy.querySelectorAll("*")].forEach((one, place) => {
    const look = getComputedStyle(there[place]);
    for (const name of STYLES) one.setAttribute(name, look.getPropertyValue(name));
    if (one.tagName === "text") one.setAttribute("font-size", look.fontSize);
    for (const name of ["style", "class", "role", "tabindex", "aria-label"]) one.removeAttribute(name);
  });
  return copy;
}

/**
 * @param {string} said
 * @param {number} x
 * @param {number} y
 * @param {string} colour
 * @param {string} size
 */
function text(said, x, y, colour, size) {
  const made = svg("text", { x, y, fill: colour, "font-size": size });
  made.textContent = said;
  return made;
}

/**
 * @param {string} name
 * @param {SVGElement} picture
 */
function saveSvg(name, picture) {
  download(`${name}.svg`, new Blob([written(picture)], { type: "image/svg+xml" }));
}

/**
 * @param {string} name
 * @param {SVGElement} picture
 */
async function savePng(name, picture) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(written(picture))}`;
  await image.decode();
  const canvas = el("canvas", { width: 2 * image.width, height: 2 * image.height });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  canvas.toBlob((made) => made && download(`${name}.png`, made), "image/png");
}

/** @param {SVGElement} picture */
function written(picture) {
  return new XMLSerializer().serializeToString(picture);
}

/**
 * @param {string} name
 * @param {Blob} content
 */
function download(name, content) {
  const address = URL.createObjectURL(content);
  el("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
