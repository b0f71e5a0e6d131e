import type { Logger } from 'pino'
import type { Silent } from '../../event-log/event-log.ts'
import { placesOf, placeText } from '../../event-log/places.ts'
import type { Parts } from '../open-parts.ts'
import { repeat } from '../repeat.ts'

const EVERY_MS = 1_000

export type AppendWatch = { problems: () => string[]; stop: () => Promise<void> }

/**
 * Asks each second whether the log could be appended to; `problems()` gives the latest answer. Resolves with the first:
 * from then on the leaders are connected to, so that the first append meets none for the first time.
 */
export async function watchAppends(
  { log, topics }: Pick<Parts, 'log' | 'topics'>,
  logger: Logger,
): Promise<AppendWatch> {
  const places = placesOf(topics)
  let latest: string[] = []

  async function look(): Promise<void> {
    const silent = await log.unwritable(places)
    const problems = problemsOf(silent, places.length)
    if (problems.join() !== latest.join()) tell(silent, problems)
    latest = problems
  }

  // The reasons, which may name addresses, stay in the log.
  function tell(silent: Silent[], problems: string[]): void {
    if (problems.length > 0) logger.warn({ silent }, problems.join())
    else logger.info('the log can be appended to again')
  }

  await look()
  return { problems: () => latest, ...repeat(look, EVERY_MS) }
}

function problemsOf(silent: Silent[], all: number): string[] {
  if (silent.length === 0) return []
  return [
    silent.length < all ? `cannot append to ${silent.map(placeText).join(', ')}` : 'cannot append: the log is away',
  ]
}
