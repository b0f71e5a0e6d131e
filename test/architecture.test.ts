import test from 'ava'
import { mayImport, ROOMS, roomOf } from './architecture/rooms.ts'
import { circlesOf, commentLines, functionsOf, importsOf, sourcesIn } from './architecture/sources.ts'

const MAX_FILE_LINES = 200
const MAX_FOLDER_FILES = 11
const MAX_FUNCTION_LINES = 40
const MAX_MEDIAN_LINES = 8
const MAX_COLUMNS = 120

const sources = sourcesIn('services', 'shared')
const everything = sources.flatMap(importsOf)
const imports = everything.filter(({ to }) => isOurs(to))
const packages = everything.filter(({ to }) => !isOurs(to))
const functions = sources.flatMap(functionsOf)

function isOurs(path: string): boolean {
  return /^(services|shared)\//.test(path)
}

test('every file stands in a declared room', (t) => {
  const homeless = sources.map(({ file }) => file).filter((file) => roomOf(file) === undefined)
  t.deepEqual(homeless, [])
  const empty = Object.keys(ROOMS).filter((room) => !sources.some(({ file }) => roomOf(file) === room))
  t.deepEqual(empty, [])
})

test('every import, of a type as well, goes down to a room that the importing one stands on', (t) => {
  t.true(imports.length > 500)
  const up = imports.filter(({ from, to }) => !mayImport(from, to))
  t.deepEqual(up, [])
})

test('no files import each other in a circle', (t) => {
  t.deepEqual(circlesOf(imports), [])
})

test('nothing of ours reads as if it were HTTP but text that can be stored', (t) => {
  const known = imports.filter(({ from, to }) => isIn('shared/http', from) && !isIn('shared/http', to))
  t.deepEqual([...new Set(known.map(({ to }) => to))], ['shared/ledger/storable-text.ts'])
})

test('the pure core imports nothing from outside itself, not even a package', (t) => {
  const leaks = everything.filter(({ from, to }) => isIn('shared/ledger', from) && !isIn('shared/ledger', to))
  t.deepEqual(leaks, [])
})

test('the pure core asks no clock, no random, no environment and nothing asynchronous', (t) => {
  const impure = /\b(Date\.now|new Date\(\)|Math\.random|crypto\.|process\.|async\s|await\s|setTimeout|performance\.)/
  const core = sources.filter(({ file }) => isIn('shared/ledger', file))
  t.true(core.length > 5)
  const found = core.filter(({ text }) => impure.test(text)).map(({ file }) => file)
  t.deepEqual(found, [])
})

test('no service imports another, but for the composition root', (t) => {
  const serviceOf = (file: string) => /^services\/([^/]+)\//.exec(file)?.[1]
  const crossing = imports.filter(({ from, to }) => {
    const [mine, theirs] = [serviceOf(from), serviceOf(to)]
    return mine !== undefined && theirs !== undefined && mine !== theirs && mine !== 'cli'
  })
  t.deepEqual(crossing, [])
})

test("a service's subjects do not know how it is put together", (t) => {
  const roof = /^services\/[^/]+\/(main|app)\.ts$/
  const subject = /^services\/[^/]+\/[^/]+\//
  const upward = imports.filter(({ from, to }) => subject.test(from) && roof.test(to) && !isIn('services/cli', from))
  t.deepEqual(upward, [])
})

test('shared code knows no service', (t) => {
  const knowing = imports.filter(({ from, to }) => isIn('shared', from) && isIn('services', to))
  t.deepEqual(knowing, [])
})

test('migrations are for the composition root alone', (t) => {
  const others = imports.filter(({ from, to }) => isIn('shared/migrations', to) && !isIn('services/cli/compose', from))
  t.deepEqual(others, [])
})

test('the read model is folded in one place and read in another', (t) => {
  const [projection, reads] = ['shared/read-model/projection', 'shared/read-model/reads'] as const
  const met = imports.filter(
    ({ from, to }) => (isIn(projection, from) && isIn(reads, to)) || (isIn(reads, from) && isIn(projection, to)),
  )
  t.deepEqual(met, [])
})

test('kafkajs is imported by the Kafka adapter only, and what lies inside it by the client only', (t) => {
  const users = packages.filter(({ to }) => to === 'kafkajs' || to.startsWith('kafkajs/'))
  t.true(users.length > 0)
  const strangers = users.filter(({ from, to }) => {
    const room = to === 'kafkajs' ? 'shared/event-log/kafka' : 'shared/event-log/kafka/client'
    return !isIn(room, from)
  })
  t.deepEqual(strangers, [])
})

test('rate-limiter-flexible is imported by the counter of limits only', (t) => {
  const users = packages.filter(({ to }) => to === 'rate-limiter-flexible')
  t.deepEqual([...new Set(users.map(({ from }) => from))], ['shared/accounts/limits/counter.ts'])
})

test('a file of components says by what they are made, so that it runs from any folder', (t) => {
  const first = '/** @jsxRuntime automatic @jsxImportSource preact */\n'
  const made = sources.filter(({ file }) => file.endsWith('x'))
  t.true(made.length > 10)
  t.deepEqual(
    made.filter(({ text }) => !text.startsWith(first)).map(({ file }) => file),
    [],
  )
})

test('every folder is named for what it is, and no file is a barrel', (t) => {
  const vague = /(^|\/)(utils?|helpers?|common|lib|core|types|constants)(\/|\.ts$)|(^|\/)index\.ts$/
  const found = sources.map(({ file }) => file).filter((file) => vague.test(file))
  t.deepEqual(found, [])
})

test(`no file is longer than ${MAX_FILE_LINES} lines`, (t) => {
  const long = sources.filter(({ text }) => text.split('\n').length - 1 > MAX_FILE_LINES).map(({ file }) => file)
  t.deepEqual(long, [])
})

test(`no folder has more than ${MAX_FOLDER_FILES} files`, (t) => {
  const folders = sources.map(({ file }) => file.slice(0, file.lastIndexOf('/')))
  const full = [...new Set(folders)].filter((one) => folders.filter((f) => f === one).length > MAX_FOLDER_FILES)
  t.deepEqual(full, [])
})

test(`no function is longer than ${MAX_FUNCTION_LINES} lines, unless it makes a part out of functions`, (t) => {
  const long = functions.filter(({ lines, isFactory }) => lines > MAX_FUNCTION_LINES && !isFactory)
  t.deepEqual(long, [])
})

test(`half of all functions have at most ${MAX_MEDIAN_LINES} lines`, (t) => {
  t.true(functions.length > 500)
  const lines = functions.map((one) => one.lines).sort((a, b) => a - b)
  t.true((lines[Math.floor(lines.length / 2)] ?? Infinity) <= MAX_MEDIAN_LINES)
})

test(`no comment reaches beyond column ${MAX_COLUMNS}`, (t) => {
  const wide = [...sources, ...sourcesIn('test', 'bench', 'docs')].flatMap((source) =>
    commentLines(source).filter((line) => line.length > MAX_COLUMNS),
  )
  t.deepEqual(wide, [])
})

function isIn(folder: string, path: string): boolean {
  return path.startsWith(`${folder}/`)
}
