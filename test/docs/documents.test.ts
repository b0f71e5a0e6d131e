import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import test from 'ava'
import type { Command } from 'commander'
import { generated } from '../../docs/generate/main.ts'
import { fitted } from '../../services/cli/help.ts'
import { createProgram } from '../../services/cli/program.ts'
import { CLIENT_VARIABLES, isSecret, SETTING_NAMES } from '../../shared/config/settings.ts'
import { documents, read, ROOT, withoutCode } from './documents.ts'

const texts = documents()
const program = await createProgram()

/** Every match of a pattern with one group, in all documents. */
function found(pattern: RegExp): { path: string; what: string }[] {
  return texts.flatMap(({ path, text }) => [...text.matchAll(pattern)].map((match) => ({ path, what: match[1] ?? '' })))
}

test('what is generated is up to date: else run "npm run docs"', async (t) => {
  for (const [path, text] of await generated(new URL('../../', import.meta.url))) t.true(read(path) === text, path)
})

test('every relative link leads to a file, and its fragment to a heading', (t) => {
  const links = found(/\](?:\(|: )(?!\w+:)([^)\s]+)/g)
  t.true(links.length > 50)
  t.deepEqual(
    links.filter(({ path, what }) => !isThere(path, what)),
    [],
  )
})

test('README.md is an entrance: short, with what is lacking in its first ten lines, and leads to every page', (t) => {
  const lines = read('README.md').split('\n')
  t.true(lines.length <= 150)
  t.regex(lines.slice(0, 10).join('\n'), /cannot do yet.*docs\/limits\.md/s)
  const pages = texts.map(({ path }) => path).filter((path) => /^docs\/[^/]+$|^[A-Z]+\.md$/.test(path))
  t.true(pages.length > 10)
  t.deepEqual(
    pages.filter(
      (path) => path !== 'README.md' && !lines.some((line) => line.startsWith('|') && line.includes(`(${path})`)),
    ),
    [],
  )
})

test('every file that is named in code exists', (t) => {
  const named = found(/`((?:services|shared|test|bench|docs)\/[\w./-]+\.\w+)`/g)
  t.true(named.length > 5)
  t.deepEqual(
    named.filter(({ what }) => !existsSync(join(ROOT, what))),
    [],
  )
})

test('every setting that is named exists', (t) => {
  const settings = SETTING_NAMES.flatMap((name) => (isSecret(name) ? [name, `${name}_FILE`] : [name]))
  const known = new Set([...settings, ...Object.keys(CLIENT_VARIABLES)])
  t.deepEqual(
    found(/\bLEDGER_([A-Z][A-Z_]*[A-Z])\b/g).filter(({ what }) => !known.has(what)),
    [],
  )
})

test('every command, service and option of the command line that is named exists', (t) => {
  const commands = found(/(?:npx token-ledger|bin\/token-ledger|`token-ledger|cli\/main\.js) +([\w][^`\n|#&>]*)/g)
  t.true(commands.length > 10)
  t.deepEqual(
    commands.flatMap(({ path, what }) => problemsOf(what).map((problem) => `${path}: ${what}: ${problem}`)),
    [],
  )
})

test('every script of npm that is named exists', (t) => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  t.deepEqual(
    found(/npm run ([\w:-]+)/g).filter(({ what }) => !(what in scripts)),
    [],
  )
})

test('no secret is an argument or an option of a command: others could see it in the list of processes', (t) => {
  const names = all(program).flatMap(({ options, registeredArguments }) => [
    ...options.map(({ flags }) => flags),
    ...registeredArguments.map((argument) => argument.name()),
  ])
  t.true(names.length > 15)
  t.deepEqual(
    names.filter((name) => /secret|password|token/i.test(name) && !ABOUT_TOKENS.test(name)),
    [],
  )
})

/** Says how tokens are made, or in which file a secret stands, and is none. */
const ABOUT_TOKENS = /^--(\w+-)*token-(\w+-)*(lifetime|limit|method) |-file <file>$/

test('every help fits 80 columns', (t) => {
  for (const command of all(program)) {
    let help = ''
    command.configureOutput({ writeOut: (text) => (help += fitted(text)) }).outputHelp()
    t.deepEqual(
      help.split('\n').filter(({ length }) => length > 80),
      [],
    )
  }
})

function isThere(path: string, link: string): boolean {
  const [file = '', fragment] = link.split('#')
  const target = file === '' ? join(ROOT, path) : resolve(ROOT, dirname(path), file)
  if (!existsSync(target)) return false
  return fragment === undefined || headings(readFileSync(target, 'utf8')).includes(fragment)
}

/** The fragments of a document's headings, as code hosts make them: the second of one name ends with -1. */
function headings(text: string): string[] {
  const names = [...withoutCode(text).matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  )
  return names.map((name, at) => {
    const before = names.slice(0, at).filter((one) => one === name).length
    return before === 0 ? name : `${name}-${before}`
  })
}

/** What of a written command line the program does not know. */
function problemsOf(line: string): string[] {
  const words = line.trim().split(/\s+/)
  let command: Command = program
  const problems: string[] = []
  for (const word of words) {
    if (word.startsWith('--')) {
      if (!command.options.some(({ long }) => long === word)) problems.push(`no option ${word}`)
    } else if (command.commands.length > 0) {
      const next = command.commands.find((one) => one.name() === word)
      if (!next) return [`no command ${word}`]
      command = next
    } else {
      const choices = command.registeredArguments[0]?.argChoices
      if (choices && /^[a-z]/.test(word) && !choices.includes(word)) problems.push(`no choice ${word}`)
    }
  }
  return problems
}

function all(command: Command): Command[] {
  return [command, ...command.commands.flatMap(all)]
}
