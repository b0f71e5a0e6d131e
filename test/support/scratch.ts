import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * A new folder for the files of one throw-away part. During `npm test` all of them lie in one place (TEST_SCRATCH), so
 * that the run can stop what a crashed test file left behind.
 */
export function scratchFolder(kind: 'kafka' | 'postgres'): Promise<string> {
  return mkdtemp(join(process.env['TEST_SCRATCH'] ?? tmpdir(), `${kind}-`))
}
