import { writeFile } from 'node:fs/promises'
import { constants, setPriority } from 'node:os'

/**
 * Whoever serves in this machine or container goes before this process from now on, for the processor and for memory.
 */
export async function giveWay(): Promise<void> {
  try {
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL)
    await writeFile('/proc/self/oom_score_adj', '1000')
  } catch {
    // Where the system does not let us, we are as quick as the others.
  }
}
