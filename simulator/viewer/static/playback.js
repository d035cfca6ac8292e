// Plays simulated time: scrubber, steps, speed and keys.

import { choice, el } from "./dom.js";
import { moment, number } from "./format.js";

/** @typedef {import("./run.js").Run} Run */

const SPEEDS = [1, 5, 20, 60, 200, 1000];

export class Playback {
  /**
   * @param {Run} run whose rounds the scrubber counts
   * @param {(seconds: number) => void} shown
   */
  constructor(run, shown) {
    this.run = run;
    this.shown = shown;
    this.round = 0;
    this.speed = 20;
    this.playing = false;
    this.part = 0;
    this.slider = el("input", {
      type: "range",
      min: 0,
      max: Math.max(0, run.rounds - 1),
      value: 0,
      step: 1,
      "aria-label": "Round",
      input: () => this.to(Number(this.slider.value)),
    });
    this.play = el("button", { class: "play", click: () => this.toggle() }, "Play");
    this.said = el("output", { class: "when" });
    this.element = el(
      "div",
      { class: "playback" },
      el(
        "div",
        { class: "buttons" },
        this.button("First round", "|‹", () => this.to(0)),
        this.button("Round before", "‹", () => this.step(-1)),
        this.play,
        this.button("Next round", "›", () => this.step(1)),
        this.button("Last round", "›|", () => this.to(run.rounds - 1)),
      ),
      this.slider,
      choice(
        "rounds a second",
        SPEEDS.map((speed) => ({ value: String(speed), label: number(speed) })),
        String(this.speed),
        (value) => {
          this.speed = Number(value);
        },
      ),
      this.said,
    );
  }

  /**
   * @param {string} name
   * @param {string} sign
   * @param {() => void} done
   */
  button(name, sign, done) {
    return el("button", { "aria-label": name, title: name, click: done }, sign);
  }

  /** @param {number} round */
  to(round) {
    this.round = Math.max(0, Math.min(this.run.rounds - 1, Math.round(round)));
    this.slider.value = String(this.round);
    const seconds = this.run.time[this.round];
    const said = `round ${number(this.round)} of ${number(this.run.rounds)} · ${moment(seconds)}`;
    this.said.textContent = said;
    this.slider.setAttribute("aria-valuetext", said);
    this.shown(seconds);
  }

  /** @param {number} rounds */
  step(rounds) {
    this.stop();
    this.to(this.round + rounds);
  }

  toggle() {
    if (this.playing) this.stop();
    else this.start();
  }

  start() {
    if (this.round >= this.run.rounds - 1) this.to(0);
    this.playing = true;
    this.play.textContent = "Pause";
    let last = performance.now();
    this.part = 0;
    const frame = (/** @type {number} */ now) => {
      if (!this.playing) return;
      if (!this.element.isConnected) {
        this.stop();
        return;
      }
      this.part += ((now - last) / 1000) * this.speed;
      last = now;
      const whole = Math.floor(this.part);
      if (whole > 0) {
        this.part -= whole;
        this.to(this.round + whole);
        if (this.round >= this.run.rounds - 1) this.stop();
      }
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  stop() {
    this.playing = false;
    this.play.textContent = "Play";
  }

  /**
   * Space, arrows, home and end, wherever the focus is in the tab.
   * @param {KeyboardEvent} event
   */
  key(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (["SELECT", "TEXTAREA"].includes(target.tagName)) return;
    if (target.tagName === "INPUT" && target !== this.slider) return;
    if (target.tagName === "BUTTON" && event.key === " ") return;
    /** @type {Record<string, () => void>} */
    const keys = {
      " ": () => this.toggle(),
      ArrowLeft: () => this.step(event.shiftKey ? -10 : -1),
      ArrowRight: () => this.step(event.shiftKey ? 10 : 1),
      PageUp: () => this.step(-100),
      PageDown: () => this.step(100),
      Home: () => this.step(-this.run.rounds),
      End: () => this.step(this.run.rounds),
    };
    if (keys[event.key]) {
      event.preventDefault();
      keys[event.key]();
    }
  }
}
