// `npm run test:other-node`: the pure tests, the contract of the logs, and one system of real processes, on the
// release of Node.js that is not the one which runs this: 20 where that is newer, else 24. npm carries the programs.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const OLDEST = '20.20.2'
const NEWEST = '24.21.0'
const TESTS = [
  'test/{ledger,tokens,config,http}/**/*.test.ts',
  'test/event-log/*.test.ts',
  'test/event-log/postgres/*.test.ts',
  'test/event-log/kafka/kafka.test.ts',
  'test/system/race.test.ts',
]

const other = Number(process.versions.node.split('.')[0]) > 20 ? OLDEST : NEWEST
const program = `node-${process.platform}-${process.arch}@${other}`
const run = ['--import', 'tsx', join(import.meta.dirname, 'run-tests.ts'), ...TESTS]
console.error(`on Node.js ${other}:`)
// npx puts the program first in PATH: what the tests start by the name `node` is this release too.
const { status, error } = spawnSync('npx', ['--yes', `--package=${program}`, '--', 'node', ...run], {
  stdio: ['ignore', 'inherit', 'inherit'],
})
if (error) console.error(`npx cannot be run: ${error.message}`)
process.exitCode = status ?? 1
