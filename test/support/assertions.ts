import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import { v7 as uuidv7 } from 'uuid'
import { ASSERTION_TYPE } from '../../shared/callers/client-assertion.ts'
import type { Client, JwkSet } from '../../shared/ledger/client.ts'
import { ISSUER, type TestLedger } from './ledger.ts'
import { seeded } from './kept-logs.ts'

type Key = { alg: string; kid: string; privateKey: CryptoKey; jwk: JwkSet['keys'][number] }

/** Claims of an assertion; one that is `undefined` is left out. */
type Claims = { [claim: string]: unknown }
type Header = { alg?: string; kid?: string | undefined; [member: string]: unknown }

/** A client that signs. `claims`: of a good assertion, for a minute, with a `jti` of its own. */
export type Signer = {
  client_id: string
  key: Key
  sign: (claims?: Claims, header?: Header) => Promise<string>
  /** The parameters that prove it. */
  proof: (claims?: Claims, header?: Header) => Promise<Record<string, string>>
}

/** A new pair of keys, the public one as it is registered. */
export async function newKey(alg = 'ES256', kid: string = uuidv7()): Promise<Key> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), kid }
  return { alg, kid, privateKey, jwk: jwk as Key['jwk'] }
}

/** Registers a client of private_key_jwt with this key. */
export async function signer(
  ledger: Pick<TestLedger, 'client'>,
  over: Partial<Client> = {},
  key?: Key,
): Promise<Signer> {
  const own = key ?? (await newKey())
  const jwks = { keys: [own.jwk] }
  const as = await ledger.client({ token_endpoint_auth_method: 'private_key_jwt', secret: null, jwks, ...over })
  return signerOf(as.client_id, own)
}

/** The same of a client that there is. */
export function signerOf(client_id: string, key: Key): Signer {
  const sign = async (claims: Claims = {}, header: Header = {}) => {
    const now = Math.floor(Date.now() / 1000)
    const all = { iss: client_id, sub: client_id, aud: ISSUER, jti: uuidv7(), iat: now, exp: now + 60, ...claims }
    const given = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as JWTPayload
    const assertion = await new SignJWT(given)
      .setProtectedHeader({ alg: key.alg, kid: key.kid, ...header } as { alg: string })
      .sign(key.privateKey)
    seeded(assertion)
    return assertion
  }
  const proof = async (claims?: Claims, header?: Header) => ({
    client_assertion_type: ASSERTION_TYPE,
    client_assertion: await sign(claims, header),
  })
  return { client_id, key, sign, proof }
}
