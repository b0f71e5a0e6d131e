/** What a page says, and where it came from. */
export type Page = { status: number; headers: Headers; text: string; path: string; location: string | null }

/** A browser without scripts: it keeps cookies, reads forms and follows redirects as far as it is told. */
export function createBrowser(url: string, headers: Record<string, string> = {}) {
  const cookies = new Map<string, string>()

  async function ask(path: string, init: RequestInit = {}): Promise<Page> {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(url + path, {
      redirect: 'manual',
      signal: AbortSignal.timeout(60_000),
      ...init,
      headers: {
        accept: 'text/html',
        ...headers,
        ...(cookie && { cookie }),
        ...(init.headers as Record<string, string>),
      },
    })
    for (const line of response.headers.getSetCookie()) keep(line)
    const location = response.headers.get('location')
    return { status: response.status, headers: response.headers, text: await response.text(), path, location }
  }

  function keep(line: string): void {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
    if (/Max-Age=0/i.test(line)) cookies.delete(name)
    else cookies.set(name, value)
  }

  const post = (path: string, form: Record<string, string> | string): Promise<Page> =>
    ask(path, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: typeof form === 'string' ? form : new URLSearchParams(form).toString(),
    })

  /** Goes on while it is sent to another place of ours. */
  async function follow(page: Page): Promise<Page> {
    if (page.status !== 303 || !page.location?.startsWith('/')) return page
    return follow(await ask(page.location))
  }

  return {
    cookies,
    ask,
    post,
    follow,
    open: async (path: string) => follow(await ask(path)),
    /** Sends the form of a page, with what was typed and the button that was pressed. */
    send: async (page: Page, typed: Record<string, string>) => {
      const { action, fields } = formOf(page)
      return follow(await post(action, withoutAbsent({ ...fields, ...typed })))
    },
  }
}

export type Browser = ReturnType<typeof createBrowser>

/** The first form of a page: where it goes, and what it brings by itself; ticked boxes too. */
export function formOf({ text }: Page): { action: string; fields: Record<string, string> } {
  const form = /<form method="post" action="([^"]*)">([^]*?)<\/form>/.exec(text)
  if (!form) throw new Error(`there is no form on the page: ${titleOf(text)}`)
  const [, action = '', inside = ''] = form
  const fields: Record<string, string> = {}
  for (const [input] of inside.matchAll(/<input (?:"[^"]*"|[^">])*>/g)) {
    const of = (name: string) => new RegExp(`\\b${name}="([^"]*)"`).exec(input)?.[1]
    if (of('type') === 'checkbox' && !/\bchecked\b/.test(input)) continue
    const name = of('name')
    if (name !== undefined) fields[name] = unescaped(of('value') ?? '')
  }
  return { action: unescaped(action), fields }
}

/** The title of the page, without the name of the service. */
export function titleOf(text: string): string {
  return unescaped(/<title>([^<]*) · [^<]*<\/title>/.exec(text)?.[1] ?? '')
}

/** What was sent to a client. */
export function answerIn({ location }: Page): URLSearchParams {
  if (location === null) throw new Error('nothing was sent to a client')
  return new URL(location).searchParams
}

export function unescaped(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&')
}

/** An empty text takes a field away, as if its box was not ticked. */
function withoutAbsent(fields: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ''))
}
