import { isSamePlace, placeText } from '../../shared/event-log/places.ts'
import { loadCheckpoints } from '../../shared/read-model/checkpoints.ts'
import type { HeldCheckpoints } from './held-checkpoints.ts'
import type { ReadModel } from '../../shared/read-model/read-model.ts'

const EVERY_MS = 1_000

/** The database has lost what it had committed: a failover to a standby that was behind, or a restored backup. */
export class CommitsLost extends Error {
  constructor(place: string) {
    super(`the checkpoint of ${place} went back: the database lost commits, so the projector must begin again`)
    this.name = 'CommitsLost'
  }
}

/**
 * Looks each second whether a checkpoint stands below where this process saw it committed. Then `lost` rejects: without
 * a new record nobody else would notice, and the partition would stay incomplete. A new process begins at the
 * checkpoints.
 */
export function watchLostCommits(readModel: ReadModel, reached: HeldCheckpoints['reached']) {
  const stopping = new AbortController()

  async function look(): Promise<void> {
    const before = reached()
    // An unreachable database is somebody else's to report.
    const checkpoints = await loadCheckpoints(readModel, Object.values(readModel.topics)).catch(() => [])
    for (const place of before) {
      const now = checkpoints.find((one) => isSamePlace(one, place))
      if (now && now.next < place.next) throw new CommitsLost(placeText(place))
    }
  }

  const lost = new Promise<never>((_resolve, reject) => {
    const timer = setInterval(() => void look().catch(reject), EVERY_MS)
    stopping.signal.addEventListener('abort', () => clearInterval(timer))
  })
  return { lost, stop: () => stopping.abort() }
}
