import { join } from 'node:path'

const MAIN = join(import.meta.dirname, '../../services/cli/main.ts')
const COMPILED = process.env['TEST_PROGRAM']

/** What runs the command line: Node's own arguments. */
export type Program = readonly string[]

/** As this run of `npm test` compiled it; from the sources where nothing was: `npx ava`, and `npm run mutants`. */
export const PROGRAM: Program = COMPILED
  ? ['--enable-source-maps', COMPILED]
  : ['--import', import.meta.resolve('tsx'), MAIN]

/** The same with its Node, as words of a shell. */
export const PROGRAM_WORDS = [process.execPath, ...PROGRAM].map((word) => `'${word}'`).join(' ')
