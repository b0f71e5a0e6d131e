import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTHeaderParameters, SignJWT } from 'jose'

export type Answer = (response: ServerResponse) => unknown

/** How it misbehaves: by path, in place of what it would answer; and what its ID tokens say otherwise. */
type Misbehaviour = {
  answers: Map<string, Answer>
  metadata: Record<string, unknown>
  claims: Record<string, unknown>
  header: Partial<JWTHeaderParameters>
  /** Seconds that its clock is ahead. */
  clockAhead: number
  /** Signs with a key that it does not publish. */
  hiddenKey: boolean
}

export type FakeProvider = Misbehaviour & {
  issuer: string
  /** How often each path was asked. */
  asked: Map<string, number>
  /** What its token endpoint was sent last. */
  lastTokenRequest(): { form: URLSearchParams; authorization: string | undefined }
  /** A person logs in there: the query with which the browser comes back. */
  comeBack(url: string, person?: { sub: string; [claim: string]: unknown }): string
  rotateKeys(): Promise<void>
  /** Does what is right again. */
  behave(): void
  close(): Promise<void>
  listen(): Promise<void>
}

type Key = { kid: string; privateKey: CryptoKey; jwk: JWK }

type Promised = { request: URLSearchParams; claims: Record<string, unknown> }

const GOOD = { metadata: {}, claims: {}, header: {}, clockAhead: 0, hiddenKey: false }

/** An OpenID provider on this machine that does what it is told, wrong things too. */
export async function startFakeProvider(): Promise<FakeProvider> {
  const server = createServer((request, response) => void answer(request, response))
  const codes = new Map<string, Promised>()
  const tokens = new Map<string, Promised['claims']>()
  const asked = new Map<string, number>()
  const told: Misbehaviour = { ...GOOD, answers: new Map() }
  let key = await makeKey()
  let last = { form: new URLSearchParams(), authorization: undefined as string | undefined }
  let port = 0
  const listen = async () => {
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port
  }
  await listen()
  const issuer = `http://127.0.0.1:${port}`

  const routes: Record<string, (request: IncomingMessage) => object | Promise<object>> = {
    '/.well-known/openid-configuration': () => ({ ...metadataOf(issuer), ...told.metadata }),
    '/jwks': () => ({ keys: [key.jwk] }),
    '/token': token,
    '/userinfo': ({ headers }) => ({ picture: 'of them', ...tokens.get(headers.authorization ?? '') }),
  }

  async function answer(request: IncomingMessage, response: ServerResponse) {
    const path = new URL(request.url ?? '/', issuer).pathname
    asked.set(path, (asked.get(path) ?? 0) + 1)
    const own = told.answers.get(path)
    if (own) return own(response)
    const body = await routes[path]?.(request)
    response.writeHead(body === undefined ? 404 : 'error' in body ? 400 : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body ?? {}))
  }

  async function token(request: IncomingMessage): Promise<object> {
    const form = new URLSearchParams(await textOf(request))
    last = { form, authorization: request.headers.authorization }
    const promised = codes.get(form.get('code') ?? '')
    if (!promised) return { error: 'invalid_grant' }
    const { privateKey } = told.hiddenKey ? await makeKey() : key
    const header = { alg: 'ES256', kid: key.kid, ...told.header }
    const claims = { ...claimsOf(issuer, promised, told.clockAhead), ...told.claims }
    const access_token = randomUUID()
    tokens.set(`Bearer ${access_token}`, promised.claims)
    return {
      access_token,
      token_type: 'Bearer',
      id_token: await new SignJWT(claims).setProtectedHeader(header).sign(privateKey),
    }
  }

  return Object.assign(told, {
    issuer,
    asked,
    listen,
    lastTokenRequest: () => last,
    comeBack: (url: string, claims: { sub: string } = { sub: 'somebody' }) => {
      const request = new URL(url).searchParams
      const code = randomUUID()
      codes.set(code, { request, claims })
      return new URLSearchParams({ code, state: request.get('state') ?? '', iss: issuer }).toString()
    },
    rotateKeys: async () => {
      key = await makeKey()
    },
    behave: () => {
      Object.assign(told, GOOD)
      told.answers.clear()
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  })
}

function metadataOf(issuer: string) {
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    userinfo_endpoint: `${issuer}/userinfo`,
    end_session_endpoint: `${issuer}/logout`,
    id_token_signing_alg_values_supported: ['ES256', 'HS256'],
    authorization_response_iss_parameter_supported: true,
  }
}

function claimsOf(iss: string, { request, claims }: Promised, clockAhead: number) {
  const now = Math.floor(Date.now() / 1000) + clockAhead
  return { iss, aud: request.get('client_id') ?? '', nonce: request.get('nonce'), iat: now, exp: now + 60, ...claims }
}

async function makeKey(): Promise<Key> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
  const kid = randomUUID()
  return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, use: 'sig', alg: 'ES256' } }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
