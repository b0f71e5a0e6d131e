import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { MUTANTS } from './mutants.ts'

const ROOT = join(import.meta.dirname, '../..')

test('every deliberate break still fits the code, and its tests are there', (t) => {
  for (const { name, file, find, replace, tests } of MUTANTS) {
    t.is(readFileSync(join(ROOT, file), 'utf8').split(find).length, 2, `${name}: ${file} must hold this once: ${find}`)
    t.not(find, replace, name)
    t.true(tests.length > 0, name)
    for (const path of tests) t.notThrows(() => readFileSync(join(ROOT, path)), name)
  }
  t.is(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length)
})
