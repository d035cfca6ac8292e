// Where the page's parts come from: the server that sent it, or the file that it is.

/** Whether the page is one file with everything inside. */
export const EMBEDDED = document.querySelector("script[data-part]") !== null;

/**
 * A part as bytes.
 * @param {string} name
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
export async function part(name) {
  if (EMBEDDED) {
    const found = embedded(name);
    if (!found) throw new Error(`this file has no ${name}`);
    const bytes = unpacked(found.textContent ?? "");
    return bytes;
  }
  const answer = await fetch(name);
  if (!answer.ok) throw new Error(await reason(answer));
  return new Uint8Array(await answer.arrayBuffer());
}

/**
 * A part that is JSON.
 * @param {string} name
 * @returns {Promise<any>}
 */
export async function json(name) {
  return JSON.parse(new TextDecoder().decode(await part(name)));
}

/** @param {string} name */
function embedded(name) {
  for (const script of document.querySelectorAll("script[data-part]"))
    if (script.getAttribute("data-part") === name) return script;
  return null;
}

/** @param {string} text base64 */
function unpacked(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** @param {Response} answer */
async function reason(answer) {
  try {
    return (await answer.json()).error;
  } catch {
    return `the server answered ${answer.status}`;
  }
}
