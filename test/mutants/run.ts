// `npm run mutants [-- NAME…]`: breaks the product on purpose, one break at a time and in a copy of the checkout, runs
// the nearest tests, and says which breaks nobody noticed. Exit code 1 when one survived, or could not be tried. About
// 20 s a break.
import { spawn } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runWithParts } from '../support/provide-parts.ts'
import { MUTANTS, type Mutant } from './mutants.ts'

const ROOT = join(import.meta.dirname, '../..')
const COPIED = ['bin', 'services', 'shared', 'test', 'docs', 'bench', 'package.json', 'tsconfig.json', 'ava.config.js']

const wanted = process.argv.slice(2)
const chosen = MUTANTS.filter(({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
await runWithParts(tryAll)

async function tryAll(ended: AbortSignal): Promise<number> {
  if (chosen.length === 0) throw new Error(`no break is named like ${wanted.join(', ')}`)
  const copy = await copyOfCheckout()
  try {
    if (!(await pass(copy, testsOf(chosen), ended, 'inherit'))) {
      console.log('the tests above fail without any break: nothing can be said')
      return 1
    }
    const survivors: string[] = []
    for (const mutant of chosen) if (await survives(copy, mutant, ended)) survivors.push(mutant.name)
    console.log(`${chosen.length - survivors.length} of ${chosen.length} breaks were caught`)
    return survivors.length > 0 ? 1 : 0
  } finally {
    await rm(copy, { recursive: true, force: true })
  }
}

async function copyOfCheckout(): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), 'token-ledger-mutants-'))
  for (const name of COPIED) await cp(join(ROOT, name), join(copy, name), { recursive: true })
  for (const name of ['node_modules', '.kafka']) await symlink(join(ROOT, name), join(copy, name))
  return copy
}

async function survives(copy: string, { name, file, changes, tests }: Mutant, ended: AbortSignal): Promise<boolean> {
  const path = join(copy, file)
  const text = await readFile(path, 'utf8')
  await writeFile(path, broken(text, changes))
  const survived = await pass(copy, tests, ended)
  await writeFile(path, text)
  console.log(`${survived ? 'SURVIVED' : 'caught  '}  ${name}`)
  return survived
}

function broken(text: string, changes: Mutant['changes']): string {
  return changes.reduce((before, [find, replace]) => {
    if (before.split(find).length !== 2) throw new Error(`this does not stand there once: ${find}`)
    return before.replace(find, () => replace)
  }, text)
}

function testsOf(mutants: Mutant[]): string[] {
  return [...new Set(mutants.flatMap(({ tests }) => tests))]
}

function pass(folder: string, tests: string[], ended: AbortSignal, output: 'inherit' | 'ignore' = 'ignore') {
  const ava = join(folder, 'node_modules/ava/entrypoints/cli.mjs')
  const child = spawn(process.execPath, [ava, ...tests], { cwd: folder, stdio: ['ignore', output, output] })
  const kill = () => child.kill()
  ended.addEventListener('abort', kill)
  return new Promise<boolean>((resolve) =>
    child.once('exit', (code) => {
      ended.removeEventListener('abort', kill)
      resolve(code === 0)
    }),
  )
}
