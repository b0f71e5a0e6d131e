import test from 'ava'
import { insufficientScope, readBearer } from '../../shared/callers/bearer.ts'
import { parseForm } from '../../shared/http/input/form-body.ts'
import { refusalOf } from '../support/asserting.ts'
import { basic } from '../support/requests.ts'

test('a bearer token is read with the scheme in any case', (t) => {
  for (const scheme of ['Bearer', 'bearer', 'BEARER']) t.is(readBearer(`${scheme} tl_at_x-y`), 'tl_at_x-y')
})

test('no bearer at all is a 401 whose challenge has no error code', (t) => {
  for (const authorization of [undefined, '', basic('a:b'), 'Bearerx y']) {
    const { status, headers } = refusalOf(() => readBearer(authorization))
    t.deepEqual([status, headers['WWW-Authenticate']], [401, 'Bearer realm="token-ledger"'])
  }
})

test('what cannot be a bearer token is invalid_token, two ways of sending one are an invalid_request', (t) => {
  for (const authorization of ['Bearer', 'Bearer ', 'Bearer a b', 'Bearer "x"', 'Bearer ä']) {
    const { status, headers } = refusalOf(() => readBearer(authorization))
    t.deepEqual([status, headers['WWW-Authenticate']], [401, 'Bearer realm="token-ledger", error="invalid_token"'])
  }
  t.is(refusalOf(() => readBearer('Bearer x', parseForm('access_token=x'))).error, 'invalid_request')
})

test('insufficient_scope is a 403 that names the scope', (t) => {
  const { status, headers } = insufficientScope('orders.read')
  t.is(status, 403)
  t.is(headers['WWW-Authenticate'], 'Bearer realm="token-ledger", error="insufficient_scope", scope="orders.read"')
})
