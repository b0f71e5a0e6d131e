import { existsSync } from 'node:fs'
import { isAbsolute, join, relative } from 'node:path'

const IN_CHECKOUT = 'bin/token-ledger'

/**
 * How this command line is called from where this process was started, for all that we print to be pasted: by the
 * checkout's `bin/token-ledger`, which starts faster than npx; `token-ledger` where it was installed without one.
 */
export function ownCommand(root: string = ROOT, cwd: string = process.cwd()): string {
  const file = join(root, IN_CHECKOUT)
  if (!existsSync(file)) return 'token-ledger'
  const near = relative(cwd, file)
  return shellWord(near.startsWith('..') || isAbsolute(near) ? file : near)
}

/** A text as one word of a command line that bash, zsh and fish read alike. */
export function shellWord(text: string): string {
  if (/^[\w./:@%+,-]+$/.test(text)) return text
  return `'${text.replace(/['\\]+/g, (some) => `'${[...some].map((one) => `\\${one}`).join('')}'`)}'`
}

// This file stands at the same depth below what was compiled as below the checkout, which that is a folder of.
const ABOVE = join(import.meta.dirname, '../..')
const ROOT = existsSync(join(ABOVE, 'package.json')) ? ABOVE : join(ABOVE, '..')
