// Images and people of frames: kept as long as there is room, and read ahead in the direction of travel.

/** @typedef {import("./api.js").Person} Person */

import { get } from "./api.js";

const IMAGES = 90;
const AHEAD = 12;
const AT_ONCE = 4;
const CHUNK = 32;

export class Images {
  /** @param {string} nonce @param {number} count of frames */
  constructor(nonce, count) {
    this.nonce = nonce;
    this.count = count;
    this.width = 0;
    /** @type {Map<number, {width: number, bitmap: ImageBitmap|null, reason: string}>} */
    this.kept = new Map();
    /** @type {Map<number, Promise<{bitmap: ImageBitmap|null, reason: string}>>} */
    this.coming = new Map();
    /** @type {number[]} */
    this.queue = [];
    this.running = 0;
  }

  /** @param {number} index */
  here(index) {
    const found = this.kept.get(index);
    return found && found.width >= this.width ? found : undefined;
  }

  /** @param {number} index @param {boolean} [ahead] */
  async fetch(index, ahead = false) {
    const found = this.here(index);
    if (found) {
      this.kept.delete(index);
      this.kept.set(index, found);
      return found;
    }
    const coming = this.coming.get(index);
    if (coming) return coming;
    const width = this.width;
    const promise = this.#load(index, width, ahead);
    this.coming.set(index, promise);
    try {
      const got = await promise;
      this.kept.set(index, { width, ...got });
      while (this.kept.size > IMAGES) {
        const [oldest, { bitmap }] = /** @type {[number, any]} */ (this.kept.entries().next().value);
        this.kept.delete(oldest);
        if (bitmap) bitmap.close();
      }
      return got;
    } finally {
      this.coming.delete(index);
    }
  }

  /** @param {number} index @param {number} width @param {boolean} ahead */
  async #load(index, width, ahead) {
    for (;;) {
      const address = `/api/frames/${index}.jpg?w=${width}&s=${this.nonce}${ahead ? "&ahead=1" : ""}`;
      const answer = await fetch(address, { credentials: "same-origin" });
      if (answer.ok) return { bitmap: await createImageBitmap(await answer.blob()), reason: "" };
      if (answer.status !== 429) return { bitmap: null, reason: (await answer.json()).error };
      await new Promise((done) => setTimeout(done, 300));
    }
  }

  /** @param {number} index @param {number} step 1 or -1 */
  lookAhead(index, step) {
    this.queue = [];
    for (let away = 1; away <= AHEAD; away += 1) {
      const next = index + away * step;
      if (next >= 0 && next < this.count && !this.here(next)) this.queue.push(next);
    }
    this.#work();
  }

  #work() {
    while (this.running < AT_ONCE && this.queue.length) {
      const next = /** @type {number} */ (this.queue.shift());
      this.running += 1;
      this.fetch(next, true).catch(() => {}).finally(() => {
        this.running -= 1;
        this.#work();
      });
    }
  }
}

export class People {
  /** @param {number} count of frames */
  constructor(count) {
    this.count = count;
    /** @type {Map<number, Record<string, Person[]>>} */
    this.chunks = new Map();
    /** @type {Map<number, Promise<void>>} */
    this.coming = new Map();
    this.age = 0;
  }

  /** People of a frame; undefined = not looked for there, or not known yet. @param {number} index */
  of(index) {
    const chunk = this.chunks.get(Math.floor(index / CHUNK));
    return chunk && chunk[index];
  }

  /** @param {number} index */
  async fetch(index) {
    const number = Math.floor(index / CHUNK);
    while (!this.chunks.has(number)) {
      if (!this.coming.has(number)) this.coming.set(number, this.#load(number));
      await this.coming.get(number);
    }
    return this.of(index);
  }

  /** @param {number} number */
  async #load(number) {
    const age = this.age;
    try {
      const facts = await get(`/api/people?first=${number * CHUNK}&last=${number * CHUNK + CHUNK - 1}`);
      if (age !== this.age) return;
      this.chunks.set(number, facts.frames);
      if (this.chunks.size > 200) this.chunks.delete(/** @type {number} */ (this.chunks.keys().next().value));
    } finally {
      if (age === this.age) this.coming.delete(number);
    }
  }

  /** @param {number[]|null} span first and last frame that changed; null = anything may have */
  forget(span) {
    this.age += 1;
    this.coming.clear();
    for (const number of [...this.chunks.keys()]) {
      if (!span || (number + 1) * CHUNK > span[0] && number * CHUNK <= span[1]) this.chunks.delete(number);
    }
  }
}
