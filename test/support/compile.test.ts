import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test from 'ava'
import { run } from './commands.ts'
import { type Compiled, compile } from './compile.ts'
import { ROOT } from './ledger-process.ts'

const FILE = 'shared/config/own-command'
const WHERE_IT_THROWS = 'join(root, IN_CHECKOUT)'

const ways: [string, (compiled: Compiled) => { args: string[]; module: string }][] = [
  ['the program', ({ program }) => ({ args: [], module: join(dirname(program), '../..', `${FILE}.js`) })],
  ['what tests import', ({ loader }) => ({ args: ['--import', loader], module: join(ROOT, `${FILE}.ts`) })],
]

for (const [what, way] of ways)
  test(`${what}, compiled for the tests, is the checkout still, and tells where in the sources it failed`, async (t) => {
    const { args, module } = way(await compile())
    const script = `
      const { ownCommand } = await import(${JSON.stringify(module)})
      console.log(ownCommand())
      try { ownCommand(1) } catch (error) { console.log(error.stack) }`
    const options = ['--enable-source-maps', ...args, '--input-type=module', '-e', script]
    const [command, ...stack] = (await run({ file: process.execPath, args: options, cwd: ROOT })).split('\n')
    t.is(command, 'bin/token-ledger')
    const lines = readFileSync(join(ROOT, `${FILE}.ts`), 'utf8').split('\n')
    const line = lines.findIndex((text) => text.includes(WHERE_IT_THROWS)) + 1
    t.true(line > 0)
    t.true(stack.join('\n').includes(`${join(ROOT, FILE)}.ts:${line}:`), stack.join('\n'))
  })
