import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { run } from '../../support/commands.ts'
import { ROOT } from '../../support/ledger-process.ts'
import type { Program } from '../../support/program.ts'

/** The release before this one, compiled, with the read model of layout 1: an installed ledger that is to follow. */
export async function releaseBefore(t: Pick<ExecutionContext, 'teardown'>): Promise<Program> {
  const folder = await mkdtemp(join(tmpdir(), 'token-ledger-release-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const archive = join(import.meta.dirname, 'release-of-ledger_v1.tar.gz')
  await run({ file: 'tar', args: ['-xzf', archive, '-C', folder] })
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  return [join(folder, 'dist/services/cli/main.js')]
}
