// Numbers, times and names as people read them.

const NARROW = "\u202f";

/** Formats are costly to make and quick to use. @type {Map<string, Intl.NumberFormat>} */
const formats = new Map();

/** @param {Intl.NumberFormatOptions} options */
function format(options) {
  const key = JSON.stringify(options);
  let made = formats.get(key);
  if (!made) {
    made = new Intl.NumberFormat("en-GB", options);
    formats.set(key, made);
  }
  return made;
}

/**
 * A number with thousands apart and at most so many digits behind the point.
 * @param {number} value
 * @param {number} [digits]
 */
export function number(value, digits = 0) {
  if (!Number.isFinite(value)) return "–";
  const text = format({ minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
  return text.replace("-", "−");
}

/**
 * A share as a percentage.
 * @param {number} value
 * @param {number} [digits]
 */
export function percent(value, digits = 1) {
  return Number.isFinite(value) ? `${number(100 * value, digits)}${NARROW}%` : "–";
}

/**
 * Seconds as a length of time in the unit that suits it.
 * @param {number} seconds
 */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  const size = Math.abs(seconds);
  if (size < 60) return `${number(seconds, size < 10 && size > 0 ? 1 : 0)}${NARROW}s`;
  if (size < 3600) return `${number(seconds / 60, 1)}${NARROW}min`;
  return `${number(seconds / 3600, 2)}${NARROW}h`;
}

/**
 * A point in simulated time.
 * @param {number} seconds
 */
export function moment(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  const whole = Math.round(seconds);
  const days = Math.floor(whole / 86400);
  const rest = whole - 86400 * days;
  const two = (/** @type {number} */ value) => String(Math.floor(value)).padStart(2, "0");
  return `day ${number(days)}, ${two(rest / 3600)}:${two((rest % 3600) / 60)}:${two(rest % 60)}`;
}

/**
 * A value to all its digits, for values under the pointer.
 * @param {number} value
 */
export function exact(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (Number.isInteger(value)) return number(value);
  const size = Math.abs(value);
  if (size >= 1e-4 && size < 1e9) return format({ maximumSignificantDigits: 9 }).format(value);
  return value.toPrecision(9);
}

/**
 * A number as short as an axis wants it.
 * @param {number} value
 */
export function short(value) {
  if (!Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e7) return value.toExponential(1).replace("e+", "e");
  return format({ maximumFractionDigits: size < 1 ? 4 : size < 100 ? 2 : 0 }).format(value);
}

/**
 * A name of the program's as words: `queued_scale_8` to `queued scale 8`.
 * @param {string} name
 */
export function words(name) {
  return name.replaceAll("_", " ");
}

/**
 * A name that may be of any length and hold anything, cut to what fits a label.
 * @param {string} name
 * @param {number} [most]
 */
export function brief(name, most = 60) {
  // Control characters have no picture; the replacement sign says that something is there.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  const visible = name.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
  return visible.length > most ? `${visible.slice(0, most - 1)}…` : visible;
}
