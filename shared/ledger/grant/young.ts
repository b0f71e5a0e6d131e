import { isWithinGrace, MAX_GRACE_SECONDS } from './times.ts'

/** When a generation was made (ms). */
export type Made = { readonly generation: number; readonly at: number }

/**
 * The generations of a grant that any grace can still reach, oldest first; a missing one is older. Never changes for
 * who holds it, though the next state appends to the same array: each sees its own part of it only. So a refresh costs
 * the same whether the grant was refreshed once in the last 300 s or 30,000 times.
 */
export class Young implements Iterable<Made> {
  readonly #made: Made[]
  readonly #start: number
  readonly #end: number

  private constructor(made: Made[], start: number, end: number) {
    this.#made = made
    this.#start = start
    this.#end = end
  }

  /** Those at hand, in any order. */
  static of(made: Iterable<Made>): Young {
    const sorted = [...made].sort((a, b) => a.generation - b.generation)
    return new Young(sorted, 0, sorted.length)
  }

  /** With the generation made next, and without those that are too old by then. */
  and(next: Made): Young {
    let start = this.#start
    while (start < this.#end && !isYoung(this.#at(start), next.at)) start++
    const made = this.#appendable(start)
    made.push(next)
    return new Young(made, made.length - 1 - (this.#end - start), made.length)
  }

  /** When this generation was made; `undefined`: longer ago than any grace, or never. */
  madeAt(generation: number): number | undefined {
    let [low, high] = [this.#start, this.#end]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#at(middle).generation < generation) low = middle + 1
      else high = middle
    }
    const found = low < this.#end ? this.#at(low) : undefined
    return found?.generation === generation ? found.at : undefined
  }

  /** What `of` takes. */
  toJSON(): Made[] {
    return [...this]
  }

  *[Symbol.iterator](): Iterator<Made> {
    for (let index = this.#start; index < this.#end; index++) yield this.#at(index)
  }

  #at(index: number): Made {
    return this.#made[index] as Made
  }

  // The shared array, unless another state went on from here already, or most of it is too old for anybody.
  #appendable(start: number): Made[] {
    const isLatest = this.#made.length === this.#end
    return isLatest && start <= this.#made.length / 2 ? this.#made : this.#made.slice(start, this.#end)
  }
}

function isYoung({ at }: Made, now: number): boolean {
  return isWithinGrace(at, now, MAX_GRACE_SECONDS)
}
