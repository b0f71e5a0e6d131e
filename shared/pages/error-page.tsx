/** @jsxRuntime automatic @jsxImportSource preact */
import type { TextName } from '../appearance/english.ts'
import type { ErrorPage } from '../http/app/render-errors.ts'
import type { OAuthError } from '../http/oauth-error.ts'
import { documentOf } from './answer-page.ts'
import { Layout } from './layout.tsx'
import { Say } from './say.tsx'
import type { Site } from './site.ts'

const MAX_SENTENCE = 500

/** An error for a person: what happened in one sentence, and the id to quote. */
export function errorPageOf(site: Site): ErrorPage {
  return (error, requestId) => documentOf(<ErrorMessage site={site} error={error} requestId={requestId} />)
}

/** That page. */
export function ErrorMessage({ site, error, requestId }: { site: Site; error: OAuthError; requestId: string }) {
  return (
    <Layout site={site} title={site.texts[titleOf(error.status)]}>
      <p>{error.status === 405 ? site.texts.error_no_page_sentence : sentenceOf(error.message)}</p>
      <p class="quiet">
        <Say texts={site.texts} name="request_id" values={{ id: <code>{requestId}</code> }} />
      </p>
    </Layout>
  )
}

function titleOf(status: number): TextName {
  if (status === 404) return 'error_not_found'
  if (status === 405) return 'error_no_page'
  if (status === 503) return 'error_unavailable'
  return status >= 500 ? 'error_ours' : 'error_theirs'
}

/** Descriptions are written for logs and programs: in small letters, without a full stop. */
function sentenceOf(message: string): string {
  const text = message.slice(0, MAX_SENTENCE)
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`
}
