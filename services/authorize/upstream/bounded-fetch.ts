import { isSafeUrl } from '../../../shared/config/groups/upstream-issuer.ts'
import { UpstreamError } from './upstream-error.ts'

export type Bounds = { timeoutMs: number; mostBytes: number }

/** Metadata, keys and tokens of real providers have a few kilobytes. */
export const BOUNDS: Bounds = { timeoutMs: 3000, mostBytes: 512 * 1024 }

type FetchOptions = Omit<RequestInit, 'body' | 'signal'> & { body?: unknown; signal?: AbortSignal | undefined }

export type BoundedFetch = (url: string, options: FetchOptions) => Promise<Response>

/**
 * A fetch whose answer is whole and small when it resolves: its body counts within the time as well. No redirect is
 * followed, and nothing is sent in clear but to this machine. UpstreamError, or what fetch throws.
 */
export function boundedFetch({ timeoutMs, mostBytes }: Bounds = BOUNDS): BoundedFetch {
  return async (url, { signal, ...options }) => {
    if (!isSafeUrl(url)) throw new UpstreamError('strange', 'an address of the provider is not https:')
    const signals = [AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])]
    const request = { ...options, redirect: 'manual', signal: AbortSignal.any(signals) } as RequestInit
    const response = await fetch(url, request)
    const { status, headers } = response
    if (status >= 500) throw new UpstreamError('away', `the provider answers ${status}`)
    const body = await readBounded(response, mostBytes)
    return new Response(body.length === 0 ? null : body, { status, headers })
  }
}

async function readBounded(response: Response, mostBytes: number): Promise<Buffer<ArrayBuffer>> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  // Leaving the loop ends the connection.
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length
    if (bytes > mostBytes) throw new UpstreamError('strange', `the provider answers with more than ${mostBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
