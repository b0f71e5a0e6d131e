import { createPublicKey, type KeyObject } from 'node:crypto'
import { z } from 'zod'

const MAX_KEYS = 20

/** Bits of an RSA modulus: fewer are weak, more take long to verify. */
const MODULUS = { min: 2048, max: 8192 }

const EC_CURVES = { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512' }

/** What makes a key a private or a shared one (RFC 7518 §6): a mistake of the sender, who is told so. */
const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']
const NEVER = z.never({ error: 'is of a private key: send the public one, and let nobody use this one any more' })
const NONE_PRIVATE = Object.fromEntries(PRIVATE.map((member) => [member, NEVER.optional()]))

const base64url = (most: number) => z.string().regex(new RegExp(`^[\\w-]{1,${most}}$`), 'must be base64url')

const shared = {
  kid: z.string().regex(/^[\x21-\x7e]{1,100}$/, 'must be 1 to 100 visible ASCII, another for each key'),
  use: z.literal('sig', { error: 'must be sig' }).optional(),
  key_ops: z.tuple([z.literal('verify')], { error: 'must be ["verify"]' }).optional(),
  ...NONE_PRIVATE,
}

const algorithm = (...names: string[]) => z.enum(names, { error: `must be ${names.join(' or ')}` }).optional()

const RSA = z.strictObject({
  kty: z.literal('RSA'),
  n: base64url(Math.ceil(MODULUS.max / 6)),
  e: base64url(8),
  alg: algorithm('RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'),
  ...shared,
})
const EC = z.strictObject({
  kty: z.literal('EC'),
  crv: z.enum(Object.keys(EC_CURVES), { error: `must be ${Object.keys(EC_CURVES).join(' or ')}` }),
  x: base64url(88),
  y: base64url(88),
  alg: algorithm(...Object.values(EC_CURVES)),
  ...shared,
})
const OKP = z.strictObject({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519', { error: 'must be Ed25519' }),
  x: base64url(43),
  alg: algorithm('EdDSA', 'Ed25519'),
  ...shared,
})

type Jwk = z.output<typeof RSA> | z.output<typeof EC> | z.output<typeof OKP>

const JWK = z
  .discriminatedUnion('kty', [RSA, EC, OKP], { error: 'must be RSA, EC or OKP' })
  .superRefine((jwk: Jwk, context) => {
    const problem = problemOf(jwk)
    if (problem) context.addIssue({ code: 'custom', path: [problem[0]], message: problem[1] })
  })

/** Public keys that a client signs with (RFC 7517): RSA of 2048 to 8192 bits, P-256, P-384, P-521 and Ed25519. */
export const JWKS = z.strictObject({
  keys: z
    .array(JWK)
    .min(1)
    .max(MAX_KEYS)
    .refine((keys) => new Set(keys.map(({ kid }) => kid)).size === keys.length, 'each must have a kid of its own'),
})

/** What makes it no key that anything can be verified with: the member, and why. */
function problemOf(jwk: Jwk): [member: string, problem: string] | null {
  const key = publicKey(jwk)
  if (jwk.kty !== 'RSA') {
    if (!key) return ['x', `is no point of ${jwk.crv}`]
    const wanted = jwk.kty === 'EC' ? EC_CURVES[jwk.crv as keyof typeof EC_CURVES] : jwk.alg
    return jwk.alg === undefined || jwk.alg === wanted ? null : ['alg', `must be ${wanted} for ${jwk.crv}`]
  }
  const { modulusLength = 0, publicExponent = 0n } = key?.asymmetricKeyDetails ?? {}
  if (modulusLength < MODULUS.min || modulusLength > MODULUS.max)
    return ['n', `must be a modulus of ${MODULUS.min} to ${MODULUS.max} bits`]
  return publicExponent < 3n || publicExponent % 2n === 0n ? ['e', 'must be odd, and 3 or more'] : null
}

function publicKey(jwk: Jwk): KeyObject | null {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' })
  } catch {
    return null
  }
}
