import { ISSUER, type TestLedger } from '../support/ledger.ts'

type Init = { method: string; headers: Record<string, string>; body?: unknown }

/** The issuer's host is not in the DNS: requests to it go to the listener. */
export const fetchAt =
  ({ url }: Pick<TestLedger, 'url'>) =>
  (to: string, { method, headers, body }: Init) =>
    fetch(to.replace(ISSUER, url), { method, headers, body: body as URLSearchParams | null })
