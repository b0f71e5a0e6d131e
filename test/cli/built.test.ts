import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { ROOT } from '../support/ledger-process.ts'
import { run } from '../support/commands.ts'

const BUILT = join(ROOT, 'dist/services/cli/main.js')
// `npm ci` builds it; without it there is nothing that a newcomer could run.
const built = existsSync(BUILT) || process.env['CI'] === 'true' ? test : test.skip

built('the built command line tells its version and its help', async (t) => {
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string }
  t.is((await run({ file: process.execPath, args: [BUILT, '--version'] })).trim(), version)
  t.regex(await run({ file: process.execPath, args: [BUILT, '--help'] }), /migrate/)
})
