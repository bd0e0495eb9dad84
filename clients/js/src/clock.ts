/** The server's time. Clocks of clients are often wrong, so each answer's `Date` corrects it. */

export class ServerClock {
  readonly #local: () => number
  #offset = 0

  /** `local` gives the milliseconds since 1970 of this machine. */
  constructor(local: () => number) {
    this.#local = local
  }

  now(): number {
    return Math.round(this.#local() + this.#offset)
  }

  /** Takes the time of an answer that has just arrived. A copy from a cache has an old time, and is left out. */
  learn(answer: Response): void {
    const date = Date.parse(answer.headers.get('date') ?? '')
    // The header has whole seconds, cut off. No envelope can tell a time before 1970.
    if (date > 0 && !answer.headers.has('age')) this.#offset = date + 500 - this.#local()
  }
}
