import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { commandLine } from '../support/command-line.ts'
import { run } from '../support/commands.ts'
import { type Shell, testWith } from '../support/shells.ts'

/** What is typed, and what it becomes; several words where each of them would do. */
const TYPED: [string, string[]][] = [
  ['token-ledger clie', ['clients']],
  ['token-ledger scopes upd', ['update']],
  ['token-ledger clients create --refresh-token-li', ['--refresh-token-lifetime', '--refresh-token-limit']],
  ['token-ledger users list --format y', ['yaml']],
  ['token-ledger clients create --client-type pub', ['public']],
  ['token-ledger serve token-', ['token-check', 'token-endpoint']],
  ['bin/token-ledger completion f', ['fish']],
  ['token-ledger groups create --description cli', []],
]

/** Has each line completed, and prints on a line what there is for it. */
const ASKS: Record<Shell, string> = {
  bash: `
ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _token_ledger; echo "\${COMPREPLY[@]}"; }
`,
  fish: 'function ask; complete -C "$argv" | string replace -r "\\t.*" "" | string join " "; end\n',
  zsh: '',
}

async function completed(t: ExecutionContext, shell: Shell): Promise<string[][]> {
  const folder = await mkdtemp(join(tmpdir(), 'token-ledger-completion-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const { code, out, err } = await commandLine({}, 'completion', shell)
  t.is(code, 0, err)
  const script = join(folder, 'completion')
  await writeFile(script, out)
  const lines = TYPED.map(([typed]) => typed)
  const asking =
    shell === 'zsh'
      ? zshAsking(script, lines)
      : `source ${script}\n${ASKS[shell]}${lines.map((line) => `ask ${line}`).join('\n')}\nexit 0\n`
  const file = join(folder, 'ask')
  await writeFile(file, asking)
  const args = { bash: ['--norc', file], zsh: ['-f', file], fish: ['--no-config', file] }[shell]
  // Its last line may be empty: nothing completes it.
  const told = (await run({ file: shell, args, env: { TERM: 'dumb', HOME: folder } })).split('\n')
  return lines.map((_, at) => (told[at] ?? '').split(' ').filter(Boolean).sort())
}

/** A shell within the shell, into which each line is typed, then TAB and a key that shows what there is. */
function zshAsking(script: string, lines: string[]): string {
  const show = 'show() { print -r -- "[$BUFFER]"; BUFFER=; }; zle -N show; bindkey "^X" show'
  const start = `PS1=; autoload -Uz compinit; compinit -u -D; source ${script}; ${show}; print RE""ADY`
  return `zmodload zsh/zpty
zpty z 'zsh -f -i'
zpty -w z '${start}'
zpty -r -m z line '*READY*'
for typed in ${lines.map((line) => `'${line}'`).join(' ')}; do
  zpty -w -n z "$typed"$'\\t\\x18'
  zpty -r -m z line '*\\[*token-ledger*\\]*'
  print -r -- "\${\${line##*\\[}%%\\]*}"
done
zpty -d z
`
}

for (const shell of ['bash', 'fish'] as const)
  testWith(shell)(`${shell} completes verbs, options and choices, and no text of others`, async (t) => {
    const told = await completed(t, shell)
    for (const [at, [typed, words]] of TYPED.entries()) t.deepEqual(told[at], [...words].sort(), typed)
  })

testWith('zsh')('zsh completes verbs, options and choices, and no text of others', async (t) => {
  const told = await completed(t, 'zsh')
  for (const [at, [typed, words]] of TYPED.entries()) {
    const before = typed.split(' ').slice(0, -1)
    const last = typed.split(' ').at(-1) ?? ''
    // Of several it types what they have in common.
    const common = words.reduce(
      (one, other) => [...one].filter((char, n) => other.startsWith(one.slice(0, n) + char)).join(''),
      words[0] ?? last,
    )
    t.deepEqual(told[at], [...before, common].sort(), typed)
  }
})
