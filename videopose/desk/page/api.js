// Everything that is asked of the server. An edit is sent one at a time and says which line it has seen last; where
// another tab was faster, its lines come first and the edit is sent again under the same uuid.

/**
 * @typedef {{id: number, score: number, k: number[], v: number[], e: number[], ok: number}} Person
 * @typedef {{kind: string, title: string, frame: number, last: number, ids: number[], keypoint: number,
 *            severity: number, text: string, fix: (Record<string, any>|null)}} Doubt
 * @typedef {{id: number, count: number, score: number, runs: number[][], accepted: number[][], edited: number[][]}} Track
 */

export class Refused extends Error {
  /** @param {number} status @param {Record<string, any>} facts */
  constructor(status, facts) {
    super(facts.error || `the server answered ${status}`);
    this.status = status;
    this.facts = facts;
  }
}

/** @param {string} path @returns {Promise<any>} */
export async function get(path) {
  const answer = await fetch(path, { credentials: "same-origin" });
  const facts = await answer.json();
  if (!answer.ok) throw new Refused(answer.status, facts);
  return facts;
}

/** @param {string} path @param {Record<string, any>} body @returns {Promise<any>} */
export async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const facts = await answer.json();
  if (!answer.ok) throw new Refused(answer.status, facts);
  return facts;
}

/** @returns {string} */
export function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Edits {
  /**
   * @param {(facts: Record<string, any>) => Promise<void>} changed called after every line, ours and others'
   * @param {(text: string, waiting: boolean) => void} say
   */
  constructor(changed, say) {
    this.seq = -1;
    this.presses = 0;
    this.changed = changed;
    this.say = say;
    /** @type {Promise<any>} */
    this.last = Promise.resolve();
    this.waiting = 0;
  }

  /**
   * Send an edit after all those before it.
   * @param {string} path @param {Record<string, any>} body without uuid, seq and presses
   * @returns {Promise<any>}
   */
  send(path, body) {
    this.waiting += 1;
    this.say("saving …", true);
    const sent = this.last.catch(() => {}).then(() => this.#sendNow(path, body)).finally(() => {
      this.waiting -= 1;
      if (!this.waiting) this.say("saved", false);
    });
    this.last = sent;
    return sent;
  }

  /** @param {string} path @param {Record<string, any>} body */
  async #sendNow(path, body) {
    const id = uuid();
    const presses = this.presses;
    this.presses = 0;
    for (let tries = 0; ; tries += 1) {
      try {
        const facts = await post(path, { ...body, uuid: id, seq: this.seq, presses });
        this.seq = facts.seq;
        await this.changed(facts);
        return facts;
      } catch (error) {
        if (error instanceof Refused && error.status === 409 && tries < 20) {
          this.seq = error.facts.seq;
          await this.changed({ changed: null, rebased: true });
        } else if (error instanceof Refused && error.status === 429 && tries < 20) {
          await new Promise((done) => setTimeout(done, 300));
        } else if (error instanceof TypeError && tries < 5) {
          this.say("no answer, trying again …", true);
          await new Promise((done) => setTimeout(done, 800));
        } else {
          this.presses += presses;
          throw error;
        }
      }
    }
  }

  /** Look whether another tab has edited. */
  async poll() {
    if (this.waiting || this.seq < 0) return;
    const facts = await get(`/api/log?since=${this.seq}`);
    if (!this.waiting && facts.seq > this.seq) {
      this.seq = facts.seq;
      await this.changed({ ...facts, changed: null, rebased: true });
    }
  }
}
