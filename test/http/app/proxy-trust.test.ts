import test from 'ava'
import { addressIn } from '../../../shared/http/app/proxy-trust.ts'
import { json, serve } from '../serve-app.ts'

const UNKNOWN = 'unknown'

test('an entry of X-Forwarded-For is an address in one spelling, or unknown', (t) => {
  const table: [string, string][] = [
    ['203.0.113.9', '203.0.113.9'],
    [' 203.0.113.9\t', '203.0.113.9'],
    ['203.0.113.9:51234', '203.0.113.9'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['[2001:DB8::1]', '2001:db8::1'],
    ['2001:0db8:0:0:0:0:0:1', '2001:db8::1'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['[::ffff:203.0.113.9]:80', '203.0.113.9'],
    ['0:0:0:0:0:FFFF:203.0.113.9', '203.0.113.9'],
    ['::ffff:cb00:7109', '203.0.113.9'],
    ['::1', '::1'],
    ['', UNKNOWN],
    ['unknown', UNKNOWN],
    ['_hidden', UNKNOWN],
    ['203.0.113', UNKNOWN],
    ['203.0.113.999', UNKNOWN],
    ['0203.0.113.9', UNKNOWN],
    ['203.0.113.9:', UNKNOWN],
    ['203.0.113.9:http', UNKNOWN],
    ['[203.0.113.9]:80', UNKNOWN],
    ['[2001:db8::1', UNKNOWN],
    ['2001:db8::1]:443', UNKNOWN],
    ['fe80::1%eth0', UNKNOWN],
    [`fe80::1%${'x'.repeat(5_000)}`, UNKNOWN],
    ['<script>alert(1)</script>', UNKNOWN],
    ['evil.example', UNKNOWN],
    ['9'.repeat(10_000), UNKNOWN],
  ]
  for (const [entry, address] of table) t.is(addressIn(entry), address, entry.slice(0, 50))
})

test('the caller is the first from the right that is no trusted proxy, whatever ports the proxies write', async (t) => {
  const { url } = await serve(t, { trustedProxies: ['127.0.0.1', '10.0.0.0/8', '2001:db8:1::/48'] })
  const table: [string, string][] = [
    ['203.0.113.9', '203.0.113.9'],
    ['6.6.6.6, 203.0.113.9:4711, 10.1.2.3:80', '203.0.113.9'],
    ['6.6.6.6, [2001:db8:2::9]:4711, [2001:db8:1::1]:80, ::ffff:10.0.0.1', '2001:db8:2::9'],
    ['10.0.0.1:80, 10.0.0.2', '10.0.0.1'],
    ['6.6.6.6, whatever, 10.0.0.1', UNKNOWN],
    ['6.6.6.6,, 10.0.0.1', UNKNOWN],
    ['6.6.6.6, fe80::1%eth0', UNKNOWN],
    [Array.from({ length: 500 }, () => '10.0.0.1').join(','), UNKNOWN],
  ]
  for (const [header, address] of table) {
    const answer = await json(await fetch(`${url}/address`, { headers: { 'x-forwarded-for': header } }))
    t.is(answer['address'], address, header.slice(0, 50))
  }
  t.is((await json(await fetch(`${url}/address`)))['address'], '127.0.0.1')
})

test('a header from somebody who is no proxy of ours says nothing', async (t) => {
  const { url } = await serve(t)
  const headers = { 'x-forwarded-for': '203.0.113.9' }
  t.is((await json(await fetch(`${url}/address`, { headers })))['address'], '127.0.0.1')
})
