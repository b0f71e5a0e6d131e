import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { ownCommand, shellWord } from '../../shared/config/own-command.ts'
import { sourcesIn } from '../architecture/sources.ts'
import { ROOT } from '../support/ledger-process.ts'
import { paste, SHELLS, testWith } from '../support/shells.ts'

test('in the checkout it is bin/token-ledger, elsewhere the whole path of that, without one what is installed', async (t) => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'token ledger ')))
  t.teardown(() => rm(folder, { recursive: true }))
  t.is(ownCommand(folder, folder), 'token-ledger')
  await mkdir(join(folder, 'bin'))
  await writeFile(join(folder, 'bin/token-ledger'), '')
  t.is(ownCommand(folder, folder), 'bin/token-ledger')
  t.is(ownCommand(folder, ROOT), `'${folder}/bin/token-ledger'`)
  t.is(ownCommand(undefined, ROOT), 'bin/token-ledger')
})

for (const shell of SHELLS)
  testWith(shell)(`a word with all that shells read otherwise is one word to ${shell}`, async (t) => {
    const word = String.raw`a folder's \ $HOME "{x,y}" ~ * ? ! # \' \n (z); & | > <`
    t.is((await paste(shell, `printf '[%s]' ${shellWord(word)} ${shellWord('.ledger')}`)).out, `[${word}][.ledger]`)
  })

testWith('zsh')('pasted into zsh a comment after a command is none', async (t) => {
  t.is((await paste('zsh', 'echo a # b')).out, 'a # b\n')
})

test('whatever we print names the command line in this one way', (t) => {
  const fixed = sourcesIn('services', 'shared').flatMap(({ file, text }) =>
    text
      .split('\n')
      .filter((line) => !/^\s*(\/\/|\/?\*)/.test(line))
      .filter((line) =>
        /(?<!\/)\btoken-ledger (admin|migrate|serve|demo|keys|audit|projection|secrets|logout|help)\b/.test(line),
      )
      .map((line) => `${file}: ${line.trim()}`),
  )
  t.deepEqual(fixed, [])
})
