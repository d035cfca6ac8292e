// Reads blocks of columns: the format is described in column_file.py.

/** @typedef {Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float64Array} Column */

/** @type {Record<string, any>} */
const TYPES = {
  u1: Uint8Array,
  i1: Int8Array,
  u2: Uint16Array,
  i2: Int16Array,
  u4: Uint32Array,
  i4: Int32Array,
  f8: Float64Array,
};

/**
 * Decode a block.
 * @param {Uint8Array<ArrayBuffer>} packed
 * @returns {Promise<{header: any, columns: Map<string, Column>}>}
 */
export async function decode(packed) {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const view = new DataView(bytes.buffer);
  if (String.fromCharCode(...bytes.subarray(0, 4)) !== "GVC1") throw new Error("not a block of columns");
  const length = view.getUint32(4, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  let place = 8 + length;
  /** @type {Map<string, Column>} */
  const columns = new Map();
  for (const { name, type, length: count, delta } of header.columns) {
    const width = TYPES[type].BYTES_PER_ELEMENT;
    const stored = new TYPES[type](joined(bytes.subarray(place, place + width * count), width, count).buffer);
    columns.set(name, delta ? summed(stored) : stored);
    place += width * count;
  }
  return { header, columns };
}

/**
 * Put byte planes together again.
 * @param {Uint8Array} planes
 * @param {number} width
 * @param {number} count
 */
function joined(planes, width, count) {
  const bytes = new Uint8Array(planes.length);
  if (width === 1) bytes.set(planes);
  else
    for (let plane = 0; plane < width; plane++) {
      const start = plane * count;
      for (let i = 0, to = plane; i < count; i++, to += width) bytes[to] = planes[start + i];
    }
  return bytes;
}

/**
 * Sum up differences.
 * @param {Column} differences
 */
function summed(differences) {
  const values = new Int32Array(differences.length);
  let sum = 0;
  for (let i = 0; i < differences.length; i++) {
    sum += differences[i];
    values[i] = sum;
  }
  return values;
}
