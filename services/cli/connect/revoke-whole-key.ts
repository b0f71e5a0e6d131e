import { countText } from '../../../shared/read-model/reads/key-uses.ts'
import type { KeySource } from './keys.ts'

/** What is told while a key is being revoked; the caller decides where. */
export type Tell = (line: string) => void

/** `left`: whether there were still grants when it gave up. */
export type KeyRevoked = { revoked: number; left: boolean }

/** Passes over all grants. Only a process that still makes tokens with the key can need more than two. */
const MAX_PASSES = 10

/**
 * Ends every grant that has something living of this key, pass after pass until one finds none. Repeatable, resumable.
 */
export async function revokeWholeKey(source: KeySource, kid: number, tell: Tell): Promise<KeyRevoked> {
  const before = await source.inUse(kid)
  let revoked = 0
  for (let pass = 1; pass <= MAX_PASSES; pass++) {
    const found = await revokePass(source, kid, (count) => {
      tell(`ended ${revoked + count} grants${pass === 1 ? ` of about ${countText(before.grants, before)}` : ''}`)
    })
    revoked += found
    if (found === 0) return { revoked, left: false }
    if (pass > 1) tell(`${found} of them had got tokens of kid ${kid} meanwhile: some process still has it first`)
  }
  return { revoked, left: true }
}

async function revokePass(source: KeySource, kid: number, tell: (count: number) => void): Promise<number> {
  let count = 0
  let after: string | null = null
  do {
    const page: { revoked: number; next: string | null } = await source.revokePage(kid, after)
    count += page.revoked
    if (page.revoked > 0) tell(count)
    after = page.next
  } while (after !== null)
  return count
}
