import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Keys } from '../../tokens/keys.ts'
import { passwordForm } from './rules.ts'
import { COST, type Scrypt } from './scrypt.ts'
import type { ScryptCost } from './scrypt-thread.ts'

const SALT_BYTES = 16

/**
 * A password at rest: HMAC-SHA-256, under the subkey `password` of `kid`, of what scrypt made of it. Whoever has the
 * table alone cannot even try passwords.
 */
export type PasswordHash = { kid: number; salt: Buffer; cost: ScryptCost; hash: Buffer }

/** Whether it was the right one, and as what it is to be stored where its kid is no longer the current one. */
export type Verified = { right: boolean; anew: PasswordHash | null }

export type Hashing = {
  /** Of a password that `passwordProblem` lets pass. QueueFull. */
  hash(password: string): Promise<PasswordHash>
  /**
   * Compares what somebody sent with what is stored, by the same work whatever is stored, and whatever was sent;
   * `null`: nothing is, and the answer is no. Throws where the kid is not here. QueueFull.
   */
  verify(password: string, stored: PasswordHash | null): Promise<Verified>
}

/** Hashes passwords with the keys of one process. */
export function createHashing(keys: Keys, scrypt: Scrypt): Hashing {
  const nobodys = { kid: keys.current, salt: randomBytes(SALT_BYTES), cost: COST, hash: randomBytes(32) }

  function peppered(kid: number, scrypted: Buffer): Buffer {
    const pepper = keys.subkey('password', kid)
    if (!pepper) throw new Error(`no pepper of passwords under kid ${kid}`)
    return createHmac('sha256', pepper).update(scrypted).digest()
  }

  async function hash(password: string): Promise<PasswordHash> {
    const form = passwordForm(password)
    if (form === null) throw new Error('this can be no password')
    const salt = randomBytes(SALT_BYTES)
    const scrypted = await scrypt(form, salt, COST)
    return { kid: keys.current, salt, cost: COST, hash: peppered(keys.current, scrypted) }
  }

  async function verify(password: string, stored: PasswordHash | null): Promise<Verified> {
    const form = passwordForm(password)
    const { kid, salt, cost, hash: expected } = stored ?? nobodys
    const scrypted = await scrypt(form ?? '', salt, cost)
    const equal = timingSafeEqual(peppered(kid, scrypted), expected)
    const right = equal && stored !== null && form !== null
    const isOld = right && kid !== keys.current
    return { right, anew: isOld ? { kid: keys.current, salt, cost, hash: peppered(keys.current, scrypted) } : null }
  }

  return { hash, verify }
}
