import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { MUTANTS } from './mutants.ts'

const ROOT = join(import.meta.dirname, '../..')

test('every deliberate break still fits the code, and its tests are there', (t) => {
  for (const { name, file, changes, tests } of MUTANTS) {
    const text = readFileSync(join(ROOT, file), 'utf8')
    for (const [find] of changes) t.is(text.split(find).length, 2, `${name}: ${file} must hold this once: ${find}`)
    t.true(tests.length > 0, name)
    for (const path of tests) t.notThrows(() => readFileSync(join(ROOT, path)), name)
  }
  t.is(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length)
})
