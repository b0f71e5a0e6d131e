import test from 'ava'
import { s256, verify } from '../../shared/tokens/pkce.ts'

// RFC 7636 appendix B.
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
const S256 = { code_challenge: CHALLENGE, code_challenge_method: 'S256' } as const
const PLAIN = { code_challenge: VERIFIER, code_challenge_method: 'plain' } as const

test('the code_challenge of the example in RFC 7636 is made of its code_verifier', (t) => {
  t.is(s256(VERIFIER), CHALLENGE)
})

test('a code_verifier is right for its own code_challenge only, by the method of that', (t) => {
  t.is(verify(S256, VERIFIER), 'right')
  t.is(verify(PLAIN, VERIFIER), 'right')
  t.is(verify(S256, CHALLENGE), 'wrong')
  t.is(verify(PLAIN, CHALLENGE), 'wrong')
  t.is(verify({ ...PLAIN, code_challenge: 'short' }, 'short'), 'wrong')
  t.is(verify(S256, `${VERIFIER}\n`), 'wrong')
  t.is(verify(S256, null), 'none')
  t.is(verify({ code_challenge: null, code_challenge_method: null }, VERIFIER), 'wrong')
})
