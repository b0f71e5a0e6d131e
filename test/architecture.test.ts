import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import test from 'ava'

const ROOT = resolve(import.meta.dirname, '..')
const IMPORT =
  /(?:import|export)\s[^'"]*?from\s+['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)|^import\s+['"]([^'"]+)['"]/gm

type Import = { from: string; to: string }

const sources = ['services', 'shared'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file)),
)
const imports: Import[] = sources.flatMap((from) => importsOf(from))

/** Outside of `services/cli` and the shared folders named, a package may be imported by one module only. */
const ONE_MODULE_FAMILY = { kafkajs: /^shared\/event-log\/kafka\// }

test('the pure core imports nothing from outside itself', (t) => {
  const leaks = imports.filter(({ from, to }) => from.startsWith('shared/ledger/') && !to.startsWith('shared/ledger/'))
  t.deepEqual(leaks, [])
})

test('the pure core asks no clock, no random, no environment and nothing asynchronous', (t) => {
  const impure = /\b(Date\.now|new Date\(\)|Math\.random|crypto\.|process\.|async\s|await\s|setTimeout|performance\.)/
  const core = sources.filter((file) => file.startsWith('shared/ledger/'))
  t.true(core.length > 5)
  t.deepEqual(
    core.filter((file) => impure.test(readFileSync(join(ROOT, file), 'utf8'))),
    [],
  )
})

test('no service imports another, but for the composition root', (t) => {
  const serviceOf = (file: string) => /^services\/([^/]+)\//.exec(file)?.[1]
  const crossing = imports.filter(({ from, to }) => {
    const [mine, theirs] = [serviceOf(from), serviceOf(to)]
    return mine !== undefined && theirs !== undefined && mine !== theirs && mine !== 'cli'
  })
  t.deepEqual(crossing, [])
})

test('shared code knows no service', (t) => {
  t.deepEqual(
    imports.filter(({ from, to }) => from.startsWith('shared/') && to.startsWith('services/')),
    [],
  )
})

test('kafkajs is imported by the Kafka adapter only', (t) => {
  const allowed = ONE_MODULE_FAMILY.kafkajs
  const importers = imports.filter(({ to }) => to === 'kafkajs' || to.startsWith('kafkajs/')).map(({ from }) => from)
  t.true(importers.length > 0)
  t.deepEqual(
    importers.filter((from) => !allowed.test(from)),
    [],
  )
})

test('every folder is named for what it is, and no file is a barrel', (t) => {
  const vague = /(^|\/)(utils?|helpers?|common|lib|core|types|constants)(\/|\.ts$)|(^|\/)index\.ts$/
  t.deepEqual(
    sources.filter((file) => vague.test(file)),
    [],
  )
})

function importsOf(from: string): Import[] {
  const text = readFileSync(join(ROOT, from), 'utf8')
  return [...text.matchAll(IMPORT)].map((match) => {
    const specifier = match[1] ?? match[2] ?? match[3] ?? ''
    const to = specifier.startsWith('.') ? relative(ROOT, join(ROOT, dirname(from), specifier)) : specifier
    return { from, to }
  })
}
