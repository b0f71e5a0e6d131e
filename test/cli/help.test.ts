import test from 'ava'
import type { Command } from 'commander'
import { fitted } from '../../services/cli/help.ts'
import { createProgram } from '../../services/cli/program.ts'

/** Every verb, as it is called, with its help. */
function verbs(command: Command, path: string[] = []): { path: string; help: string }[] {
  if (command.commands.length > 0) return command.commands.flatMap((one) => verbs(one, [...path, one.name()]))
  let help = ''
  command.configureOutput({ writeOut: (text) => (help += fitted(text)) }).outputHelp()
  return [{ path: path.join(' '), help }]
}

const all = verbs(await createProgram())

test('the help of every verb has an example of it, and says what each exit code means', (t) => {
  t.true(all.length > 60)
  for (const { path, help } of all) {
    const words = help.replaceAll(/\s+/g, ' ')
    // What is skipped is told by "projection status", with the command.
    const example = path === 'projection skip' ? 'projection status' : path
    t.regex(words, new RegExp(`Examples?: .*token-ledger ${example}`), path)
    t.regex(words, /Exit codes: 0 .*1 .*2 wrong usage.*, 3 a part cannot be reached/, path)
  }
})

test('every verb that prints what it found has every format', (t) => {
  const silent =
    /^(migrate|serve|keys (generate|derive)|secrets|logout|help|completion)|^projection (skip|drop)|^users (export|reindex)/
  for (const { path, help } of all) {
    if (silent.test(path)) continue
    t.regex(
      help.replaceAll(/\s+/g, ' '),
      /--format <format> how to print \(choices: "table", "json", "jsonl", "yaml"/,
      path,
    )
  }
})
